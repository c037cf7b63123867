// A node file as a tree of marked nodes: yaml-cpp's events, and nothing of its Node. yaml-cpp 0.7
// lets duplicate keys pass, follows aliases into cycles and reads 010 as 8; here the scalars stay
// text and whatever a node file has no use for (anchors, aliases, tags, a second document, keys
// that are not words) is refused with its place. config.cc calls it; nobody else sees YAML.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hh"

namespace lanes::config {

inline constexpr std::size_t node_file_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t tree_depth_max = 16;
/// Scalars, lists and maps of one file; what 16 MiB of lanes contain, and a bound on memory.
inline constexpr std::size_t tree_nodes_max = 4'000'000;
/// yaml-cpp looks ahead from an open bracket, and keeps some 240 bytes for each one behind it.
inline constexpr std::size_t tree_brackets_max = 1'000'000;

struct Node {
    enum class Kind : std::uint8_t {
        nothing,  ///< no value, `~` or `null`
        scalar,
        list,
        map,
        broken,  ///< already reported; whoever meets it says nothing more
    };

    Kind kind = Kind::nothing;
    bool quoted = false;  ///< scalar: in quotes or a block, so never a number
    Place at;
    Place key_at;                ///< as a member of a map
    std::string key;             ///< as a member of a map
    std::string text;            ///< scalar
    std::vector<Node> children;  ///< list, map (in file order, keys unique)

    /// The member of that key, or nullptr.
    const Node* find(std::string_view wanted) const noexcept;
};

/// "a list", "a map", "nothing", or the scalar's text between backticks.
std::string described(const Node& node);

/// The tree of `text`, or nothing after an error that ends the reading. Errors that do not end it
/// are reported too: the tree is fit for checking then, but not for use.
std::optional<Node> read_tree(std::string_view text, std::uint16_t file, Diagnostics& diagnostics);

}  // namespace lanes::config
