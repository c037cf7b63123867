// The statistics against values that others have computed, and against naive twins that enumerate
// every arrangement. The inputs of Hollander and Wolfe (Nonparametric Statistical Methods, 1973)
// are those of R's help pages; the p values are scipy's 1.10.1, typed in.
#include "bench/statistics.hh"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

namespace lanes::bench {
namespace {

using Values = std::vector<double>;

/// 0, 1, 2, ... all moved up by `by`.
Values ladder(int count, double by) {
    Values values;
    for (int i = 0; i < count; ++i) values.push_back(i + by);
    return values;
}

/// Pairs of which the one with a larger value in `a` counts: U of `a`, ties as halves.
double u_of(const Values& a, const Values& b) {
    double u = 0;
    for (const double x : a) {
        for (const double y : b) u += x > y ? 1 : x == y ? 0.5 : 0;
    }
    return u;
}

/// Every way to deal the values out again: how many are as far from the middle as what was seen?
double mann_whitney_twin(const Values& a, const Values& b) {
    Values all = a;
    all.insert(all.end(), b.begin(), b.end());
    const double middle = static_cast<double>(a.size() * b.size()) / 2;
    const double seen = std::abs(u_of(a, b) - middle);
    double as_far = 0, ways = 0;
    for (unsigned mask = 0; mask < (1u << all.size()); ++mask) {
        if (std::popcount(mask) != static_cast<int>(a.size())) continue;
        Values first, second;
        for (std::size_t i = 0; i < all.size(); ++i) {
            ((mask >> i & 1) != 0 ? first : second).push_back(all[i]);
        }
        ++ways;
        if (std::abs(u_of(first, second) - middle) >= seen - 1e-9) ++as_far;
    }
    return as_far / ways;
}

/// Mean rank of values[i] among all, by counting.
double rank_of(const Values& values, std::size_t i) {
    double below = 0, equal = 0;
    for (const double value : values) {
        below += value < values[i] ? 1 : 0;
        equal += value == values[i] ? 1 : 0;
    }
    return below + (equal + 1) / 2;
}

/// Every way to set the signs of the differences.
double signed_rank_twin(const Values& a, const Values& b) {
    Values differences, sizes;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] == b[i]) continue;
        differences.push_back(a[i] - b[i]);
        sizes.push_back(std::abs(a[i] - b[i]));
    }
    Values ranks;
    for (std::size_t i = 0; i < sizes.size(); ++i) ranks.push_back(rank_of(sizes, i));
    const auto sum = [&](auto&& positive) {
        double total = 0;
        for (std::size_t i = 0; i < ranks.size(); ++i) total += positive(i) ? ranks[i] : -ranks[i];
        return std::abs(total);
    };
    const double seen = sum([&](std::size_t i) { return differences[i] > 0; });
    double as_far = 0;
    const unsigned ways = 1u << ranks.size();
    for (unsigned mask = 0; mask < ways; ++mask) {
        if (sum([&](std::size_t i) { return (mask >> i & 1) != 0; }) >= seen - 1e-9) ++as_far;
    }
    return as_far / ways;
}

}  // namespace

TEST_CASE("the median of an even number of values is the mean of the middle two") {
    CHECK(median(Values{3, 1, 2}) == 2);
    CHECK(median(Values{4, 1, 3, 2}) == 2.5);
    CHECK(median(Values{7}) == 7);
    CHECK(median(Values{-1, -5}) == -3);
}

TEST_CASE("the deviation is the median of the distances from the median") {
    CHECK(deviation(Values{1, 1, 2, 2, 4, 6, 9}) == 1);
    CHECK(deviation(Values{5}) == 0);
    CHECK(deviation_percent(Values{90, 100, 110}) == Approx(10));
    CHECK(deviation_percent(Values{-90, -100, -110}) == Approx(10));
    CHECK(deviation_percent(Values{-1, 0, 1}) == 0);
}

