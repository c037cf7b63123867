// Bisection: the classic search for a throughput (RFC 2544, section 26.1): one long trial at the
// highest rate, then the middle between the greatest rate that was good and the least that was not,
// each goal for itself. For comparison with MlrSearch, and for those whose reports have to say so.
#pragma once

#include "bench/search/goal.hh"

namespace lanes::bench {

class Bisection final : public RateSearch {
  public:
    /// Of the goals only loss ratio, width and seconds of a final trial count.
    Bisection(const std::vector<Goal>& goals, RateRange range);

    std::optional<TrialInput> next() override;
    void add(const Outcome& outcome) override;
    void lower_max(double rate_pps) override;
    std::vector<GoalResult> results() const override;
    std::string phase() const override;
    double seconds_left() const override;

  private:
    struct Interval {
        std::optional<double> lower;
        std::optional<double> upper;
        double loss_at_lower = 0;
    };
    bool narrow(const Interval& interval, const Goal& goal) const;
    std::optional<double> rate_for(const Interval& interval, const Goal& goal) const;

    std::vector<Goal> goals_;
    RateRange range_;
    std::vector<Interval> intervals_;  ///< one per goal
    std::optional<double> pending_;
    std::size_t at_ = 0;  ///< goal that is being looked for
};

}  // namespace lanes::bench
