// System calls: every deadly one ends the process from whatever thread, what is merely unknown gets
// EPERM and is counted, and what the program needs works.
#include "sandbox/calls.hh"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <thread>

#include "sandbox/refusals.hh"
#include "tests/sandbox/child.hh"
#include "tests/sanitizers.hh"

using namespace lanes;
using test::confined;
using test::Ending;
using test::everywhere;
using test::rules_of;
using test::Where;

namespace {

constexpr const char* drivers[] = {"memory", "af_packet", "tap",    "tun",
                                   "udp",    "pcap",      "af_xdp", "dpdk"};

int number_of(std::string_view call) {
    return ::seccomp_syscall_resolve_name(std::string(call).c_str());
}

/// errno of a call with arguments of zero, 0 if it worked.
int raw(int number) {
    return ::syscall(number, 0, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

int error_of(long result) {
    if (result >= 0) ::close(static_cast<int>(result));
    return result < 0 ? errno : 0;
}

/// Calls that are open to the sanitizers in such a build.
bool spared(std::string_view call) {
    return test::sanitized &&
           (call == "ptrace" || call == "personality" || call == "process_vm_readv");
}

}  // namespace

TEST_CASE("every dangerous call ends the process, from whatever thread") {
    for (const std::string_view call : sandbox::deadly_calls()) {
        const int number = number_of(call);
        if (number < 0 || spared(call)) continue;
        for (const Where where : everywhere) {
            INFO(call << " in " << name_of(where));
            const Ending ending = confined(rules_of("memory"), where, [&] { return raw(number); });
            CHECK(ending.signal == SIGSYS);
        }
    }
}

TEST_CASE("dangerous calls are so with every driver") {
    for (const char* driver : drivers) {
        for (const char* call : {"execve", "ptrace", "mount", "setns", "capset", "keyctl"}) {
            if (spared(call)) continue;
            INFO(call << " with " << driver);
            const Ending ending =
                confined(rules_of(driver), Where::worker, [&] { return raw(number_of(call)); });
            CHECK(ending.signal == SIGSYS);
        }
    }
}

TEST_CASE("a new process cannot be started, by whatever call") {
    if (test::sanitized) return;  // LeakSanitizer starts one
    for (const Where where : everywhere) {
        const Ending by_clone = confined(rules_of("memory"), where, [] {
            return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 ? errno : 0;
        });
        CHECK(by_clone.signal == SIGSYS);
        const Ending by_clone3 =
            confined(rules_of("memory"), where, [] { return raw(SYS_clone3); });
        CHECK(by_clone3.status == ENOSYS);
    }
}

TEST_CASE("af_xdp may take its own program off and nothing else of bpf()") {
    const auto bpf = [](int command) {
        return [=] { return ::syscall(SYS_bpf, command, 0, 0) < 0 ? errno : 0; };
    };
    constexpr int map_create = 0;
    constexpr int program_load = 5;
    constexpr int link_detach = 34;
    CHECK(confined(rules_of("af_xdp"), Where::worker, bpf(map_create)).signal == SIGSYS);
    CHECK(confined(rules_of("af_xdp"), Where::main_thread, bpf(program_load)).signal == SIGSYS);
    const Ending detached = confined(rules_of("af_xdp"), Where::main_thread, bpf(link_detach));
    CHECK(detached.signal == 0);
    CHECK(confined(rules_of("memory"), Where::main_thread, bpf(link_detach)).signal == SIGSYS);
}

TEST_CASE("calls that nobody needs get EPERM, are counted by name and end nothing") {
    for (const char* call :
         {"memfd_create", "inotify_init1", "shmget", "msgget", "semget", "splice", "symlink",
          "link", "truncate", "setpriority", "sched_setscheduler", "pidfd_open", "seccomp",
          "landlock_create_ruleset", "setxattr"}) {
        for (const Where where : everywhere) {
            INFO(call << " in " << name_of(where));
            const Ending ending = confined(rules_of("memory"), where, [&] {
                const int first = raw(number_of(call));
                const int second = raw(number_of(call));
                if (first != EPERM || second != EPERM) return 100;
                const auto all = sandbox::refusals();
                const auto found = std::find_if(all.begin(), all.end(),
                                                [&](const auto& one) { return one.call == call; });
                if (found == all.end() || found->count != 2) return 101;
                return found->last_tid == ::gettid() ? 0 : 102;
            });
            CHECK(ending.signal == 0);
            CHECK(ending.status == 0);
        }
    }
}

TEST_CASE("a call that is refused is said in the log once, and repeats are not") {
    int out[2];
    REQUIRE(::pipe(out) == 0);
    const Ending ending = confined(rules_of("memory"), Where::main_thread, [&] {
        ::dup2(out[1], STDERR_FILENO);
        raw(SYS_inotify_init1);
        sandbox::say_refusals(1'000'000'000);
        for (int i = 0; i < 5; ++i) raw(SYS_inotify_init1);
        sandbox::say_refusals(2'000'000'000);
        sandbox::say_refusals(3'000'000'000);
        sandbox::say_refusals(62'000'000'000);
        return 0;
    });
    ::close(out[1]);
    std::string said(4096, '\0');
    const ssize_t len = ::read(out[0], said.data(), said.size());
    ::close(out[0]);
    REQUIRE(ending.status == 0);
    REQUIRE(len > 0);
    said.resize(static_cast<std::size_t>(len));
    INFO(said);
    CHECK(std::count(said.begin(), said.end(), '\n') == 2);
    CHECK(said.find("refused inotify_init1") != std::string::npos);
    CHECK(said.find(", 1 time so far") != std::string::npos);
    CHECK(said.find(", 6 times so far") != std::string::npos);
}

TEST_CASE("memory cannot become code") {
    for (const Where where : everywhere) {
        const Ending mapped = confined(rules_of("memory"), where, [] {
            void* at =
                ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            return at == MAP_FAILED ? errno : 0;
        });
        CHECK(mapped.status == EPERM);
        const Ending made = confined(rules_of("memory"), where, [] {
            void* at =
                ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at == MAP_FAILED) return 100;
            return ::mprotect(at, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
        });
        CHECK(made.status == EPERM);
    }
}

TEST_CASE("only the kinds of sockets that a driver set needs can be made") {
    const auto socket = [](int family, int type, int protocol) {
        return [=] { return error_of(::socket(family, type | SOCK_CLOEXEC, protocol)); };
    };
    const auto all = {Where::main_thread, Where::worker};
    for (const Where where : all) {
        const auto rules = rules_of("udp");
        CHECK(confined(rules, where, socket(AF_UNIX, SOCK_STREAM, 0)).status == 0);
        CHECK(confined(rules, where, socket(AF_INET, SOCK_DGRAM, 0)).status == 0);
        CHECK(confined(rules, where, socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)).status == 0);
        CHECK(confined(rules, where, socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)).status == EPERM);
        CHECK(confined(rules, where, socket(AF_INET, SOCK_RAW, 17)).status == EPERM);
        CHECK(confined(rules, where, socket(AF_INET, SOCK_STREAM, 0)).status == EPERM);
        CHECK(confined(rules, where, socket(AF_PACKET, SOCK_RAW, 0)).status == EPERM);
        CHECK(confined(rules, where, socket(AF_VSOCK, SOCK_STREAM, 0)).status == EPERM);
        CHECK(confined(rules, where, socket(AF_ALG, SOCK_SEQPACKET, 0)).status == EPERM);
    }
    auto listening = rules_of("udp");
    listening.tcp_ports = {4791};
    CHECK(confined(listening, Where::main_thread, socket(AF_INET, SOCK_STREAM, 0)).status == 0);
    auto reopening = rules_of("af_packet");
    reopening.reopen = sandbox::Reopen::allowed;
    if (::geteuid() == 0) {
        CHECK(confined(reopening, Where::main_thread, socket(AF_PACKET, SOCK_RAW, 0)).status == 0);
        CHECK(confined(reopening, Where::worker, socket(AF_PACKET, SOCK_RAW, 0)).status == EPERM);
    }
}

TEST_CASE("nobody else can be signalled, and no words put into a terminal") {
    const pid_t parent = ::getpid();
    for (const Where where : everywhere) {
        CHECK(confined(rules_of("memory"), where, [=] {
                  return ::kill(parent, 0) == 0 ? 0 : errno;
              }).status == EPERM);
        CHECK(confined(rules_of("memory"), where, [] {
                  return ::ioctl(0, TIOCSTI, "x") == 0 ? 0 : errno;
              }).signal == SIGSYS);
        CHECK(confined(rules_of("dpdk"), where, [] {
                  return ::ioctl(0, TIOCSTI, "x") == 0 ? 0 : errno;
              }).signal == SIGSYS);
        // The kernel does not look at the upper half of a request.
        for (const char* driver : {"memory", "dpdk"}) {
            INFO(driver);
            CHECK(confined(rules_of(driver), where, [] {
                      return ::syscall(SYS_ioctl, 0, 0x1'0000'0000L | TIOCSTI, "x") == 0 ? 0
                                                                                         : errno;
                  }).signal == SIGSYS);
        }
        // Any other request is a matter between the driver and its device.
        CHECK(confined(rules_of("dpdk"), where, [] {
                  return ::ioctl(-1, TIOCSTI + 1, "x") == 0 ? 0 : errno;
              }).status == EBADF);
    }
}

TEST_CASE("a SIGSYS that somebody sends changes nothing") {
    for (const Where where : everywhere) {
        const Ending ending = confined(rules_of("memory"), where, [] {
            ::raise(SIGSYS);
            return sandbox::refusals().empty() ? 0 : 1;
        });
        CHECK(ending.signal == 0);
        CHECK(ending.status == 0);
    }
}

TEST_CASE("what a running node does works, in every driver set") {
    for (const char* driver : drivers) {
        for (const Where where : everywhere) {
            INFO(driver << " in " << name_of(where));
            const Ending ending = confined(rules_of(driver), where, [] {
                std::thread([] { ::sched_yield(); }).join();
                std::vector<char> large(std::size_t{8} << 20, 'x');
                const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                ::close(fd);
                return fd >= 0 && large.back() == 'x' && sandbox::refusals().empty() ? 0 : 1;
            });
            CHECK(ending.signal == 0);
            CHECK(ending.status == 0);
        }
    }
}
