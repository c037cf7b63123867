// See carrier.hh. RFC 791, RFC 768, RFC 8200, RFC 6864 (identification of atomic datagrams).
#include "lanes/carrier.hh"

#include <algorithm>

namespace lanes {
namespace {

using engine::Drop;
using engine::load_be;
using engine::store_be;

constexpr std::uint16_t ether_type_ipv4 = 0x0800;
constexpr std::uint16_t ether_type_ipv6 = 0x86dd;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint8_t ttl = 64;

void write_ethernet(std::byte* to, const engine::MacAddress& destination,
                    const engine::MacAddress& source, std::uint16_t type) {
    std::memcpy(to, destination.bytes.data(), 6);
    std::memcpy(to + 6, source.bytes.data(), 6);
    store_be(to + 12, type);
}

/// The port's address of the family of `other`; nullptr if it has none.
const engine::IpAddress* address_like(const engine::PortInfo& info,
                                      const engine::IpAddress& other) {
    for (const engine::IpPrefix& prefix : info.addresses) {
        const bool usable = prefix.address.v6 == other.v6 && !prefix.address.unspecified();
        // A link-local source reaches link-local destinations only.
        const bool local = prefix.address.v6 && prefix.address.bytes[0] == 0xfe &&
                           (prefix.address.bytes[1] & 0xc0) == 0x80;
        const bool to_local =
            other.v6 &&
            ((other.bytes[0] == 0xfe && (other.bytes[1] & 0xc0) == 0x80) || other.bytes[0] == 0xff);
        if (usable && (!local || to_local)) return &prefix.address;
    }
    return nullptr;
}

void write_ipv4(std::byte* ip, const engine::IpAddress& from, const engine::IpAddress& to,
                PathPlan& plan) {
    ip[0] = std::byte{0x45};
    store_be(ip + 6, std::uint16_t{0x4000});  // don't fragment; the identification may be 0 then
    ip[8] = std::byte{ttl};
    ip[9] = std::byte{protocol_udp};
    std::memcpy(ip + 12, from.bytes.data(), 4);
    std::memcpy(ip + 16, to.bytes.data(), 4);
    plan.address_sum = engine::checksum_fold(engine::checksum_sum(ip, ipv4_header_bytes));
    plan.form = PathPlan::Form::ipv4_udp;
}

void write_ipv6(std::byte* ip, const engine::IpAddress& from, const engine::IpAddress& to,
                PathPlan& plan) {
    ip[0] = std::byte{0x60};
    ip[6] = std::byte{protocol_udp};
    ip[7] = std::byte{ttl};
    std::memcpy(ip + 8, from.bytes.data(), 16);
    std::memcpy(ip + 24, to.bytes.data(), 16);
    plan.address_sum = engine::checksum_fold(engine::checksum_sum(ip + 8, 32) +
                                             engine::checksum_word(protocol_udp));
    plan.form = PathPlan::Form::ipv6_udp;
}

bool ours_ipv4(const Listener& listener, const std::byte* address) noexcept {
    std::uint32_t word;
    std::memcpy(&word, address, sizeof word);
    for (const std::uint32_t own : listener.ipv4) {
        if (own == word) return true;
    }
    const auto first = static_cast<std::uint8_t>(address[0]);
    return (first & 0xf0) == 0xe0 || first == 0xff;
}

bool ours_ipv6(const Listener& listener, const std::byte* address) noexcept {
    if (static_cast<std::uint8_t>(address[0]) == 0xff) return true;
    for (const engine::IpAddress& own : listener.addresses) {
        if (own.v6 && std::memcmp(own.bytes.data(), address, 16) == 0) return true;
    }
    return false;
}

/// The sum of an IPv4 header; nearly all have no options.
std::uint64_t header_sum(const std::byte* ip, std::uint32_t len) noexcept {
    if (len != ipv4_header_bytes) return engine::checksum_sum(ip, len);
    std::uint64_t a, b;
    std::uint32_t c;
    std::memcpy(&a, ip, 8);
    std::memcpy(&b, ip + 8, 8);
    std::memcpy(&c, ip + 16, 4);
    return (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32) + c;
}

constexpr Arrival dropped(Drop reason) noexcept {
    return {nullptr, 0, reason};
}

/// `udp` has `len` bytes of IP payload; `addresses` of `address_bytes` go into its checksum.
Arrival parse_udp(std::byte* udp, std::uint32_t len, const std::byte* addresses,
                  std::size_t address_bytes, const engine::Frame& frame,
                  const Listener& listener) noexcept {
    if (len < udp_header_bytes) return dropped(Drop::malformed_carrier);
    if (load_be<std::uint16_t>(udp + 2) != listener.listen) return dropped(Drop::not_for_us);
    const std::uint32_t udp_len = load_be<std::uint16_t>(udp + 4);
    if (udp_len < udp_header_bytes || udp_len > len) return dropped(Drop::malformed_carrier);
    std::uint16_t checksum;
    std::memcpy(&checksum, udp + 6, 2);
    if (checksum == 0) {
        if (address_bytes == 32) return dropped(Drop::bad_checksum);  // RFC 8200, 8.1
    } else if (frame.checksum != engine::Checksum::valid) {
        const std::uint64_t sum = engine::checksum_sum(addresses, address_bytes) +
                                  engine::checksum_word(protocol_udp) +
                                  engine::checksum_word(static_cast<std::uint16_t>(udp_len)) +
                                  engine::checksum_sum(udp, udp_len);
        if (engine::checksum_fold(sum) != 0xffff) return dropped(Drop::bad_checksum);
    }
    return {udp + udp_header_bytes, udp_len - udp_header_bytes, Drop{}};
}

Arrival parse_ipv4(std::byte* ip, std::uint32_t len, const engine::Frame& frame,
                   const Listener& listener) noexcept {
    if (len < ipv4_header_bytes) return dropped(Drop::malformed_carrier);
    const auto first = static_cast<std::uint8_t>(ip[0]);
    const std::uint32_t header = (first & 0xfu) * 4;
    const std::uint32_t total = load_be<std::uint16_t>(ip + 2);
    if (first >> 4 != 4 || header < ipv4_header_bytes || total < header || total > len) {
        return dropped(Drop::malformed_carrier);
    }
    if (ip[9] != std::byte{protocol_udp} || !ours_ipv4(listener, ip + 16)) {
        return dropped(Drop::not_for_us);
    }
    if (engine::checksum_fold(header_sum(ip, header)) != 0xffff) {
        return dropped(Drop::bad_checksum);
    }
    // Before the ports are looked at: later fragments have none.
    if ((load_be<std::uint16_t>(ip + 6) & 0x3fff) != 0) return dropped(Drop::ip_fragment);
    return parse_udp(ip + header, total - header, ip + 12, 8, frame, listener);
}

Arrival parse_ipv6(std::byte* ip, std::uint32_t len, const engine::Frame& frame,
                   const Listener& listener) noexcept {
    if (len < ipv6_header_bytes) return dropped(Drop::malformed_carrier);
    const std::uint32_t payload = load_be<std::uint16_t>(ip + 4);
    if (static_cast<std::uint8_t>(ip[0]) >> 4 != 6 || payload > len - ipv6_header_bytes) {
        return dropped(Drop::malformed_carrier);
    }
    constexpr std::byte fragment_header{44};
    if (!ours_ipv6(listener, ip + 24)) return dropped(Drop::not_for_us);
    if (ip[6] == fragment_header) return dropped(Drop::ip_fragment);
    if (ip[6] != std::byte{protocol_udp}) return dropped(Drop::not_for_us);
    return parse_udp(ip + ipv6_header_bytes, payload, ip + 8, 32, frame, listener);
}

}  // namespace

engine::Result<void> prepare_path(const PathSpec& spec, const engine::PortInfo& info,
                                  std::uint32_t id, wire::Kind kind, PathPlan& plan) {
    std::byte* bytes = plan.bytes.data();
    if (spec.carrier == CarrierKind::ethernet) {
        write_ethernet(bytes, spec.to_mac, info.mac, wire::ether_type);
        plan.form = PathPlan::Form::ethernet;
        plan.carrier_bytes = ethernet_header_bytes;
    } else if (info.kind == engine::PortKind::carrier) {
        plan.form = PathPlan::Form::kernel_udp;
        plan.carrier_bytes = 0;
    } else {
        const bool v6 = spec.to.address.v6;
        const engine::IpAddress* from = address_like(info, spec.to.address);
        if (from == nullptr) {
            return engine::Error{0, "port " + info.name + " has no IPv" + (v6 ? "6" : "4") +
                                        " address to reach " + to_string(spec.to) +
                                        " from: give the port an `address`"};
        }
        write_ethernet(bytes, spec.next_hop_mac, info.mac, v6 ? ether_type_ipv6 : ether_type_ipv4);
        std::byte* ip = bytes + ethernet_header_bytes;
        const std::uint32_t ip_bytes = v6 ? ipv6_header_bytes : ipv4_header_bytes;
        if (v6) {
            write_ipv6(ip, *from, spec.to.address, plan);
            if (info.finishes_udp6) plan.endpoint = engine::udp6_by_device;
        } else {
            write_ipv4(ip, *from, spec.to.address, plan);
        }
        store_be(ip + ip_bytes + 2, spec.to.port);
        plan.source_port = info.source_port;
        plan.carrier_bytes =
            static_cast<std::uint8_t>(ethernet_header_bytes + ip_bytes + udp_header_bytes);
    }
    std::byte* packet = bytes + plan.carrier_bytes;
    wire::write_header(packet, {static_cast<std::uint8_t>(wire::Type::data), 0, 0, id, 0});
    wire::write_inner(packet + wire::header_bytes, kind, 0);
    return {};
}

std::uint32_t packet_max(const PathSpec& spec, const engine::PortInfo& info) {
    if (spec.carrier == CarrierKind::ethernet) return info.mtu;
    const std::uint32_t headers =
        (spec.to.address.v6 ? ipv6_header_bytes : ipv4_header_bytes) + udp_header_bytes;
    return info.mtu > headers ? info.mtu - headers : 0;
}

Listener::Listener(const engine::PortInfo& info)
    : kind(info.kind), mac(info.mac), listen(info.listen) {
    for (const engine::IpPrefix& prefix : info.addresses) {
        addresses.push_back(prefix.address);
        if (prefix.address.v6) continue;
        std::memcpy(&ipv4.emplace_back(), prefix.address.bytes.data(), 4);
    }
}

Arrival parse_carrier(const engine::Frame& frame, const Listener& listener) noexcept {
    if (listener.kind == engine::PortKind::carrier) return {frame.data, frame.len, Drop{}};
    if (frame.len < ethernet_header_bytes) return dropped(Drop::malformed_carrier);
    const bool own = std::memcmp(frame.data, listener.mac.bytes.data(), 6) == 0;
    const bool group = (static_cast<std::uint8_t>(frame.data[0]) & 1) != 0;
    if (!own && !group) {
        return dropped(Drop::not_for_us);
    }
    std::byte* payload = frame.data + ethernet_header_bytes;
    const std::uint32_t len = frame.len - ethernet_header_bytes;
    switch (load_be<std::uint16_t>(frame.data + 12)) {
        case wire::ether_type:
            return {payload, len, Drop{}};
        case ether_type_ipv4:
            return parse_ipv4(payload, len, frame, listener);
        case ether_type_ipv6:
            return parse_ipv6(payload, len, frame, listener);
        default:
            return dropped(Drop::not_for_us);
    }
}

}  // namespace lanes
