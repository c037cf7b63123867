// Quiescent: how Control knows that no worker still looks at something it has retired. Each
// worker announces once per round that it holds no reference (quiescent-state-based reclamation,
// Hart et al., "Performance of memory reclamation for lockless synchronization", 2007). Costs a
// worker one store to its own cache line per round; costs Control the waiting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "engine/limits.hh"

namespace lanes::engine {

class Quiescent {
  public:
    /// Worker: holds no reference to anything published, now. Call once per round.
    void announce(unsigned worker) noexcept {
        slots_[worker].seen.store(epoch_.load(std::memory_order_acquire),
                                  std::memory_order_release);
    }
    /// Worker: is about to sleep or to end; counts as quiescent until online() again.
    void offline(unsigned worker) noexcept {
        slots_[worker].seen.store(idle, std::memory_order_release);
    }
    /// Worker: is awake; everything it reads from here on is current.
    void online(unsigned worker) noexcept {
        slots_[worker].seen.store(epoch_.load(std::memory_order_relaxed),
                                  std::memory_order_relaxed);
        // Meets wait()'s fetch_add in the modification order of one variable: either that call sees
        // this worker awake, or this worker sees all that was published before that call.
        epoch_.fetch_add(0, std::memory_order_acq_rel);
    }

    /// Whether a worker sleeps, or does not run (any thread).
    bool away(unsigned worker) const noexcept {
        return slots_[worker].seen.load(std::memory_order_relaxed) == idle;
    }

    /// Control: returns when every worker that was online has announced since the call began.
    void wait() noexcept;

  private:
    static constexpr std::uint64_t idle = ~std::uint64_t{0};
    struct alignas(cache_line) Slot {
        /// Writer: the worker (release, paired with wait()'s acquire). `idle` at start.
        std::atomic<std::uint64_t> seen{~std::uint64_t{0}};
    };
    /// Writer: Control.
    alignas(cache_line) std::atomic<std::uint64_t> epoch_{1};
    std::array<Slot, workers_max> slots_;
};

}  // namespace lanes::engine
