// See text.hh.
#include "config/text.hh"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "engine/log_text.hh"
#include "engine/utf8.hh"

namespace lanes::config {
namespace {

constexpr std::size_t shown_bytes_max = 64;
constexpr std::size_t listed_max = 16;
constexpr std::size_t key_letters = 43;  ///< of base64 for 32 bytes, without the padding
/// Longer words are not compared: nobody means a key of 64 letters.
constexpr std::size_t nearest_bytes_max = 64;

bool is_control(std::uint32_t value) {
    return value < 0x20 || (value >= 0x7f && value < 0xa0 && value != 0x85) || value == 0xfffe ||
           value == 0xffff;
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

constexpr std::string_view hidden_key = "(a key, not shown)";

/// `text` as a terminal may have it.
std::string harmless(std::string_view text) {
    return engine::harmless(text, shown_bytes_max);
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
    return contains_key(text) ? std::string(hidden_key) : say("`", harmless(text), "`");
}

std::string listed(std::span<const std::string_view> words) {
    std::string result;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i == listed_max) {
            return result + " and " + std::to_string(words.size() - i) + " more";
        }
        if (i > 0) result += ", ";
        result += contains_key(words[i]) ? std::string(hidden_key) : harmless(words[i]);
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
    return word ? say("; did you mean ", shown(*word), "?") : std::string();
}

std::optional<BadText> find_bad_text(std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size();) {
        const char c = bytes[i];
        if (c >= 0x20 && c < 0x7f) {
            ++i;
            continue;
        }
        const engine::CodePoint point = engine::decode_utf8(bytes.substr(i));
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
