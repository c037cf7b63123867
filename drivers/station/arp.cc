// The station's ARP (RFC 826, with the probes and announcements of RFC 5227): IPv4 on Ethernet.
#include "drivers/station/bytes.hh"
#include "drivers/station/group_mac.hh"

namespace lanes::drivers {
namespace {

using engine::load_be;
using engine::MacAddress;
using engine::store_be;

constexpr std::uint16_t hardware_ethernet = 1;
constexpr std::uint16_t request = 1;
constexpr std::uint16_t reply = 2;
/// Fields of an ARP packet.
constexpr std::uint32_t operation_at = 6;
constexpr std::uint32_t sender_mac_at = 8;
constexpr std::uint32_t sender_ip_at = 14;
constexpr std::uint32_t target_mac_at = 18;
constexpr std::uint32_t target_ip_at = 24;

void write_fixed(std::uint16_t operation, std::byte* arp) noexcept {
    store_be<std::uint16_t>(arp, hardware_ethernet);
    store_be<std::uint16_t>(arp + 2, ether_type_ipv4);
    arp[4] = std::byte{6};
    arp[5] = std::byte{4};
    store_be<std::uint16_t>(arp + operation_at, operation);
}

}  // namespace

Finding examine_arp(std::span<const std::byte> frame, std::uint32_t at,
                    const Identity& own) noexcept {
    Finding found;
    if (frame.size() < at + arp_bytes) return found;
    const std::byte* arp = &frame[at];
    if (load_be<std::uint16_t>(arp) != hardware_ethernet ||
        load_be<std::uint16_t>(arp + 2) != ether_type_ipv4 || arp[4] != std::byte{6} ||
        arp[5] != std::byte{4}) {
        return found;
    }
    const auto operation = load_be<std::uint16_t>(arp + operation_at);
    const MacAddress destination = load_mac(&frame[0]);
    const bool to_us = destination == own.mac();
    if ((operation != request && operation != reply) || (!to_us && destination != broadcast_mac)) {
        return found;
    }
    const MacAddress sender = load_mac(arp + sender_mac_at);
    const std::byte* sender_ip = arp + sender_ip_at;
    const std::byte* target_ip = arp + target_ip_at;
    const bool probe = operation == request && load_be<std::uint32_t>(sender_ip) == 0;
    if (!station_mac(sender, own) || (!probe && !own.host(sender_ip, false))) return found;

    found.ip_at = at;
    found.mac = sender;
    found.neighbour = load_ip(sender_ip, false);
    found.tells = !probe;
    if (own.owns(target_ip, false) && (operation == request || to_us)) {
        found.whom = Finding::For::alone;
        if (operation == request) found.answer = Finding::Answer::arp;
    } else if (std::memcmp(sender_ip, target_ip, 4) == 0) {
        found.whom = Finding::For::everybody;  // an announcement
    } else {
        return {};
    }
    return found;
}

void answer_arp(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                std::byte* to) noexcept {
    const std::byte* asked = &frame[finding.ip_at];
    std::byte* arp = to + finding.ip_at;
    answer_ethernet(frame, finding.ip_at, finding.mac, own, to);
    write_fixed(reply, arp);
    store_mac(arp + sender_mac_at, own.mac());
    std::memcpy(arp + sender_ip_at, asked + target_ip_at, 4);
    store_mac(arp + target_mac_at, finding.mac);
    std::memcpy(arp + target_ip_at, asked + sender_ip_at, 4);
}

void write_arp_request(const engine::IpAddress& from, const engine::IpAddress& address,
                       const MacAddress& at, const Identity& own, std::byte* to) noexcept {
    write_ethernet(at == MacAddress{} ? broadcast_mac : at, ether_type_arp, own, to);
    std::byte* arp = to + 14;
    write_fixed(request, arp);
    store_mac(arp + sender_mac_at, own.mac());
    store_ip(arp + sender_ip_at, from);
    store_ip(arp + target_ip_at, address);
}

}  // namespace lanes::drivers
