// Joins a RateSearch to a Testbed: tries what the search asks for, throws void trials away (see
// limit.hh), and takes rates that cannot be tried from the search. The Manager of MLRsearch's
// terms.
#pragma once

#include <functional>
#include <vector>

#include "bench/search/goal.hh"
#include "bench/search/limit.hh"

namespace lanes::bench {

/// Void trials at one load after which it is given up, if they are more than the others.
inline constexpr unsigned void_trials_max = 3;
/// With so much missing, a third try is a waste of time.
inline constexpr double hopeless_shortfall_ratio = 0.05;

/// A generator that is this late catches up with a burst, which a system may lose frames of.
inline constexpr std::uint64_t uneven_lateness_ns = 1'000'000;

struct SearchOutcome {
    std::vector<GoalResult> results;  ///< in the order of the goals
    /// What kept each goal's rate from being higher.
    std::vector<Limit> limits;
    std::vector<LoadPoint> trials;  ///< those that counted, in the order in which they were made
    unsigned void_trials = 0;
    unsigned uneven_trials = 0;  ///< with loss, and sent in bursts that nobody asked for
    double trial_seconds = 0;    ///< all trials, void ones too
    /// The rate that had to be given up by generator or sink, 0 if none.
    double given_up_pps = 0;
    Limit given_up_by = Limit::system;
};

/// Before each trial.
using WatchTrial = std::function<void(const RateSearch&, const TrialInput&)>;
/// After each trial.
using WatchTrialEnd = std::function<void(const TrialInput&, const Attribution&)>;

/// Runs `search` for `goals` to its end.
SearchOutcome run_search(RateSearch& search, const std::vector<Goal>& goals, Testbed& testbed,
                         const WatchTrial& before = {}, const WatchTrialEnd& after = {});

}  // namespace lanes::bench
