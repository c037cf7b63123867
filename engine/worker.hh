// Worker: one pinned thread on one core that runs to completion: receive a burst from each of
// its queues, let the queue's stage deal with it, flush, say that it is quiescent, start again.
// Stage is what a domain plugs in. What a worker serves is a Program, immutable, replaced as a
// whole by Control while traffic flows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "engine/counters.hh"
#include "engine/frame.hh"
#include "engine/phase.hh"
#include "engine/port.hh"
#include "engine/quiescent.hh"
#include "engine/result.hh"

namespace lanes::engine {

/// What a worker does when nothing arrives.
enum class PollMode : std::uint8_t {
    busy,      ///< spins; for appliances with cores of their own
    adaptive,  ///< spins while there is traffic and a little longer, then sleeps
    sleep,     ///< sleeps as soon as a round found nothing
};

/// Sees what leaves, for as long as somebody traces.
class Tap {
  public:
    /// `frames` are about to be given to `tx`, as they will be on the wire.
    virtual void leaves(const TxQueue& tx, std::span<const Frame> frames) noexcept = 0;

  protected:
    ~Tap() = default;
};

/// What one worker hands to its stages; valid for the length of a call.
struct WorkerContext {
    unsigned index;  ///< 0 to workers - 1; also the subspace of what it sends
    WorkerCounters& counters;
    std::uint64_t now_ns;          ///< CLOCK_MONOTONIC, read once per burst
    PhaseClock* phases = nullptr;  ///< nullptr: nobody measures
    Tap* tap = nullptr;            ///< nullptr: nobody traces
};

/// What happens to the frames of one receive queue. Implementations are noexcept and obey the
/// law of silence: no allocation, no lock, no log, no system call of their own.
class Stage {
  public:
    virtual ~Stage() = default;
    /// Deals with every frame of `burst`: afterwards each was passed (data == nullptr), sent as a
    /// copy, or counted as dropped. The worker then releases the burst.
    virtual void run(WorkerContext& worker, RxQueue& queue, Burst& burst) noexcept = 0;
};

/// All that one worker serves. Control builds it, publishes it, and keeps it alive until the
/// worker has gone through a quiescent state after its successor was published.
struct Program {
    struct Input {
        RxQueue* queue;
        Stage* stage;
    };
    std::vector<Input> inputs;
    std::vector<TxQueue*> outputs;
    /// Tells programs apart: a new one may lie where a freed one lay.
    std::uint64_t serial = next_serial();

  private:
    static std::uint64_t next_serial() noexcept;
};

class Worker {
  public:
    /// `core` is the CPU to pin to. `quiescent` outlives the worker.
    Worker(unsigned index, unsigned core, PollMode poll, Quiescent& quiescent);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Starts the thread, pinned; fails with the kernel's word when the core does not exist.
    Result<void> start();
    /// Lets the worker drain its queues for a bounded time and ends the thread.
    void stop() noexcept;

    /// Control only: replaces what the worker serves. The former program may be freed, and its
    /// queues closed, after Quiescent::wait().
    void publish(const Program* program) noexcept;

    /// One round without a thread, for tests and for benchmarks that drive the engine themselves.
    /// Returns the number of frames received.
    unsigned round() noexcept;

    /// Whether ticks of each phase are counted (WorkerCounters::ticks). Any thread, any time.
    enum class Phases : std::uint8_t { ignored, timed };
    void time_phases(Phases phases) noexcept { phases_.store(phases, std::memory_order_relaxed); }

    Phases phases() const noexcept { return phases_.load(std::memory_order_relaxed); }

    /// Control only: whether the thread is on its core, which may go offline or be forbidden to
    /// this process; if it is not, tries to bring it back.
    enum class Place : std::uint8_t { own_core, brought_back, elsewhere };
    Place hold_core() noexcept;

    /// Whether there was no descriptor left to watch its queues with when it last went to sleep; it
    /// looks once a millisecond then. Any thread, any time.
    bool lacks_descriptors() const noexcept {
        return lacks_descriptors_.load(std::memory_order_relaxed);
    }

    const WorkerCounters& counters() const noexcept { return counters_; }
    /// Whether it waits for traffic, or does not run.
    bool asleep() const noexcept { return quiescent_.away(index_); }
    unsigned index() const noexcept { return index_; }
    unsigned core() const noexcept { return core_; }

  private:
    void loop() noexcept;
    unsigned serve(const Program& program) noexcept;
    unsigned serve(const Program& program, PhaseClock* phases) noexcept;
    void drain() noexcept;
    void sleep(const Program& program) noexcept;
    void watch(const Program& program) noexcept;
    void unwatch() noexcept;
    bool wait(int timeout_ms) noexcept;
    void idle(const Program& program) noexcept;

    const unsigned index_;
    const unsigned core_;
    const PollMode poll_;
    Quiescent& quiescent_;
    std::thread thread_;
    int wake_fd_ = -1;
    int epoll_fd_ = -1;                ///< worker: the queues of watched_; -1 while it has traffic
    bool pollable_ = true;             ///< worker: every queue of watched_ has a wake_fd
    unsigned idle_rounds_ = 0;         ///< worker: rounds in a row without a frame
    std::uint64_t idle_since_ns_ = 0;  ///< worker: when that row was first timed
    unsigned served_rounds_ = 0;       ///< worker: rounds with frames since it last slept
    std::uint64_t watched_ = 0;        ///< worker: serial of the program in epoll_fd_
    /// Writer: Control (release); reader: this worker (acquire).
    alignas(cache_line) std::atomic<const Program*> program_{nullptr};
    /// Writer: Control (release); reader: this worker (acquire).
    std::atomic<bool> stopping_{false};
    /// Writer: whoever watches (relaxed); reader: this worker, once a round (relaxed).
    std::atomic<Phases> phases_{Phases::ignored};
    /// Writer: this worker (relaxed); reader: whoever wants to know (relaxed).
    std::atomic<bool> lacks_descriptors_{false};
    WorkerCounters counters_;
};

}  // namespace lanes::engine
