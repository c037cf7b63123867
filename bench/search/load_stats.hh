// What a set of trials at one load says about it: the load classification and the conditional
// throughput of MLRsearch (RFC 9971, its two appendices; the tests hold the numbers of its
// example). Trials shorter than the goal's final ones count less: bad short trials speak against a
// load, but only by as much as they outweigh the good short ones; good short trials never speak for
// a load. Whatever the trials still missing may bring is then taken at its best and at its worst.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bench/search/goal.hh"

namespace lanes::bench {

/// What one phase of one goal asks of a load.
struct Target {
    double loss_ratio = 0;
    double exceed_ratio = 0;
    double trial_seconds = 0;  ///< of a full trial
    double duration_sum = 0;
};

enum class Bound : std::uint8_t { undecided, lower, upper };

/// One trial at the load in question.
struct LoadTrial {
    double seconds = 0;
    double loss_ratio = 0;
};

/// Seconds of trials by length and outcome, and what follows from them.
class LoadStats {
  public:
    LoadStats(std::span<const LoadTrial> trials, const Target& target);

    Bound bound() const noexcept;

    /// Share of the whole time that goes to bad trials if all that are missing turn out good.
    double optimistic_exceed_ratio() const noexcept { return bad() / whole(); }
    /// The same if all that are missing turn out bad.
    double pessimistic_exceed_ratio() const noexcept { return (whole() - full_good_) / whole(); }

  private:
    double bad() const noexcept;
    double whole() const noexcept;

    double exceed_ratio_;
    double duration_sum_;
    double full_good_ = 0;
    double full_bad_ = 0;
    double short_good_ = 0;
    double short_bad_ = 0;
};

/// The rate that comes out at `rate_pps`: by the loss of the worst full trial
/// that is needed to fill the time in which trials have to be good. 0 without a full trial.
double conditional_throughput(double rate_pps, std::span<const LoadTrial> trials,
                              const Target& target);

}  // namespace lanes::bench
