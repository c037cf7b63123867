// One entry of `over`: the port, the destination, and the carrier that follows from both. What a
// path needs depends on what its lane does (a receiver has no destination, a sender must have one)
// and on what its port can carry. Called by lanes.cc.
#include <algorithm>
#include <array>

#include "config/lanes.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

using engine::PortKind;

constexpr std::array<std::string_view, 2> carriers = {"udp", "ethernet"};

class PathReader {
  public:
    PathReader(const PathFields& fields, const Owner& owner, std::optional<Role> role,
               Diagnostics& diagnostics)
        : fields_(fields), owner_(owner), role_(role), diagnostics_(diagnostics) {}

    PathSpec read(const NodeSpec& node, PortTable& ports) {
        PathSpec path;
        read_port(ports, path);
        const bool has_to = read_destination(path);
        read_carrier(path, has_to);
        if (path.port == no_port || !ports.kind(path.port)) return path;
        const DriverKeys& driver = *ports[path.port].driver;
        if (!check_kind(path, driver)) return path;
        if (has_to && path.carrier == CarrierKind::udp) {
            check_family(path, driver, node.ports[path.port]);
        }
        read_next_hop(path, driver, has_to);
        return path;
    }

  private:
    Field field(LaneKey key) const { return {column_of(key), owner_}; }

    void read_port(PortTable& ports, PathSpec& path) {
        const Scalar& port = fields_[LaneKey::over_port];
        if (port.absent()) {
            diagnostics_.error(fields_.at, say("`over`", of(owner_),
                                               " has no `port`; expected the name of a "
                                               "port; add `port: NAME`"));
        }
        const auto index = read_port_name(port, field(LaneKey::over_port), ports, diagnostics_);
        if (index) path.port = *index;
    }

    /// Whether there is a destination that was understood.
    bool read_destination(PathSpec& path) {
        const Scalar& to = fields_[LaneKey::over_to];
        if (to.absent() && (role_ == Role::send || role_ == Role::relay)) {
            diagnostics_.error(
                fields_.at, say("`over`", of(owner_),
                                " has no `to`; expected the address of the far end; add "
                                "`to: \"ADDRESS:PORT\"`, or a MAC address to travel without IP"));
        }
        if (!to.present()) return false;
        if (role_ == Role::receive) {
            diagnostics_.error(to.at, say("found `over.to` in ", named(owner_),
                                          ", which receives; expected a destination only where "
                                          "packets are sent; remove it"));
            return false;
        }
        if (const auto endpoint = engine::parse_endpoint(to.text)) {
            if (endpoint->address.unspecified()) return refuse_destination(to);
            path.to = *endpoint;
            return true;
        }
        if (const auto mac = engine::parse_mac(to.text)) {
            if (*mac == engine::MacAddress{}) return refuse_destination(to);
            path.to_mac = *mac;
            path.carrier = CarrierKind::ethernet;
            return true;
        }
        return refuse_destination(to);
    }

    /// Reports it; always false.
    bool refuse_destination(const Scalar& to) {
        std::string remedy =
            "write 192.0.2.2:4790, \"[2001:db8::2]:4790\" or "
            "\"02:00:00:00:00:02\"";
        if (const auto address = engine::parse_ip(to.text)) {
            const std::string text = engine::to_string(*address);
            remedy = say("add the UDP port: ",
                         address->v6 ? say("\"[", text, "]:4790\"") : say(text, ":4790"));
        } else if (engine::parse_prefix(to.text)) {
            remedy = "a destination has no prefix length; " + remedy;
        } else if (engine::parse_endpoint(to.text) || engine::parse_mac(to.text)) {
            remedy = "no packet can be sent to zero; write the address of the far end";
        }
        diagnostics_.error(
            to.at,
            say("expected ADDRESS:PORT or a MAC address for `over.to`", of(owner_), ", found ",
                to.text.empty() ? "an empty text" : shown(to.text), "; ", remedy));
        return false;
    }

    void read_carrier(PathSpec& path, bool has_to) {
        const Scalar& carrier = fields_[LaneKey::over_carrier];
        const auto word = read_word(carrier, field(LaneKey::over_carrier), carriers, diagnostics_);
        if (!word) return;
        const auto wanted = *word == 0 ? CarrierKind::udp : CarrierKind::ethernet;
        if (has_to && wanted != path.carrier) {
            diagnostics_.error(
                carrier.at,
                say("found `carrier: ", carrier.text,
                    "` with `to: ", fields_[LaneKey::over_to].text, "` in `over`", of(owner_),
                    wanted == CarrierKind::udp
                        ? "; expected ADDRESS:PORT with the udp carrier; change `to`, or remove "
                          "`carrier`"
                        : "; expected a MAC address with the ethernet carrier; change `to`, or "
                          "remove `carrier`"));
            return;
        }
        path.carrier = wanted;
    }

