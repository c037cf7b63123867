// The station's echo (RFC 792, RFC 4443): what ping asks. An answer goes back to the MAC address
// that the question came from, and carries the question's bytes; its checksum changes only by the
// type (RFC 1624), so that bytes which broke in here are noticed there.
#include "drivers/station/bytes.hh"

namespace lanes::drivers {
namespace {

using engine::checksum_fold;
using engine::checksum_sum;
using engine::checksum_word;
using engine::load_be;
using engine::store_be;

constexpr std::uint8_t request = 8;
constexpr std::uint8_t reply = 0;
constexpr std::uint8_t request_v6 = 128;
constexpr std::uint8_t reply_v6 = 129;
constexpr std::uint32_t echo_bytes_min = 8;
constexpr std::uint32_t ipv4_bytes = 20;
constexpr std::uint32_t ipv6_bytes = 40;
constexpr std::byte time_to_live{64};

/// RFC 1122, 3.2.1.8: options that name a way would have to be turned around. Who sends them gets
/// no answer; other options do not come back.
bool source_routed(std::span<const std::byte> options) noexcept {
    while (!options.empty()) {
        const std::uint8_t type = byte_at(&options[0]);
        if (type == 0) return false;
        if (type == 1) {
            options = options.subspan(1);
            continue;
        }
        if (type == 131 || type == 137 || options.size() < 2) return true;
        const std::size_t len = byte_at(&options[1]);
        if (len < 2 || len > options.size()) return true;
        options = options.subspan(len);
    }
    return false;
}

/// RFC 1624, equation 3: the checksum at `field` when the type changes from one to the other.
void change_type(std::byte* message, std::uint8_t from, std::uint8_t to) noexcept {
    std::uint16_t checksum;
    std::memcpy(&checksum, message + 2, sizeof checksum);
    const auto inverse = [](std::uint16_t value) { return static_cast<std::uint16_t>(~value); };
    const std::uint64_t sum = std::uint64_t{inverse(checksum)} +
                              inverse(checksum_word(static_cast<std::uint16_t>(from << 8))) +
                              checksum_word(static_cast<std::uint16_t>(to << 8));
    message[0] = std::byte{to};
    store_checksum(message + 2, engine::checksum_finish(sum));
}

}  // namespace

Finding examine_echo(std::span<const std::byte> frame, std::uint32_t at,
                     const Identity& own) noexcept {
    if (frame.size() < at + ipv4_bytes + echo_bytes_min) return {};
    const std::byte* ip = &frame[at];
    const std::uint32_t header = (byte_at(ip) & 0x0fu) * 4;
    const std::uint32_t total = load_be<std::uint16_t>(ip + 2);
    if (byte_at(ip) >> 4 != 4 || header < ipv4_bytes || total < header + echo_bytes_min ||
        at + total > frame.size() || byte_at(ip + 9) != protocol_icmp) {
        return {};
    }
    // Neither a fragment nor the first part of one.
    if ((load_be<std::uint16_t>(ip + 6) & 0x3fff) != 0) return {};
    if (load_mac(&frame[0]) != own.mac() || !own.owns(ip + 16, false) ||
        !own.host(ip + 12, false) || checksum_fold(checksum_sum(ip, header)) != 0xffff ||
        source_routed({ip + ipv4_bytes, header - ipv4_bytes})) {
        return {};
    }
    const std::byte* message = ip + header;
    const std::uint32_t len = total - header;
    if (byte_at(message) != request || byte_at(message + 1) != 0 ||
        checksum_fold(checksum_sum(message, len)) != 0xffff) {
        return {};
    }
    Finding found;
    found.answer = Finding::Answer::echo;
    found.whom = Finding::For::alone;
    found.ip_at = at;
    found.body = len;
    found.mac = load_mac(&frame[6]);
    return found;
}

Finding examine_echo_v6(std::span<const std::byte> frame, std::uint32_t at,
                        const Identity& own) noexcept {
    if (frame.size() < at + ipv6_bytes + echo_bytes_min) return {};
    const std::byte* ip = &frame[at];
    const std::uint32_t len = load_be<std::uint16_t>(ip + 4);
    if (byte_at(ip) >> 4 != 6 || byte_at(ip + 6) != protocol_icmp_v6 || len < echo_bytes_min ||
        at + ipv6_bytes + len > frame.size()) {
        return {};
    }
    if (byte_at(ip + ipv6_bytes) != request_v6 || byte_at(ip + ipv6_bytes + 1) != 0 ||
        load_mac(&frame[0]) != own.mac() || !own.owns(ip + 24, true) || !own.host(ip + 8, true) ||
        checksum_fold(sum_v6(ip, len)) != 0xffff) {
        return {};
    }
    Finding found;
    found.answer = Finding::Answer::echo_v6;
    found.whom = Finding::For::alone;
    found.ip_at = at;
    found.body = len;
    found.mac = load_mac(&frame[6]);
    return found;
}

void answer_echo(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                 std::byte* to) noexcept {
    const std::byte* asked = &frame[finding.ip_at];
    const std::uint32_t header = (byte_at(asked) & 0x0fu) * 4;
    answer_ethernet(frame, finding.ip_at, finding.mac, own, to);
    std::byte* ip = to + finding.ip_at;
    ip[0] = std::byte{0x45};
    ip[1] = asked[1];
    store_be(ip + 2, static_cast<std::uint16_t>(ipv4_bytes + finding.body));
    store_be<std::uint16_t>(ip + 4, 0);       // RFC 6864: what is never cut needs no number
    store_be<std::uint16_t>(ip + 6, 0x4000);  // don't fragment
    ip[8] = time_to_live;
    ip[9] = std::byte{protocol_icmp};
    store_checksum(ip + 10, 0);
    std::memcpy(ip + 12, asked + 16, 4);
    std::memcpy(ip + 16, asked + 12, 4);
    store_checksum(ip + 10, engine::checksum_finish(checksum_sum(ip, ipv4_bytes)));
    std::memcpy(ip + ipv4_bytes, asked + header, finding.body);
    change_type(ip + ipv4_bytes, request, reply);
}

void answer_echo_v6(const Finding& finding, std::span<const std::byte> frame, const Identity& own,
                    std::byte* to) noexcept {
    const std::byte* asked = &frame[finding.ip_at];
    answer_ethernet(frame, finding.ip_at, finding.mac, own, to);
    std::byte* ip = to + finding.ip_at;
    // The traffic class comes back, the flow label is the asker's own.
    ip[0] = asked[0];
    ip[1] = asked[1] & std::byte{0xf0};
    store_be<std::uint16_t>(ip + 2, 0);
    store_be(ip + 4, static_cast<std::uint16_t>(finding.body));
    ip[6] = std::byte{protocol_icmp_v6};
    ip[7] = time_to_live;
    std::memcpy(ip + 8, asked + 24, 16);
    std::memcpy(ip + 24, asked + 8, 16);
    std::memcpy(ip + ipv6_bytes, asked + ipv6_bytes, finding.body);
    change_type(ip + ipv6_bytes, request_v6, reply_v6);
}

}  // namespace lanes::drivers
