// See flow_key.hh. RFC 791, RFC 8200 (extension headers), IEEE 802.1Q.
#include "lanes/flow_key.hh"

#include <cstring>

#include "engine/bytes.hh"

namespace lanes {
namespace {

using engine::load_be;

constexpr std::uint16_t ether_type_vlan = 0x8100;
constexpr std::uint16_t ether_type_qinq = 0x88a8;
constexpr std::uint16_t ether_type_ipv4 = 0x0800;
constexpr std::uint16_t ether_type_ipv6 = 0x86dd;
/// More extension headers than this and the rest counts as unknown.
constexpr unsigned extension_headers_max = 8;

bool protocol_has_ports(std::uint8_t protocol) noexcept {
    // TCP, UDP, DCCP, SCTP, UDP-Lite
    return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 || protocol == 136;
}

unsigned version_of(const std::byte* ip) noexcept {
    return static_cast<unsigned>(ip[0]) >> 4;
}

void read_ports(FlowKey& key, const std::byte* data, std::uint32_t len) noexcept {
    if (!protocol_has_ports(key.protocol) || len < 4) return;
    key.source_port = load_be<std::uint16_t>(data);
    key.destination_port = load_be<std::uint16_t>(data + 2);
    key.known |= FlowKey::has_ports;
}

void read_ipv4(FlowKey& key, const std::byte* data, std::uint32_t len) noexcept {
    if (len < 20 || version_of(data) != 4) return;
    const std::uint32_t header = (static_cast<std::uint32_t>(data[0]) & 0xf) * 4;
    if (header < 20 || header > len) return;
    key.version = 4;
    key.known |= FlowKey::has_ip;
    key.dscp = static_cast<std::uint8_t>(data[1]) >> 2;
    key.protocol = static_cast<std::uint8_t>(data[9]);
    std::memcpy(key.source.data(), data + 12, 4);
    std::memcpy(key.destination.data(), data + 16, 4);
    // What lies behind the packet is Ethernet padding, not ports.
    const std::uint32_t total = load_be<std::uint16_t>(data + 2);
    if (total < header) return;
    if (total < len) len = total;
    const bool first = (load_be<std::uint16_t>(data + 6) & 0x1fff) == 0;
    if (first) read_ports(key, data + header, len - header);
}

void read_ipv6(FlowKey& key, const std::byte* data, std::uint32_t len) noexcept {
    if (len < 40 || version_of(data) != 6) return;
    key.version = 6;
    key.known |= FlowKey::has_ip;
    key.dscp = static_cast<std::uint8_t>(load_be<std::uint16_t>(data) >> 6 & 0x3f);
    std::memcpy(key.source.data(), data + 8, 16);
    std::memcpy(key.destination.data(), data + 24, 16);
    key.protocol = static_cast<std::uint8_t>(data[6]);
    // As above. Only a jumbogram (hop-by-hop options first, RFC 2675) has a length of zero and
    // more.
    const std::uint32_t payload = load_be<std::uint16_t>(data + 4);
    if ((payload != 0 || key.protocol != 0) && payload < len - 40) len = 40 + payload;
    std::uint32_t at = 40;
    for (unsigned i = 0; i < extension_headers_max; ++i) {
        const bool fragment = key.protocol == 44;
        const bool skippable = key.protocol == 0 || key.protocol == 43 || key.protocol == 60 ||
                               key.protocol == 135 || fragment;
        if (!skippable) return read_ports(key, data + at, len - at);
        if (len - at < 8) return;
        const std::uint32_t size =
            fragment ? 8 : (static_cast<std::uint32_t>(data[at + 1]) + 1) * 8;
        const bool later = fragment && (load_be<std::uint16_t>(data + at + 2) & 0xfff8) != 0;
        key.protocol = static_cast<std::uint8_t>(data[at]);
        if (later || len - at < size) return;
        at += size;
    }
}

}  // namespace

FlowKey read_flow_key(const std::byte* data, std::uint32_t len, engine::PortKind kind) noexcept {
    FlowKey key;
    std::uint32_t at = 0;
    if (kind == engine::PortKind::ethernet) {
        if (len < 14) return key;
        std::memcpy(key.destination_mac.data(), data, 6);
        std::memcpy(key.source_mac.data(), data + 6, 6);
        key.ether_type = load_be<std::uint16_t>(data + 12);
        at = 14;
        if ((key.ether_type == ether_type_vlan || key.ether_type == ether_type_qinq) && len >= 18) {
            key.vlan = FlowKey::tagged | (load_be<std::uint16_t>(data + 14) & 0xfff);
            key.ether_type = load_be<std::uint16_t>(data + 16);
            at = 18;
        }
    } else if (len > 0) {
        const unsigned version = version_of(data);
        key.ether_type = version == 4 ? ether_type_ipv4 : version == 6 ? ether_type_ipv6 : 0;
    }
    if (key.ether_type == ether_type_ipv4) read_ipv4(key, data + at, len - at);
    if (key.ether_type == ether_type_ipv6) read_ipv6(key, data + at, len - at);
    return key;
}

}  // namespace lanes
