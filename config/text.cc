// See text.hh. UTF-8 is checked by hand: RFC 3629 section 4 is six ranges, less than what a library
// would ask for in return.
#include "config/text.hh"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace lanes::config {
namespace {

constexpr std::size_t shown_bytes_max = 64;
constexpr std::size_t listed_max = 16;
constexpr std::size_t key_letters = 43;  ///< of base64 for 32 bytes, without the padding
/// Longer words are not compared: nobody means a key of 64 letters.
constexpr std::size_t nearest_bytes_max = 64;

struct CodePoint {
    std::uint32_t value;
    std::size_t len;  ///< bytes; 0: not UTF-8
};

/// The code point at the start of `bytes`, which is not empty.
CodePoint decode(std::string_view bytes) {
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

bool is_control(std::uint32_t value) {
    return value < 0x20 || (value >= 0x7f && value < 0xa0 && value != 0x85) || value == 0xfffe ||
           value == 0xffff;
}

void append_hex(std::string& out, char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = static_cast<std::uint8_t>(byte);
    out += "\\x";
    out += digits[value >> 4];
    out += digits[value & 15];
}

/// Optimal string alignment distance: insert, delete, replace, swap of neighbours; each costs one.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return last[b.size()];
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (c == '-') c = '_';
    }
    return result;
}

bool is_base64(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

/// Whether the text of a key is somewhere in `text`.
bool contains_key(std::string_view text) {
    std::size_t run = 0;
    for (const char c : text) {
        if (c == '=' && run >= key_letters) return true;
        run = is_base64(c) ? run + 1 : 0;
    }
    return false;
}

}  // namespace

bool looks_like_key(std::string_view text) {
    if (contains_key(text)) return true;
    std::size_t upper = 0, lower = 0, digits = 0, hex = 0;
    for (const char c : text) {
        if (!is_base64(c) && c != '-' && c != '_' && c != '=') return false;
        if (c >= 'A' && c <= 'Z') ++upper;
        if (c >= 'a' && c <= 'z') ++lower;
        if (c >= '0' && c <= '9') ++digits;
        if (std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos) ++hex;
    }
    if (text.size() == 64 && hex == 64) return true;
    // A word or a path of this length rarely has all three; 40 random letters always do.
    return text.size() >= 40 && text.size() <= 88 && upper >= 4 && lower >= 4 && digits >= 1;
}

std::string shown(std::string_view text) {
    if (contains_key(text)) return "(a key, not shown)";
    std::string result = "`";
    while (!text.empty()) {
        const CodePoint point = decode(text);
        const std::size_t len = std::max<std::size_t>(point.len, 1);
        if (result.size() + len > shown_bytes_max) {
            result += "...";
            break;
        }
        if (point.len == 0 || is_control(point.value) || point.value == 0x85) {
            for (const char c : text.substr(0, len)) append_hex(result, c);
        } else {
            result += text.substr(0, len);
        }
        text.remove_prefix(len);
    }
    return result + '`';
}

std::string listed(std::span<const std::string_view> words) {
    std::string result;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i == listed_max) {
            return result + " and " + std::to_string(words.size() - i) + " more";
        }
        if (i > 0) result += ", ";
        result += words[i];
    }
    return result;
}

std::optional<std::string_view> nearest(std::string_view text,
                                        std::span<const std::string_view> words) {
    if (text.empty() || text.size() > nearest_bytes_max) return std::nullopt;
    const std::string wanted = lower(text);
    std::optional<std::string_view> best;
    std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
    for (const std::string_view word : words) {
        if (word.size() > nearest_bytes_max) continue;
        const std::size_t here = distance(wanted, lower(word));
        if (here < best_distance && here < word.size()) {
            best = word;
            best_distance = here;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view text, std::span<const std::string_view> words) {
    const auto word = nearest(text, words);
    return word ? say("; did you mean `", *word, "`?") : std::string();
}

std::optional<BadText> find_bad_text(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const char c = bytes[i];
        if (c >= 0x20 && c < 0x7f) {
            ++i;
            continue;
        }
        const CodePoint point = decode(bytes.substr(i));
        if (point.len == 0) {
            return BadText{i, "a byte that is not UTF-8", "save the file as UTF-8"};
        }
        if (c == '\0') return BadText{i, "a NUL byte", "remove it; is this a text file?"};
        if (c == '\r' && (i + 1 == bytes.size() || bytes[i + 1] != '\n')) {
            return BadText{i, "a carriage return without a line feed",
                           "end lines with a line feed, or with both"};
        }
        if (is_control(point.value) && c != '\t' && c != '\n' && c != '\r') {
            return BadText{i, "a control character", "remove it"};
        }
        i += point.len;
    }
    return std::nullopt;
}

}  // namespace lanes::config
