// See ports.hh.
#include "config/ports.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "config/bypass.hh"
#include "config/text.hh"
#include "engine/limits.hh"

namespace lanes::config {
namespace {

constexpr std::size_t addresses_max = 16;
constexpr NumberRule mtu_rule{68, 65535};
constexpr NumberRule udp_port_rule{1, 65535};
constexpr NumberRule repeat_rule{0, std::numeric_limits<std::uint32_t>::max()};
constexpr NumberRule ring_rule{64, 65536, NumberRule::Base::decimal,
                               NumberRule::Step::power_of_two};

/// Reads the keys of one port into its spec.
class PortReader {
  public:
    /// `workers`: how many the node has; 0: not known.
    PortReader(const Owner& owner, const DriverKeys* driver, std::size_t workers,
               engine::PortSpec& spec, Diagnostics& diagnostics)
        : owner_(owner),
          driver_(driver),
          workers_(workers),
          spec_(spec),
          diagnostics_(diagnostics) {}

    void read(const Node& value, PortKey key) {
        const Field field{value.key, owner_};
        switch (key) {
            case PortKey::address:
                return read_addresses(value, field);
            case PortKey::busy_poll:
                return read_busy_poll(value, field, spec_, diagnostics_);
            case PortKey::device:
                return read_device(scalar(value, field, "a name"), field);
            case PortKey::gateway:
                return read_gateways(value, field, spec_, diagnostics_);
            case PortKey::listen:
                return set(spec_.listen, number(value, field, udp_port_rule));
            case PortKey::mode:
                return read_mode(value, field, spec_, diagnostics_);
            case PortKey::mtu:
                return set(spec_.mtu, number(value, field, mtu_rule));
            case PortKey::pace:
                return read_pace(scalar(value, field, "recorded or fast"), field);
            case PortKey::promiscuous:
                return read_promiscuous(scalar(value, field, "true or false"), field);
            case PortKey::read:
                return set(spec_.read,
                           read_path(scalar(value, field, "a path"), field, diagnostics_));
            case PortKey::repeat:
                return set(spec_.repeat, number(value, field, repeat_rule));
            case PortKey::ring_frames:
                return set(spec_.ring_frames, number(value, field, ring_rule));
            case PortKey::source_port:
                return set(spec_.source_port, number(value, field, udp_port_rule));
            case PortKey::take:
                return read_take(value, field, spec_, diagnostics_);
            case PortKey::workers:
                return read_receivers(value, field, workers_, spec_, diagnostics_);
            case PortKey::write:
                return set(spec_.write,
                           read_path(scalar(value, field, "a path"), field, diagnostics_));
        }
    }

  private:
    template <typename To, typename From>
    static void set(To& to, std::optional<From>&& from) {
        if (from) to = static_cast<To>(std::move(*from));
    }

    Scalar scalar(const Node& value, const Field& field, std::string_view expected) {
        return scalar_of(value, field, expected, diagnostics_);
    }

    std::optional<std::uint32_t> number(const Node& value, const Field& field,
                                        const NumberRule& rule) {
        return read_number(scalar(value, field, "a number"), field, rule, diagnostics_);
    }

    void read_device(const Scalar& value, const Field& field) {
        switch (driver_ == nullptr ? DeviceName::interface : driver_->device) {
            case DeviceName::interface:
                return set(spec_.device, read_interface(value, field, diagnostics_));
            case DeviceName::wire:
                return set(spec_.device, read_name(value, field, diagnostics_));
            case DeviceName::ethdev:
                return set(spec_.device, read_ethdev(value, field, diagnostics_));
        }
    }

    void read_pace(const Scalar& value, const Field& field) {
        static constexpr std::array<std::string_view, 2> words = {"recorded", "fast"};
        const auto word = read_word(value, field, words, diagnostics_);
        if (word) {
            spec_.pace =
                *word == 0 ? engine::PortSpec::Pace::recorded : engine::PortSpec::Pace::fast;
        }
    }

    void read_promiscuous(const Scalar& value, const Field& field) {
        using engine::PortSpec;
        const auto yes = read_bool(value, field, diagnostics_);
        if (yes) spec_.promiscuous = *yes ? PortSpec::Promiscuous::yes : PortSpec::Promiscuous::no;
    }

