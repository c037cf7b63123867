// The statistics that every number of this project is quoted with. Values are few (trials, samples
// of a soak); nothing here is fast.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lanes::bench {

/// Of a list that is not empty; the mean of the middle two when their number is even.
double median(std::span<const double> values);

/// Median absolute deviation from the median.
double deviation(std::span<const double> values);

/// The same in percent of the median; 0 when that is 0.
double deviation_percent(std::span<const double> values);

/// Two-sided p value of the Mann-Whitney U test (Mann and Whitney 1947): exact for few values
/// without ties, else by the normal approximation with the correction for ties and continuity.
double mann_whitney(std::span<const double> a, std::span<const double> b);

/// Two-sided p value of Wilcoxon's signed-rank test (1945) on pairs a[i], b[i]: exact for few.
double signed_rank(std::span<const double> a, std::span<const double> b);

}  // namespace lanes::bench
