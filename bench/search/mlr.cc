// See mlr.hh.
#include "bench/search/mlr.hh"

#include <algorithm>
#include <cstdio>

namespace lanes::bench {

namespace {

double narrowest(const std::vector<Goal>& goals) {
    double width = 1;
    for (const Goal& goal : goals) width = std::min(width, goal.width);
    return width;
}

}  // namespace

std::string wrong_with(const Goal& goal) {
    if (!(goal.loss_ratio >= 0 && goal.loss_ratio < 1)) return "loss ratio: 0 <= ratio < 1";
    if (!(goal.exceed_ratio >= 0 && goal.exceed_ratio < 1)) return "exceed ratio: 0 <= ratio < 1";
    if (!(goal.width >= 1e-5 && goal.width <= 0.5)) return "width: 0.00001 to 0.5";
    if (!(goal.initial_trial_seconds > 0)) return "initial trial: more than 0 seconds";
    if (!(goal.final_trial_seconds >= goal.initial_trial_seconds)) {
        return "final trial: not shorter than the initial one";
    }
    if (!(goal.duration_sum >= goal.final_trial_seconds)) {
        return "duration sum: not less than a final trial";
    }
    if (goal.preceding_targets > 6) return "preceding targets: up to 6";
    if (goal.expansion < 2 || goal.expansion > 64) return "expansion: 2 to 64";
    return {};
}

std::string goal_text(const Goal& goal) {
    char text[40];
    std::snprintf(text, sizeof text, "loss %g %%", goal.loss_ratio * 100);
    return text;
}

MlrSearch::MlrSearch(const std::vector<Goal>& goals, RateRange range, double seconds_max)
    : ladder_(range, narrowest(goals)), seconds_max_(seconds_max) {
    for (const Goal& goal : goals) selectors_.emplace_back(goal, ladder_);
}

std::optional<TrialInput> MlrSearch::next() {
    if (!pending_ && (seconds_ >= seconds_max_ || ladder_.highest() < ladder_.lowest())) {
        return std::nullopt;
    }
    if (!pending_ && first_trials_ > 0) {
        pending_ = {start_, selectors_.front().goal().initial_trial_seconds};
    }
    if (!pending_) {
        for (std::size_t i = 0; i < selectors_.size(); ++i) {
            const auto wanted = selectors_[i].nominate(ladder_);
            if (!wanted) continue;
            if (!pending_ || wanted->rung < pending_->rung ||
                (wanted->rung == pending_->rung && wanted->seconds > pending_->seconds)) {
                pending_ = wanted;
                leader_ = i;
            }
        }
    }
    if (!pending_) return std::nullopt;
    return TrialInput{ladder_.rate_pps(pending_->rung), pending_->seconds};
}

void MlrSearch::add(const Outcome& outcome) {
    if (!pending_) return;
    ladder_.add(pending_->rung, {pending_->seconds, outcome.loss_ratio});
    seconds_ += pending_->seconds;
    pending_.reset();
    if (first_trials_ > 0) end_of_first_trials(outcome.loss_ratio);
}

void MlrSearch::end_of_first_trials(double loss_ratio) {
    const Goal& goal = selectors_.front().goal();
    // What came out would do so again; with it may go what the goal allows to be lost.
    const int guess =
        ladder_.rung_below(ladder_.rate_pps(start_) * (1 - loss_ratio) / (1 - goal.loss_ratio));
    const bool better = loss_ratio > goal.loss_ratio && guess < start_;
    first_trials_ = better ? first_trials_ - 1 : 0;
    if (first_trials_ > 0) start_ = guess;
    if (first_trials_ == 0) {
        for (Selector& selector : selectors_) selector.start_at(start_);
    }
}

void MlrSearch::lower_max(double rate_pps) {
    // Below the load that could not be tried in any case, so that the search gets on.
    int highest = ladder_.highest() - 1;
    if (pending_) highest = std::min(highest, pending_->rung - 1);
    if (rate_pps < ladder_.rate_pps(highest)) {
        highest = rate_pps < ladder_.rate_pps(ladder_.lowest()) ? ladder_.lowest() - 1
                                                                : ladder_.rung_below(rate_pps);
    }
    ladder_.set_highest(highest);
    pending_.reset();
    start_ = std::min(start_, highest);
}

std::vector<GoalResult> MlrSearch::results() const {
    std::vector<GoalResult> results;
    for (const Selector& selector : selectors_) results.push_back(selector.result(ladder_));
    return results;
}

std::string MlrSearch::phase() const {
    if (first_trials_ > 0) return "first look";
    const Selector& leader = selectors_[leader_];
    return goal_text(leader.goal()) + ", phase " + std::to_string(leader.phase() + 1) + " of " +
           std::to_string(leader.phases());
}

double MlrSearch::seconds_left() const {
    double seconds = 0;
    for (const Selector& selector : selectors_) seconds += selector.seconds_left(ladder_);
    return std::min(seconds, std::max(0.0, seconds_max_ - seconds_));
}

}  // namespace lanes::bench
