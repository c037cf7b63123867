// lanes-bench pipeline: the engine alone. One worker, memory ports, no kernel: clocks and
// nanoseconds per packet from receive to transmit, for the sending and the receiving half of a
// lane in the same run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanes::bench {

struct PipelineOptions {
    std::string path = "clear";  ///< patch, clear (sending half), open (receiving half), relay
    unsigned size = 64;          ///< bytes of a frame
    unsigned lanes = 1;          ///< lanes in the table; frames pick one at random
    unsigned rules = 0;          ///< match rules before the one that takes the frames
    unsigned trials = 31;
    unsigned bursts = 4096;  ///< of 64 frames, per trial
};

/// One row of results; medians over trials.
struct PipelineResult {
    double clocks_per_packet = 0;
    double ns_per_packet = 0;
    double mad_percent = 0;  ///< median absolute deviation of the clocks
    double packets_per_second = 0;
    std::uint64_t lost = 0;  ///< packets that did not come out at the far end; must be 0
};

/// Throws std::runtime_error with what is wrong.
PipelineResult run_pipeline(const PipelineOptions& options);

}  // namespace lanes::bench
