// From a History to the report of a soak: a row for each series with its slope and verdict, a row
// of all traffic, and remarks.
#pragma once

#include <string>
#include <vector>

#include "bench/report.hh"
#include "bench/soak/judge.hh"
#include "bench/soak/sample.hh"

namespace lanes::bench {

/// Points of a series in a row at most, for plots.
inline constexpr std::size_t row_points_max = 500;

struct SoakResult {
    const History& history;
    const std::vector<SeriesName>& series;
    Budgets budgets;
    double warm_up_seconds = 0;  ///< of each piece, not judged
};

/// Fills rows, columns and remarks; says whether a series is over budget.
bool report_soak(const SoakResult& result, Report& report);

/// As time_text(), but days where hours would be too many to read: "12 days".
std::string long_time_text(double seconds);

}  // namespace lanes::bench
