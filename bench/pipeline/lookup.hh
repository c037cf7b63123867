// lanes-bench lookup: what it costs to find a lane by its id among n, in bursts of 64 as the
// receiving side does it, beside the same with one lane in the table.
#pragma once

#include <cstdint>
#include <vector>

namespace lanes::bench {

struct LookupOptions {
    std::uint32_t lanes = 1'000'000;
    unsigned trials = 31;
    unsigned bursts = 16384;  ///< of 64 look-ups, per trial
};

/// Clocks per look-up, a value per trial. The two are measured in turn.
struct LookupResult {
    std::vector<double> only;    ///< one lane in the table
    std::vector<double> random;  ///< a random one of all
};

/// Throws std::runtime_error with what is wrong.
LookupResult run_lookup(const LookupOptions& options);

}  // namespace lanes::bench
