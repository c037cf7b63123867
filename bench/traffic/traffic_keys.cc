// See traffic_keys.hh.
#include "bench/traffic/traffic_keys.hh"

#include <algorithm>
#include <array>
#include <numeric>

#include "config/text.hh"

namespace lanes::bench {
namespace {

using config::described;
using config::Diagnostics;
using config::Field;
using config::listed;
using config::Node;
using config::NumberRule;
using config::Place;
using config::say;
using config::Scalar;
using config::shown;

constexpr std::size_t sizes_most = 64;
constexpr std::uint32_t core_max = 1023;  ///< what a cpu_set_t can name
constexpr NumberRule udp_port_rule{1, 65535};
constexpr NumberRule size_rule{64, 65535, NumberRule::Base::decimal, NumberRule::Step::one,
                               ", imix, a list of these, or a map of sizes and shares,"};

/// Keys that describe generated frames: a capture brings its own.
constexpr std::array<std::string_view, 8> frame_keys = {
    "destination", "destination_mac", "destination_port", "flows",
    "size",        "source",          "source_mac",       "source_port"};

class TrafficReader {
  public:
    TrafficReader(const std::filesystem::path& folder, Scenario& scenario, config::PortTable& ports,
                  Diagnostics& diagnostics)
        : folder_(folder), scenario_(scenario), ports_(ports), diagnostics_(diagnostics) {}

    void read(const Node& traffic) {
        static constexpr std::array<std::string_view, 16> keys = {
            "burst", "cores", "destination", "destination_mac", "destination_port",
            "flows", "from",  "rate",        "replay",          "seconds",
            "seed",  "size",  "source",      "source_mac",      "source_port",
            "to"};
        for (const Node& child : traffic.children) {
            if (std::find(keys.begin(), keys.end(), child.key) == keys.end()) {
                config::unknown_key(child, "`traffic`", keys, diagnostics_);
            } else {
                read_key(child);
            }
        }
        scenario_.from = read_port(traffic, "from").value_or(0);
        scenario_.to = read_port(traffic, "to").value_or(0);
        check_addresses(traffic);
        check_sizes();
        check_replay(traffic);
    }

  private:
    void read_key(const Node& child) {
        Profile& profile = scenario_.profile;
        const std::string name = "traffic." + child.key;
        const Field field{name, {}};
        if (child.key == "rate") return read_rate(child, field);
        if (child.key == "seconds") return read_seconds(child, field);
        if (child.key == "size") return read_sizes(child, field);
        if (child.key == "cores") return read_cores(child, field);
        if (child.key == "replay") return read_replay_path(child, field);
        if (child.key == "burst") {
            return set(profile.burst, number(child, field, {1, frames_of_burst_max}));
        }
        if (child.key == "flows") return set(profile.flows, number(child, field, {1, flows_max}));
        if (child.key == "seed") {
            return set(profile.seed, number(child, field, {0, ~std::uint32_t{0}}));
        }
        if (child.key == "source") return read_address(child, field, profile.source);
        if (child.key == "destination") return read_address(child, field, profile.destination);
        if (child.key == "source_mac") return read_mac(child, field, profile.source_mac);
        if (child.key == "destination_mac") return read_mac(child, field, profile.destination_mac);
        if (child.key == "source_port") {
            return set(profile.source_port, number(child, field, udp_port_rule));
        }
        if (child.key == "destination_port") {
            return set(profile.destination_port, number(child, field, udp_port_rule));
        }
    }

    template <typename To, typename From>
    static void set(To& to, const std::optional<From>& from) {
        if (from) to = static_cast<To>(*from);
    }

    std::optional<std::uint32_t> number(const Node& value, const Field& field,
                                        const NumberRule& rule) {
        return config::read_number(scalar_of(value, field, "a number", diagnostics_), field, rule,
                                   diagnostics_);
    }

    std::optional<std::size_t> read_port(const Node& traffic, std::string_view key) {
        const Node* node = traffic.find(key);
        const auto names = ports_.names();
        if (node == nullptr) {
            diagnostics_.error(traffic.key_at,
                               say("`traffic` has no `", key, "`; expected ",
                                   names.empty() ? "a port" : say("one of ", listed(names)),
                                   "; add `", key, ": PORT`"));
            ports_.use("");  // nobody can say now which ports are not used
            return std::nullopt;
        }
        const std::string name = say("traffic.", key);
        const Field field{name, {}};
        const Scalar text = scalar_of(*node, field, "the name of a port", diagnostics_);
        const auto port = ports_.use(text.present() ? text.text : std::string_view());
        if (port || !text.present()) return port;
        if (names.empty()) return std::nullopt;  // that there are none is said elsewhere
        const std::string near = config::did_you_mean(text.text, names);
        diagnostics_.error(text.at,
                           say("no port ", shown(text.text), " for `", name, "`; expected one of ",
                               listed(names), near.empty() ? "; choose one of these" : near));
        return std::nullopt;
    }

