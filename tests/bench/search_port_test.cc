// The whole search over real parts, generator, frames, limiter and sink, in virtual time.
//
//   generator --- memory wire --- [ 50,000 frames/s, 64 frames of buffer, 20 us ] --- sink
#include <catch2/catch.hpp>

#include "bench/search/findings.hh"
#include "tests/bench/wire.hh"

using namespace lanes;
using namespace lanes::bench;

namespace {

constexpr double device_pps = 50'000;
/// 64 frames per tick: the generator's ceiling is 128,000 frames/s.
constexpr std::uint64_t tick_ns = 500'000;

SearchOptions make_options() {
    SearchOptions options;
    Goal goal;
    options.goals.push_back(goal);
    goal.loss_ratio = 0.005;
    options.goals.push_back(goal);
    options.latency_seconds = 0.5;
    return options;
}

}  // namespace

TEST_CASE("search finds the rate of a limiter behind a memory wire within half a percent") {
    test::SimulatedBed bed({.delay_ns = 20'000, .rate_pps = device_pps}, {}, tick_ns);
    SearchOptions options = make_options();
    options.back_to_back = true;
    options.repetitions = 3;
    options.burst_seconds_max = 0.1;
    const auto clock = [&bed] { return static_cast<double>(bed.time.now_ns()) * 1e-9; };
    const Findings findings = measure_rates(
        *bed.testbed, options, [](const std::string&) {}, clock);

    CHECK(findings.calibration.ceiling_pps == Approx(128e3).epsilon(0.01));
    for (const GoalResult& result : findings.search.results) CHECK(result.regular);
    for (const Limit limit : findings.search.limits) CHECK(limit == Limit::system);
    CHECK(*findings.search.results[0].lower_pps == Approx(device_pps).epsilon(0.005));
    CHECK(*findings.search.results[1].lower_pps == Approx(device_pps / 0.995).epsilon(0.005));
    CHECK(findings.search.void_trials == 0);
    CHECK(findings.search.trials.size() <= 50);
    CHECK(findings.search_seconds >= findings.search.trial_seconds);

    // Below its rate the limiter delays nothing; beyond that only the wire's 20 us are there.
    for (const LatencyPoint& point : findings.latency[0]) {
        CHECK(point.p50_us == Approx(20).epsilon(0.002));
    }
    // 64 frames of buffer fill at the generator's rate.
    REQUIRE(findings.back_to_back);
    const double fills = 64 / (1 - device_pps / findings.back_to_back->burst_pps);
    CHECK(findings.back_to_back->bursts.mean == Approx(fills).epsilon(0.25));
}

TEST_CASE("search names the generator when the wire takes all it can send") {
    test::SimulatedBed bed({}, {}, 2 * tick_ns);
    SearchOptions options = make_options();
    options.latency = false;
    const Findings findings = measure_rates(
        *bed.testbed, options, [](const std::string&) {}, [] { return 0.0; });
    for (std::size_t i = 0; i < findings.goals.size(); ++i) {
        CHECK(findings.search.limits[i] == Limit::generator);
        CHECK_FALSE(findings.search.results[i].regular);
        CHECK(*findings.search.results[i].lower_pps ==
              Approx(findings.calibration.ceiling_pps * share_of_ceiling).epsilon(0.006));
    }
}
