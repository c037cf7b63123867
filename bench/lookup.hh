// lanes-bench lookup: what it costs to find a lane by its id among n, in bursts of 64 as the
// receiving side does it, beside the same with one lane in the table.
#pragma once

#include <cstdint>

namespace lanes::bench {

struct LookupOptions {
    std::uint32_t lanes = 1'000'000;
    unsigned trials = 31;
    unsigned bursts = 16384;  ///< of 64 look-ups, per trial
};

/// Clocks per look-up; medians over trials. Only and random are measured interleaved.
struct LookupResult {
    double only = 0;    ///< one lane in the table
    double random = 0;  ///< a random one of all
    double only_mad_percent = 0;
    double random_mad_percent = 0;
};

/// Throws std::runtime_error with what is wrong.
LookupResult run_lookup(const LookupOptions& options);

}  // namespace lanes::bench
