// Words for messages: joining them, showing what was found without letting it harm a terminal,
// naming the nearest valid word, and telling text from bytes that are no text. Every file of
// config that reports something uses these; set-up path only, nothing here is ever hot.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lanes::config {

/// The parts, one behind the other.
template <typename... Parts>
std::string say(const Parts&... parts) {
    std::string all;
    (all.append(std::string_view(parts)), ...);
    return all;
}

/// `text` between backticks; control characters and bytes that are not UTF-8 as \xNN, and no more
/// than 64 bytes of it. Nothing of a text that has a key in it (43 letters of base64 and a `=`).
std::string shown(std::string_view text);

/// Whether `text` is a key rather than a name, or has one in it: also one in hex, of the other
/// base64 alphabet, or cut short. A name that looks so by accident can be written with a dot.
bool looks_like_key(std::string_view text);

/// "a, b, c", each made harmless as shown() does; beyond sixteen words "and N more".
std::string listed(std::span<const std::string_view> words);

/// The word nearest to `text` by edit distance (Damerau's, adjacent letters swapped count one), or
/// nothing when none is close enough to be a likely slip.
std::optional<std::string_view> nearest(std::string_view text,
                                        std::span<const std::string_view> words);

/// "; did you mean `word`?" for the nearest word, or "".
std::string did_you_mean(std::string_view text, std::span<const std::string_view> words);

/// What makes bytes no text.
struct BadText {
    std::size_t offset;
    std::string_view what;    ///< "a NUL byte"
    std::string_view remedy;  ///< "remove it"
};

/// The first thing in `bytes` that is not UTF-8 (RFC 3629) or that no text file contains (control
/// characters but tab and line ends; a carriage return that no line feed follows).
std::optional<BadText> find_bad_text(std::string_view bytes);

}  // namespace lanes::config
