// See frame_text.hh. Addresses and ports are read by the data path's own read_flow_key().
#include "manage/frame_text.hh"

#include <algorithm>
#include <cstdio>

#include "lanes/flow_key.hh"

namespace lanes::manage {
namespace {

using engine::PortKind;

constexpr std::size_t ethernet_bytes = 14;
constexpr std::size_t vlan_bytes = 4;
constexpr std::size_t ipv6_bytes = 40;
constexpr std::size_t udp_bytes = 8;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint16_t type_ipv4 = 0x0800;
constexpr std::uint16_t type_ipv6 = 0x86dd;

std::string ip_text(const std::array<std::uint8_t, 16>& bytes, bool v6) {
    return to_string(engine::IpAddress{bytes, v6});
}

std::string mac_text(const std::array<std::uint8_t, 6>& bytes) {
    return to_string(engine::MacAddress{bytes});
}

std::string type_text(std::uint16_t type) {
    switch (type) {
        case 0x0806:
            return "ARP";
        case wire::ether_type:
            return "lane packet";
        case type_ipv4:
            return "IPv4, cut short";
        case type_ipv6:
            return "IPv6, cut short";
        default:
            char text[24];
            std::snprintf(text, sizeof text, "type 0x%04x", type);
            return text;
    }
}

std::string protocol_text(std::uint8_t protocol) {
    switch (protocol) {
        case 1:
            return "ICMP";
        case 6:
            return "TCP";
        case protocol_udp:
            return "UDP";
        case 58:
            return "ICMPv6";
        case 132:
            return "SCTP";
        default:
            return "protocol " + std::to_string(protocol);
    }
}

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t at) {
    return at < bytes.size() ? static_cast<std::uint8_t>(bytes[at]) : std::uint8_t{0};
}

/// Behind Ethernet and its tag, if there is one; `type` is what comes there.
std::size_t behind_ethernet(std::span<const std::byte> bytes, std::uint16_t& type) {
    const auto word = [&](std::size_t at) {
        return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
    };
    const bool tagged = word(12) == 0x8100 || word(12) == 0x88a8;
    const std::size_t at = ethernet_bytes + (tagged ? vlan_bytes : 0);
    type = word(at - 2);
    return at;
}

}  // namespace

std::string frame_text(std::span<const std::byte> bytes, PortKind kind) {
    if (kind != PortKind::ethernet && kind != PortKind::ip) return "";
    const FlowKey key = read_flow_key(bytes.data(), static_cast<std::uint32_t>(bytes.size()), kind);
    std::string text;
    const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
    if (kind == PortKind::ethernet) {
        if (bytes.size() < ethernet_bytes) return "too short for Ethernet";
        add(mac_text(key.source_mac) + " > " + mac_text(key.destination_mac));
        if ((key.vlan & FlowKey::tagged) != 0) {
            add("VLAN " + std::to_string(key.vlan & ~FlowKey::tagged));
        }
    }
    if ((key.known & FlowKey::has_ip) == 0) {
        if (kind == PortKind::ethernet) add(type_text(key.ether_type));
        return text;
    }
    const bool v6 = key.version == 6;
    add((v6 ? "IPv6 " : "IPv4 ") + ip_text(key.source, v6) + " > " + ip_text(key.destination, v6));
    add(protocol_text(key.protocol));
    if ((key.known & FlowKey::has_ports) != 0) {
        text +=
            ' ' + std::to_string(key.source_port) + " > " + std::to_string(key.destination_port);
    }
    return text;
}

std::optional<wire::Header> lane_header(std::span<const std::byte> bytes, PortKind kind) {
    std::size_t at = 0;
    if (kind == PortKind::ethernet) {
        std::uint16_t type = 0;
        at = behind_ethernet(bytes, type);
        if (type == type_ipv4) {
            if (byte_at(bytes, at + 9) != protocol_udp) return std::nullopt;
            at += std::size_t{4} * (byte_at(bytes, at) & 0x0f) + udp_bytes;
        } else if (type == type_ipv6) {
            if (byte_at(bytes, at + 6) != protocol_udp) return std::nullopt;
            at += ipv6_bytes + udp_bytes;
        } else if (type != wire::ether_type) {
            return std::nullopt;
        }
    } else if (kind != PortKind::carrier) {
        return std::nullopt;
    }
    if (bytes.size() < at + wire::header_bytes) return std::nullopt;
    return wire::read_header(bytes.data() + at);
}

std::string lane_text(const wire::Header& header) {
    switch (wire::Type{header.type}) {
        case wire::Type::data:
            break;
        case wire::Type::announce:
            return "announcement of epoch " + std::to_string(header.epoch);
        default:
            return "lane packet of unknown type";
    }
    const std::string epoch = "epoch " + std::to_string(header.epoch);
    if (header.subspace == wire::control_subspace) {
        return "heartbeat of " + epoch;
    }
    return epoch + ", subspace " + std::to_string(header.subspace) + ", number " +
           std::to_string(header.sequence);
}

}  // namespace lanes::manage
