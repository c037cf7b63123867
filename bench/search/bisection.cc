// See bisection.hh.
#include "bench/search/bisection.hh"

#include <algorithm>
#include <cmath>

#include "bench/search/mlr.hh"

namespace lanes::bench {

Bisection::Bisection(const std::vector<Goal>& goals, RateRange range)
    : goals_(goals), range_(range), intervals_(goals.size()) {}

bool Bisection::narrow(const Interval& interval, const Goal& goal) const {
    return interval.lower && interval.upper &&
           *interval.upper - *interval.lower <= goal.width * *interval.upper;
}

std::optional<double> Bisection::rate_for(const Interval& interval, const Goal& goal) const {
    if (range_.max_pps < range_.min_pps || narrow(interval, goal)) return std::nullopt;
    if (interval.lower && *interval.lower >= range_.max_pps) return std::nullopt;
    if (interval.upper && *interval.upper <= range_.min_pps) return std::nullopt;
    if (!interval.upper) return range_.max_pps;
    const double lower = interval.lower.value_or(range_.min_pps);
    // Nothing was good down to the lowest rate: that one is the last to try.
    if (!interval.lower && *interval.upper - lower <= goal.width * *interval.upper) return lower;
    return std::min((lower + *interval.upper) / 2, range_.max_pps);
}

std::optional<TrialInput> Bisection::next() {
    while (!pending_ && at_ < goals_.size()) {
        pending_ = rate_for(intervals_[at_], goals_[at_]);
        if (!pending_) ++at_;
    }
    if (!pending_) return std::nullopt;
    return TrialInput{*pending_, goals_[at_].final_trial_seconds};
}

void Bisection::add(const Outcome& outcome) {
    if (!pending_) return;
    Interval& interval = intervals_[at_];
    if (outcome.loss_ratio <= goals_[at_].loss_ratio) {
        interval.lower = pending_;
        interval.loss_at_lower = outcome.loss_ratio;
    } else {
        interval.upper = pending_;
    }
    pending_.reset();
}

void Bisection::lower_max(double rate_pps) {
    range_.max_pps = std::min(rate_pps, pending_.value_or(range_.max_pps) * 0.999);
    pending_.reset();
}

std::vector<GoalResult> Bisection::results() const {
    std::vector<GoalResult> results;
    for (std::size_t i = 0; i < goals_.size(); ++i) {
        const Interval& interval = intervals_[i];
        GoalResult result{.lower_pps = interval.lower,
                          .upper_pps = interval.upper,
                          .conditional_pps = std::nullopt,
                          .regular = narrow(interval, goals_[i])};
        if (interval.lower) {
            result.conditional_pps = *interval.lower * (1 - interval.loss_at_lower);
        }
        results.push_back(result);
    }
    return results;
}

std::string Bisection::phase() const {
    return "bisection, " + goal_text(goals_[std::min(at_, goals_.size() - 1)]);
}

double Bisection::seconds_left() const {
    double seconds = 0;
    for (std::size_t i = at_; i < goals_.size(); ++i) {
        const double upper = intervals_[i].upper.value_or(range_.max_pps);
        const double lower = intervals_[i].lower.value_or(range_.min_pps);
        const double widths = std::max(1.0, (upper - lower) / (goals_[i].width * upper));
        seconds += std::ceil(std::log2(widths)) * goals_[i].final_trial_seconds;
    }
    return seconds;
}

}  // namespace lanes::bench
