// The `match` of a lane: which frames of its source port it takes. Besides each value, the keys are
// checked against each other and against the kind of the port: a match that no frame can meet is
// an operator's slip, and nothing would ever tell him at run time. Called by lanes.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "config/lanes.hh"
#include "config/text.hh"

namespace lanes::config {
namespace {

struct NamedNumber {
    std::string_view name;
    std::uint32_t value;
};

constexpr std::uint32_t ether_type_ipv4 = 0x0800;
constexpr std::uint32_t ether_type_ipv6 = 0x86dd;
/// Below this the field is the length of an IEEE 802.3 frame.
constexpr std::uint32_t ether_type_min = 0x0600;

constexpr std::array vlans = {NamedNumber{"none", MatchSpec::vlan_none}};
constexpr std::array ether_types = {NamedNumber{"ipv4", ether_type_ipv4},
                                    NamedNumber{"ipv6", ether_type_ipv6},
                                    NamedNumber{"arp", 0x0806}};
constexpr std::array protocols = {
    NamedNumber{"tcp", 6},     NamedNumber{"udp", 17}, NamedNumber{"icmp", 1},
    NamedNumber{"gre", 47},    NamedNumber{"esp", 50}, NamedNumber{"sctp", 132},
    NamedNumber{"icmpv6", 58},
};
/// Code points of RFC 2474, RFC 2597 and RFC 3246.
constexpr std::array dscps = {
    NamedNumber{"cs0", 0},   NamedNumber{"cs1", 8},   NamedNumber{"cs2", 16},
    NamedNumber{"cs3", 24},  NamedNumber{"cs4", 32},  NamedNumber{"cs5", 40},
    NamedNumber{"cs6", 48},  NamedNumber{"cs7", 56},  NamedNumber{"af11", 10},
    NamedNumber{"af12", 12}, NamedNumber{"af13", 14}, NamedNumber{"af21", 18},
    NamedNumber{"af22", 20}, NamedNumber{"af23", 22}, NamedNumber{"af31", 26},
    NamedNumber{"af32", 28}, NamedNumber{"af33", 30}, NamedNumber{"af41", 34},
    NamedNumber{"af42", 36}, NamedNumber{"af43", 38}, NamedNumber{"ef", 46},
};
/// Protocols whose header begins with a source and a destination port: TCP, UDP, DCCP, SCTP,
/// UDP-Lite.
constexpr std::array<std::uint32_t, 5> with_ports = {6, 17, 33, 132, 136};

class MatchReader {
  public:
    MatchReader(const LaneFields& fields, Diagnostics& diagnostics)
        : fields_(fields), owner_(fields.owner()), diagnostics_(diagnostics) {}

    std::unique_ptr<MatchSpec> read(std::optional<engine::PortKind> kind) {
        const std::size_t errors_before = diagnostics_.errors();
        auto match = std::make_unique<MatchSpec>();
        read_values(*match);
        check_together(*match);
        if (kind == engine::PortKind::ip) refuse_ethernet_keys();
        const bool broken =
            std::any_of(fields_.values.begin() + static_cast<std::ptrdiff_t>(LaneKey::match_vlan),
                        fields_.values.end(),
                        [](const Scalar& scalar) { return scalar.state == Scalar::State::broken; });
        if (broken || diagnostics_.errors() != errors_before) return nullptr;
        return match;
    }

  private:
    Field field(LaneKey key) const { return {column_of(key), owner_}; }

    void read_values(MatchSpec& match) {
        match.vlan = read_number_or_word(LaneKey::match_vlan, {0, 4095}, vlans);
        match.ether_type = read_number_or_word(
            LaneKey::match_ether_type, {ether_type_min, 0xffff, NumberRule::Base::decimal_or_hex},
            ether_types);
        match.protocol = read_number_or_word(LaneKey::match_protocol, {0, 255}, protocols);
        match.dscp = read_number_or_word(LaneKey::match_dscp, {0, 63}, dscps);
        read_mac_key(LaneKey::match_source_mac, match.has_source_mac, match.source_mac);
        read_mac_key(LaneKey::match_destination_mac, match.has_destination_mac,
                     match.destination_mac);
        read_prefix_key(LaneKey::match_source, match.has_source, match.source);
        read_prefix_key(LaneKey::match_destination, match.has_destination, match.destination);
        match.source_port = read_range(LaneKey::match_source_port);
        match.destination_port = read_range(LaneKey::match_destination_port);
    }

    /// A value that begins with a letter is a word, any other a number.
    std::uint32_t read_number_or_word(LaneKey key, NumberRule rule,
                                      std::span<const NamedNumber> words) {
        const Scalar& scalar = fields_[key];
        if (!scalar.present()) return MatchSpec::any;
        for (const NamedNumber& word : words) {
            if (word.name == scalar.text) return word.value;
        }
        std::vector<std::string_view> names;
        for (const NamedNumber& word : words) names.push_back(word.name);
        const std::string or_else = say(", or ", listed(names), ",");
        rule.or_else = or_else;
        const std::string hint = did_you_mean(scalar.text, names);
        const bool letter = !scalar.text.empty() && (scalar.text[0] | 0x20) >= 'a' &&
                            (scalar.text[0] | 0x20) <= 'z';
        if (letter) {
            diagnostics_.error(
                scalar.at,
                say("expected a number from ", std::to_string(rule.min), " to ",
                    std::to_string(rule.max), or_else, " for `", column_of(key), "`", of(owner_),
                    ", found ", shown(scalar.text), hint.empty() ? "; write one of these" : hint));
            return MatchSpec::any;
        }
        return read_number(scalar, field(key), rule, diagnostics_).value_or(MatchSpec::any);
    }