    void read_rate(const Node& value, const Field& field) {
        const Scalar text = scalar_of(value, field, "a rate", diagnostics_);
        if (!text.present()) return;
        std::string why;
        const auto rate = parse_rate(text.text, why);
        rate_at_ = text.at;
        if (rate) {
            scenario_.rate = *rate;
        } else {
            diagnostics_.error(text.at, say("`", field.key, "`: ", why));
        }
    }

    void read_seconds(const Node& value, const Field& field) {
        const Scalar text = scalar_of(value, field, "a number of seconds", diagnostics_);
        if (!text.present()) return;
        std::string why;
        const auto seconds = parse_seconds(text.text, why);
        if (seconds) {
            scenario_.seconds = *seconds;
        } else {
            diagnostics_.error(text.at, say("`", field.key, "`: ", why));
        }
    }

    void read_sizes(const Node& value, const Field& field) {
        if (value.kind == Node::Kind::broken) return;
        std::vector<SizeCase> sizes;
        if (value.kind == Node::Kind::map) {
            read_mix(value, sizes);
        } else if (value.kind == Node::Kind::list) {
            if (value.children.empty() || value.children.size() > sizes_most) {
                diagnostics_.error(
                    value.at, say("expected 1 to 64 sizes for `", field.key, "`, found a list of ",
                                  std::to_string(value.children.size()),
                                  "; write one size for each measurement"));
            }
            for (const Node& child : value.children) read_size(child, field, sizes);
        } else {
            read_size(value, field, sizes);
        }
        if (!sizes.empty()) scenario_.sizes = std::move(sizes);
    }

    void read_size(const Node& value, const Field& field, std::vector<SizeCase>& sizes) {
        const Scalar text = scalar_of(value, field, "a size or imix", diagnostics_);
        if (!text.present()) return;
        SizeCase one{"imix", imix(), text.at};
        if (text.text != "imix") {
            const auto size = config::read_number(text, field, size_rule, diagnostics_);
            if (!size) return;
            one = {std::to_string(*size), {SizeShare{*size, 1}}, text.at};
        }
        const bool again = std::any_of(sizes.begin(), sizes.end(), [&](const SizeCase& other) {
            return other.name == one.name;
        });
        if (again) {
            diagnostics_.error(text.at, say("size ", shown(text.text), " is in `", field.key,
                                            "` already; expected each once; remove one of them"));
            return;
        }
        sizes.push_back(std::move(one));
    }

    /// {64: 28, 570: 16}: sizes and how many of them there are.
    void read_mix(const Node& value, std::vector<SizeCase>& sizes) {
        if (value.children.empty() || value.children.size() > sizes_most) {
            diagnostics_.error(
                value.at, say("expected 1 to 64 sizes for `traffic.size`, found a "
                              "map of ",
                              std::to_string(value.children.size()), "; write {64: 28, 1518: 4}"));
            return;
        }
        SizeCase mix{"", {}, value.at};
        std::uint64_t sum = 0;
        std::uint32_t divisor = 0;
        for (const Node& child : value.children) {
            const Scalar key{child.key, child.key_at, Scalar::State::present, false};
            const auto size =
                config::read_number(key, Field{"traffic.size", {}}, {64, 65535}, diagnostics_);
            const std::string name = "traffic.size." + child.key;
            const auto weight = number(child, Field{name, {}}, {1, cycle_max});
            if (!size || !weight) continue;
            mix.shares.push_back({*size, *weight});
            mix.name +=
                say(mix.name.empty() ? "" : " + ", child.key, " x ", std::to_string(*weight));
            sum += *weight;
            divisor = std::gcd(divisor, *weight);
        }
        if (mix.shares.size() != value.children.size()) return;
        if (sum / divisor > cycle_max) {
            diagnostics_.error(
                value.at,
                say("the shares of `traffic.size` are ", std::to_string(sum / divisor),
                    " frames; expected at most ", std::to_string(cycle_max), "; divide them"));
            return;
        }
        sizes.push_back(std::move(mix));
    }

