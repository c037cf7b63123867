// Systems under test that exist as formulas only, with a generator and a sink of known limits: what
// a search must find is known before it begins, and takes no time to find. A trial counts whole
// frames, as real ones do.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>

#include "bench/search/goal.hh"
#include "bench/traffic/profile.hh"
#include "bench/trial.hh"

namespace lanes::bench {

/// Loss ratio of a system at a rate, in a trial of so many seconds.
using LossOf = std::function<double(double rate_pps, double seconds)>;

/// Forwards up to `knee_pps` and drops the rest.
inline LossOf sharp_knee(double knee_pps) {
    return [knee_pps](double rate, double) { return rate <= knee_pps ? 0 : 1 - knee_pps / rate; };
}

/// Loses nothing up to `knee_pps` and `per_knee` more of all frames with each further knee_pps.
inline LossOf soft_knee(double knee_pps, double per_knee) {
    return [knee_pps, per_knee](double rate, double) {
        return std::clamp(per_knee * (rate / knee_pps - 1), 0.0, 1.0);
    };
}

/// `system`, but a share of its trials loses at least `loss`, whatever the rate.
inline LossOf with_bad_trials(LossOf system, double share, double loss, std::mt19937_64& random) {
    return [=, &random](double rate, double seconds) {
        const bool bad = std::uniform_real_distribution<>(0, 1)(random) < share;
        return std::max(system(rate, seconds), bad ? loss : 0);
    };
}

/// `system`, but each frame is lost with a small probability besides.
inline LossOf with_noise(LossOf system, double per_frame, std::mt19937_64& random) {
    return [=, &random](double rate, double seconds) {
        const double frames = std::max(1.0, rate * seconds);
        const auto lost = std::poisson_distribution<std::uint64_t>(frames * per_frame)(random);
        return std::min(1.0, system(rate, seconds) + static_cast<double>(lost) / frames);
    };
}

/// One system for the first seconds of traffic, another afterwards.
inline LossOf changing(LossOf before, LossOf after, double seconds_before) {
    return [=, spent = 0.0](double rate, double seconds) mutable {
        const double loss = spent < seconds_before ? before(rate, seconds) : after(rate, seconds);
        spent += seconds;
        return loss;
    };
}

/// What a search took and found.
struct Course {
    std::vector<GoalResult> results;
    unsigned trials = 0;
    double seconds = 0;
    double lowest_pps = 1e300;
    double highest_pps = 0;
};

/// Runs a search against a formula; gives up after `trials_max` trials.
inline Course run_against(RateSearch& search, const LossOf& system, unsigned trials_max) {
    Course course;
    while (const auto input = search.next()) {
        if (course.trials == trials_max) break;
        ++course.trials;
        course.seconds += input->seconds;
        course.lowest_pps = std::min(course.lowest_pps, input->rate_pps);
        course.highest_pps = std::max(course.highest_pps, input->rate_pps);
        search.add({system(input->rate_pps, input->seconds)});
    }
    course.results = search.results();
    return course;
}

class SimulatedTestbed final : public Testbed {
  public:
    struct Limits {
        double generator_pps = 10e6;
        double sink_pps = 1e12;
        std::uint64_t buffer_frames = 0;  ///< of the system, for bursts
        double drain_pps = 0;             ///< at which it empties
    };
    SimulatedTestbed(LossOf system, const Limits& limits) : system_(system), limits_(limits) {}

    Trial run(double rate_pps, double seconds) override {
        ++trials_;
        const double rate = rate_pps == 0 ? limits_.generator_pps : rate_pps;
        const double truly = std::min(rate, limits_.generator_pps);
        Trial trial;
        trial.rate_pps = rate_pps;
        trial.seconds = seconds;
        trial.sent = static_cast<std::uint64_t>(std::round(truly * seconds));
        trial.refused = static_cast<std::uint64_t>(std::round((rate - truly) * seconds));
        const double sent = static_cast<double>(trial.sent);
        const double out = sent - std::round(sent * system_(truly, seconds));
        const double taken = std::min(out, std::round(limits_.sink_pps * seconds));
        trial.sink_lost = static_cast<std::uint64_t>(out - taken);
        count(trial, static_cast<std::uint64_t>(taken));
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(trial.received, 1000); ++i) {
            trial.latency_ns.record(static_cast<std::uint64_t>(1e3 + rate_pps / 1e3));
        }
        return trial;
    }

    Trial burst(std::uint64_t frames) override {
        ++trials_;
        Trial trial;
        trial.sent = frames;
        trial.seconds = static_cast<double>(frames) / limits_.generator_pps;
        const double drained = limits_.drain_pps * trial.seconds;
        const double passed = std::min(static_cast<double>(frames),
                                       static_cast<double>(limits_.buffer_frames) + drained);
        count(trial, static_cast<std::uint64_t>(passed));
        return trial;
    }

    Calibration calibrate() override {
        return {.ceiling_pps = limits_.generator_pps,
                .lateness_p50_ns = 100,
                .lateness_p99_ns = 2000,
                .lateness_max_ns = 30000};
    }

    double frame_bits() const override { return bits_; }
    void set_sizes(std::span<const SizeShare> sizes) override { bits_ = 8.0 * sizes[0].size; }

    unsigned trials() const { return trials_; }

  private:
    static void count(Trial& trial, std::uint64_t received) {
        trial.received = received;
        trial.lost = trial.sent - received;
    }

    LossOf system_;
    Limits limits_;
    double bits_ = 512;
    unsigned trials_ = 0;
};

}  // namespace lanes::bench
