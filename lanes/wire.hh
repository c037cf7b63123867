// The wire format of Lanes/1: every offset, size and number of a lane packet in one place, with
// the functions that read and write its parts. lanes/PROTOCOL.md is the normative text.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/bytes.hh"

namespace lanes::wire {

using engine::load_be;
using engine::store_be;

inline constexpr std::uint32_t header_bytes = 16;
inline constexpr std::uint32_t inner_bytes = 4;     ///< kind, flags, length of an inner packet
inline constexpr std::uint32_t fragment_bytes = 8;  ///< what a fragment's body starts with
inline constexpr std::uint32_t tag_bytes = 16;      ///< behind the inner packet of a sealed lane
inline constexpr std::uint32_t announce_bytes = 144;
/// A sealed packet is padded to at least this, so that Ethernet never pads it and the tag is its
/// last 16 bytes on every carrier.
inline constexpr std::uint32_t sealed_bytes_min = 46;
inline constexpr std::uint32_t body_bytes_max = 65535;
inline constexpr std::uint16_t control_subspace = 0xffff;
inline constexpr unsigned fragments_max = 64;  ///< pieces of one inner packet

inline constexpr std::uint16_t ether_type = 0x88b5;  ///< IEEE 802 local experimental 1
inline constexpr std::uint32_t ethernet_payload_min = 46;

enum class Type : std::uint8_t { data = 0x11, announce = 0x12, repair = 0x13 };

enum class Kind : std::uint8_t {
    heartbeat = 0,
    ipv4 = 1,
    ipv6 = 2,
    ethernet = 3,
    datagram = 4,
    stream = 5,
    fragment = 6,
    bundle = 7,
};

/// Offsets within the 16-byte header, for writers that patch a template.
inline constexpr std::uint32_t epoch_at = 1;
inline constexpr std::uint32_t subspace_at = 2;
inline constexpr std::uint32_t lane_at = 4;
inline constexpr std::uint32_t sequence_at = 8;

struct Header {
    std::uint8_t type = 0;
    std::uint8_t epoch = 0;
    std::uint16_t subspace = 0;
    std::uint32_t lane = 0;
    std::uint64_t sequence = 0;
};

/// `from` has header_bytes readable bytes.
inline Header read_header(const std::byte* from) noexcept {
    return {static_cast<std::uint8_t>(from[0]), static_cast<std::uint8_t>(from[1]),
            load_be<std::uint16_t>(from + subspace_at), load_be<std::uint32_t>(from + lane_at),
            load_be<std::uint64_t>(from + sequence_at)};
}

inline void write_header(std::byte* to, const Header& header) noexcept {
    to[0] = std::byte{header.type};
    to[1] = std::byte{header.epoch};
    store_be(to + subspace_at, header.subspace);
    store_be(to + lane_at, header.lane);
    store_be(to + sequence_at, header.sequence);
}

struct Inner {
    std::uint8_t kind = 0;
    std::uint8_t flags = 0;
    std::uint16_t length = 0;  ///< bytes of the body
};

inline Inner read_inner(const std::byte* from) noexcept {
    return {static_cast<std::uint8_t>(from[0]), static_cast<std::uint8_t>(from[1]),
            load_be<std::uint16_t>(from + 2)};
}

inline void write_inner(std::byte* to, Kind kind, std::uint32_t length) noexcept {
    to[0] = std::byte{static_cast<std::uint8_t>(kind)};
    to[1] = std::byte{0};
    store_be(to + 2, static_cast<std::uint16_t>(length));
}

/// A piece of an inner packet (its four header bytes included). Piece `index` holds the bytes from
/// index * stride on; all but the last have exactly `stride` bytes.
struct Fragment {
    std::uint32_t id = 0;      ///< which inner packet of this subspace
    std::uint8_t index = 0;    ///< 0 to count - 1
    std::uint8_t count = 0;    ///< 2 to fragments_max
    std::uint16_t stride = 0;  ///< at least 1
};

inline Fragment read_fragment(const std::byte* from) noexcept {
    return {load_be<std::uint32_t>(from), static_cast<std::uint8_t>(from[4]),
            static_cast<std::uint8_t>(from[5]), load_be<std::uint16_t>(from + 6)};
}

inline void write_fragment(std::byte* to, const Fragment& fragment) noexcept {
    store_be(to, fragment.id);
    to[4] = std::byte{fragment.index};
    to[5] = std::byte{fragment.count};
    store_be(to + 6, fragment.stride);
}

/// Whether all of [from, from + len) is zero, as padding must be.
inline bool all_zero(const std::byte* from, std::size_t len) noexcept {
    std::byte seen{0};
    for (std::size_t i = 0; i < len; ++i) seen |= from[i];
    return seen == std::byte{0};
}

}  // namespace lanes::wire
