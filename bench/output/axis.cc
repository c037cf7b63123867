// See axis.hh.
#include "bench/output/axis.hh"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bench/output/format.hh"

namespace lanes::bench {
namespace {

/// 1, 2 or 5 times a power of ten: the least such step that makes at most seven of `span`.
double step_of(double span) {
    const double power = std::pow(10, std::floor(std::log10(span / 7)));
    for (const double times : {1.0, 2.0, 5.0}) {
        if (span / (times * power) <= 7) return times * power;
    }
    return 10 * power;
}

}  // namespace

double Axis::place(double value) const {
    if (!logarithmic) return (value - low) / (high - low);
    if (value <= low) return 0;
    return std::log10(value / low) / std::log10(high / low);
}

Axis linear_axis(std::string title, std::span<const double> values, Start start) {
    Axis axis;
    axis.title = std::move(title);
    double least = values.empty() ? 0 : *std::min_element(values.begin(), values.end());
    double most = values.empty() ? 1 : *std::max_element(values.begin(), values.end());
    if (start == Start::at_zero) {
        least = std::min(0.0, least);
        most = std::max(0.0, most);
    }
    // A line without any rise lies in the middle.
    const double spread = most - least;
    if (spread <= 1e-9 * std::max(std::abs(least), std::abs(most)) || spread == 0) {
        const double room = most == 0 ? 1 : std::abs(most) * 0.05;
        if (start == Start::at_least) least -= room;
        most += room;
    }
    const double step = step_of(most - least);
    axis.low = std::floor(least / step) * step;
    axis.high = std::ceil(most / step) * step;
    const int decimals = std::clamp(-static_cast<int>(std::floor(std::log10(step) + 1e-9)), 0, 9);
    const auto count = static_cast<int>(std::lround((axis.high - axis.low) / step));
    for (int i = 0; i <= count; ++i) {
        const double value = axis.low + i * step;
        axis.ticks.push_back({axis.place(value), fixed(value, decimals)});
    }
    return axis;
}

Axis log_axis(std::string title, std::span<const double> values) {
    Axis axis;
    axis.title = std::move(title);
    axis.logarithmic = true;
    double least = 0;
    double most = 0;
    for (const double value : values) {
        if (value <= 0) continue;
        least = least == 0 ? value : std::min(least, value);
        most = std::max(most, value);
    }
    const int from = least == 0 ? 0 : static_cast<int>(std::floor(std::log10(least) + 1e-9));
    const int to = most == 0 ? 1 : static_cast<int>(std::ceil(std::log10(most) - 1e-9));
    axis.low = std::pow(10, from);
    axis.high = std::pow(10, std::max(to, from + 1));
    for (int decade = from; decade <= std::max(to, from + 1); ++decade) {
        const double value = std::pow(10, decade);
        axis.ticks.push_back({axis.place(value), std::abs(decade) <= 6
                                                     ? fixed(value, std::max(0, -decade))
                                                     : brief(value)});
    }
    return axis;
}

Axis value_axis(std::string title, std::span<const double> values) {
    constexpr double wide = 30;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    // Zero has no place on a logarithmic axis.
    if (!values.empty() && *least > 0 && *most / *least > wide) {
        return log_axis(std::move(title), values);
    }
    return linear_axis(std::move(title), values, Start::at_zero);
}

Axis name_axis(std::string title, const std::vector<std::string>& names) {
    Axis axis;
    axis.title = std::move(title);
    // Half a step free on both sides.
    axis.low = -0.5;
    axis.high = static_cast<double>(names.size()) - 0.5;
    for (std::size_t i = 0; i < names.size(); ++i) {
        axis.ticks.push_back({axis.place(static_cast<double>(i)), names[i]});
    }
    return axis;
}

Axis percentile_axis(double nines_max) {
    Axis axis;
    axis.title = "percentile";
    const int last = static_cast<int>(std::ceil(nines_max - 1e-9));
    axis.high = last + 1;
    for (int nines = 0; nines <= last; ++nines) {
        const std::string label =
            nines == 0   ? "min"
            : nines == 1 ? "90 %"
            : nines == 2 ? "99 %"
                         : "99." + std::string(static_cast<std::size_t>(nines - 2), '9') + " %";
        axis.ticks.push_back({axis.place(nines), label});
    }
    axis.ticks.push_back({axis.place(std::log10(2)), "50 %"});
    axis.ticks.push_back({1, "max"});
    return axis;
}

}  // namespace lanes::bench
