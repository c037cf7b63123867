// Moment: the two clocks that Control goes by, read together. Injected, so that a simulator can
// make days pass in a second, set a clock back, or let a machine sleep.
#pragma once

#include <cstdint>

namespace lanes {

struct Moment {
    std::uint64_t boot_ns = 0;  ///< CLOCK_BOOTTIME: for what lasts; goes on while suspended
    std::uint64_t unix_ns = 0;  ///< CLOCK_REALTIME: only for the stamps that announcements carry
};

class Clock {
  public:
    virtual ~Clock() = default;
    virtual Moment now() noexcept = 0;
};

/// The kernel's clocks.
Clock& system_clock() noexcept;

inline constexpr std::uint64_t ns_per_ms = 1'000'000;
inline constexpr std::uint64_t ns_per_second = 1'000'000'000;

}  // namespace lanes
