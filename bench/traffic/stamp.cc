// See stamp.hh.
#include "bench/traffic/stamp.hh"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/bytes.hh"

namespace lanes::bench {
namespace {

using engine::load_be;
using engine::store_be;

constexpr auto magic = std::byte{0x4c};
constexpr std::uint32_t checked_bytes = stamp_bytes - 4;

std::uint32_t checksum_of(const std::byte* stamp, std::uint64_t payload_hash) noexcept {
    return static_cast<std::uint32_t>(XXH3_64bits_withSeed(stamp, checked_bytes, payload_hash));
}

}  // namespace

std::uint64_t hash_payload(std::span<const std::byte> payload, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(payload.data(), payload.size(), seed);
}

void write_stamp(std::byte* to, const Stamp& stamp, std::uint64_t payload_hash) noexcept {
    to[0] = magic;
    to[1] = std::byte{stamp.tag};
    to[2] = static_cast<std::byte>(stamp.flow >> 16);
    store_be<std::uint16_t>(to + 3, static_cast<std::uint16_t>(stamp.flow));
    store_be<std::uint32_t>(to + 5, stamp.sequence);
    to[9] = static_cast<std::byte>(stamp.time_ns >> 32);
    store_be<std::uint32_t>(to + 10, static_cast<std::uint32_t>(stamp.time_ns));
    store_be<std::uint32_t>(to + checked_bytes, checksum_of(to, payload_hash));
}

bool read_stamp(const std::byte* from, std::uint64_t payload_hash, Stamp& stamp) noexcept {
    if (from[0] != magic) return false;
    if (load_be<std::uint32_t>(from + checked_bytes) != checksum_of(from, payload_hash)) {
        return false;
    }
    stamp.tag = static_cast<std::uint8_t>(from[1]);
    stamp.flow = static_cast<std::uint32_t>(from[2]) << 16 | load_be<std::uint16_t>(from + 3);
    stamp.sequence = load_be<std::uint32_t>(from + 5);
    stamp.time_ns = static_cast<std::uint64_t>(from[9]) << 32 | load_be<std::uint32_t>(from + 10);
    return true;
}

}  // namespace lanes::bench
