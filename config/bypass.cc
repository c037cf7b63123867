// See bypass.hh.
#include "config/bypass.hh"

#include <algorithm>
#include <array>
#include <utility>

#include "config/ports.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

using engine::IpAddress;
using engine::IpPrefix;
using engine::PortSpec;

constexpr std::uint32_t busy_poll_us_max = 1'000'000;
constexpr std::size_t device_bytes_max = 1024;
constexpr std::size_t ethdev_name_bytes_max = 63;  ///< RTE_DEV_NAME_MAX_LEN without its end
constexpr std::size_t eal_arguments_max = 64;
constexpr std::size_t eal_argument_bytes_max = 1024;

bool hex_digits(std::string_view text, std::size_t least, std::size_t most) {
    return text.size() >= least && text.size() <= most &&
           text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool digit(char c) {
    return c >= '0' && c <= '9';
}

/// [DOMAIN:]BUS:DEVICE.FUNCTION as `lspci` and `lspci -D` write it.
bool pci_address(std::string_view text) {
    const std::size_t dot = text.rfind('.');
    const std::size_t second = text.rfind(':');
    if (dot == text.npos || second == text.npos || second > dot) return false;
    const std::string_view device = text.substr(second + 1, dot - second - 1);
    const std::string_view function = text.substr(dot + 1);
    if (!hex_digits(device, 2, 2) || device[0] > '1' || function.size() != 1 || function[0] < '0' ||
        function[0] > '7') {
        return false;
    }
    std::string_view bus = text.substr(0, second);
    if (const std::size_t first = bus.rfind(':'); first != bus.npos) {
        if (!hex_digits(bus.substr(0, first), 4, 8)) return false;
        bus = bus.substr(first + 1);
    }
    return hex_digits(bus, 2, 2);
}

/// The names of DPDK's virtual network devices: the driver's, and what tells two of them apart.
bool virtual_device(std::string_view name) {
    static constexpr std::array<std::string_view, 3> families = {"net_", "eth_", "virtio_user"};
    const bool known = std::any_of(families.begin(), families.end(), [&](std::string_view family) {
        return name.starts_with(family) && name.size() > family.size();
    });
    return (known || name == "virtio_user") && name.size() <= ethdev_name_bytes_max &&
           std::all_of(name.begin(), name.end(),
                       [](char c) { return letter(c) || digit(c) || c == '_' || c == '-'; });
}

/// What is wrong with the arguments behind the name; "" when nothing is.
std::string wrong_arguments(std::string_view arguments) {
    while (!arguments.empty()) {
        arguments.remove_prefix(1);
        const std::size_t len = std::min(arguments.find(','), arguments.size());
        const std::string_view one = arguments.substr(0, len);
        const std::size_t equals = one.find('=');
        if (equals == one.npos || equals == 0) {
            return say("found ", shown(one), " among its arguments; write each as key=value");
        }
        arguments.remove_prefix(len);
    }
    return "";
}

/// `workers` and others: one scalar, or a list of them, for each of which `read` is called.
template <typename Read>
void each(const Node& value, const Field& field, std::size_t most, std::string_view what,
          Diagnostics& diagnostics, Read&& read) {
    if (value.kind != Node::Kind::list) return read(value);
    if (value.children.empty() || value.children.size() > most) {
        diagnostics.error(
            value.at, say("expected 1 to ", std::to_string(most), " ", what, " for `", field.key,
                          "`", of(field.owner), ", found a list of ",
                          std::to_string(value.children.size()), "; shorten the list, or fill it"));
        return;
    }
    for (const Node& child : value.children) read(child);
}

template <typename Value, std::size_t n>
void read_choice(const Node& value, const Field& field,
                 const std::array<std::pair<std::string_view, Value>, n>& choices, Value& to,
                 Diagnostics& diagnostics) {
    std::array<std::string_view, n> words;
    for (std::size_t i = 0; i < n; ++i) words[i] = choices[i].first;
    const Scalar scalar = scalar_of(value, field, say("one of ", listed(words)), diagnostics);
    if (const auto word = read_word(scalar, field, words, diagnostics)) to = choices[*word].second;
}

bool host_address(const IpAddress& address) {
    const auto& bytes = address.bytes;
    const bool group = address.v6 ? bytes[0] == 0xff : bytes[0] >= 224;
    return !group && !address.unspecified();
}

bool link_local(const IpAddress& address) {
    return address.v6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

}  // namespace

void read_receivers(const Node& value, const Field& field, std::size_t workers, PortSpec& spec,
                    Diagnostics& diagnostics) {
    const std::uint32_t last =
        static_cast<std::uint32_t>(workers == 0 ? engine::workers_max : workers) - 1;
    each(value, field, last + 1, "workers", diagnostics, [&](const Node& node) {
        const Scalar scalar =
            scalar_of(node, field, "the number of a worker, counted from 0", diagnostics);
        const auto worker = read_number(scalar, field, {0, engine::workers_max - 1}, diagnostics);
        if (!worker) return;
        if (*worker > last) {
            diagnostics.error(
                node.at, say("worker ", scalar.text, " of `workers`", of(field.owner),
                             " is not there: the node has ", std::to_string(workers),
                             ", and they are counted from 0; expected at most ",
                             std::to_string(last), "; lower it, or raise the node's `workers`"));
            return;
        }
        if (std::find(spec.workers.begin(), spec.workers.end(), *worker) != spec.workers.end()) {
            diagnostics.error(node.at,
                              say("worker ", scalar.text, " is in `workers`", of(field.owner),
                                  " already; expected each worker once; remove one of "
                                  "them"));
            return;
        }
        spec.workers.push_back(*worker);
    });
}

void read_busy_poll(const Node& value, const Field& field, PortSpec& spec,
                    Diagnostics& diagnostics) {
    const Scalar scalar = scalar_of(value, field, "a number of microseconds", diagnostics);
    if (const auto us = read_number(scalar, field, {1, busy_poll_us_max}, diagnostics)) {
        spec.busy_poll_us = *us;
    }
}

void read_mode(const Node& value, const Field& field, PortSpec& spec, Diagnostics& diagnostics) {
    using Mode = PortSpec::XdpMode;
    static constexpr std::array<std::pair<std::string_view, Mode>, 4> modes = {
        {{"auto", Mode::automatic},
         {"zero-copy", Mode::zero_copy},
         {"copy", Mode::copy},
         {"generic", Mode::generic}}};
    read_choice(value, field, modes, spec.mode, diagnostics);
}

void read_take(const Node& value, const Field& field, PortSpec& spec, Diagnostics& diagnostics) {
    static constexpr std::array<std::pair<std::string_view, PortSpec::Take>, 2> takes = {
        {{"lanes", PortSpec::Take::lanes}, {"all", PortSpec::Take::all}}};
    read_choice(value, field, takes, spec.take, diagnostics);
}

void read_gateways(const Node& value, const Field& field, PortSpec& spec,
                   Diagnostics& diagnostics) {
    each(value, field, 2, "gateways", diagnostics, [&](const Node& node) {
        const Scalar scalar = scalar_of(node, field, "an IP address", diagnostics);
        if (!scalar.present()) return;
        const auto address = engine::parse_ip(scalar.text);
        if (!address || !host_address(*address)) {
            diagnostics.error(node.at, say("expected the IP address of a router for `gateway`",
                                           of(field.owner), ", found ", shown(scalar.text),
                                           engine::parse_prefix(scalar.text)
                                               ? "; write it without the length of a network"
                                               : "; write an address such as 192.0.2.254"));
            return;
        }
        const auto same = [&](const IpAddress& other) { return other.v6 == address->v6; };
        if (std::any_of(spec.gateways.begin(), spec.gateways.end(), same)) {
            diagnostics.error(node.at, say("gateway ", shown(scalar.text), of(field.owner),
                                           " is the second for IPv", address->v6 ? "6" : "4",
                                           "; expected at most one for each of IPv4 and IPv6; "
                                           "remove one of them"));
            return;
        }
        spec.gateways.push_back(*address);
    });
}

void check_gateways(const Node& port, const Owner& owner, const PortSpec& spec,
                    Diagnostics& diagnostics) {
    const Node* node = port.find("gateway");
    if (node == nullptr || spec.gateways.empty()) return;
    const bool af_xdp = spec.driver == "af_xdp";
    if (af_xdp && spec.take == PortSpec::Take::lanes) {
        diagnostics.error(node->key_at, say("found `gateway` in ", named(owner),
                                            ", where the kernel's routes say which way leads "
                                            "where; expected it only with `take: all`; remove "
                                            "it, or add `take: all`"));
        return;
    }
    // An af_xdp port without addresses speaks from those that its interface has.
    const Node* addresses = port.find("address");
    if (addresses == nullptr && af_xdp) return;
    // Whoever wrote addresses that were refused has been told so.
    if (addresses != nullptr && spec.addresses.empty()) return;
    for (const IpAddress& gateway : spec.gateways) {
        const std::string text = to_string(gateway);
        const auto own = [&](const IpPrefix& prefix) { return prefix.address == gateway; };
        const auto near = [&](const IpPrefix& prefix) {
            return prefix.contains(gateway) || (link_local(gateway) && prefix.address.v6);
        };
        if (std::any_of(spec.addresses.begin(), spec.addresses.end(), own)) {
            diagnostics.error(node->at, say("gateway ", shown(text), of(owner),
                                            " is the port's own address; expected another "
                                            "host's; write the router's address"));
        } else if (std::none_of(spec.addresses.begin(), spec.addresses.end(), near)) {
            diagnostics.error(node->at,
                              say("gateway ", shown(text), of(owner),
                                  " is not on the link; expected an address within the network of "
                                  "one of the port's own; correct it, or the length of `address`"));
        }
    }
}

std::optional<std::string> read_ethdev(const Scalar& scalar, const Field& field,
                                       Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const std::string_view text = scalar.text;
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view name = text.substr(0, comma);
    std::string wrong;
    if (text.size() > device_bytes_max) {
        wrong = say("it has ", std::to_string(text.size()), " bytes: shorten it");
    } else if (!pci_address(name) && !virtual_device(name)) {
        wrong = name.find(':') != name.npos
                    ? "write the address as `lspci -D` shows it, such as 0000:03:00.0"
                    : "write a PCI address such as 0000:03:00.0, or a virtual device such as "
                      "net_null0; see `lanes ports`";
    } else if (text.find_first_of(" \t\n\r") != text.npos) {
        wrong = "take out the blank";
    } else {
        wrong = wrong_arguments(text.substr(comma));
    }
    if (wrong.empty()) return std::string(text);
    diagnostics.error(scalar.at,
                      say("expected a device of DPDK's for `", field.key, "`", of(field.owner),
                          ", found ", text.empty() ? "an empty text" : shown(text), "; ", wrong));
    return std::nullopt;
}

std::vector<std::string> read_eal(const Node* dpdk, Diagnostics& diagnostics) {
    static constexpr std::array<std::string_view, 1> valid = {"eal"};
    std::vector<std::string> arguments;
    if (dpdk == nullptr || dpdk->kind == Node::Kind::broken) return arguments;
    if (dpdk->kind != Node::Kind::map || dpdk->children.empty()) {
        diagnostics.error(dpdk->at,
                          say("expected a map for `dpdk`, found ",
                              dpdk->kind == Node::Kind::map ? "an empty map" : described(*dpdk),
                              "; write dpdk: {eal: [\"-m\", \"512\"]}, or remove the key"));
        return arguments;
    }
    for (const Node& child : dpdk->children) {
        if (child.key != valid[0]) {
            unknown_key(child, "`dpdk`", valid, diagnostics);
            continue;
        }
        const Field field{"dpdk.eal", {}};
        if (child.kind == Node::Kind::broken) continue;
        if (child.kind != Node::Kind::list) {
            diagnostics.error(
                child.at, say("expected a list of arguments for `dpdk.eal`, found ",
                              described(child), "; write each word by itself: [\"-m\", \"512\"]"));
            continue;
        }
        each(child, field, eal_arguments_max, "arguments", diagnostics, [&](const Node& node) {
            const Scalar scalar = scalar_of(node, field, "an argument of the EAL", diagnostics);
            if (!scalar.present()) return;
            if (scalar.text.empty() || scalar.text.size() > eal_argument_bytes_max) {
                diagnostics.error(
                    node.at,
                    say("expected an argument of 1 to ", std::to_string(eal_argument_bytes_max),
                        " bytes for `dpdk.eal`, found one of ", std::to_string(scalar.text.size()),
                        "; mend it, or remove it"));
                return;
            }
            arguments.emplace_back(scalar.text);
        });
    }
    return arguments;
}

}  // namespace lanes::config
