// What stands between our std::byte and the libraries' unsigned char, and big-endian stores. Two
// functions of engine/bytes.hh written again, because this folder includes nothing of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lanes::crypto {

using Bytes = std::span<const std::byte>;

inline unsigned char* octets(std::byte* bytes) noexcept {
    return reinterpret_cast<unsigned char*>(bytes);
}
inline const unsigned char* octets(const std::byte* bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes);
}

/// Never null, as the libraries will have it even where there is nothing to read.
inline const unsigned char* octets(Bytes bytes) noexcept {
    static constexpr unsigned char none = 0;
    return bytes.empty() ? &none : octets(bytes.data());
}

/// The bytes of a string constant, without a final zero.
inline Bytes bytes_of(std::string_view text) noexcept {
    return std::as_bytes(std::span(text));
}

/// Writes the low `sizeof(T)` bytes of `value`, most significant first.
template <typename T>
inline void store_big(std::byte* to, T value) noexcept {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        to[i] = static_cast<std::byte>(value >> 8 * (sizeof(T) - 1 - i));
    }
}

}  // namespace lanes::crypto
