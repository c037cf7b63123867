// Cutting super-frames (up to 64 KiB of one TCP or UDP flow, made by segmentation offload or by
// GRO) into frames of the size that the link has, and completing transport checksums that the
// sending kernel left to the device. A raw socket gets both from local senders on virtual links;
// nothing of it may reach another wire. Pure functions over bytes; called by the worker whose
// af_packet queue received the frame. What is written follows the kernel's own segmentation
// (net/ipv4/tcp_offload.c, udp_offload.c): IP ids count up, FIN and PSH stay on the last segment,
// CWR on the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace lanes::drivers {

/// struct virtio_net_hdr of <linux/virtio_net.h>, which is no C++; native byte order.
struct VnetHeader {
    static constexpr std::uint8_t needs_checksum = 1;  ///< flags: csum_start, csum_offset are valid
    static constexpr std::uint8_t data_valid = 2;      ///< flags: checksum was verified
    static constexpr std::uint8_t gso_none = 0;
    static constexpr std::uint8_t gso_tcp_v4 = 1;
    static constexpr std::uint8_t gso_tcp_v6 = 4;
    static constexpr std::uint8_t gso_udp_l4 = 5;
    static constexpr std::uint8_t gso_ecn = 0x80;  ///< or-ed to the type

    std::uint8_t flags = 0;
    std::uint8_t gso_type = gso_none;
    std::uint16_t hdr_len = 0;
    std::uint16_t gso_size = 0;     ///< payload bytes of each segment
    std::uint16_t csum_start = 0;   ///< from the first byte of the frame
    std::uint16_t csum_offset = 0;  ///< from csum_start
};
static_assert(sizeof(VnetHeader) == 10);

/// How a super-frame comes apart; offsets from its first byte.
struct SegmentPlan {
    std::uint32_t ip = 0;         ///< IP header
    std::uint32_t transport = 0;  ///< TCP or UDP header
    std::uint32_t payload = 0;    ///< also the bytes of all headers
    std::uint32_t size = 0;       ///< payload bytes of each segment but the last
    std::uint32_t count = 0;      ///< segments
    bool v6 = false;
    bool tcp = false;
    bool checksum = true;  ///< false: UDP over IPv4 without one
};

/// Reads the headers of an Ethernet super-frame (VLAN tags allowed). Nothing when they do not fit
/// the offload type: truncated, or a tunnel around the flow.
std::optional<SegmentPlan> plan_segments(std::span<const std::byte> super,
                                         const VnetHeader& offload) noexcept;

/// Writes segment `index` (below plan.count) to `to` and returns its length; 0 when `to` is
/// shorter than that.
std::uint32_t write_segment(const SegmentPlan& plan, std::span<const std::byte> super,
                            std::uint32_t index, std::span<std::byte> to) noexcept;

/// Completes the checksum that `offload` (flags: needs_checksum) describes. False when its offsets
/// lie outside of the frame.
bool complete_checksum(std::span<std::byte> frame, const VnetHeader& offload) noexcept;

}  // namespace lanes::drivers
