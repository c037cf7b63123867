// The station's neighbour discovery (RFC 4861): solicitations and advertisements, and nothing of
// routers. What section 7.1 says to check is checked.
#include <optional>

#include "drivers/station/bytes.hh"
#include "drivers/station/group_mac.hh"

namespace lanes::drivers {
namespace {

using engine::IpAddress;
using engine::load_be;
using engine::MacAddress;
using engine::store_be;

constexpr std::uint8_t solicitation = 135;
constexpr std::uint8_t advertisement = 136;
constexpr std::uint8_t source_link_address = 1;
constexpr std::uint8_t target_link_address = 2;
constexpr std::uint8_t hop_limit = 255;
constexpr std::uint32_t ip_bytes = 40;
constexpr std::uint32_t message_bytes_min = 24;
constexpr std::uint8_t flag_solicited = 0x40;
constexpr std::uint8_t flag_override = 0x20;
/// Fields of the IPv6 packet.
constexpr std::uint32_t source_at = 8;
constexpr std::uint32_t destination_at = 24;
constexpr std::uint32_t message_at = 40;
constexpr std::uint32_t target_at = message_at + 8;
constexpr std::uint32_t options_at = message_at + 24;

constexpr IpAddress all_nodes{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, true};

/// RFC 4291, 2.7.1: ff02::1:ffXX:XXXX, the rest from the address.
IpAddress solicited_node(const IpAddress& address) noexcept {
    const auto& b = address.bytes;
    return {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b[13], b[14], b[15]}, true};
}

MacAddress mac_of(const IpAddress& group) noexcept {
    return group_mac(group).value_or(broadcast_mac);
}

struct Options {
    bool good = false;
    std::optional<MacAddress> link_address;
};

/// All options: each has a length that is not zero and fits. Bounded by the length of the message.
Options read_options(std::span<const std::byte> options, std::uint8_t wanted) noexcept {
    Options read;
    while (!options.empty()) {
        if (options.size() < 8) return {};
        const std::size_t len = std::size_t{byte_at(&options[1])} * 8;
        if (len == 0 || len > options.size()) return {};
        if (byte_at(&options[0]) == wanted) {
            if (len != 8) return {};
            if (!read.link_address) read.link_address = load_mac(&options[2]);
        }
        options = options.subspan(len);
    }
    read.good = true;
    return read;
}

Finding examine_solicitation(std::span<const std::byte> frame, std::uint32_t at,
                             const Options& options, const Identity& own) noexcept {
    const std::byte* ip = &frame[at];
    const IpAddress source = load_ip(ip + source_at, true);
    const IpAddress destination = load_ip(ip + destination_at, true);
    const IpAddress target = load_ip(ip + target_at, true);
    if (!own.owns(target)) return {};
    const bool to_group = destination == solicited_node(target);
    const MacAddress to_mac = load_mac(&frame[0]);
    // The frame's address and the packet's must say the same; a unicast frame to the group is what
    // some bridges make of it.
    if (to_mac != own.mac() && !(to_group && to_mac == mac_of(destination))) return {};
    if (!to_group && destination != target) return {};
    const bool detects = source.unspecified();  // duplicate address detection, RFC 4862
    if (detects ? !to_group || options.link_address : !own.host(ip + source_at, true)) return {};
    Finding found;
    found.ip_at = at;
    found.answer = Finding::Answer::advertisement;
    found.whom = Finding::For::alone;
    found.tells = !detects;
    found.neighbour = source;
    found.mac = options.link_address.value_or(load_mac(&frame[6]));
    if (!station_mac(found.mac, own)) return {};
    return found;
}

Finding examine_advertisement(std::span<const std::byte> frame, std::uint32_t at,
                              const Options& options, const Identity& own) noexcept {
    const std::byte* ip = &frame[at];
    const MacAddress to_mac = load_mac(&frame[0]);
    const IpAddress destination = load_ip(ip + destination_at, true);
    const bool solicited = (byte_at(ip + message_at + 4) & flag_solicited) != 0;
    Finding found;
    if (own.owns(destination) && to_mac == own.mac()) {
        found.whom = Finding::For::alone;
    } else if (destination == all_nodes && to_mac == mac_of(all_nodes) && !solicited) {
        found.whom = Finding::For::everybody;
    } else {
        return {};
    }
    if (!own.host(ip + source_at, true) || !own.host(ip + target_at, true)) return {};
    found.ip_at = at;
    found.tells = true;
    found.neighbour = load_ip(ip + target_at, true);
    // Who was asked by unicast may leave the option out, and was then reached where it is.
    found.mac = options.link_address.value_or(load_mac(&frame[6]));
    if (!station_mac(found.mac, own)) return {};
    return found;
}

/// Everything but Ethernet, the destination of an advertisement and its flags.
void write_message(std::uint8_t type, const IpAddress& source, const IpAddress& destination,
                   const IpAddress& target, std::uint8_t flags, const Identity& own,
                   std::byte* ip) noexcept {
    constexpr std::uint32_t len = discovery_bytes - ip_bytes;
    std::memset(ip, 0, discovery_bytes);
    ip[0] = std::byte{0x60};
    store_be<std::uint16_t>(ip + 4, len);
    ip[6] = std::byte{protocol_icmp_v6};
    ip[7] = std::byte{hop_limit};
    store_ip(ip + source_at, source);
    store_ip(ip + destination_at, destination);
    ip[message_at] = std::byte{type};
    ip[message_at + 4] = std::byte{flags};
    store_ip(ip + target_at, target);
    ip[options_at] = std::byte{type == solicitation ? source_link_address : target_link_address};
    ip[options_at + 1] = std::byte{1};
    store_mac(ip + options_at + 2, own.mac());
    store_checksum(ip + message_at + 2, engine::checksum_finish(sum_v6(ip, len)));
}

}  // namespace

