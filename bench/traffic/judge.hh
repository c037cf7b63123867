// FrameJudge: what the sink thinks of a frame. It is strict about what the system under test must
// not change (lengths, IP and UDP checksums, UDP ports, payload, stamp) and does not look at what a
// bridge, a router or a tunnel may (MAC addresses, VLAN tags, DSCP, TTL, addresses as long as the
// checksums follow).
//
// A frame is known for one of ours by its UDP ports; when those are not to be found, by a stamp at
// its end that would be whole behind the payload of a frame of this length. Frames of a capture are
// left to ReplayJudge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bench/traffic/profile.hh"
#include "bench/traffic/replay_judge.hh"
#include "bench/traffic/stamp.hh"
#include "bench/traffic/verdict.hh"
#include "engine/port.hh"

namespace lanes::bench {

class FrameJudge {
  public:
    FrameJudge(const Profile& profile, engine::PortKind kind);

    /// Sets `stamp` if the verdict is whole or damaged.
    Verdict judge(std::span<const std::byte> frame, Stamp& stamp) const noexcept;

  private:
    struct Payload {
        std::uint32_t len;
        std::uint64_t hash;
    };
    /// How far a frame's headers could be followed.
    enum class Headers : std::uint8_t { unknown, ours, sound };
    struct Datagram {
        std::size_t payload_at = 0;
        std::size_t end = 0;
    };

    Headers follow(std::span<const std::byte> frame, Datagram& datagram) const noexcept;
    Headers follow_v4(std::span<const std::byte> packet, Datagram& datagram) const noexcept;
    Headers follow_v6(std::span<const std::byte> packet, Datagram& datagram) const noexcept;
    Headers follow_udp(std::span<const std::byte> packet, std::size_t udp_at, std::size_t end,
                       Datagram& datagram) const noexcept;
    bool find_stamp(std::span<const std::byte> frame, Stamp& stamp) const noexcept;

    bool ethernet_;
    bool v6_;
    std::uint16_t source_port_;
    std::uint16_t destination_port_;
    std::uint64_t seed_;
    std::vector<Payload> payloads_;
    std::optional<ReplayJudge> replay_;  ///< decides instead if there is one
};

}  // namespace lanes::bench
