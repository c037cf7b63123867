// See selector.hh.
#include "bench/search/selector.hh"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace lanes::bench {

namespace {

/// No ladder is longer; keeps strides from overflowing.
constexpr int stride_max = 1 << 20;

bool within(const RelevantBounds& bounds, int rung) {
    return (!bounds.lower || rung > *bounds.lower) && (!bounds.upper || rung < *bounds.upper);
}

/// Where to cut an interval wider than `width`: at the middle, or so near to it that one part is a
/// power of two times the width and can be halved down to it without a rest.
int cut(int lower, int upper, int width) {
    const int whole = upper - lower;
    if (whole <= 2 * width) return lower + whole / 2;
    int part = width;
    while (std::abs(2 * part - whole / 2) < std::abs(part - whole / 2)) part *= 2;
    return upper - part;
}

/// Seconds after which a load that goes one way only is decided.
double deciding_seconds(const Target& target) {
    const double share = std::max(target.exceed_ratio, 1 - target.exceed_ratio);
    return std::ceil(target.duration_sum * share / target.trial_seconds) * target.trial_seconds;
}

}  // namespace

Selector::Selector(const Goal& goal, const Ladder& ladder) : goal_(goal) {
    // One trial decides everything if that is what the sum of durations says.
    const unsigned preceding =
        goal.duration_sum > goal.initial_trial_seconds ? goal.preceding_targets : 0;
    const double growth =
        preceding == 0 ? 1
                       : std::pow(goal.duration_sum / goal.initial_trial_seconds, 1.0 / preceding);
    for (unsigned before = preceding + 1; before-- > 0;) {
        const double sum = before == preceding && preceding != 0
                               ? goal.initial_trial_seconds
                               : goal.duration_sum / std::pow(growth, before);
        phases_.push_back({.target = {.loss_ratio = goal.loss_ratio,
                                      .exceed_ratio = goal.exceed_ratio,
                                      .trial_seconds = std::min(goal.final_trial_seconds, sum),
                                      .duration_sum = sum},
                           .width = ladder.rungs_within(goal.width) << before});
    }
}

std::optional<Selector::Nomination> Selector::nominate(const Ladder& ladder) {
    for (;;) {
        const RelevantBounds bounds = relevant_bounds(ladder, phases_[phase_].target);
        if (const auto rung = choose(ladder, bounds)) {
            return Nomination{*rung, phases_[phase_].target.trial_seconds};
        }
        if (phase_ + 1 == phases_.size()) return std::nullopt;
        ++phase_;
        hint_lower_ = bounds.lower;
        hint_upper_ = bounds.upper;
        current_.reset();
        stride_ = 1;
    }
}

std::optional<int> Selector::choose(const Ladder& ladder, const RelevantBounds& bounds) {
    if (current_ && ladder.trials(current_->rung).size() > tried_before_) {
        const int rung = current_->rung;
        const Bound bound = LoadStats(ladder.trials(rung), phases_[phase_].target).bound();
        if (bound == Bound::undecided && within(bounds, rung) && rung <= ladder.highest()) {
            return rung;
        }
        const bool further = (current_->step == Step::up && bound == Bound::lower) ||
                             (current_->step == Step::down && bound == Bound::upper);
        stride_ =
            further ? std::min<int>(stride_ * static_cast<int>(goal_.expansion), stride_max) : 1;
    }
    current_ = choose_anew(ladder, bounds);
    if (!current_) return std::nullopt;
    tried_before_ = ladder.trials(current_->rung).size();
    return current_->rung;
}

std::optional<Selector::Choice> Selector::choose_anew(const Ladder& ladder,
                                                      const RelevantBounds& bounds) const {
    if (const auto hint = confirm_hints(bounds); hint && hint->rung <= ladder.highest()) {
        return hint;
    }
    if (bounds.lower && bounds.upper) return narrow(ladder, *bounds.lower, *bounds.upper);
    if (bounds.upper) return step_down(ladder, *bounds.upper);
    if (bounds.lower) return step_up(ladder, *bounds.lower);
    // The highest may have sunk below the hints.
    return Choice{ladder.highest()};
}