    void read_mac_key(LaneKey key, bool& has, engine::MacAddress& value) {
        const auto mac = read_mac(fields_[key], field(key), diagnostics_);
        if (!mac) return;
        has = true;
        value = *mac;
    }

    /// Bits behind the prefix's length are cleared, so that equal matches compare equal.
    void read_prefix_key(LaneKey key, bool& has, engine::IpPrefix& value) {
        const Scalar& scalar = fields_[key];
        const auto prefix = read_prefix(scalar, field(key), BareAddress::taken, diagnostics_);
        if (!prefix) return;
        has = true;
        value = *prefix;
        for (unsigned bit = prefix->len; bit < prefix->address.bits(); ++bit) {
            auto& byte = value.address.bytes[bit / 8];
            byte = static_cast<std::uint8_t>(byte & ~(0x80u >> bit % 8));
        }
        if (value == *prefix) return;
        diagnostics_.warning(scalar.at,
                             say("`", column_of(key), "`", of(owner_), " is ", shown(scalar.text),
                                 ", which has bits behind its "
                                 "length; it means ",
                                 engine::to_string(value), "; write that"));
    }

    MatchSpec::Range read_range(LaneKey key) {
        const Scalar& scalar = fields_[key];
        if (!scalar.present()) return {};
        const auto dash = scalar.text.find('-');
        if (dash == scalar.text.npos || dash == 0) {
            const NumberRule rule{0, 65535, NumberRule::Base::decimal, NumberRule::Step::one,
                                  ", or a range such as 1000-2000,"};
            const auto port = read_number(scalar, field(key), rule, diagnostics_);
            if (!port) return {};
            const auto value = static_cast<std::uint16_t>(*port);
            return {value, value};
        }
        const auto first = parse_port(scalar.text.substr(0, dash));
        const auto last = parse_port(scalar.text.substr(dash + 1));
        if (first && last && *first <= *last) return {*first, *last};
        diagnostics_.error(
            scalar.at,
            say("expected a number from 0 to 65535, or a range such as 1000-2000, for `",
                column_of(key), "`", of(owner_), ", found ", shown(scalar.text),
                first && last ? "; write the lower port first" : "; write FIRST-LAST in digits"));
        return {};
    }

    static std::optional<std::uint16_t> parse_port(std::string_view text) {
        std::uint16_t value = 0;
        if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
        return value;
    }

    /// Keys that exclude each other. Each is reported at the key that comes second in the table.
    void check_together(const MatchSpec& match) {
        if (match.has_source && match.has_destination &&
            match.source.address.v6 != match.destination.address.v6) {
            refuse(LaneKey::match_destination, "is of another family than `match.source`",
                   "two addresses of one family", "change one of them");
        }
        check_ether_type(match);
        if (match.protocol == MatchSpec::any ||
            std::find(with_ports.begin(), with_ports.end(), match.protocol) != with_ports.end()) {
            return;
        }
        for (const LaneKey key : {LaneKey::match_source_port, LaneKey::match_destination_port}) {
            if (!fields_[key].present()) continue;
            refuse(key,
                   say("is beside `match.protocol: ", fields_[LaneKey::match_protocol].text,
                       "`, which has no ports"),
                   "ports only with tcp, udp or sctp, or without `match.protocol`",
                   "remove one of them");
        }
    }

    void check_ether_type(const MatchSpec& match) {
        if (match.ether_type == MatchSpec::any) return;
        const bool ipv4 = match.ether_type == ether_type_ipv4;
        const bool ipv6 = match.ether_type == ether_type_ipv6;
        static constexpr std::array keys = {
            LaneKey::match_source,      LaneKey::match_destination,      LaneKey::match_protocol,
            LaneKey::match_source_port, LaneKey::match_destination_port, LaneKey::match_dscp,
        };
        for (const LaneKey key : keys) {
            if (!fields_[key].present()) continue;
            bool fits = ipv4 || ipv6;
            if (key == LaneKey::match_source && match.has_source) {
                fits = fits && match.source.address.v6 == ipv6;
            }
            if (key == LaneKey::match_destination && match.has_destination) {
                fits = fits && match.destination.address.v6 == ipv6;
            }
            if (fits) continue;
            refuse(key,
                   say("is beside `match.ether_type: ", fields_[LaneKey::match_ether_type].text,
                       "`, so no frame has both"),
                   "keys that one frame can meet together", "remove one of them");
        }
    }

    void refuse_ethernet_keys() {
        static constexpr std::array keys = {LaneKey::match_vlan, LaneKey::match_ether_type,
                                            LaneKey::match_source_mac,
                                            LaneKey::match_destination_mac};
        for (const LaneKey key : keys) {
            if (fields_[key].absent()) continue;
            refuse(key, "asks for an Ethernet header, which IP packets of this port do not have",
                   "keys of IP only (source, destination, protocol, ports, dscp)", "remove it");
        }
    }

    void refuse(LaneKey key, std::string_view why, std::string_view expected,
                std::string_view remedy) {
        diagnostics_.error(fields_[key].at, say("`", column_of(key), "`", of(owner_), " ", why,
                                                "; expected ", expected, "; ", remedy));
    }

    const LaneFields& fields_;
    const Owner owner_;
    Diagnostics& diagnostics_;
};

}  // namespace

std::unique_ptr<MatchSpec> read_match(const LaneFields& fields,
                                      std::optional<engine::PortKind> kind,
                                      Diagnostics& diagnostics) {
    return MatchReader(fields, diagnostics).read(kind);
}

}  // namespace lanes::config
