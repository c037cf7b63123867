// The axis of a plot: where values lie between its ends, and which of them are written beside it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lanes::bench {

struct Axis {
    struct Tick {
        double at = 0;  ///< 0 to 1 along the axis
        std::string label;
    };
    std::string title;
    double low = 0;
    double high = 1;
    bool logarithmic = false;
    std::vector<Tick> ticks;

    /// 0 at the low end, 1 at the high one.
    double place(double value) const;
};

/// From 0 (or a little below the least value, if that is wanted) to a little above the greatest.
enum class Start : std::uint8_t { at_zero, at_least };
Axis linear_axis(std::string title, std::span<const double> values, Start start);

/// Whole decades; values must be above 0, those that are not lie at the low end.
Axis log_axis(std::string title, std::span<const double> values);

/// A linear axis from 0; a logarithmic one where that would press most values to the ground.
Axis value_axis(std::string title, std::span<const double> values);

/// Names beside each other; value n is the n-th.
Axis name_axis(std::string title, const std::vector<std::string>& names);

/// 1/(1-p) on a logarithmic scale, as HdrHistogram's plots have it: each nine as wide as the last.
/// Values are nines: 0 is the least value of all, 1 is 90 %, 2 is 99 %. The maximum lies one nine
/// further than `nines_max` and is called so.
Axis percentile_axis(double nines_max);

}  // namespace lanes::bench
