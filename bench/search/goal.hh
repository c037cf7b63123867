// Goal, TrialInput, Outcome and RateSearch: what a search for a rate is given and gives back. The
// words are those of MLRsearch (RFC 9971, which was draft-ietf-bmwg-mlrsearch-15): a Goal is its
// Search Goal, a TrialInput its Trial Input, an Outcome its Trial Output, a GoalResult its Goal
// Result. A search is a state machine without clocks and without I/O: it says what to try next and
// is told what came of it. rate_search.hh joins it to a Testbed.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lanes::bench {

/// The defaults are those of FD.io CSIT: trials of one second, of which at least half of 21 must be
/// good, and bounds within 0.5 %.
struct Goal {
    double loss_ratio = 0;             ///< up to this a trial is good; 0 <= ratio < 1
    double exceed_ratio = 0.5;         ///< share of time that may go to bad trials; 0 <= ratio < 1
    double width = 0.005;              ///< bounds may differ by this share of the upper one
    double initial_trial_seconds = 1;  ///< no trial is shorter
    double final_trial_seconds = 1;    ///< shorter trials alone make no lower bound
    double duration_sum = 21;          ///< seconds of full trials that decide about any load
    /// Coarser targets that are reached first, each with bounds twice as wide and less time.
    unsigned preceding_targets = 2;
    /// How much further the next step goes when a bound is looked for and not found.
    unsigned expansion = 4;
};

/// Empty if a search can be made with it, else what is wrong.
std::string wrong_with(const Goal& goal);

/// Rates that may be offered, frames per second.
struct RateRange {
    double min_pps = 0;
    double max_pps = 0;
};

struct TrialInput {
    double rate_pps = 0;
    double seconds = 0;
};

struct Outcome {
    double loss_ratio = 0;
};

/// What is known of one load.
struct LoadPoint {
    double rate_pps = 0;
    double seconds = 0;
    double loss_ratio = 0;
};

struct GoalResult {
    /// Relevant bounds. A lower one without an upper one is only the greatest rate that was good.
    std::optional<double> lower_pps;
    std::optional<double> upper_pps;
    /// What came out of the system at the lower bound.
    std::optional<double> conditional_pps;
    /// Both bounds are there and close enough to each other.
    bool regular = false;
};

class RateSearch {
  public:
    virtual ~RateSearch() = default;

    /// What to try now; nothing when the search has ended. The same until add() or lower_max().
    virtual std::optional<TrialInput> next() = 0;

    /// What came of next().
    virtual void add(const Outcome& outcome) = 0;

    /// Rates above cannot be tried, as it turned out; next() cannot be answered by add() then.
    virtual void lower_max(double rate_pps) = 0;

    /// One per goal, in the order of the goals.
    virtual std::vector<GoalResult> results() const = 0;

    /// What the search is about just now, for people.
    virtual std::string phase() const = 0;
    /// About how many seconds of trials are left.
    virtual double seconds_left() const = 0;
};

}  // namespace lanes::bench
