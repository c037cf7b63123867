// MLRsearch and bisection against systems whose rates are known.
#include <catch2/catch.hpp>

#include <cstdio>

#include "bench/search/bisection.hh"
#include "bench/search/mlr.hh"
#include "tests/bench/simulated_testbed.hh"

using namespace lanes::bench;

namespace {

constexpr double width = 0.005;
constexpr unsigned trials_max = 400;

std::vector<Goal> ndr_and_pdr() {
    Goal ndr;
    Goal pdr;
    pdr.loss_ratio = 0.005;
    return {ndr, pdr};
}

Course search_with(const std::vector<Goal>& goals, const LossOf& system,
                   RateRange range = {1, 1e6}) {
    MlrSearch search(goals, range, 3600);
    return run_against(search, system, trials_max);
}

void print(const char* system, const Course& course) {
    std::printf("  %-44s %3u trials, %5.0f s:", system, course.trials, course.seconds);
    for (const GoalResult& result : course.results) {
        std::printf("  %.1f", result.lower_pps.value_or(0));
    }
    std::printf("\n");
}

/// The bounds are close to each other and the rate is between them, give or take nothing.
void check_found(const GoalResult& result, double rate_pps) {
    REQUIRE(result.lower_pps);
    REQUIRE(result.upper_pps);
    CHECK(result.regular);
    CHECK(*result.upper_pps - *result.lower_pps <= width * *result.upper_pps * (1 + 1e-9));
    CHECK(*result.lower_pps <= rate_pps * (1 + 1e-9));
    CHECK(*result.upper_pps >= rate_pps * (1 - 1e-9));
    CHECK(*result.lower_pps == Approx(rate_pps).epsilon(width));
}

}  // namespace

TEST_CASE(
    "MLRsearch finds a sharp knee for both goals within half a percent, at a tenth of the time "
    "of bisection") {
    const double knee = 437211;
    const Course course = search_with(ndr_and_pdr(), sharp_knee(knee));
    print("sharp knee", course);
    check_found(course.results[0], knee);
    check_found(course.results[1], knee / 0.995);
    CHECK(course.seconds <= 40);

    std::vector<Goal> goals = ndr_and_pdr();
    for (Goal& goal : goals) goal.final_trial_seconds = goal.duration_sum = 60;
    Bisection bisection(goals, {1, 1e6});
    const Course classic = run_against(bisection, sharp_knee(knee), trials_max);
    print("the same by bisection, 60 s each", classic);
    check_found(classic.results[0], knee);
    check_found(classic.results[1], knee / 0.995);
    CHECK(course.seconds * 10 < classic.seconds);
}

TEST_CASE("MLRsearch with the goal of RFC 2544 ends with the classic result in less time") {
    Goal goal;
    goal.exceed_ratio = 0;
    goal.final_trial_seconds = goal.duration_sum = 60;
    const Course course = search_with({goal}, sharp_knee(437211));
    print("sharp knee, 60 s, no trial may exceed", course);
    check_found(course.results[0], 437211);
    CHECK(*course.results[0].conditional_pps == Approx(*course.results[0].lower_pps));

    Bisection bisection({goal}, {1, 1e6});
    const Course classic = run_against(bisection, sharp_knee(437211), trials_max);
    print("the same by bisection", classic);
    CHECK(course.seconds < classic.seconds / 2);
}

TEST_CASE("MLRsearch finds each goal's rate on a soft curve, where they differ") {
    // Loses 2 % more per knee: 0.5 % at a quarter above.
    const Course course = search_with(ndr_and_pdr(), soft_knee(400e3, 0.02));
    print("soft curve", course);
    check_found(course.results[0], 400e3);
    check_found(course.results[1], 500e3);
    // At the lower bound for 0.5 % nearly that is lost.
    CHECK(*course.results[1].conditional_pps < *course.results[1].lower_pps * 0.9955);
    CHECK(course.seconds <= 100);
}

TEST_CASE("MLRsearch finds a knee behind noise that loses one of ten million frames") {
    std::mt19937_64 random(7);
    const Course course = search_with(ndr_and_pdr(), with_noise(sharp_knee(500e3), 1e-7, random));
    print("knee, loss noise 1e-7", course);
    check_found(course.results[0], 500e3);
    check_found(course.results[1], 500e3 / 0.995);
}

TEST_CASE("noise of one in a million limits the rate without loss, not the one with little") {
    std::mt19937_64 random(11);
    const Course course = search_with(ndr_and_pdr(), with_noise(sharp_knee(950e3), 1e-6, random));
    print("knee at 950k, loss noise 1e-6", course);
    check_found(course.results[1], 950e3 / 0.995);
    // Half of the trials of one second lose nothing at ln 2 / 1e-6 = 693,000 frames a second; what
    // 21 trials make of that is a matter of luck, but it is well below the knee or just below it.
    REQUIRE(course.results[0].lower_pps);
    CHECK(*course.results[0].lower_pps > 400e3);
    CHECK(*course.results[0].lower_pps < 950e3);
}

