// FlowKey: the fields of a frame that a match can ask for, at fixed places of one cache line, so
// that "does this frame match" is an AND and a comparison of 64 bytes.
#pragma once

#include <array>
#include <cstdint>

#include "engine/limits.hh"
#include "engine/port.hh"

namespace lanes {

struct alignas(engine::cache_line) FlowKey {
    std::array<std::uint8_t, 6> destination_mac{};
    std::uint16_t vlan = 0;  ///< tagged flag | VLAN id
    std::array<std::uint8_t, 6> source_mac{};
    std::uint16_t ether_type = 0;  ///< behind the tag; 0 if the frame is too short to have one
    std::array<std::uint8_t, 16> source{};  ///< IPv4 in the first four bytes
    std::array<std::uint8_t, 16> destination{};
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t dscp = 0;
    std::uint8_t version = 0;  ///< 4, 6, or 0: not IP
    std::uint8_t known = 0;    ///< bits below: which fields the frame really has
    std::array<std::uint8_t, 8> unused{};

    static constexpr std::uint16_t tagged = 0x8000;
    static constexpr std::uint8_t has_ip = 1;     ///< protocol, dscp, source, destination
    static constexpr std::uint8_t has_ports = 2;  ///< the two ports
};
static_assert(sizeof(FlowKey) == engine::cache_line);

/// Reads the key of `len` bytes of a frame (`ethernet`) or packet (`ip`). Never reads beyond
/// them; what is missing or broken stays zero. Of fragmented IP packets all but the first have no
/// ports.
FlowKey read_flow_key(const std::byte* data, std::uint32_t len, engine::PortKind kind) noexcept;

}  // namespace lanes
