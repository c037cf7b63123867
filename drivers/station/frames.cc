// See frames.hh. Here: who the station is, and which protocol a frame is of.
#include "drivers/station/frames.hh"

#include <algorithm>

#include "drivers/station/bytes.hh"

namespace lanes::drivers {
namespace {

using engine::IpAddress;
using engine::IpPrefix;
using engine::load_be;

constexpr std::uint32_t ethernet_bytes = 14;
constexpr std::uint32_t vlan_tag_bytes = 4;

bool link_local(const IpAddress& ip) noexcept {
    return ip.v6 && ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80;
}

/// Whether an address can be one host's, wherever it is.
bool unicast(const std::byte* ip, bool v6) noexcept {
    if (!v6) {
        const std::uint8_t first = byte_at(ip);
        return first != 0 && first != 127 && first < 224;
    }
    if (byte_at(ip) == 0xff) return false;
    std::byte loopback[16]{};
    if (std::memcmp(ip, loopback, 16) == 0) return false;
    loopback[15] = std::byte{1};
    return std::memcmp(ip, loopback, 16) != 0;
}

/// The first or the last address of an IPv4 network: nobody's own, and all of its hosts listen.
bool every_host(const IpPrefix& network, const std::byte* ip) noexcept {
    if (network.address.v6 || network.len > 30) return false;
    std::byte own[4];
    std::memcpy(own, network.address.bytes.data(), 4);
    const std::uint32_t hosts = network.len == 0 ? ~0u : (1u << (32 - network.len)) - 1;
    const std::uint32_t other = load_be<std::uint32_t>(ip);
    if (((load_be<std::uint32_t>(own) ^ other) & ~hosts) != 0) return false;
    return (other & hosts) == hosts || (other & hosts) == 0;
}

}  // namespace

Identity::Identity(const engine::MacAddress& mac, std::span<const IpPrefix> addresses) : mac_(mac) {
    for (const IpPrefix& address : addresses) {
        std::byte bytes[16];
        std::memcpy(bytes, address.address.bytes.data(), sizeof bytes);
        if (unicast(bytes, address.address.v6)) addresses_.push_back(address);
    }
}

bool Identity::owns(const std::byte* ip, bool v6) const noexcept {
    for (const IpPrefix& own : addresses_) {
        if (own.address.v6 == v6 && std::memcmp(own.address.bytes.data(), ip, v6 ? 16 : 4) == 0) {
            return true;
        }
    }
    return false;
}

bool Identity::owns(const IpAddress& ip) const noexcept {
    return std::any_of(addresses_.begin(), addresses_.end(),
                       [&](const IpPrefix& own) { return own.address == ip; });
}

bool Identity::host(const std::byte* ip, bool v6) const noexcept {
    if (!unicast(ip, v6) || owns(ip, v6)) return false;
    return v6 || std::none_of(addresses_.begin(), addresses_.end(),
                              [&](const IpPrefix& own) { return every_host(own, ip); });
}

bool Identity::broadcast(const IpAddress& ip) const noexcept {
    if (ip.v6) return false;
    std::byte bytes[4];
    std::memcpy(bytes, ip.bytes.data(), sizeof bytes);
    return std::any_of(addresses_.begin(), addresses_.end(),
                       [&](const IpPrefix& own) { return every_host(own, bytes); });
}

bool Identity::on_link(const IpAddress& ip) const noexcept {
    if (link_local(ip)) return speaker_to(ip).has_value();
    return std::any_of(addresses_.begin(), addresses_.end(),
                       [&](const IpPrefix& own) { return own.contains(ip); });
}

std::optional<IpAddress> Identity::speaker_to(const IpAddress& ip) const noexcept {
    std::optional<IpAddress> first;
    for (const IpPrefix& own : addresses_) {
        if (own.address.v6 != ip.v6) continue;
        if (own.contains(ip)) return own.address;
        if (!first) first = own.address;
    }
    return first;
}

bool may_concern_station(std::span<const std::byte> frame) noexcept {
    // The shortest that anybody speaks of is an ARP packet, or an IPv4 header and 8 bytes of ICMP.
    if (frame.size() < ethernet_bytes + arp_bytes) return false;
    switch (load_be<std::uint16_t>(&frame[12])) {
        case ether_type_ipv4:
            return byte_at(&frame[23]) == protocol_icmp;
        case ether_type_ipv6:
            return byte_at(&frame[20]) == protocol_icmp_v6;
        case ether_type_arp:
            return true;
        case ether_type_vlan:
            // A tag without a VLAN, only a priority (IEEE 802.1Q): as if there were none. Other
            // VLANs are links of their own, on which the station has no address.
            return (load_be<std::uint16_t>(&frame[14]) & 0x0fff) == 0;
        default:
            return false;
    }
}

Finding examine(std::span<const std::byte> frame, const Identity& own) noexcept {
    if (!may_concern_station(frame) || !station_mac(load_mac(&frame[6]), own)) return {};
    std::uint32_t at = ethernet_bytes;
    auto type = load_be<std::uint16_t>(&frame[12]);
    if (type == ether_type_vlan) {
        at += vlan_tag_bytes;
        type = load_be<std::uint16_t>(&frame[16]);
    }
    if (type == ether_type_arp) return examine_arp(frame, at, own);
    if (type == ether_type_ipv4) return examine_echo(frame, at, own);
    if (type != ether_type_ipv6) return {};
    const Finding echo = examine_echo_v6(frame, at, own);
    return echo.whom != Finding::For::others ? echo : examine_discovery(frame, at, own);
}

std::uint32_t answer_bytes(const Finding& finding) noexcept {
    std::uint32_t len = finding.ip_at;
    switch (finding.answer) {
        case Finding::Answer::none:
            return 0;
        case Finding::Answer::arp:
            len += arp_bytes;
            break;
        case Finding::Answer::advertisement:
            len += discovery_bytes;
            break;
        case Finding::Answer::echo:
            len += 20 + finding.body;
            break;
        case Finding::Answer::echo_v6:
            len += 40 + finding.body;
            break;
    }
    return std::max(len, ethernet_frame_bytes_min);
}

void write_answer(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                  std::byte* to) noexcept {
    std::memset(to, 0, ethernet_frame_bytes_min);
    switch (finding.answer) {
        case Finding::Answer::none:
            return;
        case Finding::Answer::arp:
            return answer_arp(finding, frame, own, to);
        case Finding::Answer::advertisement:
            return answer_solicitation(finding, frame, own, to);
        case Finding::Answer::echo:
            return answer_echo(finding, frame, own, to);
        case Finding::Answer::echo_v6:
            return answer_echo_v6(finding, frame, own, to);
    }
}

std::uint32_t write_question(const IpAddress& address, const engine::MacAddress& at,
                             const Identity& own, std::byte* to) noexcept {
    const bool announces = own.owns(address);
    const auto from = announces ? address : own.speaker_to(address);
    if (!from) return 0;
    std::memset(to, 0, station_frame_bytes);
    if (!address.v6) {
        write_arp_request(*from, address, at, own, to);
        return ethernet_frame_bytes_min;
    }
    if (announces) {
        write_announcement_v6(address, own, to);
    } else {
        write_solicitation(*from, address, at, own, to);
    }
    return ethernet_bytes + discovery_bytes;
}

}  // namespace lanes::drivers
