// See soak.hh.
#include "bench/soak/soak.hh"

#include <algorithm>
#include <cmath>

namespace lanes::bench {
namespace {

double percentile_us(const Trial& trial, double percent) {
    if (trial.latency_ns.count() == 0) return std::nan("");
    return static_cast<double>(trial.latency_ns.percentile(percent)) / 1000;
}

void add_usage(std::vector<double>& values, const std::optional<Usage>& usage) {
    const double none = std::nan("");
    values.push_back(usage ? usage->memory_mib : none);
    values.push_back(usage ? usage->descriptors : none);
    values.push_back(usage ? usage->threads : none);
}

/// In the order of series_of().
std::vector<double> values_of(const Trial& trial, const Traffic& traffic, const Usage& own,
                              const std::vector<std::optional<Usage>>& watched) {
    std::vector<double> values = {trial.sent == 0 ? std::nan("") : traffic.loss_percent(),
                                  percentile_us(trial, 50), percentile_us(trial, 99)};
    add_usage(values, own);
    for (const auto& usage : watched) add_usage(values, usage);
    return values;
}

}  // namespace

SoakEnd soak(const SoakPlan& plan, Testbed& testbed, Surroundings& world,
             const std::function<void(const Sample&)>& take) {
    const double begin = world.now_seconds();
    double steal_before = world.steal_seconds();
    for (double past = 0; !world.stopped();) {
        const double left = plan.total_seconds - plan.x_seconds - past;
        // A rest that is much shorter than the others would be measured much worse.
        if (left < plan.interval_seconds / 2) return SoakEnd::time;
        const Trial trial = testbed.run(plan.rate_pps, std::min(left, plan.interval_seconds));
        world.check();
        past = world.now_seconds() - begin;
        const auto watched = world.watched_usage();
        const double steal = world.steal_seconds();
        Sample sample;
        sample.piece = plan.piece;
        sample.x_seconds = plan.x_seconds + past;
        sample.piece_seconds = past;
        sample.unix_seconds = world.unix_seconds();
        sample.steal_seconds = steal - steal_before;
        sample.traffic = traffic_of(trial);
        sample.values = values_of(trial, sample.traffic, world.own_usage(), watched);
        sample.drops = world.drops();
        steal_before = steal;
        take(sample);
        for (const auto& usage : watched) {
            if (!usage) return SoakEnd::watched_died;
        }
    }
    return SoakEnd::stopped;
}

}  // namespace lanes::bench