    /// Whether the port can carry lane packets, and with this carrier.
    bool check_kind(const PathSpec& path, const DriverKeys& driver) {
        const Scalar& port = fields_[LaneKey::over_port];
        if (driver.kind == PortKind::ip) {
            diagnostics_.error(port.at, say("port ", shown(port.text), " of driver ", driver.driver,
                                            " cannot carry lane packets; expected a port of "
                                            "Ethernet frames or of driver udp for `over.port`",
                                            of(owner_), "; name another port"));
            return false;
        }
        if (driver.kind == PortKind::carrier && path.carrier == CarrierKind::ethernet) {
            const Scalar& to = fields_[LaneKey::over_to];
            const Scalar& carrier = fields_[LaneKey::over_carrier];
            diagnostics_.error(
                to.present() ? to.at : carrier.at,
                say("the ethernet carrier cannot travel over port ", shown(port.text),
                    " of driver ", driver.driver, "; expected the udp carrier in `over`",
                    of(owner_),
                    to.present() ? "; write `to: \"ADDRESS:PORT\"`" : "; remove `carrier`"));
            return false;
        }
        return true;
    }

    /// Senders over UDP speak from an address of the destination's family. af_packet takes its
    /// own from the interface when the node starts; all others must have been given one.
    void check_family(const PathSpec& path, const DriverKeys& driver,
                      const engine::PortSpec& port) {
        const Scalar& to = fields_[LaneKey::over_to];
        const std::string_view family = path.to.address.v6 ? "IPv6" : "IPv4";
        const bool speaks = driver.takes(PortKey::address) && driver.takes(PortKey::source_port);
        if (!speaks) {
            diagnostics_.error(to.at,
                               say("port ", shown(port.name), " of driver ", driver.driver,
                                   " has no address to send UDP from; expected a MAC "
                                   "address for `over.to`",
                                   of(owner_), "; write one, or choose a port of another driver"));
            return;
        }
        if (driver.driver == "af_packet") return;
        const bool fits = std::any_of(
            port.addresses.begin(), port.addresses.end(),
            [&](const engine::IpPrefix& own) { return own.address.v6 == path.to.address.v6; });
        if (fits) return;
        diagnostics_.error(to.at, say("port ", shown(port.name), " has no ", family,
                                      " address to send from; expected one for `to: ", to.text, "`",
                                      of(owner_), "; give the port an `address` of that family"));
    }

    void read_next_hop(PathSpec& path, const DriverKeys& driver, bool has_to) {
        const Scalar& hop = fields_[LaneKey::over_next_hop];
        if (!hop.present()) return;
        const auto refuse = [&](std::string_view why, std::string_view remedy) {
            diagnostics_.error(
                hop.at, say("found `over.next_hop` in ", named(owner_), ", ", why, "; ", remedy));
        };
        if (fields_[LaneKey::over_to].absent()) {
            return refuse("which has no `over.to`; expected it only beside a destination",
                          "remove it");
        }
        if (driver.kind != PortKind::ethernet) {
            return refuse(say("over a port of driver ", driver.driver,
                              "; expected it only on ports of Ethernet frames"),
                          "remove it: the kernel finds the way");
        }
        if (!has_to) return;
        if (path.carrier == CarrierKind::ethernet) {
            return refuse("whose `to` is a MAC address; expected it only with the udp carrier",
                          "remove it");
        }
        if (const auto mac = engine::parse_mac(hop.text)) {
            path.has_next_hop_mac = true;
            path.next_hop_mac = *mac;
            return;
        }
        const auto address = engine::parse_ip(hop.text);
        if (!address || address->unspecified()) {
            diagnostics_.error(hop.at, say("expected a MAC or IP address for `over.next_hop`",
                                           of(owner_), ", found ", shown(hop.text),
                                           "; write 192.0.2.254 or \"02:00:00:00:00:02\""));
            return;
        }
        if (address->v6 != path.to.address.v6) {
            return refuse(say("of another family than `to`; expected an ",
                              path.to.address.v6 ? "IPv6" : "IPv4", " address or a MAC address"),
                          "change it");
        }
        path.has_next_hop_ip = true;
        path.next_hop_ip = *address;
    }

    const PathFields& fields_;
    const Owner owner_;
    const std::optional<Role> role_;
    Diagnostics& diagnostics_;
};

}  // namespace

PathSpec read_path_spec(const PathFields& fields, const Owner& owner, std::optional<Role> role,
                        const NodeSpec& node, PortTable& ports, Diagnostics& diagnostics) {
    return PathReader(fields, owner, role, diagnostics).read(node, ports);
}

}  // namespace lanes::config
