// Log: what happens in one run, told line by line when somebody wants to read it.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "tests/sim/machine_clock.hh"

namespace lanes::sim {

class Log {
  public:
    Log(const TrueTime& time, bool on) noexcept : time_(time), start_ns_(time.ns), on_(on) {}

    bool on() const noexcept { return on_; }
    /// Seconds of true time since the run began.
    double seconds() const noexcept { return seconds(time_.ns); }
    double seconds(std::uint64_t ns) const noexcept {
        return (static_cast<double>(ns) - static_cast<double>(start_ns_)) / 1e9;
    }

    [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) const noexcept {
        if (!on_) return;
        std::printf("%12.6f  ", seconds());
        va_list arguments;
        va_start(arguments, format);
        std::vprintf(format, arguments);
        va_end(arguments);
        std::putchar('\n');
    }

  private:
    const TrueTime& time_;
    std::uint64_t start_ns_;
    bool on_;
};

}  // namespace lanes::sim
