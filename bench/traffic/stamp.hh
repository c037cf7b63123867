// Stamp: the last 18 bytes of every frame that the generator makes, by which the sink knows it. In
// a 60-byte Ethernet frame they are all there is behind the UDP header.
//
//    0  1  magic
//    1  1  tag of the trial
//    2  3  flow
//    5  4  sequence within the flow
//    9  5  nanoseconds since the trial's epoch, modulo 2^40 (18 minutes)
//   14  4  checksum: XXH3 of bytes 0 to 13, seeded with the XXH3 of the UDP payload before the
//   stamp
//
// The payload of a size never changes, so the generator hashes 14 bytes per frame; the sink hashes
// what arrived. Chaining the two hashes instead of hashing all at once is what allows that, and
// lets the sink believe a stamp whose payload was damaged. All integers are big-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lanes::bench {

inline constexpr std::uint32_t stamp_bytes = 18;
inline constexpr std::uint64_t stamp_time_mask = (std::uint64_t{1} << 40) - 1;

struct Stamp {
    std::uint8_t tag = 0;
    std::uint32_t flow = 0;      ///< 24 bits
    std::uint32_t sequence = 0;  ///< the low 32 bits; the tracker knows the rest
    std::uint64_t time_ns = 0;   ///< 40 bits
};

/// Seed of the checksum of stamps behind `payload`.
std::uint64_t hash_payload(std::span<const std::byte> payload, std::uint64_t seed) noexcept;

/// `to` has stamp_bytes writable bytes.
void write_stamp(std::byte* to, const Stamp& stamp, std::uint64_t payload_hash) noexcept;

/// Reads the stamp_bytes bytes at `from` if they are a stamp behind such a payload; else false, and
/// `stamp` is as it was.
bool read_stamp(const std::byte* from, std::uint64_t payload_hash, Stamp& stamp) noexcept;

}  // namespace lanes::bench
