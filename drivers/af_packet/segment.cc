// See segment.hh.
#include "drivers/af_packet/segment.hh"

#include <cstring>

#include "engine/bytes.hh"
#include "engine/checksum.hh"

namespace lanes::drivers {
namespace {

using engine::checksum_finish;
using engine::checksum_sum;
using engine::checksum_word;
using engine::load_be;
using engine::store_be;

constexpr std::uint32_t ethernet_bytes = 14;
constexpr std::uint32_t vlan_tags_max = 2;
constexpr std::uint32_t udp_bytes = 8;
constexpr std::uint32_t tcp_bytes_min = 20;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;
constexpr std::byte tcp_fin{0x01};
constexpr std::byte tcp_psh{0x08};
constexpr std::byte tcp_cwr{0x80};

/// The checksum fields are stored in memory order, as engine/checksum.hh has them.
void store_checksum(std::byte* to, std::uint16_t checksum) noexcept {
    std::memcpy(to, &checksum, sizeof checksum);
}

/// Finds the IP header, its length and its protocol; false when the frame ends before.
bool find_ip(std::span<const std::byte> frame, SegmentPlan& plan, std::uint8_t& protocol) noexcept {
    plan.ip = ethernet_bytes;
    for (std::uint32_t tags = 0; tags <= vlan_tags_max; ++tags, plan.ip += 4) {
        if (frame.size() < plan.ip + 20) return false;
        const auto type = load_be<std::uint16_t>(frame.data() + plan.ip - 2);
        if (type == 0x8100 || type == 0x88a8) continue;
        const std::byte* ip = frame.data() + plan.ip;
        plan.v6 = type == 0x86dd;
        if (!plan.v6 && type != 0x0800) return false;
        if (plan.v6 && frame.size() < plan.ip + 40) return false;
        const auto words = std::to_integer<std::uint32_t>(ip[0] & std::byte{0x0f});
        if (!plan.v6 && words < 5) return false;
        plan.transport = plan.ip + (plan.v6 ? 40 : words * 4);
        protocol = std::to_integer<std::uint8_t>(plan.v6 ? ip[6] : ip[9]);
        return true;
    }
    return false;
}

void finish_ip(const SegmentPlan& plan, std::uint32_t index, std::span<std::byte> frame) noexcept {
    std::byte* ip = frame.data() + plan.ip;
    const std::size_t len = frame.size() - plan.ip;
    if (plan.v6) {
        store_be(ip + 4, static_cast<std::uint16_t>(len - 40));
        return;
    }
    store_be(ip + 2, static_cast<std::uint16_t>(len));
    store_be(ip + 4, static_cast<std::uint16_t>(load_be<std::uint16_t>(ip + 4) + index));
    store_checksum(ip + 10, 0);
    store_checksum(ip + 10, checksum_finish(checksum_sum(ip, plan.transport - plan.ip)));
}

void finish_transport(const SegmentPlan& plan, std::uint32_t index,
                      std::span<std::byte> frame) noexcept {
    std::byte* transport = frame.data() + plan.transport;
    const std::size_t len = frame.size() - plan.transport;
    if (plan.tcp) {
        store_be(transport + 4, load_be<std::uint32_t>(transport + 4) + index * plan.size);
        if (index + 1 < plan.count) transport[13] &= ~(tcp_fin | tcp_psh);
        if (index != 0) transport[13] &= ~tcp_cwr;
    } else {
        store_be(transport + 4, static_cast<std::uint16_t>(len));
        if (!plan.checksum) return;
    }
    std::byte* field = transport + (plan.tcp ? 16 : 6);
    store_checksum(field, 0);
    // RFC 1071 over the pseudo-header (addresses, protocol, length) and the segment.
    const std::byte* addresses = frame.data() + plan.ip + (plan.v6 ? 8 : 12);
    const std::uint64_t sum = checksum_sum(addresses, plan.v6 ? 32 : 8) +
                              checksum_word(plan.tcp ? protocol_tcp : protocol_udp) +
                              checksum_word(static_cast<std::uint16_t>(len)) +
                              checksum_sum(transport, len);
    const std::uint16_t checksum = checksum_finish(sum);
    // RFC 768: a UDP checksum that comes out as zero is sent as all ones.
    store_checksum(field, !plan.tcp && checksum == 0 ? 0xffff : checksum);
}

}  // namespace

std::optional<SegmentPlan> plan_segments(std::span<const std::byte> super,
                                         const VnetHeader& offload) noexcept {
    const auto type = static_cast<std::uint8_t>(offload.gso_type & ~VnetHeader::gso_ecn);
    SegmentPlan plan;
    std::uint8_t protocol = 0;
    if (offload.gso_size == 0 || !find_ip(super, plan, protocol)) return std::nullopt;
    plan.tcp = type != VnetHeader::gso_udp_l4;
    if (plan.tcp && type != VnetHeader::gso_tcp_v4 && type != VnetHeader::gso_tcp_v6) {
        return std::nullopt;
    }
    if ((offload.flags & VnetHeader::needs_checksum) != 0) {
        // IPv6 extension headers may lie between; the kernel knows where the transport starts.
        if (!plan.v6 && offload.csum_start != plan.transport) return std::nullopt;
        if (plan.v6 && offload.csum_start < plan.transport) return std::nullopt;
        if (plan.v6 && offload.csum_start > plan.transport) protocol = 0;
        if (protocol == 0) protocol = plan.tcp ? protocol_tcp : protocol_udp;
        plan.transport = offload.csum_start;
    }
    if (protocol != (plan.tcp ? protocol_tcp : protocol_udp)) return std::nullopt;
    if (super.size() < plan.transport + (plan.tcp ? tcp_bytes_min : udp_bytes)) return std::nullopt;
    const std::byte* transport = super.data() + plan.transport;
    const std::uint32_t header =
        plan.tcp ? std::to_integer<std::uint32_t>(transport[12] >> 4) * 4 : udp_bytes;
    plan.payload = plan.transport + header;
    if (plan.tcp && header < tcp_bytes_min) return std::nullopt;
    if (super.size() <= plan.payload) return std::nullopt;
    plan.checksum = plan.tcp || plan.v6 || (offload.flags & VnetHeader::needs_checksum) != 0 ||
                    load_be<std::uint16_t>(transport + 6) != 0;
    plan.size = offload.gso_size;
    const auto bytes = static_cast<std::uint32_t>(super.size()) - plan.payload;
    plan.count = (bytes + plan.size - 1) / plan.size;
    return plan;
}

std::uint32_t write_segment(const SegmentPlan& plan, std::span<const std::byte> super,
                            std::uint32_t index, std::span<std::byte> to) noexcept {
    const std::size_t from = plan.payload + std::size_t{index} * plan.size;
    const std::size_t left = super.size() - from;
    const std::size_t bytes = left < plan.size ? left : plan.size;
    const std::size_t len = plan.payload + bytes;
    if (to.size() < len) return 0;
    std::memcpy(to.data(), super.data(), plan.payload);
    std::memcpy(to.data() + plan.payload, super.data() + from, bytes);
    finish_ip(plan, index, to.first(len));
    finish_transport(plan, index, to.first(len));
    return static_cast<std::uint32_t>(len);
}

bool complete_checksum(std::span<std::byte> frame, const VnetHeader& offload) noexcept {
    const std::size_t field = std::size_t{offload.csum_start} + offload.csum_offset;
    if (field + 2 > frame.size()) return false;
    // The field holds the sum of the pseudo-header already.
    const std::uint16_t checksum = checksum_finish(
        checksum_sum(frame.data() + offload.csum_start, frame.size() - offload.csum_start));
    // All ones and zero are the same sum; UDP (offset 6) must not be sent with zero, and no other
    // protocol minds.
    store_checksum(frame.data() + field, checksum == 0 ? 0xffff : checksum);
    return true;
}

}  // namespace lanes::drivers
