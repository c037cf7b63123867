// Limit: who was it that could not do more in a trial? Only what the system under test lost may
// decide about its rate. A trial in which the generator could not send what it was asked for, or in
// which frames got lost at the sink after the system had passed them on, is void: it is repeated,
// and if it stays so, rates from there on cannot be tried with this generator and this sink.
#pragma once

#include <cstdint>
#include <span>

#include "bench/trial.hh"

namespace lanes::bench {

enum class Limit : std::uint8_t { system, generator, sink };
const char* to_string(Limit limit) noexcept;

/// Of the frames asked for so many may be missing, or their time be so much longer, before the load
/// was another one.
inline constexpr double shortfall_ratio_max = 0.005;

struct Attribution {
    Limit limit = Limit::system;  ///< another: the trial is void
    double loss_ratio = 0;        ///< of the system alone
    double shortfall_ratio =
        0;  ///< of the frames asked for that were not sent or, by the sink, lost
};

/// `loss_ratios`: those that the trial is to be compared with. What the sink lost is no harm if the
/// answer is the same with and without. `seconds_asked` is 0 for bursts.
Attribution attribute(const Trial& trial, double frames_asked, double seconds_asked,
                      std::span<const double> loss_ratios);

}  // namespace lanes::bench
