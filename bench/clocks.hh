// The CPU's time-stamp counter, read so that what came before it has been executed: the clock of
// everything that is measured in clocks. Its rate is in every report's environment.
#pragma once

#include <cstdint>

#include "engine/clock.hh"

namespace lanes::bench {

/// Ticks of the time-stamp counter; nanoseconds where there is none.
inline std::uint64_t read_clock() noexcept {
#if defined(__x86_64__)
    unsigned unused;
    return __builtin_ia32_rdtscp(&unused);
#else
    return engine::monotonic_ns();
#endif
}

}  // namespace lanes::bench
