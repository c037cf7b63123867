// See trial_threads.hh.
#include "bench/traffic/trial_threads.hh"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "engine/clock.hh"
#include "engine/limits.hh"

namespace lanes::bench {
namespace {

/// How often the watcher looks.
constexpr auto glimpse_every = std::chrono::milliseconds(100);
/// A generator without a core of its own gives way while the next frame is further off than this.
constexpr std::uint64_t worth_yielding_ns = 20'000;

/// Bursts that a sink takes when its time is over already: as many as a large ring holds.
constexpr unsigned backlog_polls_max = 1024;

/// What the three threads of a trial tell each other.
struct Signals {
    static constexpr int hold = 0;
    static constexpr int run = 1;
    static constexpr int leave = 2;
    /// Writer: caller, once both threads are pinned (release). Readers: both threads (acquire).
    alignas(engine::cache_line) std::atomic<int> go{hold};
    /// Writer: generator (release). Readers: sink (acquire).
    alignas(engine::cache_line) std::atomic<bool> sent{false};
    /// Writer: sink (release). Reader: caller (acquire).
    alignas(engine::cache_line) std::atomic<bool> over{false};

    bool wait() const noexcept {
        go.wait(hold, std::memory_order_acquire);
        return go.load(std::memory_order_acquire) == run;
    }
    void start(int how) noexcept {
        go.store(how, std::memory_order_release);
        go.notify_all();
    }
};

/// Both threads, which are gone when this is: sent home if they never got to run.
struct TrialThreads {
    Signals signals;
    std::thread sending;
    std::thread receiving;

    ~TrialThreads() {
        if (signals.go.load(std::memory_order_relaxed) == Signals::hold) {
            signals.start(Signals::leave);
        }
        if (sending.joinable()) sending.join();
        if (receiving.joinable()) receiving.join();
    }
};

void generate(const TrialParts& parts, bool own_core, Signals& signals) {
    if (!signals.wait()) return;
    Generator& generator = parts.generator;
    generator.start(parts.time.now_ns());
    while (!generator.done()) {
        const std::uint64_t now_ns = parts.time.now_ns();
        if (parts.stop.load(std::memory_order_relaxed)) generator.stop(now_ns);
        if (generator.poll(now_ns) != 0) continue;
        // Nothing to send for a while, or no room, which only others can make.
        const std::uint64_t due_ns = generator.due_ns();
        const bool soon = due_ns > now_ns && due_ns <= now_ns + worth_yielding_ns;
        if (!own_core && !soon) {
            ::sched_yield();
        } else {
            engine::relax_cpu();
        }
    }
    signals.sent.store(true, std::memory_order_release);
}

void wait_for_frames(bool own_core) noexcept {
    if (own_core) {
        engine::relax_cpu();
    } else {
        ::sched_yield();
    }
}

void receive(const TrialParts& parts, bool own_core, Signals& signals) {
    if (!signals.wait()) return;
    Sink& sink = parts.sink;
    while (!signals.sent.load(std::memory_order_acquire)) {
        if (sink.poll() == 0) wait_for_frames(own_core);
    }
    const Stragglers stragglers(parts.time.now_ns());
    do {
        if (sink.poll() == 0) wait_for_frames(own_core);
    } while (!stragglers.over(parts.time.now_ns(), sink.last_ns()));
    // This thread may have been without a core; what lies in the port's rings by now has come.
    for (unsigned polls = 0; polls < backlog_polls_max && sink.poll() != 0; ++polls) {
    }
    signals.over.store(true, std::memory_order_release);
}

void pin(std::thread& thread, const char* name, const std::optional<unsigned>& core) {
    ::pthread_setname_np(thread.native_handle(), name);
    if (!core) return;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (*core < CPU_SETSIZE) CPU_SET(*core, &cores);
    const int failed = ::pthread_setaffinity_np(thread.native_handle(), sizeof cores, &cores);
    if (failed == 0) return;
    throw std::runtime_error(std::string(name) + ": pin to core " + std::to_string(*core) + ": " +
                             std::strerror(failed) +
                             " (see `lscpu --extended` for the cores there are)");
}

Glimpse look(const TrialParts& parts, std::uint64_t begun_ns) {
    Glimpse glimpse;
    glimpse.seconds = static_cast<double>(parts.time.now_ns() - begun_ns) * 1e-9;
    // In this order, so that no more seem to have come than have left.
    glimpse.received = parts.sink.received_so_far();
    glimpse.corrupt = parts.sink.corrupt_so_far();
    glimpse.sent = parts.generator.sent();
    return glimpse;
}

}  // namespace

void run_trial_threads(const TrialParts& parts, const Cores& cores,
                       const std::function<void(const Glimpse&)>& watcher) {
    TrialThreads threads;
    Signals& signals = threads.signals;
    threads.receiving = std::thread([&] { receive(parts, cores.sink.has_value(), signals); });
    threads.sending = std::thread([&] { generate(parts, cores.generator.has_value(), signals); });
    pin(threads.sending, "generator", cores.generator);
    pin(threads.receiving, "sink", cores.sink);
    const std::uint64_t begun_ns = parts.time.now_ns();
    signals.start(Signals::run);
    while (watcher && !signals.over.load(std::memory_order_acquire)) {
        std::this_thread::sleep_for(glimpse_every);
        watcher(look(parts, begun_ns));
    }
}

}  // namespace lanes::bench