    void read_addresses(const Node& value, const Field& field) {
        if (value.kind != Node::Kind::list) return read_address(value, field);
        const bool one = driver_ != nullptr && driver_->kind == engine::PortKind::carrier;
        const std::size_t most = one ? 1 : addresses_max;
        if (value.children.empty() || value.children.size() > most) {
            diagnostics_.error(
                value.at,
                say("expected ", one ? "one address" : "1 to 16 addresses", " for `", field.key,
                    "`", of(owner_), ", found a list of ", std::to_string(value.children.size()),
                    one ? "; make a port for each address" : "; shorten the list, or fill it"));
            return;
        }
        for (const Node& child : value.children) read_address(child, field);
    }

    void read_address(const Node& value, const Field& field) {
        const bool binds = driver_ != nullptr && driver_->kind == engine::PortKind::carrier;
        const Scalar text = scalar(value, field, "an address");
        const auto prefix = read_prefix(
            text, field, binds ? BareAddress::taken : BareAddress::refused, diagnostics_);
        if (!prefix) return;
        const auto& bytes = prefix->address.bytes;
        const bool multicast = prefix->address.v6 ? bytes[0] == 0xff : (bytes[0] & 0xf0) == 0xe0;
        if (multicast || (prefix->address.unspecified() && !binds)) {
            diagnostics_.error(text.at, say("expected an address of one host for `", field.key, "`",
                                            of(owner_), ", found ", shown(text.text),
                                            "; write the address that this port speaks from"));
            return;
        }
        const auto same = [&](const engine::IpPrefix& other) {
            return other.address == prefix->address;
        };
        if (std::any_of(spec_.addresses.begin(), spec_.addresses.end(), same)) {
            diagnostics_.error(text.at, say("address ", shown(text.text), of(owner_),
                                            " is there already; expected each address once; "
                                            "remove one of them"));
            return;
        }
        spec_.addresses.push_back(*prefix);
    }

    const Owner owner_;
    const DriverKeys* const driver_;
    const std::size_t workers_;
    engine::PortSpec& spec_;
    Diagnostics& diagnostics_;
};

const DriverKeys* read_driver(const Node& port, const Owner& owner, engine::PortSpec& spec,
                              Diagnostics& diagnostics) {
    const std::vector<std::string_view> names = driver_names();
    const Node* node = port.find("driver");
    if (node == nullptr) {
        diagnostics.error(port.key_at, say(named(owner), " has no `driver`; expected one of ",
                                           listed(names), "; add `driver: NAME`"));
        return nullptr;
    }
    const Field field{"driver", owner};
    const Scalar scalar = scalar_of(*node, field, say("one of ", listed(names)), diagnostics);
    const auto word = read_word(scalar, field, names, diagnostics);
    if (!word) return nullptr;
    spec.driver = names[*word];
    return find_driver_keys(spec.driver);
}

/// Of a key that the port's driver does not take: what it takes, and who would take the key.
void refuse_port_key(const Node& child, const Owner& owner, const DriverKeys* driver,
                     const PortKeyName* known, Diagnostics& diagnostics) {
    std::vector<std::string_view> valid;
    if (driver != nullptr) {
        valid = keys_of(*driver);
    } else {
        for (const PortKeyName& row : port_key_names()) valid.push_back(row.name);
    }
    std::string message = say("unknown key ", shown(child.key), " in ", named(owner),
                              "; expected one of ", listed(valid));
    if (driver != nullptr) message += say(" (driver ", driver->driver, ")");
    if (known != nullptr) {
        const auto takers = drivers_with(known->key);
        message += say("; only ", listed(takers), takers.size() == 1 ? " takes" : " take",
                       " it: remove it");
    } else if (nearest(child.key, valid)) {
        message += did_you_mean(child.key, valid);
    } else {
        message += "; remove it";
    }
    diagnostics.error(child.key_at, std::move(message));
}

void require_keys(const Node& port, const Owner& owner, const DriverKeys& driver,
                  Diagnostics& diagnostics) {
    for (const PortKeyName& row : port_key_names()) {
        if (!driver.requires_key(row.key) || port.find(row.name) != nullptr) continue;
        diagnostics.error(port.key_at,
                          say(named(owner), " has no `", row.name, "`; expected one with driver ",
                              driver.driver, "; add `", row.name, ": ...`"));
    }
    if (driver.takes(PortKey::read) && driver.takes(PortKey::write) &&
        port.find("read") == nullptr && port.find("write") == nullptr) {
        diagnostics.error(port.key_at, say(named(owner),
                                           " has neither `read` nor `write`; expected at least "
                                           "one with driver ",
                                           driver.driver, "; add the path of a capture file"));
    }
}

void check_source_ports(const Node& port, const Owner& owner, const engine::PortSpec& spec,
                        std::size_t workers, Diagnostics& diagnostics) {
    const Node* node = port.find("source_port");
    if (node == nullptr || workers == 0 || spec.source_port + workers - 1 <= 65535) return;
    diagnostics.error(
        node->at, say("`source_port` of ", named(owner), " is ", std::to_string(spec.source_port),
                      ", and each of the ", std::to_string(workers),
                      " workers takes the next one; expected at most ",
                      std::to_string(65536 - workers), "; lower it"));
}

void read_port(const Node& port, const Owner& owner, std::size_t workers, engine::PortSpec& spec,
               PortTable::Facts& facts, Diagnostics& diagnostics) {
    if (port.kind == Node::Kind::broken) return;
    if (port.kind != Node::Kind::map) {
        diagnostics.error(port.at, say("expected a map of keys for ", named(owner), ", found ",
                                       described(port), "; write {driver: tap, device: lane0}"));
        return;
    }
    facts.driver = read_driver(port, owner, spec, diagnostics);
    PortReader reader(owner, facts.driver, workers, spec, diagnostics);
    for (const Node& child : port.children) {
        if (child.key == "driver") continue;
        const auto rows = port_key_names();
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const PortKeyName& one) {
            return one.name == child.key;
        });
        const bool known = row != rows.end();
        if (known && (facts.driver == nullptr || facts.driver->takes(row->key))) {
            reader.read(child, row->key);
        } else {
            refuse_port_key(child, owner, facts.driver, known ? &*row : nullptr, diagnostics);
        }
    }
    if (facts.driver != nullptr) require_keys(port, owner, *facts.driver, diagnostics);
    check_source_ports(port, owner, spec, workers, diagnostics);
    check_gateways(port, owner, spec, diagnostics);
}

}  // namespace

