// Theil and Sen against their own example, against scipy.stats.theilslopes 1.10 and against a naive
// twin; and what is asked of trends in a soak: steps, pieces, long series, series of one value.
#include "bench/trend.hh"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

namespace lanes::bench {
namespace {

Slope slope_of(const Piece& piece) {
    return theil_sen({&piece, 1});
}

void check_slope(const Piece& piece, double value, double low, double high) {
    const Slope found = slope_of(piece);
    CHECK(found.value == Approx(value));
    CHECK(found.low == Approx(low));
    CHECK(found.high == Approx(high));
}

Piece counted(std::vector<double> y) {
    Piece piece;
    for (std::size_t i = 0; i < y.size(); ++i) piece.x.push_back(static_cast<double>(i));
    piece.y = std::move(y);
    return piece;
}

/// `n` points, `slope` per unit of x, with noise of that deviation.
Piece noisy(std::size_t n, double slope, double deviation, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> noise(0, deviation);
    std::vector<double> y;
    for (std::size_t i = 0; i < n; ++i) {
        y.push_back(slope * static_cast<double>(i) + (deviation > 0 ? noise(random) : 0));
    }
    return counted(std::move(y));
}

/// The definition, literally: all slopes, and Kendall's variance by counting groups of ties.
Slope naive(const Piece& piece) {
    std::vector<double> slopes;
    const std::size_t n = piece.x.size();
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            if (piece.x[j] > piece.x[i]) {
                slopes.push_back((piece.y[j] - piece.y[i]) / (piece.x[j] - piece.x[i]));
            }
        }
    }
    std::sort(slopes.begin(), slopes.end());
    const auto term = [](double m) { return m * (m - 1) * (2 * m + 5); };
    double variance = term(static_cast<double>(n));
    for (const auto* values : {&piece.x, &piece.y}) {
        // Every member of a group of m ties brings an m-th of the group's term.
        for (const double value : *values) {
            const auto m = static_cast<double>(std::count(values->begin(), values->end(), value));
            variance -= term(m) / m;
        }
    }
    const auto count = static_cast<double>(slopes.size());
    const double half = 1.959963984540054 * std::sqrt(std::max(0.0, variance) / 18) / 2;
    const auto at = [&](double rank) {
        return slopes[static_cast<std::size_t>(std::clamp(rank, 0.0, count - 1))];
    };
    const std::size_t middle = slopes.size() / 2;
    return {slopes.size() % 2 == 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2,
            at(std::nearbyint(count / 2 - half) - 1), at(std::nearbyint(count / 2 + half))};
}

}  // namespace

TEST_CASE("Sen's own example of 1968 has the slope and the bounds of his paper") {
    check_slope({{1, 2, 3, 4, 10, 12, 18}, {9, 15, 19, 20, 45, 55, 78}}, 4, 26.0 / 7, 35.0 / 8);
}

TEST_CASE("slopes and bounds are those of scipy.stats.theilslopes") {
    check_slope(counted({-0.51, 1.52, 0.55, 0.87, 0.14, 2.07, 5.22, 4.35, 6.07, 5.0,
                         5.79,  5.87, 2.67, 8.21, 8.01, 8.5,  4.62, 5.01, 7.22, 8.56}),
                0.435, 0.28846153846153844, 0.602);
    check_slope(counted({0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 2, 3, 4, 4}), 0.25, 0.2, 0.3);
    check_slope({{0, 1, 1, 2, 2, 2, 5, 7, 7, 9, 10, 11},
                 {3.5, 3.1, 4.2, 4.0, 3.9, 5.1, 6.0, 5.5, 7.2, 7.9, 7.7, 8.8}},
                0.475, 0.34, 0.64);
    check_slope(counted({10, 3, 8, 2, 9, 1, 7, 4, 6, 5, 12, 11}), 0.30952380952380953, -0.5, 1.125);
    check_slope(counted({1, 3, 2}), 0.5, -1, 2);
}

TEST_CASE("slopes and bounds are those of a naive twin, with ties and without") {
    std::mt19937 random(20261123);
    for (unsigned round = 0; round < 200; ++round) {
        Piece piece;
        const std::size_t n = 4 + random() % 40;
        const unsigned values = 1 + static_cast<unsigned>(random() % 50);
        for (std::size_t i = 0; i < n; ++i) {
            piece.x.push_back(static_cast<double>(i / (1 + round % 3U)));
            piece.y.push_back(static_cast<double>(random() % values) / 4);
        }
        const Slope wanted = naive(piece);
        CAPTURE(round, n, values);
        check_slope(piece, wanted.value, wanted.low, wanted.high);
    }
}

