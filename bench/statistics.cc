// See statistics.hh. The exact tests count by dynamic programming instead of enumerating: all
// quantities are sums of positive numbers, so doubles lose nothing that a p value would show.
#include "bench/statistics.hh"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lanes::bench {
namespace {

/// Most values (of either list, or of pairs) for which the exact distributions are computed.
constexpr std::size_t exact_max = 50;

/// Two-sided p value of a standard normal deviate.
double two_sided(double z) {
    return std::min(1.0, std::erfc(std::abs(z) / std::sqrt(2.0)));
}

struct Ranks {
    std::vector<double> doubled;  ///< twice the mean rank of each value: whole, in order given
    double tie_sum = 0;           ///< t^3 - t over groups of t equal values
};

/// Ranks from 1; equal values share the mean of their ranks.
Ranks rank(const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    Ranks ranks;
    ranks.doubled.resize(values.size());
    for (std::size_t from = 0; from < order.size();) {
        std::size_t to = from + 1;
        while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
        for (std::size_t i = from; i < to; ++i) {
            ranks.doubled[order[i]] = static_cast<double>(from + 1 + to);
        }
        const double tied = static_cast<double>(to - from);
        ranks.tie_sum += tied * tied * tied - tied;
        from = to;
    }
    return ranks;
}

/// Probability, under the null hypothesis, of each value of U for lists of m and n values:
///   p(u; m, n) = m/(m+n) p(u-n; m-1, n) + n/(m+n) p(u; m, n-1)
std::vector<double> distribution_of_u(std::size_t m, std::size_t n) {
    // rows[j]: the distribution for (i, j), for the i of the outer loop.
    std::vector<std::vector<double>> rows(n + 1, std::vector<double>(m * n + 1, 0.0));
    for (auto& row : rows) row[0] = 1;
    for (std::size_t i = 1; i <= m; ++i) {
        for (std::size_t j = 1; j <= n; ++j) {
            const double all = static_cast<double>(i + j);
            const double part = static_cast<double>(i) / all;
            std::vector<double>& row = rows[j];
            const std::vector<double>& left = rows[j - 1];
            for (std::size_t u = i * j + 1; u-- > 0;) {
                row[u] = (u >= j ? part * row[u - j] : 0.0) + (1 - part) * left[u];
            }
        }
    }
    return rows[n];
}

/// Two-sided p value of the normal approximation of a rank statistic, corrected for continuity.
double approximate(double statistic, double mean, double variance) {
    if (variance <= 0) return 1;
    const double distance = std::max(0.0, std::abs(statistic - mean) - 0.5);
    return two_sided(distance / std::sqrt(variance));
}

}  // namespace

double median(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end());
    const std::size_t half = sorted.size() / 2;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(half);
    std::nth_element(sorted.begin(), middle, sorted.end());
    if (sorted.size() % 2 != 0) return *middle;
    return (*std::max_element(sorted.begin(), middle) + *middle) / 2;
}

double deviation(std::span<const double> values) {
    const double center = median(values);
    std::vector<double> distances;
    for (const double value : values) distances.push_back(std::abs(value - center));
    return median(distances);
}

double deviation_percent(std::span<const double> values) {
    const double center = median(values);
    return center == 0 ? 0 : 100 * deviation(values) / std::abs(center);
}

double mann_whitney(std::span<const double> a, std::span<const double> b) {
    if (a.empty() || b.empty()) return 1;
    std::vector<double> all(a.begin(), a.end());
    all.insert(all.end(), b.begin(), b.end());
    const Ranks ranks = rank(all);
    const double m = static_cast<double>(a.size());
    const double n = static_cast<double>(b.size());
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += ranks.doubled[i] / 2;
    const double u = sum - m * (m + 1) / 2;
    if (ranks.tie_sum == 0 && a.size() <= exact_max && b.size() <= exact_max) {
        const std::vector<double> chance = distribution_of_u(a.size(), b.size());
        const auto smaller = static_cast<std::size_t>(std::lround(std::min(u, m * n - u)));
        double tail = 0;
        for (std::size_t i = 0; i <= smaller; ++i) tail += chance[i];
        return std::min(1.0, 2 * tail);
    }
    const double total = m + n;
    const double ties = ranks.tie_sum / (total * (total - 1));
    return approximate(u, m * n / 2, m * n / 12 * (total + 1 - ties));
}

double signed_rank(std::span<const double> a, std::span<const double> b) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i] != b[i]) differences.push_back(a[i] - b[i]);
    }
    if (differences.empty()) return 1;
    std::vector<double> sizes;
    for (const double difference : differences) sizes.push_back(std::abs(difference));
    const Ranks ranks = rank(sizes);
    double positive = 0;  // twice the sum of the ranks of positive differences
    double all = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
        if (differences[i] > 0) positive += ranks.doubled[i];
        all += ranks.doubled[i];
    }
    if (differences.size() > exact_max) {
        const double n = static_cast<double>(differences.size());
        return approximate(positive / 2, n * (n + 1) / 4,
                           n * (n + 1) * (2 * n + 1) / 24 - ranks.tie_sum / 48);
    }
    // Each sign is a fair coin: chance[s] is the probability that those up to now sum to s.
    std::vector<double> chance(static_cast<std::size_t>(all) + 1, 0.0);
    chance[0] = 1;
    for (const double doubled : ranks.doubled) {
        const auto step = static_cast<std::size_t>(doubled);
        for (std::size_t s = chance.size(); s-- > 0;) {
            chance[s] = (chance[s] + (s >= step ? chance[s - step] : 0.0)) / 2;
        }
    }
    double tail = 0;
    const auto smaller = static_cast<std::size_t>(std::min(positive, all - positive));
    for (std::size_t s = 0; s <= smaller; ++s) tail += chance[s];
    return std::min(1.0, 2 * tail);
}

}  // namespace lanes::bench
