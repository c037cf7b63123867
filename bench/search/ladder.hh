// Ladder: the loads that MLRsearch tries are rungs, each the same small ratio above the one below,
// so that goals that come by the same way meet at the same loads and share their trials, and widths
// of intervals are whole numbers. Rung 0 is the highest rate. Beside it the one list of all trials,
// which every goal of a search reads.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "bench/search/load_stats.hh"

namespace lanes::bench {

/// Rungs within the narrowest width that a goal asks for.
inline constexpr int rungs_of_width = 16;

class Ladder {
  public:
    /// `width` is the narrowest of all goals.
    Ladder(RateRange range, double width);

    double rate_pps(int rung) const;
    /// The highest rung whose rate is not above; within lowest and highest.
    int rung_below(double rate_pps) const;
    /// Rungs that fit into a width that is relative to the upper of two rates.
    int rungs_within(double width) const;

    int lowest() const noexcept { return lowest_; }
    int highest() const noexcept { return highest_; }
    /// Below lowest() nothing is left to try.
    void set_highest(int rung) noexcept { highest_ = rung; }

    void add(int rung, const LoadTrial& trial) { trials_[rung].push_back(trial); }
    std::span<const LoadTrial> trials(int rung) const;
    const std::map<int, std::vector<LoadTrial>>& all() const noexcept { return trials_; }

  private:
    double max_pps_;
    double log_step_;
    int lowest_;
    int highest_ = 0;
    std::map<int, std::vector<LoadTrial>> trials_;
};

/// The least load that is an upper bound, and the greatest below it that is a lower one.
struct RelevantBounds {
    std::optional<int> lower;
    std::optional<int> upper;
};

RelevantBounds relevant_bounds(const Ladder& ladder, const Target& target);

}  // namespace lanes::bench
