// Whether a measurement had its core to itself: no time stolen by the hypervisor, next to none
// spent waiting for the processor.
#pragma once

#include "bench/environment.hh"
#include "engine/clock.hh"

namespace lanes::bench {

/// Share of the time that a measurement may wait for the processor.
inline constexpr double waiting_allowed = 0.002;

/// Does `work` in the calling thread; returns whether nobody disturbed it.
template <typename Work>
bool in_peace(Work&& work) {
    const StolenTime before = StolenTime::now();
    const std::uint64_t start_ns = engine::monotonic_ns();
    work();
    const double seconds = static_cast<double>(engine::monotonic_ns() - start_ns) / 1e9;
    const StolenTime after = StolenTime::now();
    return after.steal_seconds <= before.steal_seconds &&
           after.waiting_seconds - before.waiting_seconds <= waiting_allowed * seconds;
}

}  // namespace lanes::bench
