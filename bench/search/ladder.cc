// See ladder.hh.
#include "bench/search/ladder.hh"

#include <algorithm>
#include <cmath>

namespace lanes::bench {

namespace {

/// What rounding of logarithms may take from a rung.
constexpr double rounding = 1e-6;

}  // namespace

Ladder::Ladder(RateRange range, double width)
    : max_pps_(range.max_pps),
      log_step_(-std::log1p(-width) / rungs_of_width),
      lowest_(static_cast<int>(
          std::ceil(std::log(range.min_pps / range.max_pps) / log_step_ - rounding))) {}

double Ladder::rate_pps(int rung) const {
    return max_pps_ * std::exp(rung * log_step_);
}

int Ladder::rung_below(double rate_pps) const {
    if (rate_pps <= 0) return lowest_;
    const double rung = std::floor(std::log(rate_pps / max_pps_) / log_step_ + rounding);
    return static_cast<int>(std::clamp<double>(rung, lowest_, std::max(lowest_, highest_)));
}

int Ladder::rungs_within(double width) const {
    return std::max(1, static_cast<int>(-std::log1p(-width) / log_step_ + rounding));
}

std::span<const LoadTrial> Ladder::trials(int rung) const {
    const auto found = trials_.find(rung);
    if (found == trials_.end()) return {};
    return found->second;
}

RelevantBounds relevant_bounds(const Ladder& ladder, const Target& target) {
    RelevantBounds bounds;
    for (const auto& [rung, trials] : ladder.all()) {
        const Bound bound = LoadStats(trials, target).bound();
        if (bound == Bound::lower) bounds.lower = rung;
        if (bound == Bound::upper) {
            bounds.upper = rung;
            break;
        }
    }
    return bounds;
}

}  // namespace lanes::bench