TEST_CASE("a series of one value has slope 0 and bounds of 0") {
    check_slope(noisy(1000, 0, 0, 0), 0, 0, 0);
}

TEST_CASE("two points in a piece make no slope") {
    const Slope found = slope_of({{1, 2}, {1, 2}});
    CHECK(std::isnan(found.value));
    CHECK(std::isnan(found.low));
    CHECK(std::isnan(found.high));
    CHECK(std::isnan(theil_sen({}).value));
}

TEST_CASE("the true slope lies within the bounds about as often as they promise") {
    int within = 0;
    for (unsigned seed = 0; seed < 400; ++seed) {
        const Slope found = slope_of(noisy(60, 0.25, 5, seed));
        within += found.low <= 0.25 && 0.25 <= found.high ? 1 : 0;
    }
    CHECK(within >= 368);  // 95 % are 380; 2.7 deviations of chance
    CHECK(within < 400);   // bounds that never miss are too wide
}

TEST_CASE("a single step late in a series is no trend") {
    Piece piece = noisy(200, 0, 0, 0);
    for (std::size_t i = 190; i < 200; ++i) piece.y[i] = 100;
    CHECK(slope_of(piece).value == 0);
    CHECK(slope_of(piece).low == 0);
}

TEST_CASE("a step in the middle is a growth between nothing and the whole step") {
    Piece piece = noisy(200, 0, 0, 0);
    for (std::size_t i = 100; i < 200; ++i) piece.y[i] = 1;
    const Slope found = slope_of(piece);
    CHECK(found.value >= 0);
    CHECK(found.value * 200 <= 2);
}

TEST_CASE("a jump between two pieces makes no slope, and within one piece it does") {
    Piece before = noisy(50, 0, 1, 1);
    Piece after = noisy(50, 0, 1, 2);
    for (double& x : after.x) x += 50;
    for (double& y : after.y) y += 1000;
    Piece both = before;
    both.x.insert(both.x.end(), after.x.begin(), after.x.end());
    both.y.insert(both.y.end(), after.y.begin(), after.y.end());
    const Piece pieces[] = {before, after};
    const Slope apart = theil_sen(pieces);
    CHECK(apart.low < 0);
    CHECK(apart.high > 0);
    CHECK(std::abs(apart.value) < 0.1);
    CHECK(slope_of(both).low > 0.1);
}

TEST_CASE("pieces of the same slope give that slope with closer bounds than one of them") {
    const Piece pieces[] = {noisy(40, 2, 10, 3), noisy(40, 2, 10, 4), noisy(40, 2, 10, 5)};
    const Slope all = theil_sen(pieces);
    const Slope one = slope_of(pieces[0]);
    CHECK(all.low < 2);
    CHECK(all.high > 2);
    CHECK(all.high - all.low < one.high - one.low);
}

TEST_CASE("thinning keeps medians of blocks, and each point is in one block") {
    const Piece piece = noisy(10, 1, 0, 0);
    CHECK(thinned(piece, 10).x == piece.x);
    CHECK(thinned(piece, 5).y == std::vector<double>{0.5, 2.5, 4.5, 6.5, 8.5});
    CHECK(thinned(piece, 3).y == std::vector<double>{1, 4, 7.5});
    CHECK(thinned(piece, 0).x.empty());
}

TEST_CASE("a week of samples every second has its slope, its bounds are narrow and it is quick") {
    const Piece piece = noisy(7 * 86400, 0.001, 50, 6);
    const Slope found = slope_of(piece);
    CHECK(found.low <= 0.001);
    CHECK(found.high >= 0.001);
    CHECK(found.high - found.low < 0.00001);
}

TEST_CASE("many long pieces stay within the limit of slopes") {
    std::vector<Piece> pieces(50, noisy(3000, 0.5, 1, 8));
    const Slope found = theil_sen(pieces);
    CHECK(found.value == Approx(0.5).margin(0.001));
}

}  // namespace lanes::bench
