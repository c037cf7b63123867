// Slots: the frame buffers of one queue whose device moves bytes by system calls (tap, tun, udp,
// pcap). A queue holds the frames of one burst at a time, so a slot is free again when the burst
// is released and nothing needs to be kept of which slot is in use.
#pragma once

#include <utility>

#include "engine/frame.hh"
#include "engine/limits.hh"
#include "engine/region.hh"

namespace lanes::drivers {

class Slots {
  public:
    Slots() = default;

    /// `count` buffers of `frame_bytes` each, with headroom_bytes before and tailroom_bytes behind.
    static engine::Result<Slots> map(unsigned count, std::uint32_t frame_bytes) {
        constexpr std::size_t line = engine::cache_line;
        std::size_t stride = engine::headroom_bytes + frame_bytes + engine::tailroom_bytes;
        stride = (stride + line - 1) / line * line;
        // An odd number of lines: the first lines of all slots fall into different cache sets.
        if (stride / line % 2 == 0) stride += line;
        auto region = engine::Region::map(count * stride, engine::Region::Pages::small);
        if (!region) return region.error();
        Slots slots;
        slots.region_ = std::move(*region);
        slots.stride_ = stride;
        slots.frame_bytes_ = frame_bytes;
        return slots;
    }

    std::uint32_t frame_bytes() const noexcept { return frame_bytes_; }
    std::byte* data(unsigned slot) const noexcept {
        return region_.data() + slot * stride_ + engine::headroom_bytes;
    }
    /// The first `len` bytes of a slot as a frame, all room that is left around it declared.
    engine::Frame frame(unsigned slot, std::uint32_t len) const noexcept {
        engine::Frame frame;
        frame.data = data(slot);
        frame.len = len;
        frame.headroom = engine::headroom_bytes;
        frame.tailroom = engine::tailroom_bytes + frame_bytes_ - len;
        frame.token = slot;
        return frame;
    }

  private:
    engine::Region region_;
    std::size_t stride_ = 0;
    std::uint32_t frame_bytes_ = 0;
};

}  // namespace lanes::drivers
