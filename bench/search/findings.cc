// See findings.hh.
#include "bench/search/findings.hh"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "bench/progress.hh"
#include "bench/search/bisection.hh"
#include "bench/search/loss_curve.hh"
#include "bench/search/mlr.hh"

namespace lanes::bench {

namespace {

constexpr double lossless[] = {0};

std::string percent_text(double ratio) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g %%", ratio * 100);
    return text;
}

RateRange range_of(const SearchOptions& options, const Calibration& calibration) {
    double shortest = options.goals.front().final_trial_seconds;
    if (options.method == Method::mlr) {
        for (const Goal& goal : options.goals) {
            shortest = std::min(shortest, goal.initial_trial_seconds);
        }
    }
    RateRange range{.min_pps = options.min_pps > 0 ? options.min_pps : 1 / shortest,
                    .max_pps = calibration.ceiling_pps * share_of_ceiling};
    if (options.max_pps > 0) range.max_pps = std::min(range.max_pps, options.max_pps);
    if (range.min_pps * 1.01 >= range.max_pps) {
        throw std::runtime_error("search: no rates between the lowest, " +
                                 rate_text(range.min_pps) + ", and the highest, " +
                                 rate_text(range.max_pps) + "; see --min-rate and --max-rate");
    }
    return range;
}

std::unique_ptr<RateSearch> make_search(const SearchOptions& options, RateRange range) {
    if (options.method == Method::bisection) {
        return std::make_unique<Bisection>(options.goals, range);
    }
    return std::make_unique<MlrSearch>(options.goals, range, options.trial_seconds_max);
}

std::vector<LatencyPoint> look_at_latency(Testbed& testbed, double rate_pps, double seconds,
                                          const TellProgress& tell) {
    std::vector<LatencyPoint> points;
    for (const double percent : latency_loads) {
        const double load = rate_pps * percent / 100;
        tell("latency at " + percent_text(percent / 100) + ": " + rate_text(load));
        const Trial trial = testbed.run(load, seconds);
        const auto microseconds = [&trial](double of) {
            return static_cast<double>(trial.latency_ns.percentile(of)) / 1e3;
        };
        points.push_back({.load_percent = percent,
                          .p50_us = microseconds(50),
                          .p99_us = microseconds(99),
                          .p99_9_us = microseconds(99.9),
                          .p99_99_us = microseconds(99.99),
                          .p99_999_us = microseconds(99.999),
                          .max_us = static_cast<double>(trial.latency_ns.max()) / 1e3});
    }
    return points;
}

std::vector<CurvePoint> draw_loss_curve(Testbed& testbed, double max_pps, double seconds,
                                        const TellProgress& tell) {
    std::vector<CurvePoint> points;
    LossCurve curve;
    while (const auto percent = curve.next()) {
        const double load = max_pps * *percent / 100;
        tell("loss at " + percent_text(*percent / 100) + ": " + rate_text(load));
        const Trial trial = testbed.run(load, seconds);
        const Attribution found = attribute(trial, load * seconds, seconds, lossless);
        // A void trial shows what it shows, and says that it is one.
        const double loss = found.limit == Limit::generator ? trial.loss_ratio() : found.loss_ratio;
        points.push_back({*percent, trial.offered_pps(), loss, found.limit});
        curve.add(loss);
    }
    return points;
}

/// The rate without loss, if one was looked for and found.
double throughput_of(const Findings& findings) {
    for (std::size_t i = 0; i < findings.goals.size(); ++i) {
        if (findings.goals[i].loss_ratio != 0) continue;
        return findings.search.results[i].lower_pps.value_or(0);
    }
    return 0;
}

BackToBackFindings find_longest_burst(Testbed& testbed, const SearchOptions& options,
                                      const Findings& so_far, const TellProgress& tell) {
    const double ceiling = so_far.calibration.ceiling_pps;
    BackToBack search(
        {.repetitions = options.repetitions,
         .frames_max = static_cast<std::uint64_t>(ceiling * options.burst_seconds_max)});
    BackToBackFindings found;
    found.throughput_pps = throughput_of(so_far);
    double frames_sent = 0;
    double seconds = 0;
    unsigned unusable = 0;
    while (const auto frames = search.next()) {
        tell("back to back, " + std::to_string(search.repetition() + 1) + " of " +
             std::to_string(options.repetitions) + ": " + std::to_string(*frames) + " frames");
        const Trial trial = testbed.burst(*frames);
        const Attribution whose = attribute(trial, static_cast<double>(*frames), 0, lossless);
        frames_sent += static_cast<double>(trial.sent);
        seconds += trial.seconds;
        if (whose.limit == Limit::system) {
            unusable = 0;
            search.add(whose.loss_ratio == 0);
        } else if (++unusable >= void_trials_max) {
            unusable = 0;
            found.limit = whose.limit;
            search.lower_max(whose.limit == Limit::generator ? trial.sent : *frames / 2);
        }
    }
    found.bursts = search.result();
    found.burst_pps = seconds > 0 ? frames_sent / seconds : 0;
    // A bound below what had to be given up is the system's own.
    if (!found.bursts.unbounded) found.limit = Limit::system;
    if (found.bursts.unbounded && found.limit == Limit::system) found.limit = Limit::generator;
    return found;
}

}  // namespace

Findings measure_rates(Testbed& testbed, const SearchOptions& options, const TellProgress& tell,
                       const ReadSeconds& clock) {
    Findings findings;
    findings.frame_bits = testbed.frame_bits();
    findings.goals = options.goals;
    tell("calibration of the generator");
    findings.calibration = testbed.calibrate();
    findings.range = range_of(options, findings.calibration);

    const auto search = make_search(options, findings.range);
    const double began = clock();
    std::string last;
    findings.search = run_search(
        *search, options.goals, testbed,
        [&](const RateSearch& now, const TrialInput& input) {
            tell(now.phase() + ": " + rate_text(input.rate_pps) + last + ", about " +
                 time_text(now.seconds_left()) + " left");
        },
        [&last](const TrialInput&, const Attribution& found) {
            last = found.limit == Limit::system
                       ? ", last lost " + percent_text(found.loss_ratio)
                       : ", last void by the " + std::string(to_string(found.limit));
        });
    findings.search_seconds = clock() - began;

    for (const GoalResult& result : findings.search.results) {
        findings.latency.emplace_back();
        if (!options.latency || !result.lower_pps) continue;
        findings.latency.back() =
            look_at_latency(testbed, *result.lower_pps, options.latency_seconds, tell);
    }
    if (options.back_to_back) {
        findings.back_to_back = find_longest_burst(testbed, options, findings, tell);
    }
    if (options.loss_curve) {
        findings.loss_curve =
            draw_loss_curve(testbed, findings.range.max_pps, options.loss_curve_seconds, tell);
    }
    return findings;
}

}  // namespace lanes::bench
