// Text that no receiver of the log can be harmed by, as every sink writes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lanes::engine {

/// UTF-8 that stays on its line and steers no terminal: control characters (C0, DEL, C1), line and
/// paragraph separators, changes of direction, and bytes that are not UTF-8, each byte as \xNN.
/// Longer than `bytes_max` is cut short and ends in "...".
std::string harmless(std::string_view text, std::size_t bytes_max);

}  // namespace lanes::engine
