// See checks.hh.
#include "config/checks.hh"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "config/text.hh"

namespace lanes::config {
namespace {

/// A lane, under the hash of what must not come twice.
struct Entry {
    std::uint64_t hash;
    std::uint32_t lane;
    auto operator<=>(const Entry&) const = default;
};

struct Repeat {
    std::uint32_t again;
    std::uint32_t first;
};

/// Every lane that is `equal` to an earlier one, in lane order.
template <typename Equal>
std::vector<Repeat> find_repeats(std::vector<Entry> entries, Equal equal) {
    std::sort(entries.begin(), entries.end());
    std::vector<Repeat> repeats;
    std::vector<std::uint32_t> firsts;  // of one hash; more than one only when hashes collide
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i == 0 || entries[i].hash != entries[i - 1].hash) firsts.clear();
        const std::uint32_t lane = entries[i].lane;
        const auto first = std::find_if(firsts.begin(), firsts.end(),
                                        [&](std::uint32_t other) { return equal(lane, other); });
        if (first != firsts.end()) {
            repeats.push_back({lane, *first});
        } else {
            firsts.push_back(lane);
        }
    }
    std::sort(repeats.begin(), repeats.end(),
              [](const Repeat& a, const Repeat& b) { return a.again < b.again; });
    return repeats;
}

class Checks {
  public:
    Checks(const NodeSpec& node, const std::vector<LanePlaces>& places, const PortTable& ports,
           Diagnostics& diagnostics)
        : node_(node), places_(places), ports_(ports), diagnostics_(diagnostics) {}

    void names() {
        std::vector<Entry> entries = entries_of(&LanePlaces::name, [&](std::uint32_t lane) {
            return std::hash<std::string_view>{}(node_.lanes[lane].name);
        });
        const auto equal = [&](std::uint32_t a, std::uint32_t b) {
            return node_.lanes[a].name == node_.lanes[b].name;
        };
        for (const auto& [again, first] : find_repeats(std::move(entries), equal)) {
            diagnostics_.error(
                places_[again].name,
                say("lane name ", shown(node_.lanes[again].name), " is already taken at ",
                    diagnostics_.text_of(places_[first].name),
                    "; expected a name of its own for each lane; change one"));
        }
    }

    void ids() {
        std::vector<Entry> entries =
            entries_of(&LanePlaces::id, [&](std::uint32_t lane) { return node_.lanes[lane].id; });
        const auto equal = [](std::uint32_t, std::uint32_t) { return true; };
        for (const auto& [again, first] : find_repeats(std::move(entries), equal)) {
            diagnostics_.error(
                places_[again].id,
                say("lane id ", std::to_string(node_.lanes[again].id), " is already lane ",
                    shown(node_.lanes[first].name), "'s at ",
                    diagnostics_.text_of(places_[first].id),
                    "; expected an id of its own for each lane; change one, at both its ends"));
        }
    }

    /// Lanes that take the same frames of the same port: the later one would never see any.
    void takes() {
        std::vector<Entry> entries = entries_of(&LanePlaces::takes, [&](std::uint32_t lane) {
            return hash_of(node_.lanes[lane].match.get()) + node_.lanes[lane].port;
        });
        const auto equal = [&](std::uint32_t a, std::uint32_t b) {
            const LaneSpec& x = node_.lanes[a];
            const LaneSpec& y = node_.lanes[b];
            return x.port == y.port && same_match(x, y);
        };
        for (const auto& [again, first] : find_repeats(std::move(entries), equal)) {
            const LaneSpec& lane = node_.lanes[again];
            const std::string port = shown(node_.ports[lane.port].name);
            const std::string other = say("lane ", shown(node_.lanes[first].name), " at ",
                                          diagnostics_.text_of(places_[first].takes));
            diagnostics_.error(
                places_[again].takes,
                lane.match ? say("the match of lane ", shown(lane.name), " equals that of ", other,
                                 ", so no frame of port ", port,
                                 " ever comes to it; expected different matches; change one")
                           : say("lane ", shown(lane.name), " takes all frames of port ", port,
                                 ", as does ", other,
                                 "; expected one lane without `match` per port; give one of them "
                                 "a `match`"));
        }
    }