TEST_CASE("MLRsearch finds what a system does once it is warm") {
    const Course slower =
        search_with(ndr_and_pdr(), changing(sharp_knee(800e3), sharp_knee(600e3), 10));
    print("slower after 10 s", slower);
    check_found(slower.results[0], 600e3);
    check_found(slower.results[1], 600e3 / 0.995);

    const Course faster =
        search_with(ndr_and_pdr(), changing(sharp_knee(600e3), sharp_knee(800e3), 4));
    print("faster after 4 s", faster);
    check_found(faster.results[0], 800e3);
    check_found(faster.results[1], 800e3 / 0.995);
}

TEST_CASE("half of the time may exceed: bad trials now and then do not hide the knee") {
    std::mt19937_64 random(5);
    const LossOf moody = with_bad_trials(sharp_knee(500e3), 0.2, 0.02, random);
    const Course course = search_with(ndr_and_pdr(), moody);
    print("every fifth trial bad", course);
    check_found(course.results[0], 500e3);
    check_found(course.results[1], 500e3 / 0.995);

    // Where no trial may exceed, the same system has no rate at all that is good for 21 trials.
    Goal strict;
    strict.exceed_ratio = 0;
    const Course hopeless = search_with({strict}, moody);
    print("the same, no trial may exceed", hopeless);
    CHECK(hopeless.results[0].lower_pps.value_or(0) < 250e3);
}

TEST_CASE("a search says so when nothing is lost at the highest rate, and when everything is") {
    const Course lossless = search_with(ndr_and_pdr(), [](double, double) { return 0.0; });
    print("nothing lost", lossless);
    for (const GoalResult& result : lossless.results) {
        CHECK_FALSE(result.regular);
        CHECK_FALSE(result.upper_pps);
        CHECK(*result.lower_pps == Approx(1e6));
    }
    CHECK(lossless.seconds == 11);

    const Course dead = search_with(ndr_and_pdr(), [](double, double) { return 1.0; });
    print("everything lost", dead);
    for (const GoalResult& result : dead.results) {
        CHECK_FALSE(result.regular);
        CHECK_FALSE(result.lower_pps);
        CHECK_FALSE(result.conditional_pps);
        CHECK(*result.upper_pps == Approx(1));
    }
    CHECK(dead.seconds <= 15);
}

TEST_CASE("a system that forwards next to nothing when overloaded does not mislead the search") {
    const LossOf livelock = [](double rate, double) { return rate <= 700e3 ? 0 : 0.999; };
    const Course course = search_with(ndr_and_pdr(), livelock);
    print("livelock above the knee", course);
    check_found(course.results[0], 700e3);
    check_found(course.results[1], 700e3);
}

TEST_CASE("rates so low that trials are of few frames or one are found as well") {
    // Whole frames in a second: 3 pass.
    const LossOf slow = [](double rate, double seconds) {
        const double frames = std::max(1.0, std::round(rate * seconds));
        return std::max(0.0, 1 - 3 * seconds / frames);
    };
    const Course course = search_with(ndr_and_pdr(), slow);
    print("three frames a second", course);
    check_found(course.results[0], 3.5);
    check_found(course.results[1], 3.5);
}

TEST_CASE("goals of several final durations share their trials") {
    std::vector<Goal> goals = ndr_and_pdr();
    goals[1].final_trial_seconds = 10;
    goals[1].duration_sum = 60;
    const Course course = search_with(goals, sharp_knee(437211));
    print("trials of 1 s and of 10 s", course);
    check_found(course.results[0], 437211);
    check_found(course.results[1], 437211 / 0.995);
}

TEST_CASE("the order of the goals does not change what is found") {
    std::vector<Goal> goals = ndr_and_pdr();
    std::swap(goals[0], goals[1]);
    const Course course = search_with(goals, soft_knee(400e3, 0.02));
    check_found(course.results[0], 500e3);
    check_found(course.results[1], 400e3);
}

TEST_CASE("rates above one that cannot be tried are never offered again") {
    MlrSearch search(ndr_and_pdr(), {1, 1e6}, 3600);
    REQUIRE(search.next());
    search.lower_max(300e3);
    double highest = 0;
    while (const auto input = search.next()) {
        highest = std::max(highest, input->rate_pps);
        search.add({0});
    }
    CHECK(highest <= 300e3);
    CHECK(highest > 300e3 * 0.995);
    CHECK_FALSE(search.results()[0].regular);
    CHECK(*search.results()[0].lower_pps == highest);

    MlrSearch none(ndr_and_pdr(), {1, 1e6}, 3600);
    REQUIRE(none.next());
    none.lower_max(0.5);
    CHECK_FALSE(none.next());
}

