// The state machine of back-to-back by itself, against buffers of known length.
#include <catch2/catch.hpp>

#include <random>

#include "bench/search/back_to_back.hh"
#include "bench/search/loss_curve.hh"

using namespace lanes::bench;

namespace {

struct Course {
    BackToBackResult result;
    unsigned bursts = 0;
};

template <typename Passes>
Course run(const BackToBackOptions& options, Passes passes) {
    BackToBack search(options);
    Course course;
    while (const auto frames = search.next()) {
        REQUIRE(*frames >= 1);
        REQUIRE(*frames <= options.frames_max);
        REQUIRE(++course.bursts < 100 * options.repetitions);
        search.add(passes(*frames));
    }
    course.result = search.result();
    return course;
}

}  // namespace

TEST_CASE("the longest burst is found to the resolution, whatever it is") {
    for (const std::uint64_t longest : {1u, 2u, 63u, 64u, 65u, 1000u, 123456u, 999999u}) {
        CAPTURE(longest);
        const Course course = run({.repetitions = 10, .frames_max = 1000000},
                                  [=](std::uint64_t frames) { return frames <= longest; });
        CHECK(course.result.frames.size() == 10);
        CHECK(course.result.mean <= static_cast<double>(longest));
        CHECK(course.result.mean >= static_cast<double>(longest) * 0.994 - 1);
        CHECK_FALSE(course.result.unbounded);
        CHECK(course.bursts <= 100);
    }
}

TEST_CASE("no burst at all, and no burst that is too long") {
    const Course none =
        run({.repetitions = 3, .frames_max = 1000}, [](std::uint64_t) { return false; });
    CHECK(none.result.mean == 0);
    CHECK(none.result.frames.size() == 3);
    CHECK_FALSE(none.result.unbounded);
    const Course all =
        run({.repetitions = 50, .frames_max = 1000}, [](std::uint64_t) { return true; });
    CHECK(all.result.mean == 1000);
    CHECK(all.result.frames.size() == 3);
    CHECK(all.result.unbounded);
    CHECK(run({.repetitions = 3, .frames_max = 0}, [](std::uint64_t) { return true; }).bursts == 0);
}

TEST_CASE("mean and deviation are those of what the repetitions found") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        std::normal_distribution<> length(5000, 300);
        const Course course = run(
            {.repetitions = 50, .frames_max = 100000, .verifications = 0},
            [&](std::uint64_t frames) { return static_cast<double>(frames) <= length(random); });
        CHECK(course.result.mean == Approx(5000).epsilon(0.08));
        CHECK(course.result.deviation < 600);
        CHECK(course.bursts < 50 * 20);
    }
}

TEST_CASE("one bad moment does not make a burst too long") {
    unsigned bursts = 0;
    const Course course = run({.repetitions = 5, .frames_max = 100000}, [&](std::uint64_t frames) {
        return ++bursts % 7 != 0 && frames <= 3000;
    });
    CHECK(course.result.mean == Approx(2995).epsilon(0.01));
}

TEST_CASE("bursts that cannot be sent are left out") {
    BackToBack search({.repetitions = 4, .frames_max = 100000});
    unsigned bursts = 0;
    while (const auto frames = search.next()) {
        REQUIRE(++bursts < 200);
        if (*frames > 700) {
            search.lower_max(700);
        } else {
            search.add(true);
        }
    }
    CHECK(search.result().frames == std::vector<double>{700, 700, 700});
    CHECK(search.result().unbounded);
}

TEST_CASE("buffer time is that of RFC 9004") {
    CHECK(buffer_seconds(3000, 1e6, 0) == Approx(3e-3));
    CHECK(buffer_seconds(3000, 1e6, 0.6e6) == Approx(1.2e-3));
    CHECK(buffer_seconds(3000, 1e6, 1.1e6) == 0);
    CHECK(buffer_seconds(3000, 0, 0) == 0);
}

TEST_CASE("a loss curve ends with the second load in a row that loses nothing, or at 10 %") {
    LossCurve curve;
    for (const double loss : {0.2, 0.0, 0.1, 0.0, 0.0}) {
        REQUIRE(curve.next());
        curve.add(loss);
    }
    CHECK_FALSE(curve.next());
    CHECK(curve.points().back().load_percent == 60);
    LossCurve lossy;
    while (lossy.next()) lossy.add(1);
    CHECK(lossy.points().size() == 10);
    CHECK(lossy.points().back().load_percent == 10);
}
