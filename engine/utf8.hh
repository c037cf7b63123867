// UTF-8, one code point at a time. By hand: RFC 3629 section 4 is six ranges, less than what a
// library would ask for in return. For what reads files and for what writes the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lanes::engine {

struct CodePoint {
    std::uint32_t value;
    std::size_t len;  ///< bytes; 0: not UTF-8
};

/// The code point at the start of `bytes`, which is not empty.
inline CodePoint decode_utf8(std::string_view bytes) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || bytes.size() < len) return {0, 0};
    std::uint32_t value = first & (0x7fu >> len);
    for (std::size_t i = 1; i < len; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {0, 0};
        value = value << 6 | (byte(i) & 0x3fu);
    }
    const std::uint32_t least = len == 4 ? 0x10000 : len == 3 ? 0x800 : 0x80;
    if (value < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return {0, 0};
    return {value, len};
}

}  // namespace lanes::engine
