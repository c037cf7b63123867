// See trend.hh. Theil's estimator is the median of the slopes of all pairs of points (H. Theil
// 1950); Sen's bounds are the slopes whose ranks lie C/2 off the middle one, C = 1.96 times the
// standard deviation of Kendall's S (P. K. Sen 1968, eq. 2.6, with the correction for ties). For
// several pieces the slopes are pooled and the variances added, as R. M. Hirsch and others do
// it for seasons (1982). One or two points more or less in a piece make no difference, and neither
// does a burst of a hundred bad ones in a thousand, which is why it is not least squares.
//
// All pairs are n²/2 slopes, so long series are thinned first: to medians of blocks of equal
// length, the same length in all pieces, so that points weigh the same.
#include "bench/trend.hh"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

constexpr double normal_95 = 1.959963984540054;
/// 32 MiB of slopes, a second of sorting.
constexpr std::size_t pairs_max = 4'000'000;

std::size_t blocks_of(std::size_t points, std::size_t block) {
    return (points + block - 1) / block;
}

/// The least block length with which all pieces are short enough.
std::size_t block_length(std::span<const Piece> pieces) {
    for (std::size_t block = 1;; ++block) {
        std::size_t pairs = 0;
        bool fits = true;
        for (const Piece& piece : pieces) {
            const std::size_t points = blocks_of(piece.x.size(), block);
            fits = fits && points <= trend_points_max;
            pairs += points * (points > 0 ? points - 1 : 0) / 2;
        }
        if (fits && pairs <= pairs_max) return block;
    }
}

/// n (n - 1) (2n + 5), of the points and of each group of ties.
double kendall_term(std::size_t count) {
    const double n = static_cast<double>(count);
    return n * (n - 1) * (2 * n + 5);
}

double ties_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    double sum = 0;
    for (std::size_t from = 0, to; from < values.size(); from = to) {
        for (to = from + 1; to < values.size() && values[to] == values[from];) ++to;
        sum += kendall_term(to - from);
    }
    return sum;
}

void add_slopes(const Piece& piece, std::vector<double>& slopes) {
    for (std::size_t i = 0; i < piece.x.size(); ++i) {
        for (std::size_t j = i + 1; j < piece.x.size(); ++j) {
            const double run = piece.x[j] - piece.x[i];
            if (run != 0) slopes.push_back((piece.y[j] - piece.y[i]) / run);
        }
    }
}

}  // namespace

Piece thinned(const Piece& piece, std::size_t points_max) {
    const std::size_t points = piece.x.size();
    if (points <= points_max) return piece;
    Piece thin;
    for (std::size_t block = 0; block < points_max; ++block) {
        const std::size_t from = block * points / points_max;
        const std::size_t count = (block + 1) * points / points_max - from;
        thin.x.push_back(median(std::span(piece.x).subspan(from, count)));
        thin.y.push_back(median(std::span(piece.y).subspan(from, count)));
    }
    return thin;
}

Slope theil_sen(std::span<const Piece> pieces) {
    const std::size_t block = block_length(pieces);
    std::vector<double> slopes;
    double variance = 0;
    for (const Piece& piece : pieces) {
        const Piece thin = thinned(piece, blocks_of(piece.x.size(), block));
        if (thin.x.size() < 3) continue;
        add_slopes(thin, slopes);
        variance += (kendall_term(thin.x.size()) - ties_of(thin.x) - ties_of(thin.y)) / 18;
    }
    if (slopes.empty()) {
        const double none = std::numeric_limits<double>::quiet_NaN();
        return {none, none, none};
    }
    std::sort(slopes.begin(), slopes.end());
    const double count = static_cast<double>(slopes.size());
    const double width = normal_95 * std::sqrt(std::max(variance, 0.0));
    // Ranks as in Sen's paper, from 1: (N - C) / 2 and (N + C) / 2 + 1; beyond the ends there is
    // no more to know than the ends.
    const double last = count - 1;
    const double low = std::clamp(std::nearbyint((count - width) / 2) - 1, 0.0, last);
    const double high = std::clamp(std::nearbyint((count + width) / 2), 0.0, last);
    return {median(slopes), slopes[static_cast<std::size_t>(low)],
            slopes[static_cast<std::size_t>(high)]};
}

}  // namespace lanes::bench
