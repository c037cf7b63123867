// MAC addresses that follow from an IP address alone: those of multicast groups and of broadcast.
// Nobody needs to be asked for them. For the drivers that answer Port::next_hop().
#pragma once

#include <cstdint>
#include <optional>

#include "engine/address.hh"

namespace lanes::drivers {

inline constexpr engine::MacAddress broadcast_mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// RFC 1112, 6.4 and RFC 2464, 7: the MAC address of a multicast group is made from the group's.
/// Nothing for an address of one host.
inline std::optional<engine::MacAddress> group_mac(const engine::IpAddress& ip) noexcept {
    const auto& b = ip.bytes;
    if (ip.v6) {
        if (b[0] != 0xff) return std::nullopt;
        return engine::MacAddress{{0x33, 0x33, b[12], b[13], b[14], b[15]}};
    }
    if (b[0] == 255 && b[1] == 255 && b[2] == 255 && b[3] == 255) return broadcast_mac;
    if (b[0] < 224 || b[0] > 239) return std::nullopt;
    return engine::MacAddress{
        {0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]}};
}

}  // namespace lanes::drivers
