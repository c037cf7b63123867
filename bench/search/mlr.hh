// MlrSearch: the controller of MLRsearch (RFC 9971; M. Konstantynowicz, V. Polak). One search for
// any number of goals, which all read one list of trials: a load is tried once for all of them. The
// lowest load that any goal wants comes first, because what is found below may make trials above
// needless, never the other way round.
#pragma once

#include "bench/search/selector.hh"

namespace lanes::bench {

class MlrSearch final : public RateSearch {
  public:
    /// Ends after about `seconds_max` seconds of trials whatever is known by then. Needs at least
    /// one goal with which nothing is wrong, and 0 < min < max.
    MlrSearch(const std::vector<Goal>& goals, RateRange range, double seconds_max);

    std::optional<TrialInput> next() override;
    void add(const Outcome& outcome) override;
    void lower_max(double rate_pps) override;
    std::vector<GoalResult> results() const override;
    std::string phase() const override;
    double seconds_left() const override;

  private:
    void end_of_first_trials(double loss_ratio);

    Ladder ladder_;
    std::vector<Selector> selectors_;
    double seconds_max_;
    double seconds_ = 0;
    /// Trials at the highest rate, at what came out then, and at what came out then: where a system
    /// that drops no more than it must has its bounds. None left: start_ is where to begin.
    unsigned first_trials_ = 3;
    int start_ = 0;
    std::optional<Selector::Nomination> pending_;
    std::size_t leader_ = 0;  ///< selector that pending_ is from
};

/// "loss 0 %", "loss 0.5 %".
std::string goal_text(const Goal& goal);

}  // namespace lanes::bench
