// See threads.hh. One thread after the other: there are few of them, and it happens once.
#include "sandbox/threads.hh"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "engine/clock.hh"

namespace lanes::sandbox {
namespace {

constexpr std::uint64_t patience_ns = 2'000'000'000;
/// Rounds of looking for threads that have started meanwhile.
constexpr unsigned rounds_max = 16;

int order_signal() noexcept {
    return SIGRTMAX - 3;
}

/// What the thread that is signalled is to do. Writer: the caller, before the signal; `done` is
/// set by the thread (release) and read by the caller (acquire).
struct Order {
    std::atomic<pid_t> tid{0};
    ThreadJob job = nullptr;
    const void* argument = nullptr;
    int code = 0;
    std::atomic<bool> done{false};
};
Order order;

void obey(int, siginfo_t*, void*) {
    const int saved = errno;
    pid_t expected = static_cast<pid_t>(::syscall(SYS_gettid));
    // A signal that comes late, or from elsewhere, finds no order of its own.
    if (order.tid.compare_exchange_strong(expected, 0)) {
        order.code = order.job(order.argument);
        order.done.store(true, std::memory_order_release);
    }
    errno = saved;
}

engine::Result<std::vector<pid_t>> threads() {
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir("/proc/self/task"), &::closedir);
    if (!listing) return engine::system_error(errno, "list the threads in /proc/self/task");
    std::vector<pid_t> found;
    while (const dirent* entry = ::readdir(listing.get())) {
        const long tid = std::strtol(entry->d_name, nullptr, 10);
        if (tid > 0) found.push_back(static_cast<pid_t>(tid));
    }
    return found;
}

/// False: the thread has ended meanwhile.
engine::Result<bool> command(pid_t tid, int& code) {
    order.done.store(false, std::memory_order_relaxed);
    order.tid.store(tid);
    if (::syscall(SYS_tgkill, ::getpid(), tid, order_signal()) != 0) {
        order.tid.store(0);
        if (errno == ESRCH) return false;
        return engine::system_error(errno, "signal thread " + std::to_string(tid));
    }
    const std::uint64_t until = engine::monotonic_ns() + patience_ns;
    while (!order.done.load(std::memory_order_acquire)) {
        if (engine::monotonic_ns() > until) {
            pid_t expected = tid;
            if (!order.tid.compare_exchange_strong(expected, 0)) continue;  // it is at it just now
            return engine::Error{ETIMEDOUT, "thread " + std::to_string(tid) + " (" +
                                                thread_name(tid) +
                                                ") does not answer: it has our signal blocked"};
        }
        const timespec pause{0, 50'000};
        ::nanosleep(&pause, nullptr);
    }
    code = order.code;
    return true;
}

/// The handler, for as long as it is needed.
class Handler {
  public:
    Handler() {
        struct sigaction action {};
        action.sa_sigaction = &obey;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
        ::sigfillset(&action.sa_mask);
        ::sigaction(order_signal(), &action, nullptr);
    }
    // Ignored rather than as before: a late signal must not end the process.
    ~Handler() { ::signal(order_signal(), SIG_IGN); }
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;
};

}  // namespace

engine::Result<std::vector<ThreadOutcome>> in_every_thread(ThreadJob job, const void* argument) {
    const auto self = static_cast<pid_t>(::syscall(SYS_gettid));
    order.job = job;
    order.argument = argument;
    std::vector<ThreadOutcome> outcomes{{self, job(argument)}};
    const Handler handler;
    for (unsigned round = 0; round < rounds_max; ++round) {
        auto all = threads();
        if (!all) return all.error();
        bool found_new = false;
        for (const pid_t tid : *all) {
            const bool known = std::any_of(outcomes.begin(), outcomes.end(),
                                           [&](const auto& other) { return other.tid == tid; });
            if (known) continue;
            found_new = true;
            int code = 0;
            auto answered = command(tid, code);
            if (!answered) return answered.error();
            if (*answered) outcomes.push_back({tid, code});
        }
        if (!found_new) return outcomes;
    }
    return engine::Error{0, "threads come and go too fast to confine each"};
}

std::string thread_name(pid_t tid) {
    std::string name;
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/comm");
    std::getline(file, name);
    return name;
}

}  // namespace lanes::sandbox
