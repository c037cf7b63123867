// Counters that one thread writes and any thread may read: plain adds for the writer (no locked
// instruction), whole values for the reader. And the set of them that every worker owns.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/drop.hh"
#include "engine/limits.hh"
#include "engine/phase.hh"

namespace lanes::engine {

/// One writer (the owning worker, relaxed load + store), many readers (relaxed).
class Counter {
  public:
    void add(std::uint64_t n) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
    std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

/// Frames and bytes of one queue; the writer is the worker that owns the queue.
struct alignas(cache_line) QueueCounters {
    Counter frames;
    Counter bytes;
    Counter bursts;
};

/// What a worker did with the frames of its queues. At any quiet moment, summed over workers:
/// received + made == sent + absorbed + held + all drops.
struct alignas(cache_line) WorkerCounters {
    Counter received;  ///< frames taken from receive queues
    Counter sent;      ///< frames accepted by transmit queues
    Counter made;      ///< frames that came into being here: fragments, copies, members of bundles
    Counter absorbed;  ///< frames that ended in another one: members into bundles, fragments
    Counter copies;    ///< frames whose bytes were copied by the engine itself
    Counter rounds;    ///< rounds of the worker's loop
    Counter idle;      ///< rounds in which nothing was received
    Counter sleeps;    ///< times that the worker went to sleep
    std::array<Counter, drop_count> drops;
    std::array<Counter, phase_count> ticks;  ///< in each phase, while phases are timed

    void drop(Drop reason, std::uint64_t n = 1) noexcept {
        drops[static_cast<std::size_t>(reason)].add(n);
    }
};

}  // namespace lanes::engine
