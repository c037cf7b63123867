// Measures one Case: trials on all workers at once, the bare cipher between them, and trials in
// which the phases of a round are timed. Trials during which others had the processor are thrown
// away and counted.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/pipeline/options.hh"
#include "engine/phase.hh"

namespace lanes::bench {

/// Clocks are ticks of the time-stamp counter, per packet; lists have a value per trial.
struct Measured {
    std::string backend;  ///< that was used; empty on paths without a cipher
    double ticks_per_ns = 0;
    std::vector<double> clocks;             ///< mean over workers
    std::vector<double> packets_per_clock;  ///< of all workers together
    std::vector<double> call_clocks;        ///< library's own call, packet by packet; may be empty
    std::vector<double> run_clocks;         ///< our backend's call for 64 packets; may be empty
    std::array<double, engine::phase_count> phases{};  ///< medians over trials
    unsigned trials_discarded = 0;
    std::uint64_t lost = 0;  ///< frames that did not come to the end they should; must be 0
};

/// A measurement that is under way.
struct Sight {
    unsigned trials_done = 0;
    double clocks = 0;  ///< of the last trial, per packet; 0: there is none yet
    std::uint64_t lost = 0;
};

/// Calls `watch` before each trial. Throws std::runtime_error.
Measured measure(const Case& options, const Effort& effort,
                 const std::function<void(const Sight&)>& watch);

}  // namespace lanes::bench