TEST_CASE("a search that is out of time gives what it knows, and says that it is irregular") {
    MlrSearch search(ndr_and_pdr(), {1, 1e6}, 12);
    const Course course = run_against(search, sharp_knee(437211), trials_max);
    CHECK(course.seconds == 12);
    CHECK_FALSE(course.results[0].regular);
    REQUIRE(course.results[0].lower_pps);
    CHECK(*course.results[0].lower_pps == Approx(437211).epsilon(0.03));
}

TEST_CASE("a thousand random systems: each rate is found, within bounds of trials and time") {
    double trials = 0;
    double seconds = 0;
    unsigned most = 0;
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto between = [&random](double low, double high) {
            return std::exp(
                std::uniform_real_distribution<>(std::log(low), std::log(high))(random));
        };
        const double knee = between(50, 5e5);
        // The loss of 0.5 % is reached at 1.005 to 1.5 knees.
        const double slope = 0.005 / between(0.005, 0.5);
        const double bad = seed % 3 == 0 ? between(0.001, 0.1) : 0;
        const LossOf system =
            with_bad_trials(soft_knee(knee, slope), bad, between(0.006, 1), random);
        const RateRange range{10, 1e6};
        const Course course = search_with(ndr_and_pdr(), system, range);
        check_found(course.results[0], knee);
        check_found(course.results[1], knee * (1 + 0.005 / slope));
        CHECK(*course.results[0].lower_pps <= *course.results[1].upper_pps);
        CHECK(*course.results[1].conditional_pps <= *course.results[1].lower_pps);
        CHECK(*course.results[1].conditional_pps >= *course.results[1].lower_pps * 0.995);
        CHECK(course.lowest_pps >= range.min_pps * (1 - 1e-9));
        CHECK(course.highest_pps <= range.max_pps * (1 + 1e-9));
        CHECK(course.trials <= 300);
        trials += course.trials;
        seconds += course.seconds;
        most = std::max(most, course.trials);
    }
    std::printf(
        "  a thousand systems, seeds 1 to 1000: %.1f trials and %.1f s on average, %u "
        "trials at most\n",
        trials / 1000, seconds / 1000, most);
}

TEST_CASE("a thousand random systems by bisection") {
    for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const double knee = std::uniform_real_distribution<>(20, 9e5)(random);
        Bisection search(ndr_and_pdr(), {10, 1e6});
        const Course course = run_against(search, sharp_knee(knee), trials_max);
        check_found(course.results[0], knee);
        check_found(course.results[1], knee / 0.995);
        CHECK(course.trials <= 60);
    }
}

TEST_CASE(
    "bisection says so when nothing or everything is lost, and keeps below a lowered maximum") {
    Bisection lossless(ndr_and_pdr(), {10, 1e6});
    const Course all = run_against(
        lossless, [](double, double) { return 0.0; }, trials_max);
    CHECK(all.trials == 2);
    CHECK_FALSE(all.results[0].regular);
    CHECK(*all.results[0].lower_pps == 1e6);

    Bisection dead(ndr_and_pdr(), {10, 1e6});
    const Course none = run_against(
        dead, [](double, double) { return 1.0; }, trials_max);
    CHECK_FALSE(none.results[1].lower_pps);
    CHECK(*none.results[1].upper_pps == 10);

    Bisection lowered(ndr_and_pdr(), {10, 1e6});
    REQUIRE(lowered.next());
    lowered.lower_max(300e3);
    CHECK(run_against(lowered, sharp_knee(100e3), trials_max).highest_pps <= 300e3);
    check_found(lowered.results()[0], 100e3);
}

TEST_CASE("goals that make no sense are refused in words") {
    CHECK(wrong_with(Goal{}).empty());
    Goal goal;
    goal.loss_ratio = 1;
    CHECK(wrong_with(goal).find("loss ratio") == 0);
    goal = Goal{};
    goal.exceed_ratio = 1;
    CHECK(wrong_with(goal).find("exceed ratio") == 0);
    goal = Goal{};
    goal.width = 0;
    CHECK(wrong_with(goal).find("width") == 0);
    goal = Goal{};
    goal.initial_trial_seconds = 2;
    CHECK(wrong_with(goal).find("final trial") == 0);
    goal = Goal{};
    goal.duration_sum = 0.5;
    CHECK(wrong_with(goal).find("duration sum") == 0);
}
