// What arp.cc, nd.cc and echo.cc share: the Ethernet header, addresses and
// checksums as bytes. Nobody else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "drivers/station/frames.hh"
#include "engine/bytes.hh"
#include "engine/checksum.hh"

namespace lanes::drivers {

inline constexpr std::uint16_t ether_type_ipv4 = 0x0800;
inline constexpr std::uint16_t ether_type_arp = 0x0806;
inline constexpr std::uint16_t ether_type_vlan = 0x8100;
inline constexpr std::uint16_t ether_type_ipv6 = 0x86dd;
inline constexpr std::uint8_t protocol_icmp = 1;
inline constexpr std::uint8_t protocol_icmp_v6 = 58;

inline std::uint8_t byte_at(const std::byte* from) noexcept {
    return std::to_integer<std::uint8_t>(*from);
}

inline engine::MacAddress load_mac(const std::byte* from) noexcept {
    engine::MacAddress mac;
    std::memcpy(mac.bytes.data(), from, mac.bytes.size());
    return mac;
}

inline void store_mac(std::byte* to, const engine::MacAddress& mac) noexcept {
    std::memcpy(to, mac.bytes.data(), mac.bytes.size());
}

inline engine::IpAddress load_ip(const std::byte* from, bool v6) noexcept {
    engine::IpAddress ip;
    ip.v6 = v6;
    std::memcpy(ip.bytes.data(), from, v6 ? 16 : 4);
    return ip;
}

inline void store_ip(std::byte* to, const engine::IpAddress& ip) noexcept {
    std::memcpy(to, ip.bytes.data(), ip.v6 ? 16 : 4);
}

/// A MAC address that one other station can have.
inline bool station_mac(const engine::MacAddress& mac, const Identity& own) noexcept {
    return !mac.multicast() && mac != engine::MacAddress{} && mac != own.mac();
}

inline void store_checksum(std::byte* to, std::uint16_t checksum) noexcept {
    std::memcpy(to, &checksum, sizeof checksum);
}

/// The sum of an IPv6 pseudo-header (RFC 8200, 8.1) and the message of `len` bytes behind `ip`.
inline std::uint64_t sum_v6(const std::byte* ip, std::uint32_t len) noexcept {
    return engine::checksum_sum(ip + 8, 32) +
           engine::checksum_word(static_cast<std::uint16_t>(len)) +
           engine::checksum_word(protocol_icmp_v6) + engine::checksum_sum(ip + 40, len);
}

/// Destination, own source, and the tag and type of `frame`.
inline void answer_ethernet(std::span<const std::byte> frame, std::uint32_t ip_at,
                            const engine::MacAddress& to_mac, const Identity& own,
                            std::byte* to) noexcept {
    store_mac(to, to_mac);
    store_mac(to + 6, own.mac());
    std::memcpy(to + 12, frame.data() + 12, ip_at - 12);
}

inline void write_ethernet(const engine::MacAddress& to_mac, std::uint16_t type,
                           const Identity& own, std::byte* to) noexcept {
    store_mac(to, to_mac);
    store_mac(to + 6, own.mac());
    engine::store_be(to + 12, type);
}

/// One for each protocol. `frame` has an Ethernet header, and a source that is another station.
Finding examine_arp(std::span<const std::byte> frame, std::uint32_t at,
                    const Identity& own) noexcept;
Finding examine_discovery(std::span<const std::byte> frame, std::uint32_t at,
                          const Identity& own) noexcept;
Finding examine_echo(std::span<const std::byte> frame, std::uint32_t at,
                     const Identity& own) noexcept;
Finding examine_echo_v6(std::span<const std::byte> frame, std::uint32_t at,
                        const Identity& own) noexcept;

void answer_arp(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                std::byte* to) noexcept;
void answer_solicitation(const Finding& finding, std::span<const std::byte> frame,
                         const Identity& own, std::byte* to) noexcept;
void answer_echo(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                 std::byte* to) noexcept;
void answer_echo_v6(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                    std::byte* to) noexcept;

/// Bytes from `at` on of ARP for IPv4 on Ethernet, of an advertisement and of a solicitation.
inline constexpr std::uint32_t arp_bytes = 28;
inline constexpr std::uint32_t discovery_bytes = 40 + 24 + 8;

void write_arp_request(const engine::IpAddress& from, const engine::IpAddress& address,
                       const engine::MacAddress& at, const Identity& own, std::byte* to) noexcept;
void write_solicitation(const engine::IpAddress& from, const engine::IpAddress& address,
                        const engine::MacAddress& at, const Identity& own, std::byte* to) noexcept;
void write_announcement_v6(const engine::IpAddress& address, const Identity& own,
                           std::byte* to) noexcept;

}  // namespace lanes::drivers
