// Profile: what the frames of a trial look like; plain values, as a scenario file gives them. Every
// size in it is counted as RFC 2544 does: an Ethernet frame with the 4 bytes of FCS that the device
// adds, so 64 is 60 bytes on an Ethernet port and 46 on an IP port. Frames are made, or are those
// of a capture; then nothing is read here but `burst`, `recorded` and `seed`.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/address.hh"

namespace lanes::bench {

struct Replay;  // bench/traffic/replay.hh

/// Bytes of a frame that a port does not see: the FCS, and on IP ports the Ethernet header as well.
inline constexpr std::uint32_t fcs_bytes = 4;
inline constexpr std::uint32_t ethernet_header_bytes = 14;

inline constexpr std::uint32_t flows_max = 1u << 20;
inline constexpr std::uint32_t frames_of_burst_max = 1u << 20;
/// Frames of one cycle of sizes; shares are reduced to the smallest whole ones first.
inline constexpr std::uint32_t cycle_max = 1u << 16;

struct SizeShare {
    std::uint32_t size = 64;
    std::uint32_t weight = 1;  ///< frames of this size in every cycle
    bool operator==(const SizeShare&) const = default;
};

struct Profile {
    /// That the scenario asks for; 0: as fast as the port takes them. Trials name their own.
    double rate_pps = 0;
    std::vector<SizeShare> sizes{SizeShare{}};
    std::uint32_t burst = 1;                           ///< frames that leave together
    std::uint32_t flows = 1;                           ///< flow n: both addresses plus n
    engine::IpAddress source{{198, 18, 0, 1}, false};  ///< RFC 2544, appendix C
    engine::IpAddress destination{{198, 19, 0, 1}, false};
    engine::MacAddress source_mac;       ///< zeros: that of the port that sends
    engine::MacAddress destination_mac;  ///< zeros: that of the port that receives
    std::uint16_t source_port = 49200;
    std::uint16_t destination_port = 9;  ///< discard (RFC 863)
    std::uint64_t seed = 1;  ///< of the payload, the order of sizes and the trials' tags

    /// Frames of a capture in place of made ones; sizes, flows, addresses and ports are of no use
    /// then.
    std::shared_ptr<const Replay> replay;
    /// Replay only: with the gaps of the capture, all stretched alike where a trial asks for
    /// another rate than that of the capture.
    bool recorded = false;

    bool operator==(const Profile&) const = default;
};

/// 28 x 64, 16 x 570, 4 x 1518.
std::vector<SizeShare> imix();

/// The least size that holds headers and stamp: 64, or 84 for IPv6.
std::uint32_t size_min(const Profile& profile) noexcept;

/// Mean bits of a frame, made or replayed; for rates that are given in bits.
double mean_frame_bits(const Profile& profile) noexcept;

}  // namespace lanes::bench
