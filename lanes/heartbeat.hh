// The heartbeat: what a sender's Control says every second in subspace 0xFFFF, and what a receiver
// learns from it: that the sender lives, how many packets it has sent, and, from one heartbeat to
// the next, how much longer the way took. Written by Control, read by workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/limits.hh"
#include "lanes/wire.hh"

namespace lanes {

inline constexpr std::uint32_t heartbeat_fixed_bytes = 10;  ///< now(8) count(2)
inline constexpr std::uint32_t heartbeat_bytes_max =
    heartbeat_fixed_bytes + 8 * engine::workers_max;

/// Writes the inner packet of a heartbeat, with its inner header; returns its length. `next` holds
/// the next sequence number of each subspace, at most workers_max.
inline std::uint32_t write_heartbeat(std::byte* to, std::uint64_t now_ns,
                                     std::span<const std::uint64_t> next) noexcept {
    const auto body = static_cast<std::uint32_t>(heartbeat_fixed_bytes + 8 * next.size());
    wire::write_inner(to, wire::Kind::heartbeat, body);
    to += wire::inner_bytes;
    wire::store_be(to, now_ns);
    wire::store_be(to + 8, static_cast<std::uint16_t>(next.size()));
    for (std::size_t i = 0; i < next.size(); ++i) {
        wire::store_be(to + heartbeat_fixed_bytes + 8 * i, next[i]);
    }
    return wire::inner_bytes + body;
}

struct Heartbeat {
    std::uint64_t now_ns = 0;         ///< the sender's CLOCK_REALTIME
    unsigned subspaces = 0;           ///< at most workers_max
    const std::byte* next = nullptr;  ///< eight bytes for each

    std::uint64_t next_of(unsigned subspace) const noexcept {
        return wire::load_be<std::uint64_t>(next + std::size_t{8} * subspace);
    }
};

/// Reads a heartbeat's body of `len` bytes; false when its lengths do not fit.
inline bool read_heartbeat(const std::byte* body, std::uint32_t len,
                           Heartbeat& heartbeat) noexcept {
    if (len < heartbeat_fixed_bytes) return false;
    const std::uint32_t count = wire::load_be<std::uint16_t>(body + 8);
    if (count > engine::workers_max || len != heartbeat_fixed_bytes + 8 * count) return false;
    heartbeat = {wire::load_be<std::uint64_t>(body), count, body + heartbeat_fixed_bytes};
    return true;
}

}  // namespace lanes
