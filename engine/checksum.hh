// The Internet checksum (RFC 1071) in parts: sums of 16-bit words that can be added in any order
// and folded at the end. Words are summed in memory order, so a folded sum is stored as it is,
// without swapping bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lanes::engine {

/// The sum of the 16-bit words of [data, data + len), an odd last byte taken as if followed by
/// zero. Not folded.
inline std::uint64_t checksum_sum(const std::byte* data, std::size_t len) noexcept {
    std::uint64_t sum = 0;
    std::size_t at = 0;
    for (; at + 4 <= len; at += 4) {
        std::uint32_t word;
        std::memcpy(&word, data + at, 4);
        sum += word;
    }
    if (len - at >= 2) {
        std::uint16_t word;
        std::memcpy(&word, data + at, 2);
        sum += word;
        at += 2;
    }
    if (at < len) {
        std::uint8_t last[2] = {static_cast<std::uint8_t>(data[at]), 0};
        std::uint16_t word;
        std::memcpy(&word, last, 2);
        sum += word;
    }
    return sum;
}

/// Folds a sum to 16 bits, in memory order, not complemented.
inline std::uint16_t checksum_fold(std::uint64_t sum) noexcept {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

/// What goes into a checksum field: the complement of the folded sum, in memory order.
inline std::uint16_t checksum_finish(std::uint64_t sum) noexcept {
    return static_cast<std::uint16_t>(~checksum_fold(sum));
}

/// The 16-bit value as it stands in memory in network byte order, for adding to a sum.
inline std::uint16_t checksum_word(std::uint16_t value) noexcept {
    return __builtin_bswap16(value);
}

}  // namespace lanes::engine
