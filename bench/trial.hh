// Trial and Testbed: what search, soak and run know of traffic. A Testbed offers frames to a system
// under test and counts what comes out; a Trial is what came of one offer. Every frame that was
// sent is in exactly one of received, corrupt and lost.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

#include "bench/histogram.hh"

namespace lanes::bench {

struct SizeShare;  // bench/traffic/profile.hh

struct Trial {
    double rate_pps = 0;  ///< that was asked for; 0: as fast as the port takes them
    double seconds = 0;   ///< from the first frame sent to the last; at a rate, and one gap more

    std::uint64_t sent = 0;            ///< frames that the generator's port took
    std::uint64_t refused = 0;         ///< frames that it would not take: never sent, not lost
    std::uint64_t received = 0;        ///< whole, and for the first time
    std::uint64_t corrupt = 0;         ///< arrived with other bytes or another length
    std::uint64_t lost = 0;            ///< sent - received - corrupt
    std::uint64_t duplicates = 0;      ///< further copies of received ones
    std::uint64_t reordered = 0;       ///< received after a later one of their flow (RFC 4737)
    std::uint64_t reorder_extent = 0;  ///< greatest distance of those, in frames of the flow
    std::uint64_t foreign = 0;         ///< not of this trial: other traffic, stragglers
    std::uint64_t sink_lost = 0;       ///< of `lost`: by the sink's own port, not by the system
    std::uint64_t sent_bits = 0;       ///< of frames sent, as `size` counts them
    std::uint64_t received_bits = 0;

    Histogram latency_ns;  ///< of received frames, from just before send to just after receive
    Histogram
        variation_ns;       ///< difference to the latency of the frame before, same flow (RFC 5481)
    Histogram lateness_ns;  ///< how late the generator was with each frame or burst

    double loss_ratio() const noexcept {
        return sent == 0 ? 0 : static_cast<double>(lost + corrupt) / static_cast<double>(sent);
    }
    /// Frames per second that were truly offered.
    double offered_pps() const noexcept {
        return seconds <= 0 ? 0 : static_cast<double>(sent) / seconds;
    }
};

/// What the generator can do with nothing behind it.
struct Calibration {
    double ceiling_pps = 0;  ///< frames per second that its port takes at most
    double lateness_p50_ns = 0;
    double lateness_p99_ns = 0;  ///< at half the ceiling
    double lateness_max_ns = 0;
};

class Testbed {
  public:
    virtual ~Testbed() = default;

    /// Offers frames at `rate_pps` (0: as fast as the port takes them) for `seconds`, then waits
    /// for stragglers. Throws std::runtime_error.
    virtual Trial run(double rate_pps, double seconds) = 0;

    /// Offers `frames` back to back, as fast as the port takes them.
    virtual Trial burst(std::uint64_t frames) = 0;

    /// How fast and how evenly the generator sends; what comes out is not looked at.
    virtual Calibration calibrate() = 0;

    /// Mean bits of a frame, as `size` counts them (with FCS, without preamble and gap).
    virtual double frame_bits() const = 0;

    /// Frames of these sizes from now on, as `size` counts them. A testbed whose frames are given
    /// (a capture that it replays) throws std::runtime_error.
    virtual void set_sizes(std::span<const SizeShare>) {
        throw std::runtime_error("the sizes of this traffic are fixed");
    }
};

}  // namespace lanes::bench
