// The histogram against a sorted list: every percentile to 0.1 %, least, greatest and mean exact.
#include "bench/histogram.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

using lanes::bench::Histogram;

namespace {

/// The least value that at least `percent` of all do not exceed.
std::uint64_t naive_percentile(const std::vector<std::uint64_t>& sorted, double percent) {
    const double wanted = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
    const auto rank = static_cast<std::size_t>(std::max(wanted, 1.0));
    return sorted[rank - 1];
}

void check_against(std::vector<std::uint64_t> values) {
    Histogram histogram;
    for (const std::uint64_t value : values) histogram.record(value);
    std::sort(values.begin(), values.end());
    CHECK(histogram.count() == values.size());
    CHECK(histogram.min() == values.front());
    CHECK(histogram.max() == values.back());
    double sum = 0;
    for (const std::uint64_t value : values) sum += static_cast<double>(value);
    CHECK(histogram.mean() == Approx(sum / static_cast<double>(values.size())));
    for (const double percent :
         {0.0, 0.001, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9, 99.99, 99.999, 100.0}) {
        const std::uint64_t truth = naive_percentile(values, percent);
        const std::uint64_t got = histogram.percentile(percent);
        INFO(percent << " %: " << got << " for " << truth);
        CHECK(got >= truth);
        CHECK(static_cast<double>(got - truth) <= static_cast<double>(truth) * 0.001);
    }
}

}  // namespace

TEST_CASE("an empty histogram is all zeros") {
    const Histogram histogram;
    CHECK(histogram.count() == 0);
    CHECK(histogram.min() == 0);
    CHECK(histogram.max() == 0);
    CHECK(histogram.mean() == 0);
    CHECK(histogram.percentile(50) == 0);
    CHECK(histogram.percentile(100) == 0);
}

TEST_CASE("a histogram agrees with a sorted list, whatever the values are") {
    std::mt19937_64 random(7);
    std::vector<std::uint64_t> values;
    SECTION("one value") {
        values = {123'456'789};
    }
    SECTION("small ones, which are exact") {
        for (unsigned i = 0; i < 10'000; ++i) values.push_back(random() % 2048);
    }
    SECTION("all orders of magnitude") {
        for (unsigned i = 0; i < 50'000; ++i) {
            values.push_back((random() & Histogram::value_max) >> random() % 40);
        }
    }
    SECTION("a tail of one in a hundred thousand") {
        for (unsigned i = 0; i < 200'000; ++i) values.push_back(10'000 + random() % 1000);
        for (unsigned i = 0; i < 2; ++i) values.push_back(50'000'000 + i);
    }
    SECTION("the edges of each power of two") {
        for (unsigned bit = 0; bit < 40; ++bit) {
            for (const int step : {-1, 0, 1}) {
                const std::uint64_t edge = std::uint64_t{1} << bit;
                values.push_back(edge + static_cast<std::uint64_t>(std::int64_t{step}));
            }
        }
    }
    check_against(values);
}

TEST_CASE("each value is known to 0.1 %") {
    for (std::uint64_t value = 0; value < 1'000'000; value += value / 100 + 1) {
        Histogram histogram;
        histogram.record(value);
        histogram.record(2'000'000);
        const std::uint64_t got = histogram.percentile(50);
        REQUIRE(got >= value);
        REQUIRE(static_cast<double>(got - value) <= static_cast<double>(value) * 0.001);
    }
}

TEST_CASE("values above the greatest keep their true maximum") {
    Histogram histogram;
    histogram.record(Histogram::value_max);
    histogram.record(Histogram::value_max + 5);
    histogram.record(~std::uint64_t{0} >> 2);
    CHECK(histogram.count() == 3);
    CHECK(histogram.max() == ~std::uint64_t{0} >> 2);
    CHECK(histogram.percentile(1) >= Histogram::value_max);
}

TEST_CASE("two histograms add up to the histogram of all values") {
    std::mt19937_64 random(9);
    Histogram all;
    Histogram parts[2];
    for (unsigned i = 0; i < 20'000; ++i) {
        const std::uint64_t value = random() % 1'000'000'000;
        all.record(value);
        parts[i % 3 == 0].record(value);
    }
    parts[0].add(parts[1]);
    parts[0].add(Histogram());
    CHECK(parts[0].count() == all.count());
    CHECK(parts[0].min() == all.min());
    CHECK(parts[0].max() == all.max());
    CHECK(parts[0].mean() == all.mean());
    for (const double percent : {1.0, 50.0, 99.0, 99.999}) {
        CHECK(parts[0].percentile(percent) == all.percentile(percent));
    }
}
