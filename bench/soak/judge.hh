// judge(): whether a series of a soak grows by more than it may. A slope is carried on to 72 hours
// with its bounds; what would be over budget then even by the lower bound is over, what would be by
// the upper bound only is not known yet.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bench/soak/sample.hh"
#include "bench/trend.hh"

namespace lanes::bench {

inline constexpr double judged_hours = 72;
/// Fewer points tell nothing at 95 %, whatever they are.
inline constexpr std::size_t judged_points_min = 8;

/// What each series may grow by within 72 hours.
struct Budgets {
    double memory_mib = 64;
    double descriptors = 1;
    double threads = 1;
    double loss_points = 0.1;     ///< percentage points
    double latency_percent = 20;  ///< of the median
};

enum class TrendVerdict : std::uint8_t {
    within,
    unsure,  ///< the upper bound is over budget, the lower is not; or too few points
    over,
};
const char* to_string(TrendVerdict verdict) noexcept;

struct Judgement {
    double median = 0;  ///< of the values
    Slope per_hour;
    Slope at_72_hours;  ///< growth
    double budget = 0;  ///< in the unit of the series
    TrendVerdict verdict = TrendVerdict::within;
    /// If unsure: how much longer it would have to run for an answer; NaN if nobody can tell.
    double more_seconds = 0;
};

/// x of `pieces` in seconds.
Judgement judge(std::span<const Piece> pieces, Budgeted kind, const Budgets& budgets);

}  // namespace lanes::bench