    void read_cores(const Node& value, const Field& field) {
        if (value.kind == Node::Kind::broken) return;
        if (value.kind != Node::Kind::list || value.children.size() != 2) {
            diagnostics_.error(value.at,
                               say("expected two cores for `", field.key, "`, found ",
                                   value.kind == Node::Kind::list
                                       ? say("a list of ", std::to_string(value.children.size()))
                                       : described(value),
                                   "; write [0, 1]: the generator's and the sink's"));
            return;
        }
        const auto first = number(value.children[0], field, {0, core_max});
        const auto second = number(value.children[1], field, {0, core_max});
        if (first && second && *first == *second) {
            diagnostics_.error(value.children[1].at,
                               say("core ", std::to_string(*second),
                                   " is the generator's; "
                                   "expected another one for the sink; leave `cores` out where "
                                   "there are too few"));
            return;
        }
        scenario_.cores.generator = first;
        scenario_.cores.sink = second;
    }

    void read_replay_path(const Node& value, const Field& field) {
        const Scalar text = scalar_of(value, field, "the path of a capture file", diagnostics_);
        const auto path = config::read_path(text, field, diagnostics_);
        if (path) scenario_.replay = (folder_ / *path).lexically_normal().string();
        scenario_.replay_at = text.at;
    }

    void read_address(const Node& value, const Field& field, engine::IpAddress& address) {
        const Scalar text = scalar_of(value, field, "an IP address", diagnostics_);
        const auto prefix =
            config::read_prefix(text, field, config::BareAddress::taken, diagnostics_);
        if (!prefix) return;
        if (text.text.find('/') != text.text.npos) {
            diagnostics_.error(
                text.at, say("expected an address for `", field.key, "`, found ", shown(text.text),
                             "; leave out the length: flow n has "
                             "the address plus n"));
            return;
        }
        address = prefix->address;
    }

    void read_mac(const Node& value, const Field& field, engine::MacAddress& address) {
        const Scalar text = scalar_of(value, field, "a MAC address", diagnostics_);
        set(address, config::read_mac(text, field, diagnostics_));
    }

    /// Both of one family: when one alone is given it must be IPv4, as the other's default is.
    void check_addresses(const Node& traffic) {
        const Profile& profile = scenario_.profile;
        if (profile.source.v6 == profile.destination.v6) return;
        const Node* node = traffic.find(profile.source.v6 ? "source" : "destination");
        diagnostics_.error(node->at, say("`traffic.", node->key, "` is IPv6 and `traffic.",
                                         profile.source.v6 ? "destination" : "source", "` is ",
                                         engine::to_string(profile.source.v6 ? profile.destination
                                                                             : profile.source),
                                         "; expected both of one family; give both"));
    }

    void check_sizes() {
        const std::uint32_t least = size_min(scenario_.profile);
        for (const SizeCase& one : scenario_.sizes) {
            for (const SizeShare& share : one.shares) {
                if (share.size >= least || one.at.line == 0) continue;
                diagnostics_.error(one.at, say("size ", std::to_string(share.size),
                                               " is too short for IPv6, UDP and the stamp; "
                                               "expected at least ",
                                               std::to_string(least), "; raise it"));
            }
        }
        // The default that nobody wrote.
        if (scenario_.sizes[0].at.line == 0 && least > scenario_.sizes[0].shares[0].size) {
            scenario_.sizes = {{std::to_string(least), {SizeShare{least, 1}}, {}}};
        }
        scenario_.profile.sizes = scenario_.sizes[0].shares;
    }

    void check_replay(const Node& traffic) {
        if (traffic.find("replay") == nullptr) {
            if (scenario_.rate.unit != Rate::Unit::recorded) return;
            diagnostics_.error(rate_at_,
                               "`traffic.rate` is `recorded` without a `replay`; expected "
                               "the capture whose gaps are meant; add `replay: FILE`, or "
                               "write a rate");
            return;
        }
        for (const Node& child : traffic.children) {
            if (std::find(frame_keys.begin(), frame_keys.end(), child.key) == frame_keys.end()) {
                continue;
            }
            diagnostics_.error(child.key_at,
                               say("`traffic` has `replay` and `", child.key,
                                   "`; the frames of a capture are sent as they are; remove one"));
        }
    }

    const std::filesystem::path& folder_;
    Scenario& scenario_;
    config::PortTable& ports_;
    Diagnostics& diagnostics_;
    Place rate_at_;
};

}  // namespace

bool read_traffic(const Node& traffic, const std::filesystem::path& folder, Scenario& scenario,
                  config::PortTable& ports, Diagnostics& diagnostics) {
    if (traffic.kind == Node::Kind::broken) return false;
    if (traffic.kind != Node::Kind::map) {
        diagnostics.error(traffic.at,
                          say("expected a map of keys for `traffic`, found ", described(traffic),
                              "; write traffic: {from: PORT, to: PORT}"));
        return false;
    }
    TrafficReader(folder, scenario, ports, diagnostics).read(traffic);
    return true;
}

}  // namespace lanes::bench