std::optional<PortIndex> PortTable::use(std::string_view name) noexcept {
    for (std::size_t i = 0; i < facts_.size(); ++i) {
        if (facts_[i].name != name) continue;
        facts_[i].used = true;
        return static_cast<PortIndex>(i);
    }
    missed_ = true;
    return std::nullopt;
}

std::vector<std::string_view> PortTable::names() const {
    std::vector<std::string_view> names;
    for (const Facts& facts : facts_) names.push_back(facts.name);
    return names;
}

std::optional<engine::PortKind> PortTable::kind(PortIndex port) const noexcept {
    if (facts_[port].driver == nullptr) return std::nullopt;
    return facts_[port].driver->kind;
}

void unknown_key(const Node& child, const std::string& within,
                 std::span<const std::string_view> valid, Diagnostics& diagnostics) {
    const std::string hint = did_you_mean(child.key, valid);
    diagnostics.error(child.key_at,
                      say("unknown key ", shown(child.key), " in ", within, "; expected one of ",
                          listed(valid), hint.empty() ? "; remove it" : hint));
}

void read_ports(const Node& ports, NodeSpec& node, PortTable& table, Diagnostics& diagnostics) {
    if (ports.kind == Node::Kind::broken) return;
    if (ports.kind != Node::Kind::map || ports.children.empty()) {
        diagnostics.error(ports.at,
                          say("expected a map of port names for `ports`, found ",
                              ports.kind == Node::Kind::map ? "an empty map" : described(ports),
                              "; write one `name: {driver: ...}` per port"));
        return;
    }
    for (const Node& port : ports.children) {
        if (node.ports.size() == engine::ports_max) {
            diagnostics.error(
                port.key_at,
                say("found ", std::to_string(ports.children.size()), " ports; expected at most ",
                    std::to_string(engine::ports_max), "; remove the rest"));
            return;
        }
        const Scalar name{port.key, port.key_at, Scalar::State::present, false};
        read_name(name, Field{"name", {"port", ""}}, diagnostics);
        engine::PortSpec spec;
        spec.name = port.key;
        PortTable::Facts facts{port.key, port.key_at, nullptr, false};
        read_port(port, Owner{"port", port.key}, node.cores.size(), spec, facts, diagnostics);
        node.ports.push_back(std::move(spec));
        table.add(std::move(facts));
    }
}

}  // namespace lanes::config
