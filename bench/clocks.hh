// The CPU's time-stamp counter and the two statistics that every number of this project is quoted
// with: the median, and the median absolute deviation from it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

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

/// Of a list that is not empty.
inline double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

inline double deviation(const std::vector<double>& values) {
    const double center = median(values);
    std::vector<double> distances;
    for (const double value : values) distances.push_back(std::abs(value - center));
    return median(distances);
}

}  // namespace lanes::bench