std::optional<Selector::Choice> Selector::confirm_hints(const RelevantBounds& bounds) const {
    const bool as_before = (!bounds.lower || bounds.lower <= hint_lower_) &&
                           (!bounds.upper || bounds.upper >= hint_upper_);
    if (hint_lower_ && hint_upper_ && as_before) {
        const int width = phases_[phase_].width;
        const int before = *hint_upper_ - *hint_lower_;
        if (before > width && before <= 2 * width) return Choice{*hint_lower_ + before / 2};
    }
    if (hint_lower_ && within(bounds, *hint_lower_)) return Choice{*hint_lower_};
    if (hint_upper_ && within(bounds, *hint_upper_)) return Choice{*hint_upper_};
    return std::nullopt;
}

std::optional<Selector::Choice> Selector::step_down(const Ladder& ladder, int upper) const {
    if (upper <= ladder.lowest()) return std::nullopt;
    int rung = upper - stride();
    // No rest narrower than the width is left between this step and the end.
    if (rung - ladder.lowest() < phases_[phase_].width) rung = ladder.lowest();
    return Choice{std::min(rung, ladder.highest()), Step::down};
}

std::optional<Selector::Choice> Selector::step_up(const Ladder& ladder, int lower) const {
    if (lower >= ladder.highest()) return std::nullopt;
    int rung = lower + stride();
    if (ladder.highest() - rung < phases_[phase_].width) rung = ladder.highest();
    return Choice{rung, Step::up};
}

std::optional<Selector::Choice> Selector::narrow(const Ladder& ladder, int lower, int upper) const {
    const int width = phases_[phase_].width;
    if (upper - lower <= width) return std::nullopt;
    if (lower >= ladder.highest()) return std::nullopt;
    Choice choice{cut(lower, upper, width)};
    // The bound that was expected here is not; that it is near is more likely than the middle.
    if (hint_upper_ && lower >= *hint_upper_ && lower + stride() < choice.rung) {
        choice = {lower + stride(), Step::up};
    } else if (hint_lower_ && upper <= *hint_lower_ && upper - stride() > choice.rung) {
        choice = {upper - stride(), Step::down};
    }
    choice.rung = std::min(choice.rung, ladder.highest());
    return choice;
}

GoalResult Selector::result(const Ladder& ladder) const {
    GoalResult result;
    // A search that was cut short may know its bounds by a coarser phase only.
    for (std::size_t i = phases_.size(); i-- > 0;) {
        const Phase& phase = phases_[i];
        const RelevantBounds bounds = relevant_bounds(ladder, phase.target);
        if (!bounds.lower && !bounds.upper) continue;
        if (bounds.upper) result.upper_pps = ladder.rate_pps(*bounds.upper);
        if (bounds.lower) {
            const double rate = ladder.rate_pps(*bounds.lower);
            result.lower_pps = rate;
            result.conditional_pps =
                conditional_throughput(rate, ladder.trials(*bounds.lower), phase.target);
        }
        result.regular = i + 1 == phases_.size() && bounds.lower && bounds.upper &&
                         *bounds.upper - *bounds.lower <= phase.width;
        break;
    }
    return result;
}

double Selector::seconds_left(const Ladder& ladder) const {
    double seconds = 0;
    const RelevantBounds bounds = relevant_bounds(ladder, phases_[phase_].target);
    const auto current = current_ ? 1 : 0;
    if (bounds.lower && bounds.upper) {
        const int widths = (*bounds.upper - *bounds.lower) / phases_[phase_].width;
        const int cuts =
            widths < 1 ? 0 : static_cast<int>(std::bit_width(static_cast<unsigned>(widths)));
        seconds += cuts * deciding_seconds(phases_[phase_].target);
    } else {
        seconds += 2 * current * deciding_seconds(phases_[phase_].target);
    }
    for (std::size_t i = phase_ + 1; i < phases_.size(); ++i) {
        // The interval is halved and one of its ends is confirmed, or both and a third load.
        seconds += 2.5 * deciding_seconds(phases_[i].target);
    }
    return seconds;
}

}  // namespace lanes::bench
