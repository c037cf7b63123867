// FrameMaker: writes the generator's frames. Everything that the frames of one size have in common
// is a template made once; a frame is a copy of it with both addresses moved on by the number of
// its flow, the checksum over them corrected (RFC 1624, equation 3), and the stamp at its end.
//
// Frames of a capture are used as they are, but for the stamp over their last bytes.
//
// IPv4 UDP goes without a checksum, as most test traffic does; IPv6 UDP must have one. Don't
// Fragment is set, so that a path that is too narrow shows as loss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bench/traffic/profile.hh"
#include "bench/traffic/stamp.hh"
#include "engine/port.hh"

namespace lanes::bench {

class FrameMaker {
  public:
    /// `profile` has been checked and its MAC addresses are those that the frames get; `kind` is
    /// ethernet or ip.
    FrameMaker(const Profile& profile, engine::PortKind kind);

    /// A shape is a frame of one size, or one frame of the capture; they are numbered as
    /// profile.sizes is, or as the capture is.
    std::uint32_t len(unsigned shape) const noexcept { return shapes_[shape].len; }
    std::uint32_t len_max() const noexcept { return len_max_; }

    /// Shapes in the order in which frames have them, over and over: each as often as its weight
    /// says, evenly mixed by chance.
    const std::vector<std::uint32_t>& cycle() const noexcept { return cycle_; }

    /// Bytes of a frame's size that the port does not see.
    std::uint32_t overhead_bytes() const noexcept { return overhead_bytes_; }

    /// Writes all of a frame but the stamp; `to` has room for len(shape).
    void fill(std::byte* to, unsigned shape, std::uint32_t flow) const noexcept;

    /// Finishes a frame that fill() wrote.
    void finish(std::byte* frame, unsigned shape, const Stamp& stamp) const noexcept;

  private:
    struct Shape {
        std::uint32_t len = 0;
        std::uint32_t stamp_at = 0;
        std::uint64_t payload_hash = 0;
        std::span<const std::byte> bytes;  ///< in `made_`, or of the capture
    };

    void make_shapes(const Profile& profile);
    void take_shapes(const Replay& replay, std::uint64_t seed);
    Shape make_shape(const Profile& profile, std::uint32_t size);
    void write_headers(const Profile& profile, std::byte* to, std::uint32_t ip_len) const;
    void make_cycle(const Profile& profile);

    std::uint32_t overhead_bytes_;
    std::uint32_t ip_at_;   ///< offset of the IP header
    std::uint32_t udp_at_;  ///< and of the UDP header
    bool v6_;
    std::uint64_t without_addresses_;  ///< what adding takes both addresses out of a sum
    std::uint32_t len_max_ = 0;
    std::vector<Shape> shapes_;
    std::vector<std::uint32_t> cycle_;
    std::vector<std::vector<std::byte>> made_;
    std::shared_ptr<const Replay> replay_;
};

/// The payload of `bytes` bytes before the stamp that every frame of this seed has.
std::vector<std::byte> make_payload(std::uint64_t seed, std::size_t bytes);

}  // namespace lanes::bench
