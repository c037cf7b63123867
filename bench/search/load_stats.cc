// See load_stats.hh.
#include "bench/search/load_stats.hh"

#include <algorithm>
#include <cstddef>

namespace lanes::bench {

namespace {

/// Sums of durations such as 0.1 s are not exact; no trial is as short as this.
constexpr double rounding_seconds = 1e-9;

}  // namespace

LoadStats::LoadStats(std::span<const LoadTrial> trials, const Target& target)
    : exceed_ratio_(target.exceed_ratio), duration_sum_(target.duration_sum) {
    for (const LoadTrial& trial : trials) {
        const bool good = trial.loss_ratio <= target.loss_ratio;
        if (trial.seconds >= target.trial_seconds) {
            (good ? full_good_ : full_bad_) += trial.seconds;
        } else {
            (good ? short_good_ : short_bad_) += trial.seconds;
        }
    }
}

double LoadStats::bad() const noexcept {
    // So many seconds of short bad trials are what the exceed ratio allows beside the short good.
    const double balanced = short_good_ * exceed_ratio_ / (1 - exceed_ratio_);
    return full_bad_ + std::max(0.0, short_bad_ - balanced);
}

double LoadStats::whole() const noexcept {
    return std::max(full_good_ + bad(), duration_sum_);
}

Bound LoadStats::bound() const noexcept {
    const double allowed = exceed_ratio_ * whole();
    if (bad() > allowed + rounding_seconds) return Bound::upper;
    return whole() - full_good_ <= allowed + rounding_seconds ? Bound::lower : Bound::undecided;
}

double conditional_throughput(double rate_pps, std::span<const LoadTrial> trials,
                              const Target& target) {
    std::vector<LoadTrial> full;
    double measured = 0;
    for (const LoadTrial& trial : trials) {
        if (trial.seconds < target.trial_seconds) continue;
        full.push_back(trial);
        measured += trial.seconds;
    }
    std::sort(full.begin(), full.end(),
              [](const LoadTrial& a, const LoadTrial& b) { return a.loss_ratio < b.loss_ratio; });
    double needed = std::max(measured, target.duration_sum) * (1 - target.exceed_ratio);
    double loss_ratio = 1;
    for (std::size_t i = 0; i < full.size() && (i == 0 || needed > rounding_seconds); ++i) {
        loss_ratio = full[i].loss_ratio;
        needed -= full[i].seconds;
    }
    // What is needed and was not measured may as well all be lost.
    return needed > rounding_seconds ? 0 : rate_pps * (1 - loss_ratio);
}

}  // namespace lanes::bench