TEST_CASE("Mann-Whitney gives the exact p values that scipy gives") {
    CHECK(mann_whitney(Values{19, 22, 16, 29, 24}, Values{20, 11, 17, 12}) ==
          Approx(0.1111111111111111));
    // Permeability of the human chorioamnion, Hollander and Wolfe, table 4.1.
    CHECK(mann_whitney(Values{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
                       Values{1.15, 0.88, 0.90, 0.74, 1.21}) == Approx(0.2544122544122544));
    CHECK(mann_whitney(ladder(10, 0), ladder(10, 4.5)) == Approx(0.006841455757864427));
    CHECK(mann_whitney(ladder(31, 0), ladder(31, 8.5)) == Approx(0.0011221725324849754));
}

TEST_CASE("Mann-Whitney has the critical values of the published table") {
    // Mann and Whitney's U, two-sided, 1 %: 4 for 7 and 7 values, 16 for 10 and 10.
    const auto p_of = [](int m, int n, int u) {
        // `u` values of b lie below the greatest of a; all others lie above all of a.
        Values a, b;
        for (int i = 0; i < m; ++i) a.push_back(i);
        for (int i = 0; i < n; ++i) b.push_back(100 + i);
        for (int left = u, i = m - 1; left > 0; --i) {
            const int step = std::min(left, n);
            a[static_cast<std::size_t>(i)] = 100 + step - 0.5;
            left -= step;
        }
        // Values of a must not tie with each other.
        for (std::size_t i = 0; i < a.size(); ++i) a[i] += 1e-3 * static_cast<double>(i);
        return mann_whitney(a, b);
    };
    CHECK(p_of(7, 7, 4) < 0.01);
    CHECK(p_of(7, 7, 5) > 0.01);
    CHECK(p_of(10, 10, 16) < 0.01);
    CHECK(p_of(10, 10, 17) > 0.01);
}

TEST_CASE("Mann-Whitney with ties or many values is scipy's normal approximation") {
    CHECK(mann_whitney(Values{1, 2, 2, 3, 3, 3, 4}, Values{2, 3, 4, 4, 5, 5}) ==
          Approx(0.07826242947714618));
    CHECK(mann_whitney(Values{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30},
                       Values{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}) ==
          Approx(0.13291945818531892));
    CHECK(mann_whitney(ladder(60, 0), ladder(60, 8.5)) == Approx(0.012946758328567919));
    CHECK(mann_whitney(Values{3, 3, 3}, Values{3, 3}) == 1);
}

TEST_CASE("Wilcoxon's signed ranks give the exact p values that scipy gives") {
    // Depression under a tranquilizer, Hollander and Wolfe, table 3.1.
    CHECK(signed_rank(Values{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30},
                      Values{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}) ==
          Approx(0.0390625));
    // Darwin's maize, as Fisher has it (The Design of Experiments, 1935).
    const Values maize{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75};
    CHECK(signed_rank(maize, Values(maize.size(), 0)) == Approx(0.041259765625));
}

TEST_CASE("Wilcoxon's signed ranks of many pairs are the normal approximation") {
    Values differences;
    for (int i = 0; i < 60; ++i) differences.push_back((i % 3 != 0 ? 1 : -1) * (i + 1.0));
    CHECK(signed_rank(differences, Values(60, 0)) == Approx(0.016901653275967522));
}

TEST_CASE("rank tests do not depend on which side is called A") {
    const Values a{5, 1, 7, 9, 4}, b{2, 8, 11, 12, 13};
    CHECK(mann_whitney(a, b) == Approx(mann_whitney(b, a)));
    CHECK(signed_rank(a, b) == Approx(signed_rank(b, a)));
}

TEST_CASE("lists without anything to tell apart have a p value of 1") {
    CHECK(mann_whitney(Values{}, Values{1, 2}) == 1);
    CHECK(signed_rank(Values{1, 2, 3}, Values{1, 2, 3}) == 1);
    CHECK(mann_whitney(Values{1, 4}, Values{2, 3}) == 1);
}

TEST_CASE("rank tests agree with a twin that enumerates every arrangement") {
    std::mt19937 random(20261123);
    for (int round = 0; round < 40; ++round) {
        const std::size_t m = 1 + random() % 5, n = 1 + random() % 6;
        Values all = ladder(static_cast<int>(m + n), 0);
        std::shuffle(all.begin(), all.end(), random);
        const auto cut = all.begin() + static_cast<std::ptrdiff_t>(m);
        const Values a(all.begin(), cut), b(cut, all.end());
        INFO("round " << round);
        CHECK(mann_whitney(a, b) == Approx(mann_whitney_twin(a, b)));

        // Small numbers: ties of differences, and differences of nothing.
        Values before, after;
        for (int i = 0; i < 9; ++i) {
            before.push_back(static_cast<double>(random() % 6));
            after.push_back(static_cast<double>(random() % 6));
        }
        CHECK(signed_rank(before, after) == Approx(signed_rank_twin(before, after)));
    }
}

}  // namespace lanes::bench
