// See limit.hh.
#include "bench/search/limit.hh"

#include <algorithm>

namespace lanes::bench {

const char* to_string(Limit limit) noexcept {
    switch (limit) {
        case Limit::system:
            return "system";
        case Limit::generator:
            return "generator";
        case Limit::sink:
            return "sink";
    }
    return "";
}

Attribution attribute(const Trial& trial, double frames_asked, double seconds_asked,
                      std::span<const double> loss_ratios) {
    const double sent = static_cast<double>(trial.sent);
    // A rate and a time need not make a whole number of frames.
    const double missing = frames_asked - sent;
    if (trial.sent == 0 || missing > std::max(1.0, shortfall_ratio_max * frames_asked)) {
        return {.limit = Limit::generator,
                .shortfall_ratio = missing / std::max(1.0, frames_asked)};
    }
    // All frames, but later: at another rate, that is. One gap may be rounded either way.
    const double stretched = trial.seconds - seconds_asked - seconds_asked / frames_asked;
    if (seconds_asked > 0 && stretched > shortfall_ratio_max * seconds_asked) {
        return {.limit = Limit::generator, .shortfall_ratio = stretched / trial.seconds};
    }
    const double lost = static_cast<double>(trial.lost + trial.corrupt);
    const double at_sink = std::min(lost, static_cast<double>(trial.sink_lost));
    Attribution found{.loss_ratio = (lost - at_sink) / sent};
    const double with_sink = lost / sent;
    for (const double ratio : loss_ratios) {
        if ((found.loss_ratio > ratio) == (with_sink > ratio)) continue;
        found.limit = Limit::sink;
        found.shortfall_ratio = at_sink / sent;
    }
    return found;
}

}  // namespace lanes::bench
