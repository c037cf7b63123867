// See sandbox.hh. The steps, in their order; each says what it put in force and what it could not.
#include "sandbox/sandbox.hh"

#include <cap-ng.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/calls.hh"
#include "sandbox/identity.hh"
#include "sandbox/landlock.hh"
#include "sandbox/refusals.hh"
#include "sandbox/rights.hh"
#include "sandbox/threads.hh"

namespace lanes::sandbox {
namespace {

using engine::Result;

Confinement the_confinement;

/// What threads are told to keep; read in signal handlers.
struct Keep {
    std::uint64_t capabilities;  ///< of the Control thread
    pid_t control;
};

int keep_core_to_itself() noexcept {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return errno;
    return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

std::uint64_t permitted() noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &header, data) != 0) return 0;
    return std::uint64_t{data[1].permitted} << 32 | data[0].permitted;
}

/// In each thread: nothing that is started or gained later has more than the rest of this.
/// Returns EPERM when the thread may not lower its bounding set, and that goes beyond what the
/// thread was given: a service manager has lowered it to just that before.
int bound_thread(const void* argument) noexcept {
    const Keep& keep = *static_cast<const Keep*>(argument);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ENOTSUP;
    ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    const bool control = ::syscall(SYS_gettid) == keep.control;
    if (control && keep.capabilities != 0) ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    const std::uint64_t given = permitted();
    bool bounded = true;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if (((keep.capabilities >> capability) & 1) != 0) continue;
        const int has = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
        if (has < 0) break;  // the kernel knows no more of them
        if (has == 0 || ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
        bounded = bounded && ((given >> capability) & 1) != 0;
    }
    return bounded ? 0 : EPERM;
}

/// In each thread: sets its capabilities to those it keeps.
int drop_capabilities(const void* argument) noexcept {
    const Keep& keep = *static_cast<const Keep*>(argument);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &header, data) != 0) return errno;
    const std::uint64_t mine = ::syscall(SYS_gettid) == keep.control ? keep.capabilities : 0;
    for (unsigned half = 0; half < 2; ++half) {
        data[half].permitted &= static_cast<std::uint32_t>(mine >> (32 * half));
        data[half].effective = data[half].permitted;
        data[half].inheritable = 0;
    }
    ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);  // it was for the change of the user only
    return ::syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

/// The first failure among threads, but for `pardoned`; whether that occurred.
Result<bool> check(Result<std::vector<ThreadOutcome>> outcomes, const char* what, int pardoned) {
    if (!outcomes) return outcomes.error();
    bool seen = false;
    for (const ThreadOutcome& outcome : *outcomes) {
        if (outcome.code == 0) continue;
        if (outcome.code != pardoned) {
            return engine::system_error(
                outcome.code, std::string(what) + " in thread " + thread_name(outcome.tid));
        }
        seen = true;
    }
    return seen;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text.empty() ? "none" : text;
}

Result<void> limit_privileges(const Rules& rules, const Rights& rights, Confinement& all) {
    const Keep keep{rights.capabilities, static_cast<pid_t>(::syscall(SYS_gettid))};
    auto unbounded = check(in_every_thread(&bound_thread, &keep), "give up new privileges", EPERM);
    if (!unbounded) return unbounded.error();
    all.in_force.push_back("no new privileges");
    if (*unbounded) {
        all.missing.push_back("capabilities: bounding set (it can be lowered by root only)");
    } else {
        all.in_force.push_back("capabilities: bounding set");
    }
    if (auto became = become(rules.user, rules.group, all); !became) return became;
    // A change of the user makes the process dumpable as the host says.
    if (const int code = keep_core_to_itself(); code != 0) {
        return engine::system_error(code, "keep core dumps off");
    }
    auto dropped = check(in_every_thread(&drop_capabilities, &keep), "drop capabilities", 0);
    if (!dropped) return dropped.error();
    ::capng_get_caps_process();
    std::uint64_t kept = 0;
    for (unsigned capability = 0; capability <= static_cast<unsigned>(CAP_LAST_CAP); ++capability) {
        if (::capng_have_capability(CAPNG_EFFECTIVE, capability) != 0) {
            kept |= std::uint64_t{1} << capability;
        }
    }
    all.capabilities = capability_names(kept);
    all.in_force.push_back("capabilities: Control keeps " + joined(all.capabilities) +
                           ", workers none");
    return {};
}

Result<void> limit_files(const Rights& rights, const Rules& rules, Confinement& all) {
    if (under_valgrind()) {
        all.missing.push_back("landlock: valgrind does not know it");
        return {};
    }
    if (landlock_abi() == 0) {
        all.missing.push_back(
            "landlock: this kernel has none, or it is off (CONFIG_SECURITY_"
            "LANDLOCK, lsm=)");
        return {};
    }
    auto ruleset = Ruleset::make(rights.paths, rules.tcp_ports);
    if (!ruleset) return ruleset.error();
    if (auto enforced = ruleset->enforce(); !enforced) return enforced;
    all.landlock = true;
    all.in_force.insert(all.in_force.end(), ruleset->in_force().begin(), ruleset->in_force().end());
    all.missing.insert(all.missing.end(), ruleset->missing().begin(), ruleset->missing().end());
    return {};
}

Result<void> limit_calls(const Rights& rights, Confinement& all) {
    if (under_valgrind()) {
        all.missing.push_back("seccomp: valgrind makes calls of its own");
        return {};
    }
    if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        all.missing.push_back("seccomp: this kernel has none (CONFIG_SECCOMP_FILTER)");
        return {};
    }
    count_refusals();
    if (auto filtered = filter_calls(rights, build()); !filtered) return filtered;
    all.seccomp = true;
    all.in_force.push_back("seccomp: system calls of " + joined(all.drivers));
    if (build() == Build::sanitized) {
        all.missing.push_back(
            "seccomp: ptrace, clone, prctl and personality are open to the "
            "sanitizers of this build");
    }
    return {};
}

}  // namespace

Result<Confinement> confine(const Rules& rules) {
    Confinement all;
    all.reopen = rules.reopen;
    for (const engine::PortSpec& port : rules.ports) {
        const bool known =
            std::find(all.drivers.begin(), all.drivers.end(), port.driver) != all.drivers.end();
        if (!known) all.drivers.push_back(port.driver);
    }
    std::sort(all.drivers.begin(), all.drivers.end());
    const Rights rights = rights_for(rules);
    all.paths = rights.paths;
    if (const int code = keep_core_to_itself(); code != 0) {
        return engine::system_error(code, "sandbox: turn core dumps off");
    }
    all.in_force.push_back("core dumps off, not dumpable");
    const auto named = [](const engine::Error& error) {
        return engine::Error{error.code, "sandbox: " + error.message};
    };
    if (auto done = limit_privileges(rules, rights, all); !done) return named(done.error());
    if (auto done = limit_files(rights, rules, all); !done) return named(done.error());
    if (auto done = limit_calls(rights, all); !done) return named(done.error());
    all.enforced = true;
    the_confinement = all;
    return all;
}

const Confinement& confinement() noexcept {
    return the_confinement;
}

Result<void> Confinement::may_open(const engine::PortSpec& port) const {
    if (!enforced) return {};
    return sandbox::may_open(port, reopen, paths);
}

}  // namespace lanes::sandbox
