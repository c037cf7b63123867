// See rate_search.hh.
#include "bench/search/rate_search.hh"

#include <algorithm>
#include <map>

namespace lanes::bench {

namespace {

/// What is left of a rate that had to be given up. It shrinks faster each time, so that a sink that
/// loses frames at any rate does not keep the search for hours.
double next_max(const TrialInput& input, const Trial& trial, Limit limit, unsigned times) {
    const std::uint64_t done = limit == Limit::generator ? trial.sent : trial.received;
    const double reached = static_cast<double>(done) / input.seconds;
    const double step = std::min(0.5, 0.005 * static_cast<double>(1u << std::min(times, 7u)));
    return std::clamp(reached, input.rate_pps / 2, input.rate_pps * (1 - step));
}

/// The rate found is the system's if the load above it was too much for the system. Else it is that
/// of whoever had to give up; or the search began at what the generator can do at most.
Limit limit_of(const GoalResult& result, const SearchOutcome& outcome) {
    if (outcome.given_up_pps == 0) return result.upper_pps ? Limit::system : Limit::generator;
    const bool below = result.upper_pps && *result.upper_pps <= outcome.given_up_pps;
    return result.regular || below ? Limit::system : outcome.given_up_by;
}

}  // namespace

SearchOutcome run_search(RateSearch& search, const std::vector<Goal>& goals, Testbed& testbed,
                         const WatchTrial& before, const WatchTrialEnd& after) {
    std::vector<double> loss_ratios;
    for (const Goal& goal : goals) loss_ratios.push_back(goal.loss_ratio);
    SearchOutcome outcome;
    struct Counts {
        unsigned valid = 0;
        unsigned unusable = 0;
    };
    std::map<double, Counts> counts;
    unsigned given_up = 0;
    while (const auto input = search.next()) {
        if (before) before(search, *input);
        const Trial trial = testbed.run(input->rate_pps, input->seconds);
        const Attribution found =
            attribute(trial, input->rate_pps * input->seconds, input->seconds, loss_ratios);
        outcome.trial_seconds += input->seconds;
        if (after) after(*input, found);
        Counts& here = counts[input->rate_pps];
        if (found.limit == Limit::system) {
            ++here.valid;
            const bool late = trial.lateness_ns.max() > uneven_lateness_ns;
            if (late && found.loss_ratio > loss_ratios.front()) ++outcome.uneven_trials;
            outcome.trials.push_back({input->rate_pps, input->seconds, found.loss_ratio});
            search.add({found.loss_ratio});
            continue;
        }
        ++outcome.void_trials;
        ++here.unusable;
        const bool hopeless =
            here.unusable >= void_trials_max || found.shortfall_ratio >= hopeless_shortfall_ratio;
        if (!hopeless || here.unusable <= here.valid) continue;
        outcome.given_up_pps = input->rate_pps;
        outcome.given_up_by = found.limit;
        search.lower_max(next_max(*input, trial, found.limit, given_up++));
    }
    outcome.results = search.results();
    for (const GoalResult& result : outcome.results) {
        outcome.limits.push_back(limit_of(result, outcome));
    }
    return outcome;
}

}  // namespace lanes::bench
