// See refusals.hh. The handler may run in any thread, several at a time; all it touches is atomic.
#include "sandbox/refusals.hh"

#include <seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "engine/log.hh"
#include "sandbox/threads.hh"

namespace lanes::sandbox {
namespace {

/// Numbers of system calls; the last place counts all beyond.
constexpr std::size_t calls_max = 1024;
constexpr std::uint64_t silence_ns = 60'000'000'000;
constexpr int from_filter = 1;  ///< SYS_SECCOMP of the kernel's headers

struct Count {
    /// Writers: handlers in any thread (relaxed); reader: Control.
    std::atomic<std::uint64_t> refused{0};
    std::atomic<pid_t> tid{0};
};
std::array<Count, calls_max> counts;
std::atomic<std::uint64_t> all_refused{0};

void refuse(int, siginfo_t* info, void* context) {
    // Anybody of this user can send the signal; then no call waits for a result, and the register
    // holds something else.
    if (info->si_code != from_filter) return;
    const int saved = errno;
    auto* const machine = static_cast<ucontext_t*>(context);
    const auto number = static_cast<unsigned>(info->si_syscall);
    Count& count = counts[number < calls_max ? number : calls_max - 1];
    count.tid.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_relaxed);
    count.refused.fetch_add(1, std::memory_order_relaxed);
    all_refused.fetch_add(1, std::memory_order_release);
#if defined(__x86_64__)
    machine->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
    machine->uc_mcontext.regs[0] = static_cast<unsigned long long>(-EPERM);
#else
#error "which register holds the result of a system call?"
#endif
    errno = saved;
}

std::string name_of_call(std::size_t number) {
    char* const name =
        ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number));
    std::string text = name != nullptr ? name : "system call " + std::to_string(number);
    std::free(name);
    return text;
}

}  // namespace

void count_refusals() noexcept {
    struct sigaction action {};
    action.sa_sigaction = &refuse;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSYS, &action, nullptr);
}

std::vector<Refusal> refusals() {
    std::vector<Refusal> found;
    for (std::size_t number = 0; number < calls_max; ++number) {
        const std::uint64_t count = counts[number].refused.load(std::memory_order_relaxed);
        if (count == 0) continue;
        found.push_back(
            {name_of_call(number), count, counts[number].tid.load(std::memory_order_relaxed)});
    }
    return found;
}

void say_refusals(std::uint64_t now_ns) {
    struct Said {
        std::uint64_t count = 0;
        std::uint64_t when_ns = 0;
    };
    static std::array<Said, calls_max> said;
    static std::uint64_t told = 0;
    const std::uint64_t all = all_refused.load(std::memory_order_acquire);
    if (all == told) return;
    bool waiting = false;
    for (std::size_t number = 0; number < calls_max; ++number) {
        const std::uint64_t count = counts[number].refused.load(std::memory_order_relaxed);
        Said& before = said[number];
        if (count == before.count) continue;
        if (before.count != 0 && now_ns - before.when_ns < silence_ns) {
            waiting = true;
            continue;
        }
        const pid_t tid = counts[number].tid.load(std::memory_order_relaxed);
        const std::string call = name_of_call(number);
        const std::string thread = thread_name(tid);
        engine::log(engine::Severity::warning, engine::events::sandbox_refused,
                    {{engine::Key::call, call},
                     {engine::Key::thread, thread},
                     {engine::Key::count, std::to_string(count)}},
                    "sandbox: refused " + call + " to thread " + thread + ", " +
                        std::to_string(count) + (count == 1 ? " time" : " times") +
                        " so far: nothing in this program is known to need it");
        before = {count, now_ns};
    }
    if (!waiting) told = all;
}

}  // namespace lanes::sandbox
