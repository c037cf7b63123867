// See judge.hh.
#include "bench/traffic/judge.hh"

#include "bench/traffic/frames.hh"
#include "engine/bytes.hh"
#include "engine/checksum.hh"

namespace lanes::bench {
namespace {

using engine::checksum_fold;
using engine::checksum_sum;
using engine::checksum_word;
using engine::load_be;
using Bytes = std::span<const std::byte>;

constexpr std::size_t udp_header_bytes = 8;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::uint16_t sum_of_sound = 0xffff;
/// Shorter Ethernet frames are padded to this by the device.
constexpr std::size_t ethernet_len_min = 60;

}  // namespace

FrameJudge::FrameJudge(const Profile& profile, engine::PortKind kind)
    : ethernet_(kind == engine::PortKind::ethernet),
      v6_(profile.source.v6),
      source_port_(profile.source_port),
      destination_port_(profile.destination_port),
      seed_(profile.seed) {
    if (profile.replay) {
        replay_.emplace(*profile.replay, seed_);
        return;
    }
    for (const SizeShare& share : profile.sizes) {
        const std::uint32_t headers = ethernet_header_bytes + (v6_ ? 40u : 20u) + 8u;
        const std::uint32_t len = share.size - fcs_bytes - headers - stamp_bytes;
        payloads_.push_back({len, hash_payload(make_payload(seed_, len), seed_)});
    }
}

Verdict FrameJudge::judge(Bytes frame, Stamp& stamp) const noexcept {
    if (replay_) return replay_->judge(frame, stamp);
    Datagram datagram;
    const Headers headers = follow(frame, datagram);
    if (headers == Headers::sound && datagram.end - datagram.payload_at >= stamp_bytes) {
        const std::size_t stamp_at = datagram.end - stamp_bytes;
        const Bytes payload = frame.subspan(datagram.payload_at, stamp_at - datagram.payload_at);
        if (read_stamp(frame.data() + stamp_at, hash_payload(payload, seed_), stamp)) {
            return Verdict::whole;
        }
        if (find_stamp(frame.first(datagram.end), stamp)) return Verdict::damaged;
        return Verdict::defaced;
    }
    if (find_stamp(frame, stamp)) return Verdict::damaged;
    return headers == Headers::unknown ? Verdict::foreign : Verdict::defaced;
}

FrameJudge::Headers FrameJudge::follow(Bytes frame, Datagram& datagram) const noexcept {
    std::size_t ip_at = 0;
    if (ethernet_) {
        ip_at = ethernet_header_bytes;
        if (frame.size() < ip_at) return Headers::unknown;
        auto ether_type = load_be<std::uint16_t>(frame.data() + 12);
        for (unsigned tags = 0; is_vlan(ether_type); ++tags) {
            if (tags == vlan_tags_max || frame.size() < ip_at + vlan_tag_bytes) {
                return Headers::unknown;
            }
            ether_type = load_be<std::uint16_t>(frame.data() + ip_at + 2);
            ip_at += vlan_tag_bytes;
        }
        if (ether_type != (v6_ ? 0x86dd : 0x0800)) return Headers::unknown;
    }
    const Bytes packet = frame.subspan(ip_at);
    Headers headers = v6_ ? follow_v6(packet, datagram) : follow_v4(packet, datagram);
    datagram.payload_at += ip_at;
    datagram.end += ip_at;
    const bool padded = ethernet_ && frame.size() <= ethernet_len_min;
    if (headers == Headers::sound && datagram.end != frame.size() && !padded) {
        headers = Headers::ours;
    }
    return headers;
}

FrameJudge::Headers FrameJudge::follow_v4(Bytes packet, Datagram& datagram) const noexcept {
    constexpr std::size_t header_bytes = 20;
    if (packet.size() < header_bytes || packet[0] != std::byte{0x45}) return Headers::unknown;
    const bool fragment = (load_be<std::uint16_t>(packet.data() + 6) & 0x3fff) != 0;
    if (packet[9] != std::byte{protocol_udp} || fragment) return Headers::unknown;
    const std::size_t end = load_be<std::uint16_t>(packet.data() + 2);
    const Headers headers = follow_udp(packet, header_bytes, end, datagram);
    const bool sound = checksum_fold(checksum_sum(packet.data(), header_bytes)) == sum_of_sound;
    return headers == Headers::sound && !sound ? Headers::ours : headers;
}

FrameJudge::Headers FrameJudge::follow_v6(Bytes packet, Datagram& datagram) const noexcept {
    constexpr std::size_t header_bytes = 40;
    if (packet.size() < header_bytes || (packet[0] & std::byte{0xf0}) != std::byte{0x60}) {
        return Headers::unknown;
    }
    if (packet[6] != std::byte{protocol_udp}) return Headers::unknown;
    const std::size_t end = header_bytes + load_be<std::uint16_t>(packet.data() + 4);
    return follow_udp(packet, header_bytes, end, datagram);
}

FrameJudge::Headers FrameJudge::follow_udp(Bytes packet, std::size_t udp_at, std::size_t end,
                                           Datagram& datagram) const noexcept {
    if (packet.size() < udp_at + udp_header_bytes) return Headers::unknown;
    const std::byte* udp = packet.data() + udp_at;
    if (load_be<std::uint16_t>(udp) != source_port_ ||
        load_be<std::uint16_t>(udp + 2) != destination_port_) {
        return Headers::unknown;
    }
    datagram = {udp_at + udp_header_bytes, end};
    if (end > packet.size() || end < datagram.payload_at ||
        load_be<std::uint16_t>(udp + 4) != end - udp_at) {
        return Headers::ours;
    }
    const bool unchecked = load_be<std::uint16_t>(udp + 6) == 0;
    if (unchecked) return v6_ ? Headers::ours : Headers::sound;
    // The pseudo header: both addresses, which lie before the UDP header, length and protocol.
    const std::size_t addresses = v6_ ? 32 : 8;
    const std::size_t udp_len = end - udp_at;
    const std::uint64_t sum =
        checksum_sum(udp - addresses, addresses) + checksum_sum(udp, udp_len) +
        checksum_word(static_cast<std::uint16_t>(udp_len)) + checksum_word(protocol_udp);
    return checksum_fold(sum) == sum_of_sound ? Headers::sound : Headers::ours;
}

bool FrameJudge::find_stamp(Bytes frame, Stamp& stamp) const noexcept {
    if (frame.size() < stamp_bytes) return false;
    const std::size_t headers = (ethernet_ ? ethernet_header_bytes : 0u) + (v6_ ? 40u : 20u) + 8u;
    const std::byte* at = frame.data() + frame.size() - stamp_bytes;
    for (const Payload& payload : payloads_) {
        const std::size_t len = headers + payload.len + stamp_bytes;
        const bool tagged = ethernet_ && (frame.size() == len + vlan_tag_bytes ||
                                          frame.size() == len + 2 * vlan_tag_bytes);
        if (frame.size() != len && !tagged) continue;
        if (read_stamp(at, payload.hash, stamp)) return true;
    }
    return false;
}

}  // namespace lanes::bench
