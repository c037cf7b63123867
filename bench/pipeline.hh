// lanes-bench pipeline: the engine alone. One worker, memory ports, no kernel: clocks and
// nanoseconds per packet from receive to transmit, for the sending and the receiving half of a
// lane in the same run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lanes::bench {

struct PipelineOptions {
    /// patch; clear and receive: the halves of a clear lane; seal and open: of a sealed one
    std::string path = "clear";
    std::string suite = "aes-256-gcm";  ///< seal, open; or chacha20-poly1305
    std::string backend = "auto";       ///< seal, open; or ipsec-mb, libsodium
    unsigned size = 64;                 ///< bytes of a frame
    unsigned lanes = 1;                 ///< lanes in the table; frames pick one at random
    unsigned rules = 0;                 ///< match rules before the one that takes the frames
    unsigned trials = 31;
    unsigned bursts = 4096;  ///< of 64 frames, per trial
};

/// One row of results; medians over trials.
struct PipelineResult {
    double clocks_per_packet = 0;
    double ns_per_packet = 0;
    double mad_percent = 0;  ///< median absolute deviation of the clocks
    double packets_per_second = 0;
    std::string backend;       ///< seal, open: that was used
    double bare_clocks = 0;    ///< seal, open: the cipher alone
    double ratio_to_bare = 0;  ///< median of the trials' ratios
    double ratio_mad_percent = 0;
    double library_clocks = 0;    ///< AES-GCM of ipsec-mb: the library's call, packet by packet
    double ratio_to_library = 0;  ///< median of the trials' ratios
    std::uint64_t lost = 0;       ///< packets that did not come out at the far end; must be 0
};

/// Throws std::runtime_error with what is wrong.
PipelineResult run_pipeline(const PipelineOptions& options);

}  // namespace lanes::bench
