// See log_text.hh.
#include "engine/log_text.hh"

#include <algorithm>
#include <cstdint>

#include "engine/utf8.hh"

namespace lanes::engine {
namespace {

constexpr std::string_view cut = "...";

bool harms(std::uint32_t value) noexcept {
    if (value < 0x20 || (value >= 0x7f && value < 0xa0)) return true;
    // Separators of lines; embeddings, overrides and isolates, which reorder what follows.
    return (value >= 0x2028 && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

void append_hex(std::string& out, char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = static_cast<std::uint8_t>(byte);
    out += "\\x";
    out += digits[value >> 4];
    out += digits[value & 15];
}

}  // namespace

std::string harmless(std::string_view text, std::size_t bytes_max) {
    const std::size_t room = bytes_max - std::min(bytes_max, cut.size());
    std::string result;
    std::size_t good = 0;  // bytes of the result that leave room for the dots
    while (!text.empty() && result.size() <= bytes_max) {
        const CodePoint point = decode_utf8(text);
        const std::size_t len = std::max<std::size_t>(point.len, 1);
        if (point.len == 0 || harms(point.value)) {
            for (const char c : text.substr(0, len)) append_hex(result, c);
        } else {
            result += text.substr(0, len);
        }
        text.remove_prefix(len);
        if (result.size() <= room) good = result.size();
    }
    if (result.size() <= bytes_max) return result;
    result.resize(good);
    return result.append(cut.substr(0, bytes_max - good));
}

}  // namespace lanes::engine
