// The keys of a lane, and one lane as written: each key's text with its place. YAML and CSV both
// end here; what follows (lanes.cc, paths.cc, match.cc) does not know which of the two it was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "config/scalars.hh"
#include "config/tree.hh"

namespace lanes::config {

enum class LaneKey : std::uint8_t {
    name,
    id,
    send,
    receive,
    relay,
    cipher,
    bundle,
    mtu,
    window,
    receiver,
    sender,
    secret,
    rekey,
    patch_from,
    patch_to,
    over_port,
    over_to,
    over_next_hop,
    over_carrier,
    match_vlan,
    match_ether_type,
    match_source_mac,
    match_destination_mac,
    match_source,
    match_destination,
    match_protocol,
    match_source_port,
    match_destination_port,
    match_dscp,
};

/// Columns of a lane table, in the order of LaneKey. In YAML a dot opens a map.
inline constexpr std::array<std::string_view, 29> lane_columns = {
    "name",
    "id",
    "send",
    "receive",
    "relay",
    "cipher",
    "bundle",
    "mtu",
    "window",
    "receiver",
    "sender",
    "secret",
    "rekey",
    "patch.from",
    "patch.to",
    "over.port",
    "over.to",
    "over.next_hop",
    "over.carrier",
    "match.vlan",
    "match.ether_type",
    "match.source_mac",
    "match.destination_mac",
    "match.source",
    "match.destination",
    "match.protocol",
    "match.source_port",
    "match.destination_port",
    "match.dscp",
};

constexpr std::string_view column_of(LaneKey key) noexcept {
    return lane_columns[static_cast<std::size_t>(key)];
}

/// Whether a lane has a group of keys (`over`, `patch`, `match`) at all.
struct Group {
    Scalar::State state = Scalar::State::absent;
    Place at;
};

/// One entry of `over`.
struct PathFields {
    static constexpr LaneKey first = LaneKey::over_port;
    Place at;
    std::array<Scalar, 4> values;

    Scalar& operator[](LaneKey key) noexcept {
        return values[static_cast<std::size_t>(key) - static_cast<std::size_t>(first)];
    }
    const Scalar& operator[](LaneKey key) const noexcept {
        return values[static_cast<std::size_t>(key) - static_cast<std::size_t>(first)];
    }
};

/// A lane as written. The `over.*` keys are in `paths`, never in `values`. Of `receiver`, `values`
/// has where it stands, and `receivers` the keys themselves: one, the members of a list, or what
/// stands between the blanks of a cell.
struct LaneFields {
    Place at;
    std::array<Scalar, lane_columns.size()> values;
    Group over, patch, match;
    std::vector<PathFields> paths;
    std::vector<Scalar> receivers;

    Scalar& operator[](LaneKey key) noexcept { return values[static_cast<std::size_t>(key)]; }
    const Scalar& operator[](LaneKey key) const noexcept {
        return values[static_cast<std::size_t>(key)];
    }
    Owner owner() const noexcept { return {"lane", (*this)[LaneKey::name].text}; }
};

inline constexpr std::size_t paths_max = 16;

/// The fields of one item of `lanes`. False when it is no map, and that was reported.
[[nodiscard]] bool read_fields(const Node& lane, LaneFields& fields, Diagnostics& diagnostics);

}  // namespace lanes::config
