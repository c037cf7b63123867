// See lane_fields.hh: here the way from YAML; the way from CSV is tables.cc.
#include "config/lane_fields.hh"

#include <algorithm>
#include <optional>

#include "config/ports.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

/// The key of column `group`.`name` ("" for a key of the lane itself).
std::optional<LaneKey> find_key(std::string_view group, std::string_view name) {
    for (std::size_t i = 0; i < lane_columns.size(); ++i) {
        const std::string_view column = lane_columns[i];
        const bool same = group.empty() ? column == name
                                        : column.size() == group.size() + 1 + name.size() &&
                                              column.starts_with(group) &&
                                              column[group.size()] == '.' && column.ends_with(name);
        if (same) return static_cast<LaneKey>(i);
    }
    return std::nullopt;
}

/// What may stand in the map `group`, sorted; "" is the lane itself.
std::vector<std::string_view> valid_keys(std::string_view group) {
    std::vector<std::string_view> keys;
    if (group.empty()) keys = {"match", "over", "patch"};
    for (const std::string_view column : lane_columns) {
        const auto dot = column.find('.');
        if (dot == column.npos ? group.empty() : column.substr(0, dot) == group) {
            keys.push_back(dot == column.npos ? column : column.substr(dot + 1));
        }
    }
    std::sort(keys.begin(), keys.end());
    return keys;
}

/// Reads the members of a map of group `group`, giving each to `put(key, scalar)`.
template <typename Put>
void read_group(const Node& map, std::string_view group, const Owner& owner,
                Diagnostics& diagnostics, Put put) {
    for (const Node& child : map.children) {
        const auto key = find_key(group, child.key);
        if (!key) {
            const std::string within = say("`", group, "`", of(owner));
            unknown_key(child, within, valid_keys(group), diagnostics);
            continue;
        }
        put(*key, scalar_of(child, Field{column_of(*key), owner}, "a value", diagnostics));
    }
}

/// Whether `node` is a map with something in it; reports it if not.
bool expect_map(const Node& node, std::string_view group, const Owner& owner,
                std::string_view example, Diagnostics& diagnostics) {
    if (node.kind == Node::Kind::broken) return false;
    if (node.kind == Node::Kind::map && !node.children.empty()) return true;
    diagnostics.error(node.at, say("expected a map for `", group, "`", of(owner), ", found ",
                                   node.kind == Node::Kind::map ? "an empty map" : described(node),
                                   "; write ", example));
    return false;
}

constexpr std::string_view over_example = "{port: NAME, to: \"192.0.2.1:4790\"}";

void read_path_fields(const Node& node, const Owner& owner, LaneFields& fields,
                      Diagnostics& diagnostics) {
    if (!expect_map(node, "over", owner, over_example, diagnostics)) {
        fields.over.state = Scalar::State::broken;
        return;
    }
    PathFields& path = fields.paths.emplace_back();
    path.at = node.at;
    read_group(node, "over", owner, diagnostics,
               [&](LaneKey key, const Scalar& scalar) { path[key] = scalar; });
}

void read_over(const Node& node, const Owner& owner, LaneFields& fields, Diagnostics& diagnostics) {
    fields.over = {Scalar::State::present, node.key_at};
    if (node.kind != Node::Kind::list) return read_path_fields(node, owner, fields, diagnostics);
    if (node.children.empty() || node.children.size() > paths_max) {
        diagnostics.error(
            node.at, say("expected 1 to ", std::to_string(paths_max), " paths for `over`",
                         of(owner), ", found ", std::to_string(node.children.size()), "; write ",
                         over_example, " for each"));
        fields.over.state = Scalar::State::broken;
        return;
    }
    for (const Node& child : node.children) read_path_fields(child, owner, fields, diagnostics);
}

void read_flat_group(const Node& node, Group& group, std::string_view example, LaneFields& fields,
                     const Owner& owner, Diagnostics& diagnostics) {
    group = {Scalar::State::present, node.key_at};
    if (!expect_map(node, node.key, owner, example, diagnostics)) {
        group.state = Scalar::State::broken;
        return;
    }
    read_group(node, node.key, owner, diagnostics,
               [&](LaneKey key, const Scalar& scalar) { fields[key] = scalar; });
}

/// One key or a list of them.
void read_receivers(const Node& node, const Owner& owner, LaneFields& fields,
                    Diagnostics& diagnostics) {
    const Field field{column_of(LaneKey::receiver), owner};
    Scalar& whole = fields[LaneKey::receiver];
    if (node.kind != Node::Kind::list) {
        whole = scalar_of(node, field, "a public key, or a list of them,", diagnostics);
        if (whole.present()) fields.receivers.push_back(whole);
        return;
    }
    whole = {{}, node.at, Scalar::State::present, false};
    for (const Node& child : node.children) {
        fields.receivers.push_back(scalar_of(child, field, "a public key", diagnostics));
    }
}

}  // namespace

bool read_fields(const Node& lane, LaneFields& fields, Diagnostics& diagnostics) {
    fields = LaneFields{};
    fields.at = lane.at;
    if (lane.kind == Node::Kind::broken) return false;
    if (lane.kind != Node::Kind::map) {
        diagnostics.error(lane.at, say("expected a map of keys for a lane, found ", described(lane),
                                       "; begin with `- name: NAME`"));
        return false;
    }
    const Node* name = lane.find("name");
    const Owner owner{"lane", name != nullptr ? std::string_view(name->text) : ""};
    for (const Node& child : lane.children) {
        const auto key = find_key("", child.key);
        if (key == LaneKey::receiver) {
            read_receivers(child, owner, fields, diagnostics);
        } else if (key && child.key.find('.') == child.key.npos) {
            fields[*key] = scalar_of(child, Field{column_of(*key), owner}, "a value", diagnostics);
        } else if (child.key == "over") {
            read_over(child, owner, fields, diagnostics);
        } else if (child.key == "patch") {
            read_flat_group(child, fields.patch, "{from: NAME, to: NAME}", fields, owner,
                            diagnostics);
        } else if (child.key == "match") {
            read_flat_group(child, fields.match, "{vlan: 100}, or remove the key", fields, owner,
                            diagnostics);
        } else {
            unknown_key(child, named(owner), valid_keys(""), diagnostics);
        }
    }
    return true;
}

}  // namespace lanes::config
