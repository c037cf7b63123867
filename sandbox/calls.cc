// See calls.hh. Numbers are looked up by name by libseccomp: a name that this machine does not have
// is left out, which is right for an allow-list and for a deny-list alike. Other architectures'
// calls (32 bits on x86-64) are none of ours: they end the process.
#include "sandbox/calls.hh"

#include <asm/termbits.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>

#include "sandbox/call_lists.hh"

namespace lanes::sandbox {
namespace {

constexpr std::uint64_t bpf_link_detach = 34;  ///< of enum bpf_cmd
constexpr std::uint64_t socket_type_mask = 0xf;
constexpr std::uint64_t request_mask = 0xffff'ffff;
constexpr std::uint64_t prctl_set_vma = 0x53564d41;  ///< names of anonymous memory

struct Release {
    void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};

/// One filter while it is made. The first failure is kept.
class Filter {
  public:
    Filter() : context_(::seccomp_init(SCMP_ACT_TRAP)) {
        if (!context_) {
            note(-ENOMEM);
            return;
        }
        note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
        note(::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));  // binary tree
    }

    template <typename... Comparisons>
    void add(std::uint32_t action, std::string_view name, Comparisons... comparisons) {
        const std::string text(name);
        const int number = ::seccomp_syscall_resolve_name(text.c_str());
        if (number < 0) return;
        note(::seccomp_rule_add_exact(context_.get(), action, number, sizeof...(comparisons),
                                      comparisons...));
    }
    template <typename... Comparisons>
    void allow(std::string_view name, Comparisons... comparisons) {
        add(SCMP_ACT_ALLOW, name, comparisons...);
    }

    int load() {
        if (failed_ == 0) note(::seccomp_load(context_.get()));
        return -failed_;
    }

  private:
    void note(int result) noexcept {
        if (failed_ == 0 && result != 0) failed_ = result;
    }

    std::unique_ptr<void, Release> context_;
    int failed_ = 0;
};

scmp_arg_cmp equal(unsigned argument, std::uint64_t value) noexcept {
    return {argument, SCMP_CMP_EQ, value, 0};
}
scmp_arg_cmp unequal(unsigned argument, std::uint64_t value) noexcept {
    return {argument, SCMP_CMP_NE, value, 0};
}
/// The bits of `mask` are those of `value`.
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) noexcept {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

std::vector<std::string_view> words(std::string_view list) {
    std::vector<std::string_view> all;
    constexpr std::string_view blanks = " \n";
    for (std::size_t at = list.find_first_not_of(blanks); at != list.npos;) {
        const std::size_t end = std::min(list.find_first_of(blanks, at), list.size());
        all.push_back(list.substr(at, end - at));
        at = list.find_first_not_of(blanks, end);
    }
    return all;
}

bool has(const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void add_threads(Filter& filter, Build build) {
    // Its flags lie in memory, where a filter cannot look; the C library then takes clone().
    filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");
    if (build == Build::sanitized) return;
    constexpr std::uint64_t spaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID |
                                     CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    filter.allow("clone", masked(0, CLONE_THREAD | spaces, CLONE_THREAD));
    filter.add(SCMP_ACT_KILL_PROCESS, "clone", masked(0, CLONE_THREAD, 0));
}

void add_sockets(Filter& filter, const Rights& rights) {
    filter.allow("socket", equal(0, AF_UNIX));
    for (const std::uint64_t family : std::initializer_list<std::uint64_t>{AF_INET, AF_INET6}) {
        filter.allow("socket", equal(0, family), masked(1, socket_type_mask, SOCK_DGRAM));
        if (!rights.tcp) continue;
        filter.allow("socket", equal(0, family), masked(1, socket_type_mask, SOCK_STREAM));
    }
    filter.allow("socket", equal(0, AF_NETLINK), equal(2, NETLINK_ROUTE));
    if (rights.packet_sockets) filter.allow("socket", equal(0, AF_PACKET));
}

void add_controls(Filter& filter, const Rights& rights) {
    // To put words into the terminal of whoever started the program. The kernel looks at the lower
    // half of the request only, so a filter that looks at all of it can be got round.
    filter.add(SCMP_ACT_KILL_PROCESS, "ioctl", masked(1, request_mask, TIOCSTI));
    if (rights.any_device) {
        // All others: those that differ from it in some bit.
        for (unsigned bit = 0; bit < 32; ++bit) {
            const std::uint64_t mask = std::uint64_t{1} << bit;
            filter.allow("ioctl", masked(1, mask, ~std::uint64_t{TIOCSTI} & mask));
        }
    } else {
        for (const std::uint64_t request :
             std::initializer_list<std::uint64_t>{TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, SIOCGIFMTU,
                                                  SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFFLAGS}) {
            filter.allow("ioctl", equal(1, request));
        }
        if (rights.tun_devices) filter.allow("ioctl", equal(1, TUNSETIFF));
    }
    if (rights.detach_xdp) {
        filter.allow("bpf", equal(0, bpf_link_detach));
        filter.add(SCMP_ACT_KILL_PROCESS, "bpf", unequal(0, bpf_link_detach));
    } else {
        filter.add(SCMP_ACT_KILL_PROCESS, "bpf");
    }
}

void add_process(Filter& filter, Build build) {
    const auto self = static_cast<std::uint64_t>(::getpid());
    filter.allow("tgkill", equal(0, self));
    filter.allow("kill", equal(0, self));
    filter.allow("prlimit64", equal(0, 0));
    // No memory becomes code any more.
    filter.allow("mmap", masked(2, PROT_EXEC, 0));
    filter.allow("mprotect", masked(2, PROT_EXEC, 0));
    if (build == Build::sanitized) return;
    for (const std::uint64_t option : std::initializer_list<std::uint64_t>{
             PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ,
             PR_GET_SECCOMP, PR_GET_TIMERSLACK, prctl_set_vma}) {
        filter.allow("prctl", equal(0, option));
    }
}

}  // namespace

Build build() noexcept {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return Build::sanitized;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return Build::sanitized;
#else
    return Build::plain;
#endif
#else
    return Build::plain;
#endif
}

bool under_valgrind() noexcept {
    const char* const preload = std::getenv("LD_PRELOAD");
    return preload != nullptr && std::strstr(preload, "/vgpreload_") != nullptr;
}

engine::Result<void> filter_calls(const Rights& rights, Build build) {
    Filter filter;
    const auto more = words(build == Build::sanitized ? sanitizer_calls : "");
    for (const std::string_view call : words(deadly_call_names)) {
        if (!has(more, call)) filter.add(SCMP_ACT_KILL_PROCESS, call);
    }
    for (const std::string_view call : words(allowed_calls)) filter.allow(call);
    for (const std::string_view call : more) filter.allow(call);
    add_threads(filter, build);
    add_sockets(filter, rights);
    add_controls(filter, rights);
    add_process(filter, build);
    if (const int code = filter.load(); code != 0) {
        return engine::system_error(code, "put the filter of system calls in force");
    }
    return {};
}

std::vector<std::string_view> deadly_calls() {
    auto all = words(deadly_call_names);
    all.push_back("bpf");
    return all;
}

}  // namespace lanes::sandbox
