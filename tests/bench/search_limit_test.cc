// Whose limit it was: generator, sink or system; and all of `search` against simulated systems.
#include <catch2/catch.hpp>

#include "bench/search/findings.hh"
#include "bench/search/mlr.hh"
#include "bench/search/rows.hh"
#include "tests/bench/simulated_testbed.hh"

using namespace lanes::bench;

namespace {

SearchOptions with_goals() {
    SearchOptions options;
    Goal goal;
    options.goals.push_back(goal);
    goal.loss_ratio = 0.005;
    options.goals.push_back(goal);
    return options;
}

Findings find(SimulatedTestbed& bed, const SearchOptions& options) {
    return measure_rates(
        bed, options, [](const std::string&) {}, [] { return 0.0; });
}

constexpr double ratios[] = {0, 0.005};

Trial make_trial(std::uint64_t sent, std::uint64_t lost, std::uint64_t sink_lost) {
    Trial trial;
    trial.sent = sent;
    trial.lost = lost;
    trial.sink_lost = sink_lost;
    trial.received = sent - lost;
    return trial;
}

bool has_remark(const Report& report, const std::string& part) {
    for (const std::string& remark : report.remarks) {
        if (remark.find(part) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("a trial is void when it was not the system that lost or held back frames") {
    const auto limit_of = [](const Trial& trial) {
        return attribute(trial, 1000, 1, ratios).limit;
    };
    CHECK(limit_of(make_trial(1000, 0, 0)) == Limit::system);
    CHECK(limit_of(make_trial(1000, 900, 0)) == Limit::system);
    CHECK(limit_of(make_trial(995, 0, 0)) == Limit::system);
    CHECK(limit_of(make_trial(994, 0, 0)) == Limit::generator);
    CHECK(limit_of(make_trial(0, 0, 0)) == Limit::generator);
    // One frame of one asked for; a time and a rate need not make whole frames.
    CHECK(attribute(make_trial(1, 0, 0), 1.9, 1, ratios).limit == Limit::system);
    // All frames, but over a longer time: not the rate that was asked for.
    Trial late = make_trial(1000, 100, 0);
    late.seconds = 1.005;
    CHECK(limit_of(late) == Limit::system);
    late.seconds = 1.007;
    CHECK(limit_of(late) == Limit::generator);
    // By the sink: would be good for the first goal, or for the second.
    CHECK(limit_of(make_trial(1000, 1, 1)) == Limit::sink);
    CHECK(limit_of(make_trial(1000, 10, 8)) == Limit::sink);
    // More than enough was lost by the system itself.
    CHECK(limit_of(make_trial(1000, 20, 5)) == Limit::system);
    CHECK(attribute(make_trial(1000, 20, 5), 1000, 1, ratios).loss_ratio == Approx(0.015));
    // Little enough in any case: lossy for the first goal, good for the second.
    CHECK(limit_of(make_trial(1000, 4, 2)) == Limit::system);
    // Corrupt frames are as good as lost.
    Trial corrupt = make_trial(1000, 0, 0);
    corrupt.corrupt = 7;
    CHECK(attribute(corrupt, 1000, 1, ratios).loss_ratio == Approx(0.007));
}

TEST_CASE("the system's rate is found and called the system's") {
    SimulatedTestbed bed(sharp_knee(437211), {.generator_pps = 2e6});
    const Findings findings = find(bed, with_goals());
    CHECK(*findings.search.results[0].lower_pps == Approx(437211).epsilon(0.005));
    CHECK(*findings.search.results[1].lower_pps == Approx(437211 / 0.995).epsilon(0.005));
    CHECK(findings.search.limits[0] == Limit::system);
    CHECK(findings.search.limits[1] == Limit::system);
    CHECK(findings.search.void_trials == 0);
    CHECK(static_cast<double>(findings.search.trials.size()) == findings.search.trial_seconds);
    REQUIRE(findings.latency.size() == 2);
    REQUIRE(findings.latency[0].size() == 3);
    // The simulated latency is a microsecond, and a nanosecond more per 1000 frames/s.
    CHECK(findings.latency[0][1].load_percent == 50);
    CHECK(findings.latency[0][1].p50_us ==
          Approx(1 + *findings.search.results[0].lower_pps / 2e6).epsilon(0.002));
}

TEST_CASE("a generator that is slower than the system is named as the limit") {
    SimulatedTestbed bed(sharp_knee(3e6), {.generator_pps = 2e6});
    SearchOptions options = with_goals();
    options.latency = false;
    const Findings findings = find(bed, options);
    CHECK(*findings.search.results[0].lower_pps == Approx(2e6 * share_of_ceiling));
    CHECK_FALSE(findings.search.results[0].regular);
    CHECK(findings.search.limits[0] == Limit::generator);

    Report report;
    add_rows(report, "bed", "64", findings, options);
    CHECK(report.results[0]["limited_by"] == "generator");
    CHECK(report.results[0]["regular"] == false);
    CHECK(report.results[0]["upper_bound_pps"].is_null());
    CHECK(has_remark(report, "the limit was the generator, not the system"));
    CHECK(has_remark(report, "sends up to 2"));
}

TEST_CASE("a generator that cannot do what its calibration promised does not blame the system") {
    SimulatedTestbed::Limits limits{.generator_pps = 2e6};
    class Optimist final : public Testbed {
      public:
        explicit Optimist(SimulatedTestbed& bed) : bed_(bed) {}
        Trial run(double rate, double seconds) override { return bed_.run(rate, seconds); }
        Trial burst(std::uint64_t frames) override { return bed_.burst(frames); }
        Calibration calibrate() override { return {.ceiling_pps = 5e6}; }
        double frame_bits() const override { return 512; }

      private:
        SimulatedTestbed& bed_;
    };
    SimulatedTestbed bed(sharp_knee(3e6), limits);
    Optimist optimist(bed);
    const SearchOptions options = with_goals();
    const Findings findings = measure_rates(
        optimist, options, [](const std::string&) {}, [] { return 0.0; });
    CHECK(findings.search.limits[0] == Limit::generator);
    CHECK(findings.search.limits[1] == Limit::generator);
    CHECK(findings.search.void_trials > 0);
    CHECK(*findings.search.results[0].lower_pps == Approx(2e6).epsilon(0.03));
    CHECK_FALSE(findings.search.results[0].upper_pps);
}

TEST_CASE("a sink that is slower than the system is named as the limit") {
    SimulatedTestbed bed(sharp_knee(3e6), {.generator_pps = 5e6, .sink_pps = 1e6});
    SearchOptions options = with_goals();
    options.latency = false;
    const Findings findings = find(bed, options);
    CHECK(findings.search.limits[0] == Limit::sink);
    CHECK(*findings.search.results[0].lower_pps == Approx(1e6).epsilon(0.03));
    CHECK(*findings.search.results[0].lower_pps <= 1e6);
    Report report;
    add_rows(report, "bed", "64", findings, options);
    CHECK(has_remark(report, "the limit was the sink"));
    CHECK(has_remark(report, "trials were void"));
}

TEST_CASE("a sink that loses frames now and then costs trials, not the result") {
    SimulatedTestbed inner(sharp_knee(437211), {.generator_pps = 2e6});
    class Hiccups final : public Testbed {
      public:
        explicit Hiccups(SimulatedTestbed& bed) : bed_(bed) {}
        Trial run(double rate, double seconds) override {
            Trial trial = bed_.run(rate, seconds);
            if (++runs_ % 4 == 0 && trial.received > 10) {
                trial.sink_lost = 5;
                trial.lost += 5;
                trial.received -= 5;
            }
            return trial;
        }
        Trial burst(std::uint64_t frames) override { return bed_.burst(frames); }
        Calibration calibrate() override { return bed_.calibrate(); }
        double frame_bits() const override { return 512; }

      private:
        SimulatedTestbed& bed_;
        unsigned runs_ = 0;
    };
    Hiccups bed(inner);
    const SearchOptions options = with_goals();
    const Findings findings = measure_rates(
        bed, options, [](const std::string&) {}, [] { return 0.0; });
    CHECK(*findings.search.results[0].lower_pps == Approx(437211).epsilon(0.005));
    CHECK(findings.search.limits[0] == Limit::system);
    CHECK(findings.search.void_trials > 0);
}

TEST_CASE("a maximum that the user gives is kept, and one below the minimum refused") {
    SimulatedTestbed bed(sharp_knee(437211), {.generator_pps = 2e6});
    SearchOptions options = with_goals();
    options.max_pps = 100e3;
    const Findings findings = find(bed, options);
    CHECK(findings.range.max_pps == 100e3);
    CHECK(*findings.search.results[0].lower_pps == Approx(100e3));
    options.min_pps = 200e3;
    CHECK_THROWS_WITH(find(bed, options), Catch::Contains("--min-rate"));
}

TEST_CASE("the loss curve is what the system loses at 100 %, 90 % ... down to two without loss") {
    SimulatedTestbed bed(sharp_knee(750e3), {.generator_pps = 1e6});
    SearchOptions options = with_goals();
    options.max_pps = 900e3;
    options.loss_curve = true;
    options.latency = false;
    const Findings findings = find(bed, options);
    // Of 900k: 900, 810 lose; 720, 630 do not.
    REQUIRE(findings.loss_curve.size() == 4);
    CHECK(findings.loss_curve[0].load_percent == 100);
    CHECK(findings.loss_curve[0].loss_ratio == Approx(1.0 - 750.0 / 900).epsilon(1e-4));
    CHECK(findings.loss_curve[1].loss_ratio == Approx(1.0 - 750.0 / 810).epsilon(1e-4));
    CHECK(findings.loss_curve[2].loss_ratio == 0);
    CHECK(findings.loss_curve[3].load_percent == 70);
    CHECK(findings.loss_curve[3].limit == Limit::system);
}

TEST_CASE("back to back finds the buffer that the system has") {
    // 1000 frames of buffer, emptied at 1 Mpps, filled at 4 Mpps: full after 1333 frames.
    SimulatedTestbed bed(sharp_knee(1e6),
                         {.generator_pps = 4e6, .buffer_frames = 1000, .drain_pps = 1e6});
    SearchOptions options = with_goals();
    options.latency = false;
    options.back_to_back = true;
    const Findings findings = find(bed, options);
    REQUIRE(findings.back_to_back);
    const BackToBackFindings& found = *findings.back_to_back;
    CHECK(found.bursts.frames.size() == 50);
    CHECK(found.bursts.mean == Approx(1333).epsilon(0.01));
    CHECK(found.bursts.deviation < 10);
    CHECK_FALSE(found.bursts.unbounded);
    CHECK(found.limit == Limit::system);
    Report report;
    add_rows(report, "bed", "64", findings, options);
    const Json& row = report.results.back();
    CHECK(row["case"] == "bed, back to back");
    // 1000 frames at 4 Mpps, RFC 9004's corrected buffer time.
    CHECK(row["buffer_us"].get<double>() == Approx(250).epsilon(0.02));
    CHECK(row["samples"].size() == 50);
}

TEST_CASE("rows have what compare and the table need") {
    SimulatedTestbed bed(sharp_knee(437211), {.generator_pps = 2e6, .buffer_frames = 1000000000});
    SearchOptions options = with_goals();
    options.back_to_back = options.loss_curve = true;
    options.repetitions = 3;
    const Findings findings = find(bed, options);
    Report report;
    add_rows(report, "lab, 64 bytes", "64", findings, options);
    choose_columns(report);
    REQUIRE(report.results.size() > 4);
    std::vector<std::string> cases;
    for (const Json& row : report.results) {
        cases.push_back(row["case"]);
        CHECK(find_field(row, row["metric"]) != nullptr);
        CHECK(row.contains("better"));
        CHECK(row.contains("units"));
        CHECK(row["size"] == 64);
    }
    std::sort(cases.begin(), cases.end());
    CHECK(std::adjacent_find(cases.begin(), cases.end()) == cases.end());
    const Json& ndr = report.results[0];
    CHECK(ndr["case"] == "lab, 64 bytes, loss 0 %");
    CHECK(ndr["rate_pps"].get<double>() * 512 == Approx(ndr["bits_per_second"].get<double>()));
    CHECK(find_field(ndr, "latency_us.90.p99_999") != nullptr);
    CHECK(find_field(ndr, "generator.ceiling_pps")->get<double>() == 2e6);
    CHECK(report.results[1]["goal_loss_percent"] == 0.5);
    // The buffer was never full, so nothing is said of it.
    CHECK(report.results[2]["buffer_us"].is_null());
    CHECK(has_remark(report, "buffers that are never full"));
}
