// lanes-bench lookup: what it costs to find a lane among n, in bursts of 64, beside the same with
// one lane in the table: by its id, as the receiving side does it, and by match, as the sending
// side does, each lane having a rule for one destination address.
#pragma once

#include <cstdint>
#include <vector>

namespace lanes::bench {

struct LookupOptions {
    std::uint32_t lanes = 1'000'000;
    unsigned trials = 31;
    unsigned bursts = 16384;  ///< of 64 look-ups, per trial
};

/// Clocks per look-up, a value per trial. All are measured in turn.
struct LookupResult {
    struct Pair {
        std::vector<double> only;    ///< one lane in the table
        std::vector<double> random;  ///< a random one of all
    };
    Pair by_id;
    Pair by_match;
};

/// Throws std::runtime_error with what is wrong.
LookupResult run_lookup(const LookupOptions& options);

}  // namespace lanes::bench
