// TimeSource: the one clock that generator and sink of a trial share. Real trials read the kernel's
// monotonic clock; the tests of the harness put a clock in that only moves when it is told to, so
// that what must come out is known to the nanosecond.
#pragma once

#include <cstdint>

#include "engine/clock.hh"

namespace lanes::bench {

class TimeSource {
  public:
    virtual ~TimeSource() = default;
    virtual std::uint64_t now_ns() const noexcept = 0;
};

class RealTime final : public TimeSource {
  public:
    std::uint64_t now_ns() const noexcept override { return engine::monotonic_ns(); }
};

/// Time that stands still while work is done, for whole trials in one thread.
class SteppedTime : public TimeSource {
  public:
    /// There is nothing to do before `until_ns` but what others do by themselves: moves on to when
    /// the first of them does something, or to `until_ns`. Time must have moved afterwards, even
    /// if `until_ns` is not in the future.
    virtual void pass(std::uint64_t until_ns) noexcept = 0;
};

}  // namespace lanes::bench
