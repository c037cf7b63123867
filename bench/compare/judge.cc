// See judge.hh.
#include "bench/compare/judge.hh"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

/// Fewest values on a side that are called samples.
constexpr std::size_t samples_min = 2;

/// Whether B differs from A by more than the budget: 1 better, -1 worse, 0 neither.
int beyond_budget(const Pair& pair, double budget_percent) {
    const double difference = pair.b_median - pair.a_median;
    // Nothing is a percentage of nothing: any change of 0 counts.
    if (std::abs(difference) <= budget_percent / 100 * std::abs(pair.a_median)) return 0;
    return (difference < 0) == pair.lower_is_better ? 1 : -1;
}

Change verdict_of(const Pair& pair, const Judged& judged, const Rules& rules, std::size_t tested) {
    if (std::isnan(pair.a_median)) return Change::only_b;
    if (std::isnan(pair.b_median)) return Change::only_a;
    const int direction = beyond_budget(pair, rules.budget_percent);
    const Change changed = direction > 0 ? Change::better : Change::worse;
    if (!judged.p_holm) {
        if (!rules.force) return Change::no_samples;
        return direction == 0 ? Change::same : changed;
    }
    if (direction == 0) return Change::same;
    if (*judged.p_holm < rules.alpha) return changed;
    const double least = least_p(rules.test, pair.a.size(), pair.b.size());
    if (least * static_cast<double>(tested) < rules.alpha) return Change::same;
    return rules.force ? changed : Change::few_samples;
}

}  // namespace

const char* to_string(Change change) {
    switch (change) {
        case Change::better:
            return "better";
        case Change::worse:
            return "worse";
        case Change::same:
            return "same";
        case Change::only_a:
            return "only in A";
        case Change::only_b:
            return "only in B";
        case Change::no_samples:
            return "no samples";
        case Change::few_samples:
            return "too few samples";
    }
    return "";
}

std::vector<double> holm(const std::vector<double>& p) {
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t x, std::size_t y) { return p[x] < p[y]; });
    std::vector<double> corrected(p.size());
    double least = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        least = std::max(least, static_cast<double>(p.size() - i) * p[order[i]]);
        corrected[order[i]] = std::min(1.0, least);
    }
    return corrected;
}

double least_p(Test test, std::size_t m, std::size_t n) {
    double p = 2;
    if (test == Test::signed_rank) return std::min(1.0, std::ldexp(p, -static_cast<int>(m)));
    // One over the ways to choose m of m + n.
    for (std::size_t i = 1; i <= m; ++i) p *= static_cast<double>(i) / static_cast<double>(n + i);
    return std::min(1.0, p);
}

unsigned rounds_needed(std::size_t cases, double alpha) {
    unsigned rounds = 1;
    while (rounds < 1000 &&
           least_p(Test::signed_rank, rounds, rounds) * static_cast<double>(cases) >= alpha) {
        ++rounds;
    }
    return rounds;
}

std::vector<Judged> judge(const std::vector<Pair>& pairs, const Rules& rules) {
    std::vector<Judged> all(pairs.size());
    std::vector<std::size_t> tested;
    std::vector<double> p;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const Pair& pair = pairs[i];
        const bool both = !std::isnan(pair.a_median) && !std::isnan(pair.b_median);
        if (both && pair.a_median != 0) {
            all[i].change_percent = 100 * (pair.b_median - pair.a_median) / std::abs(pair.a_median);
        } else if (both && pair.b_median == 0) {
            all[i].change_percent = 0;
        }
        if (!both || std::min(pair.a.size(), pair.b.size()) < samples_min) continue;
        all[i].p = rules.test == Test::signed_rank ? signed_rank(pair.a, pair.b)
                                                   : mann_whitney(pair.a, pair.b);
        tested.push_back(i);
        p.push_back(*all[i].p);
    }
    const std::vector<double> corrected = holm(p);
    for (std::size_t i = 0; i < tested.size(); ++i) all[tested[i]].p_holm = corrected[i];
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        all[i].change = verdict_of(pairs[i], all[i], rules, tested.size());
    }
    return all;
}

}  // namespace lanes::bench
