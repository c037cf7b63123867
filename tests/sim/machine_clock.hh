// MachineClock: the two clocks of one simulated machine. There is one true time, which only the
// world and the promises know. A machine's wall clock may be set to anything and may drift; its
// boot clock starts at zero when the machine boots, not when the process does, goes a little faster
// or slower than true time, and never jumps. Also what true time is.
#pragma once

#include <cmath>
#include <cstdint>

#include "lanes/moment.hh"

namespace lanes::sim {

/// ns since 1970, as it really is.
struct TrueTime {
    std::uint64_t ns = 0;
};

class MachineClock final : public Clock {
  public:
    /// `boot_rate` is close to 1.
    MachineClock(const TrueTime& time, double boot_rate) noexcept
        : time_(time), boot_rate_(boot_rate) {
        reboot();
        set_true();
    }

    Moment now() noexcept override { return {boot_ns(), unix_ns()}; }

    /// Sets the wall clock by so much from what it shows.
    void jump(std::int64_t by_ns) noexcept { set(shown() + by_ns, wall_rate_); }
    /// The wall clock gains or loses from now on.
    void drift(double wall_rate) noexcept { set(shown(), wall_rate); }
    void set_zero() noexcept { set(0, 1); }
    void set_true() noexcept { set(static_cast<std::int64_t>(time_.ns), 1); }
    void reboot() noexcept { booted_ns_ = time_.ns; }

    /// The true time at which the boot clock will have come to `boot`; in the past: now.
    std::uint64_t true_at(std::uint64_t boot) const noexcept {
        const std::uint64_t now_ns = boot_ns();
        if (boot <= now_ns) return time_.ns;
        const double wait_ns = static_cast<double>(boot - now_ns) / boot_rate_;
        // A wait of years stands for "nothing to do".
        if (wait_ns > 1e17) return ~std::uint64_t{0};
        return time_.ns + static_cast<std::uint64_t>(std::ceil(wait_ns)) + 1;
    }

  private:
    std::uint64_t boot_ns() const noexcept {
        const auto up_ns = static_cast<double>(time_.ns - booted_ns_);
        return static_cast<std::uint64_t>(up_ns * boot_rate_);
    }
    std::int64_t shown() const noexcept {
        const auto since_ns = static_cast<double>(time_.ns - set_at_ns_);
        return set_to_ns_ + static_cast<std::int64_t>(since_ns * wall_rate_);
    }
    std::uint64_t unix_ns() const noexcept {
        const std::int64_t ns = shown();
        return ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
    }
    void set(std::int64_t to_ns, double wall_rate) noexcept {
        set_to_ns_ = to_ns;
        set_at_ns_ = time_.ns;
        wall_rate_ = wall_rate;
    }

    const TrueTime& time_;
    double boot_rate_;
    double wall_rate_ = 1;
    std::uint64_t booted_ns_ = 0;
    std::int64_t set_to_ns_ = 0;
    std::uint64_t set_at_ns_ = 0;
};

}  // namespace lanes::sim