    /// Ports whose drivers cannot both have what they ask for.
    void devices() {
        for (std::size_t i = 0; i < node_.ports.size(); ++i) {
            std::size_t ends = 0;
            for (std::size_t j = 0; j < i; ++j) {
                if (!clash(node_.ports[i], node_.ports[j], ends)) continue;
                const engine::PortSpec& port = node_.ports[i];
                const bool binds = port.driver == "udp";
                diagnostics_.error(
                    ports_[static_cast<PortIndex>(i)].at,
                    say("port ", shown(port.name), " claims the same ",
                        binds ? "address and UDP port" : "device", " as port ",
                        shown(node_.ports[j].name), " at ",
                        diagnostics_.text_of(ports_[static_cast<PortIndex>(j)].at),
                        port.driver == "memory"
                            ? "; expected two ports on a memory wire, and this is the third"
                            : "; expected one port for each",
                        binds ? "; change `address` or `listen`" : "; change `device`"));
                break;
            }
        }
    }

    /// An af_xdp port that takes only lane packets leaves all other frames to the kernel.
    void frames_left_to_kernel() {
        std::vector<bool> said(node_.ports.size());
        for (std::size_t lane = 0; lane < places_.size(); ++lane) {
            const PortIndex port = node_.lanes[lane].port;
            if (places_[lane].takes.line == 0 || port == no_port || said[port]) continue;
            const engine::PortSpec& spec = node_.ports[port];
            if (spec.driver != "af_xdp" || spec.take == engine::PortSpec::Take::all) continue;
            said[port] = true;
            diagnostics_.error(
                places_[lane].takes,
                say("lane ", shown(node_.lanes[lane].name), " is to take frames of port ",
                    shown(spec.name),
                    ", which leaves all but lane packets to the kernel; expected a port that "
                    "takes all; add `take: all` to the port"));
        }
    }

    void unused_ports() {
        if (ports_.missed()) return;
        for (const PortTable::Facts& facts : ports_.all()) {
            if (facts.used) continue;
            diagnostics_.warning(facts.at, say("port ", shown(facts.name),
                                               " is used by no lane; remove it, or name it in a "
                                               "lane"));
        }
    }

  private:
    template <typename Hash>
    std::vector<Entry> entries_of(Place LanePlaces::*part, Hash hash) const {
        std::vector<Entry> entries;
        entries.reserve(places_.size());
        for (std::uint32_t lane = 0; lane < places_.size(); ++lane) {
            if ((places_[lane].*part).line > 0) entries.push_back({hash(lane), lane});
        }
        return entries;
    }

    /// The device without its arguments, a PCI address with its domain.
    static std::string ethdev_of(const engine::PortSpec& port) {
        std::string name = port.device.substr(0, port.device.find(','));
        if (std::count(name.begin(), name.end(), ':') == 1) name = "0000:" + name;
        if (name.find(':') == name.npos) return name;
        for (char& c : name) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        return name;
    }

    /// `ends` counts the ports that share the memory wire of `port`: two may.
    static bool clash(const engine::PortSpec& port, const engine::PortSpec& other,
                      std::size_t& ends) {
        const bool tunnels = port.driver == "tap" || port.driver == "tun";
        const bool other_tunnels = other.driver == "tap" || other.driver == "tun";
        const bool same_device = port.device == other.device && !port.device.empty();
        if (tunnels && other_tunnels) return same_device;
        if (port.driver != other.driver) return false;
        if (port.driver == "memory") return same_device && ++ends == 2;
        // Both keep a device to themselves: af_xdp by its queues, dpdk by its name.
        if (port.driver == "af_xdp") return same_device;
        if (port.driver == "dpdk") {
            return !port.device.empty() && ethdev_of(port) == ethdev_of(other);
        }
        if (port.driver != "udp" || port.addresses.empty() || other.addresses.empty()) return false;
        return port.listen == other.listen &&
               port.addresses[0].address == other.addresses[0].address;
    }

    const NodeSpec& node_;
    const std::vector<LanePlaces>& places_;
    const PortTable& ports_;
    Diagnostics& diagnostics_;
};

}  // namespace

void check_lanes(const NodeSpec& node, const std::vector<LanePlaces>& places,
                 const PortTable& ports, Diagnostics& diagnostics) {
    Checks checks(node, places, ports, diagnostics);
    checks.names();
    checks.ids();
    checks.takes();
    checks.frames_left_to_kernel();
}

void check_node(const NodeSpec& node, const std::vector<LanePlaces>& places, const PortTable& ports,
                Diagnostics& diagnostics) {
    Checks checks(node, places, ports, diagnostics);
    checks.names();
    checks.ids();
    checks.takes();
    checks.devices();
    checks.frames_left_to_kernel();
    checks.unused_ports();
}

}  // namespace lanes::config
