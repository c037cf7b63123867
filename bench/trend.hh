// Trends in a series of samples: is something growing, by how much, and how sure is that?
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lanes::bench {

/// A slope and its 95 % confidence bounds.
struct Slope {
    double value = 0;
    double low = 0;
    double high = 0;
};

/// Points of one piece of a series; pairs are only made within a piece (a soak that was resumed has
/// several, because memory starts afresh with each).
struct Piece {
    std::vector<double> x;
    std::vector<double> y;
};

/// Points of a piece that slopes are made of at most; more are thinned to this many first.
inline constexpr std::size_t trend_points_max = 2000;

/// The piece, or if it has more points, the medians of `points_max` blocks of as equal length as
/// can be.
Piece thinned(const Piece& piece, std::size_t points_max);

/// Theil's median slope with Sen's bounds (P. K. Sen 1968), by Kendall's variance with ties. At
/// least 3 points in some piece, or all three are NaN. Long series are thinned to medians of
/// blocks, the same length of block in all pieces: at most trend_points_max points in a piece and
/// four million slopes.
Slope theil_sen(std::span<const Piece> pieces);

}  // namespace lanes::bench
