// Cutter: the super-frame that a receive queue is cutting into frames, over as many bursts as that
// takes, and the buffers that the frames lie in. This is the one copy that such frames cost. Used
// by the queues that get super-frames (af_packet, tap, tun), on the worker that owns them.
#pragma once

#include <span>

#include "drivers/segment.hh"
#include "drivers/slots.hh"
#include "engine/frame.hh"

namespace lanes::drivers {

class Cutter {
  public:
    Cutter() = default;

    /// For frames of up to `frame_bytes`.
    static engine::Result<Cutter> create(std::uint32_t frame_bytes) {
        auto slots = Slots::map(engine::burst_max, frame_bytes);
        if (!slots) return slots.error();
        Cutter cutter;
        cutter.slots_ = std::move(*slots);
        return cutter;
    }

    /// The frames of the last burst were released: their buffers may be used again.
    void rewind() noexcept { used_ = 0; }

    /// Starts on a super-frame, whose bytes stay where they are until pending() is false. False
    /// when it cannot be cut, or not into frames that are small enough.
    bool begin(std::span<const std::byte> super, const VnetHeader& offload, Link link) noexcept {
        const auto plan = plan_segments(super, offload, link);
        if (!plan || plan->payload + plan->size > slots_.frame_bytes()) return false;
        super_ = super;
        plan_ = *plan;
        next_ = 0;
        return true;
    }

    /// Whether cut() has not yet given all frames of the super-frame.
    bool pending() const noexcept { return next_ < plan_.count; }

    /// Appends frames to `burst` as long as there is room.
    void cut(engine::Burst& burst) noexcept {
        while (pending() && burst.room() != 0 && used_ < engine::burst_max) {
            const engine::Frame room = slots_.frame(used_, slots_.frame_bytes());
            engine::Frame frame =
                slots_.frame(used_, write_segment(plan_, super_, next_, room.bytes()));
            frame.checksum = engine::Checksum::valid;
            burst.push(frame);
            ++next_;
            ++used_;
        }
    }

  private:
    Slots slots_;
    unsigned used_ = 0;
    std::span<const std::byte> super_;
    SegmentPlan plan_;
    std::uint32_t next_ = 0;
};

}  // namespace lanes::drivers
