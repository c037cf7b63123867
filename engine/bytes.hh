// Reading and writing integers in network byte order at any alignment. Every wire format of the
// project goes through these functions; nothing is ever cast to a struct.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lanes::engine {

constexpr std::uint8_t swap_bytes(std::uint8_t value) noexcept {
    return value;
}
constexpr std::uint16_t swap_bytes(std::uint16_t value) noexcept {
    return __builtin_bswap16(value);
}
constexpr std::uint32_t swap_bytes(std::uint32_t value) noexcept {
    return __builtin_bswap32(value);
}
constexpr std::uint64_t swap_bytes(std::uint64_t value) noexcept {
    return __builtin_bswap64(value);
}

/// The big-endian integer at `from`, which must have sizeof(T) readable bytes.
template <std::unsigned_integral T>
T load_be(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    if constexpr (std::endian::native == std::endian::little) value = swap_bytes(value);
    return value;
}

/// Stores `value` big-endian at `to`, which must have sizeof(T) writable bytes.
template <std::unsigned_integral T>
void store_be(std::byte* to, T value) noexcept {
    if constexpr (std::endian::native == std::endian::little) value = swap_bytes(value);
    std::memcpy(to, &value, sizeof value);
}

}  // namespace lanes::engine