Finding examine_discovery(std::span<const std::byte> frame, std::uint32_t at,
                          const Identity& own) noexcept {
    if (frame.size() < at + ip_bytes + message_bytes_min) return {};
    const std::byte* ip = &frame[at];
    const std::uint32_t len = load_be<std::uint16_t>(ip + 4);
    if (byte_at(ip) >> 4 != 6 || byte_at(ip + 6) != protocol_icmp_v6 || len < message_bytes_min ||
        at + ip_bytes + len > frame.size()) {
        return {};
    }
    const std::uint8_t type = byte_at(ip + message_at);
    if (type != solicitation && type != advertisement) return {};
    if (byte_at(ip + 7) != hop_limit || byte_at(ip + message_at + 1) != 0 ||
        engine::checksum_fold(sum_v6(ip, len)) != 0xffff) {
        return {};
    }
    const bool asks = type == solicitation;
    const Options options = read_options({ip + options_at, len - message_bytes_min},
                                         asks ? source_link_address : target_link_address);
    if (!options.good) return {};
    return asks ? examine_solicitation(frame, at, options, own)
                : examine_advertisement(frame, at, options, own);
}

void answer_solicitation(const Finding& finding, std::span<const std::byte> frame,
                         const Identity& own, std::byte* to) noexcept {
    const IpAddress target = load_ip(&frame[finding.ip_at + target_at], true);
    const bool detects = finding.neighbour.unspecified();
    const IpAddress destination = detects ? all_nodes : finding.neighbour;
    answer_ethernet(frame, finding.ip_at, detects ? mac_of(all_nodes) : finding.mac, own, to);
    write_message(advertisement, target, destination, target,
                  detects ? flag_override : flag_solicited | flag_override, own,
                  to + finding.ip_at);
}

void write_solicitation(const IpAddress& from, const IpAddress& address, const MacAddress& at,
                        const Identity& own, std::byte* to) noexcept {
    const bool everybody = at == MacAddress{};
    const IpAddress group = solicited_node(address);
    write_ethernet(everybody ? mac_of(group) : at, ether_type_ipv6, own, to);
    write_message(solicitation, from, everybody ? group : address, address, 0, own, to + 14);
}

void write_announcement_v6(const IpAddress& address, const Identity& own, std::byte* to) noexcept {
    write_ethernet(mac_of(all_nodes), ether_type_ipv6, own, to);
    write_message(advertisement, address, all_nodes, address, flag_override, own, to + 14);
}

}  // namespace lanes::drivers
