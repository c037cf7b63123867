// See lanes.hh. A lane is read to its end whatever is wrong with it, so that one run of `lanes
// check` shows everything.
#include "config/lanes.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "config/text.hh"

namespace lanes::config {
namespace {

using engine::PortKind;

constexpr NumberRule id_rule{1, std::numeric_limits<std::uint32_t>::max()};
constexpr NumberRule mtu_rule{256, 65535};
constexpr NumberRule window_rule{64, 1048576, NumberRule::Base::decimal,
                                 NumberRule::Step::power_of_two};

std::string_view verb_of(Role role) {
    switch (role) {
        case Role::send:
            return "sends";
        case Role::receive:
            return "receives";
        case Role::patch:
            return "patches two ports";
        case Role::relay:
            break;
    }
    return "relays";
}

constexpr unsigned bit(Role role) {
    return 1u << static_cast<unsigned>(role);
}

/// Which roles take a key; keys that are not here belong to every lane, or make the role.
struct KeyRoles {
    LaneKey key;
    unsigned roles;
    std::string_view takers;
    std::string_view remedy = "remove it";
};
constexpr std::array key_roles = {
    KeyRoles{LaneKey::id, bit(Role::send) | bit(Role::receive) | bit(Role::relay),
             "send, receive or relay"},
    KeyRoles{LaneKey::cipher, bit(Role::send) | bit(Role::receive), "send or receive"},
    KeyRoles{LaneKey::bundle, bit(Role::send), "send"},
    KeyRoles{LaneKey::mtu, bit(Role::send), "send"},
    KeyRoles{LaneKey::window, bit(Role::receive), "receive"},
    KeyRoles{LaneKey::receiver, bit(Role::send), "send",
             "a lane that receives has a `sender`, others have neither"},
    KeyRoles{LaneKey::sender, bit(Role::receive), "receive",
             "a lane that sends has a `receiver`, others have neither"},
    KeyRoles{LaneKey::secret, bit(Role::send) | bit(Role::receive), "send or receive"},
    KeyRoles{LaneKey::rekey, bit(Role::send), "send"},
};

void refuse_key(const Place& at, std::string_view key, const Owner& owner, Role role,
                std::string_view takers, std::string_view remedy, Diagnostics& diagnostics) {
    diagnostics.error(at, say("found `", key, "` in ", named(owner), ", which ", verb_of(role),
                              "; expected it only in lanes that ", takers, "; ", remedy));
}

}  // namespace

void LaneReader::add(const LaneFields& fields) {
    LaneSpec lane;
    LanePlaces places;
    const std::optional<Role> role = read_role(fields);
    if (role) {
        lane.role = *role;
        refuse_foreign_keys(fields, *role);
    }
    read_identity(fields, role, lane, places);
    read_values(fields, lane);
    read_sealing(fields, role, lane, keys_, diagnostics_);
    read_ports(fields, lane);
    read_over(fields, role, lane);
    if (fields.match.state != Scalar::State::absent) {
        const auto kind = lane.port == no_port ? std::nullopt : ports_.kind(lane.port);
        if (fields.match.state == Scalar::State::present) {
            lane.match = read_match(fields, kind, diagnostics_);
        }
        if (lane.match) places.takes = fields.match.at;
    } else if (role == Role::send) {
        places.takes = fields[LaneKey::send].at;
    } else if (role == Role::patch) {
        places.takes = fields.patch.at;
    }
    if (lane.port == no_port) places.takes = Place{};
    node_.lanes.push_back(std::move(lane));
    places_.push_back(places);
}

std::optional<Role> LaneReader::read_role(const LaneFields& fields) {
    struct Found {
        Role role;
        std::string_view key;
        Place at;
    };
    std::vector<Found> found;
    const auto note = [&](Scalar::State state, Role role, std::string_view key, Place at) {
        if (state != Scalar::State::absent) found.push_back({role, key, at});
    };
    const Scalar& send = fields[LaneKey::send];
    const Scalar& receive = fields[LaneKey::receive];
    const Scalar& relay = fields[LaneKey::relay];
    note(send.state, Role::send, "send", send.at);
    note(receive.state, Role::receive, "receive", receive.at);
    note(relay.state, Role::relay, "relay", relay.at);
    note(fields.patch.state, Role::patch, "patch", fields.patch.at);
    if (found.size() == 1) return found[0].role;
    if (found.empty()) {
        diagnostics_.error(fields.at, say(named(fields.owner()),
                                          " does nothing; expected exactly one of `send`, "
                                          "`receive`, `patch`, `relay`; add it"));
        return std::nullopt;
    }
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
        return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    for (std::size_t i = 1; i < found.size(); ++i) {
        diagnostics_.error(
            found[i].at,
            say("found `", found[i].key, "` beside `", found[0].key, "` in ", named(fields.owner()),
                "; expected exactly one of `send`, `receive`, `patch`, `relay`; "
                "make a lane for each"));
    }
    return std::nullopt;
}

void LaneReader::refuse_foreign_keys(const LaneFields& fields, Role role) {
    const Owner owner = fields.owner();
    for (const KeyRoles& row : key_roles) {
        const Scalar& scalar = fields[row.key];
        if (scalar.absent() || (row.roles & bit(role)) != 0) continue;
        refuse_key(scalar.at, column_of(row.key), owner, role, row.takers, row.remedy,
                   diagnostics_);
    }
    if (fields.over.state != Scalar::State::absent && role == Role::patch) {
        refuse_key(fields.over.at, "over", owner, role, "send, receive or relay", "remove it",
                   diagnostics_);
    }
    if (fields.match.state != Scalar::State::absent && role != Role::send && role != Role::patch) {
        refuse_key(fields.match.at, "match", owner, role, "send or patch", "remove it",
                   diagnostics_);
    }
}

void LaneReader::read_identity(const LaneFields& fields, std::optional<Role> role, LaneSpec& lane,
                               LanePlaces& places) {
    const Scalar& name = fields[LaneKey::name];
    const Scalar& id = fields[LaneKey::id];
    if (name.absent()) {
        diagnostics_.error(fields.at,
                           "this lane has no `name`; expected one in every lane; add `name: NAME`");
    }
    if (auto text = read_name(name, Field{"name", {"lane", ""}}, diagnostics_)) {
        lane.name = std::move(*text);
        places.name = name.at;
    }
    if (id.absent() && role && *role != Role::patch) {
        diagnostics_.error(fields.at,
                           say(named(fields.owner()),
                               " has no `id`; expected a number from 1 to 4294967295, the same "
                               "at both ends; add `id: NUMBER`"));
    }
    if (const auto value = read_number(id, Field{"id", fields.owner()}, id_rule, diagnostics_)) {
        lane.id = *value;
        places.id = id.at;
    }
}

void LaneReader::read_values(const LaneFields& fields, LaneSpec& lane) {
    const Owner owner = fields.owner();
    const auto bundle = read_bool(fields[LaneKey::bundle], Field{"bundle", owner}, diagnostics_);
    const auto mtu = read_number(fields[LaneKey::mtu], Field{"mtu", owner}, mtu_rule, diagnostics_);
    const auto window =
        read_number(fields[LaneKey::window], Field{"window", owner}, window_rule, diagnostics_);
    if (bundle) lane.bundle = *bundle;
    if (mtu) lane.mtu = static_cast<std::uint16_t>(*mtu);
    if (window) lane.window = *window;
}

void LaneReader::read_ports(const LaneFields& fields, LaneSpec& lane) {
    const Owner owner = fields.owner();
    static constexpr std::array keys = {LaneKey::send, LaneKey::receive, LaneKey::relay};
    for (const LaneKey key : keys) {
        const Field field{column_of(key), owner};
        const Scalar& scalar = fields[key];
        const auto port = read_port_name(scalar, field, ports_, diagnostics_);
        if (!port) continue;
        lane.port = *port;
        const auto kind = ports_.kind(*port);
        if (!kind) continue;
        const bool relays = key == LaneKey::relay;
        const bool fits = relays ? *kind != PortKind::ip : *kind != PortKind::carrier;
        if (fits) continue;
        diagnostics_.error(
            scalar.at,
            say("port ", shown(scalar.text), " of driver ", ports_[*port].driver->driver,
                relays ? " carries no lane packets; expected a port with a wire side for "
                       : " carries lane packets, not frames; expected a port of frames or IP "
                         "packets for ",
                "`", field.key, "`", of(owner),
                relays ? "; name the port at which the packets arrive"
                       : "; name it in `over` instead"));
    }
    if (fields.patch.state == Scalar::State::present) read_patch(fields, lane);
}

void LaneReader::read_patch(const LaneFields& fields, LaneSpec& lane) {
    const Owner owner = fields.owner();
    const Scalar& from = fields[LaneKey::patch_from];
    const Scalar& to = fields[LaneKey::patch_to];
    for (const LaneKey key : {LaneKey::patch_from, LaneKey::patch_to}) {
        if (!fields[key].absent()) continue;
        diagnostics_.error(fields.patch.at,
                           say(named(owner), " has no `", column_of(key),
                               "`; expected the names of two ports; write patch: {from: NAME, "
                               "to: NAME}"));
    }
    const auto source = read_port_name(from, Field{"patch.from", owner}, ports_, diagnostics_);
    const auto target = read_port_name(to, Field{"patch.to", owner}, ports_, diagnostics_);
    if (source) lane.port = *source;
    if (target) lane.patch_to = *target;
    if (!source || !target) return;
    if (*source == *target) {
        diagnostics_.error(
            to.at, say("`patch.from` and `patch.to`", of(owner), " are both ", shown(to.text),
                       "; expected two different ports; name another one"));
        return;
    }
    const auto source_kind = ports_.kind(*source);
    const auto target_kind = ports_.kind(*target);
    if (!source_kind || !target_kind) return;
    if (*source_kind == PortKind::carrier || *source_kind != *target_kind) {
        diagnostics_.error(to.at, say(named(owner), " patches ", shown(from.text), " (driver ",
                                      ports_[*source].driver->driver, ") to ", shown(to.text),
                                      " (driver ", ports_[*target].driver->driver,
                                      "); expected two ports of Ethernet frames, or two of IP "
                                      "packets; choose ports of one kind"));
    }
}

void LaneReader::read_over(const LaneFields& fields, std::optional<Role> role, LaneSpec& lane) {
    const Owner owner = fields.owner();
    if (fields.over.state == Scalar::State::absent) {
        if (role && *role != Role::patch) {
            diagnostics_.error(fields.at,
                               say(named(owner),
                                   " has no `over`; expected the port that its "
                                   "packets travel through; add over: {port: NAME",
                                   *role == Role::receive ? "}" : ", to: \"ADDRESS:PORT\"}"));
        }
        return;
    }
    lane.paths.reserve(fields.paths.size());
    for (const PathFields& path : fields.paths) {
        const PathSpec spec = read_path_spec(path, owner, role, node_, ports_, diagnostics_);
        const bool again = spec.port != no_port && std::find(lane.paths.begin(), lane.paths.end(),
                                                             spec) != lane.paths.end();
        if (again && role) {
            diagnostics_.warning(path.at, say("`over`", of(owner),
                                              " names the same path twice; expected each path "
                                              "once; remove one of them"));
        }
        lane.paths.push_back(spec);
    }
}

std::optional<PortIndex> read_port_name(const Scalar& scalar, const Field& field, PortTable& ports,
                                        Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    if (const auto port = ports.use(scalar.text)) return port;
    const std::vector<std::string_view> names = ports.names();
    const std::string hint = did_you_mean(scalar.text, names);
    diagnostics.error(
        scalar.at,
        say("`", field.key, "`", of(field.owner), " names port ", shown(scalar.text),
            ", which does not exist; expected one of ", names.empty() ? "none" : listed(names),
            hint.empty() ? "; name one of these, or add the port to `ports`" : hint));
    return std::nullopt;
}

}  // namespace lanes::config
