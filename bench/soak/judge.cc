// See judge.hh.
#include "bench/soak/judge.hh"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

double budget_of(Budgeted kind, const Budgets& budgets, double median) {
    switch (kind) {
        case Budgeted::memory:
            return budgets.memory_mib;
        case Budgeted::descriptors:
            return budgets.descriptors;
        case Budgeted::threads:
            return budgets.threads;
        case Budgeted::loss:
            return budgets.loss_points;
        case Budgeted::latency:
            break;
    }
    return budgets.latency_percent / 100 * median;
}

Slope times(const Slope& slope, double factor) {
    return {slope.value * factor, slope.low * factor, slope.high * factor};
}

/// The error of a slope over n points that come at a steady pace falls with n^1.5: the bounds are
/// that much closer after a run that is so much longer. They must not reach from the true slope to
/// the budget any more, and where they hold 0 that is the likeliest truth.
double more_seconds(const Slope& growth, double budget, double seconds) {
    const bool flat = growth.low <= 0 && growth.high >= 0;
    const double wanted = std::abs(budget - (flat ? 0 : growth.value));
    const double found = (growth.high - growth.low) / 2;
    if (wanted <= 0) return std::numeric_limits<double>::quiet_NaN();
    // Not nothing: bounds that are off to one side look closer than they are.
    return seconds * std::max(std::pow(found / wanted, 2.0 / 3) - 1, 0.1);
}

}  // namespace

const char* to_string(TrendVerdict verdict) noexcept {
    switch (verdict) {
        case TrendVerdict::within:
            return "within";
        case TrendVerdict::unsure:
            return "unsure";
        case TrendVerdict::over:
            break;
    }
    return "over";
}

Judgement judge(std::span<const Piece> pieces, Budgeted kind, const Budgets& budgets) {
    Judgement found;
    std::vector<double> values;
    double seconds = 0;
    for (const Piece& piece : pieces) {
        values.insert(values.end(), piece.y.begin(), piece.y.end());
        if (!piece.x.empty()) seconds += piece.x.back() - piece.x.front();
    }
    const double none = std::numeric_limits<double>::quiet_NaN();
    found.median = values.empty() ? none : median(values);
    found.budget = budget_of(kind, budgets, found.median);
    found.per_hour = times(theil_sen(pieces), 3600);
    found.at_72_hours = times(found.per_hour, judged_hours);
    if (values.size() < judged_points_min || std::isnan(found.per_hour.value)) {
        found.verdict = TrendVerdict::unsure;
        found.more_seconds = none;
        return found;
    }
    if (found.at_72_hours.low > found.budget) {
        found.verdict = TrendVerdict::over;
    } else if (found.at_72_hours.high > found.budget) {
        found.verdict = TrendVerdict::unsure;
        found.more_seconds = more_seconds(found.at_72_hours, found.budget, seconds);
    }
    return found;
}

}  // namespace lanes::bench
