// See rx.hh. The layout of a slot, which tp_mac tells for every frame:
//
//   tpacket2_hdr (32) | sockaddr_ll, padding and PACKET_RESERVE | VnetHeader (10) | frame |
//   tailroom
//                     '---------- headroom, once the headers have been read ------'
#include "drivers/af_packet/rx.hh"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "engine/bytes.hh"

namespace lanes::drivers {
namespace {

using engine::Burst;
using engine::Drop;
using engine::Frame;
using engine::Result;
using engine::WorkerCounters;

/// Puts the frame of an untagged packet on a cache line of its own (offset 192 in the slot) and
/// leaves more than headroom_bytes before it.
constexpr int reserve_bytes = 116;
constexpr std::uint32_t frame_offset = 192;
constexpr std::uint32_t vlan_bytes = 4;
static_assert(frame_offset - sizeof(tpacket2_hdr) - vlan_bytes >= engine::headroom_bytes);
/// The kernel's buffer for super-frames that wait for their slot to be looked at.
constexpr int super_queue_bytes = 16 << 20;
/// receive() calls that find nothing between two looks for a socket error.
constexpr std::uint32_t empty_per_look = 64;

void refuse(Drop reason, WorkerCounters& worker) noexcept {
    worker.received.add(1);
    worker.drop(reason);
}

/// Puts back the tag that the kernel took out, by moving the MAC addresses forward.
void restore_vlan(const tpacket2_hdr& header, std::uint32_t status, Frame& frame,
                  VnetHeader& offload) noexcept {
    if ((status & TP_STATUS_VLAN_VALID) == 0 || frame.len < 14) return;
    const bool named = (status & TP_STATUS_VLAN_TPID_VALID) != 0;
    std::memmove(frame.data - vlan_bytes, frame.data, 12);
    frame.data -= vlan_bytes;
    frame.len += vlan_bytes;
    frame.headroom -= vlan_bytes;
    engine::store_be(frame.data + 12,
                     std::uint16_t{named ? header.tp_vlan_tpid : std::uint16_t{ETH_P_8021Q}});
    engine::store_be(frame.data + 14, std::uint16_t{header.tp_vlan_tci});
    offload.csum_start = static_cast<std::uint16_t>(offload.csum_start + vlan_bytes);
}

}  // namespace

Result<std::unique_ptr<AfPacketRx>> AfPacketRx::open(engine::Descriptor opened, int index,
                                                     std::uint32_t slots,
                                                     std::uint32_t frame_bytes) {
    std::unique_ptr<AfPacketRx> queue(new AfPacketRx);
    constexpr PacketOption options[] = {
        {PACKET_VERSION, TPACKET_V2, "TPACKET_V2"},
        {PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"},
        {PACKET_RESERVE, reserve_bytes, "PACKET_RESERVE"},
        {PACKET_COPY_THRESH, 1, "PACKET_COPY_THRESH"},
        {PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"},
    };
    queue->socket_ = std::move(opened);
    const int socket = queue->socket_.get();
    if (auto set = set_packet_options(socket, options); !set) return set.error();
    // Best effort: the forced call goes beyond net.core.rmem_max where it is allowed.
    if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &super_queue_bytes,
                     sizeof super_queue_bytes) != 0) {
        ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &super_queue_bytes, sizeof super_queue_bytes);
    }
    auto ring = PacketRing::map(socket, PACKET_RX_RING, slots,
                                frame_offset + frame_bytes + engine::tailroom_bytes);
    if (!ring) return ring.error();
    queue->ring_ = std::move(*ring);
    auto segments = Slots::map(engine::burst_max, frame_bytes);
    if (!segments) return segments.error();
    queue->segments_ = std::move(*segments);
    auto scratch = Slots::map(1, engine::frame_bytes_max);
    if (!scratch) return scratch.error();
    queue->scratch_ = std::move(*scratch);

    if (auto bound = bind_packet_socket(socket, index, ETH_P_ALL); !bound) return bound.error();
    return queue;
}

Result<void> AfPacketRx::rebind(int index) {
    return bind_packet_socket(socket_.get(), index, ETH_P_ALL);
}

Result<std::uint32_t> AfPacketRx::join_fanout(std::uint32_t group) {
    // In a group the group's own flag decides on outgoing packets (kernel 5.19); an older kernel
    // refuses it, and take() then sorts them out.
    constexpr std::uint32_t ignore_outgoing = 0x4000;
    const std::uint32_t found = group == 0 ? PACKET_FANOUT_FLAG_UNIQUEID : 0u;
    int failed = 0;
    for (const std::uint32_t extra : {ignore_outgoing, 0u}) {
        const std::uint32_t request = group | (PACKET_FANOUT_HASH | found | extra) << 16;
        if (::setsockopt(socket_.get(), SOL_PACKET, PACKET_FANOUT, &request, sizeof request) == 0) {
            std::uint32_t answer = 0;
            socklen_t len = sizeof answer;
            if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_FANOUT, &answer, &len) != 0) {
                return engine::system_error(errno, "read the fanout group");
            }
            return answer & 0xffff;
        }
        failed = errno;
    }
    return engine::system_error(failed, "join the fanout group");
}

Result<void> AfPacketRx::join_promiscuous(int index) {
    packet_mreq request{};
    request.mr_ifindex = index;
    request.mr_type = PACKET_MR_PROMISC;
    if (::setsockopt(socket_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) ==
        0) {
        return {};
    }
    return engine::system_error(errno, "set the interface promiscuous");
}

void AfPacketRx::drain() noexcept {
    for (std::uint32_t i = 0; i < ring_.slots(); ++i) {
        const std::uint32_t status = ring_.status(next_);
        if ((status & TP_STATUS_USER) == 0) break;
        if ((status & TP_STATUS_COPY) != 0) {
            std::byte nothing;
            ::recv(socket_.get(), &nothing, sizeof nothing, MSG_DONTWAIT);
        }
        ++next_;
        give_back();
    }
    lost();
    lost_ = 0;
}

std::uint64_t AfPacketRx::lost() noexcept {
    tpacket_stats stats{};
    socklen_t len = sizeof stats;
    // The kernel sets its count to zero when it is read.
    if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0) {
        lost_ += stats.tp_drops;
    }
    return lost_;
}

unsigned AfPacketRx::receive(Burst& burst, WorkerCounters& worker) noexcept {
    const unsigned before = burst.size();
    segments_used_ = 0;
    cut(burst);
    // A slot that was not given back yet still bears the mark of the user: do not lap it.
    while (burst.room() != 0 && next_ - returned_ < ring_.slots() &&
           (ring_.status(next_) & TP_STATUS_USER) != 0) {
        take(next_++, burst, worker);
    }
    if (burst.size() == before) {
        give_back();
        if (++empty_ % empty_per_look == 0) clear_socket_error();
    }
    return burst.size() - before;
}

void AfPacketRx::take(std::uint32_t position, Burst& burst, WorkerCounters& worker) noexcept {
    const tpacket2_hdr& header = ring_.header(position);
    const std::uint32_t status = header.tp_status;
    std::byte* slot = ring_.slot(position);
    sockaddr_ll from;
    std::memcpy(&from, slot + TPACKET_ALIGN(sizeof header), sizeof from);
    if (from.sll_pkttype == PACKET_OUTGOING) return;

    Frame frame;
    frame.data = slot + header.tp_mac;
    frame.len = header.tp_snaplen;
    frame.headroom = header.tp_mac - static_cast<std::uint32_t>(sizeof header);
    frame.tailroom = ring_.slot_bytes() - header.tp_mac - frame.len;
    VnetHeader offload;
    std::memcpy(&offload, frame.data - sizeof offload, sizeof offload);
    if (header.tp_len > header.tp_snaplen || offload.gso_type != VnetHeader::gso_none) {
        return take_super(position, offload, burst, worker);
    }
    restore_vlan(header, status, frame, offload);
    bool valid =
        (status & TP_STATUS_CSUM_VALID) != 0 || (offload.flags & VnetHeader::data_valid) != 0;
    if ((offload.flags & VnetHeader::needs_checksum) != 0) {
        valid = complete_checksum(frame.bytes(), offload);
    }
    if (valid) frame.checksum = engine::Checksum::valid;
    burst.push(frame);
}

void AfPacketRx::take_super(std::uint32_t position, VnetHeader offload, Burst& burst,
                            WorkerCounters& worker) noexcept {
    const tpacket2_hdr& header = ring_.header(position);
    const std::uint32_t status = header.tp_status;
    Frame frame = scratch_.frame(0, engine::frame_bytes_max - vlan_bytes);
    if ((status & TP_STATUS_COPY) != 0) {
        // The whole of it waits in the socket's queue, behind a VnetHeader of its own.
        const ssize_t received = ::recv(socket_.get(), frame.data - sizeof offload,
                                        frame.len + sizeof offload, MSG_DONTWAIT | MSG_TRUNC);
        const auto offset = static_cast<ssize_t>(sizeof offload);
        if (received <= offset || received > offset + ssize_t{frame.len}) {
            return refuse(Drop::rx_truncated, worker);
        }
        std::memcpy(&offload, frame.data - sizeof offload, sizeof offload);
        frame.len = static_cast<std::uint32_t>(received - offset);
    } else {
        if (header.tp_len > header.tp_snaplen) return refuse(Drop::rx_truncated, worker);
        frame.len = header.tp_snaplen;
        std::memcpy(frame.data, ring_.slot(position) + header.tp_mac, frame.len);
    }
    restore_vlan(header, status, frame, offload);
    const auto plan = plan_segments(frame.bytes(), offload);
    if (!plan || plan->payload + plan->size > segments_.frame_bytes()) {
        return refuse(Drop::rx_truncated, worker);
    }
    super_.bytes = frame.bytes();
    super_.plan = *plan;
    super_.next = 0;
    cut(burst);
}

void AfPacketRx::cut(Burst& burst) noexcept {
    while (super_.next < super_.plan.count && burst.room() != 0 &&
           segments_used_ < engine::burst_max) {
        Frame frame = segments_.frame(segments_used_, segments_.frame_bytes());
        const std::uint32_t len =
            write_segment(super_.plan, super_.bytes, super_.next, frame.bytes());
        frame = segments_.frame(segments_used_, len);
        frame.checksum = engine::Checksum::valid;
        burst.push(frame);
        ++super_.next;
        ++segments_used_;
    }
}

void AfPacketRx::release(Burst&) noexcept {
    give_back();
}

void AfPacketRx::give_back() noexcept {
    while (returned_ != next_) ring_.set_status(returned_++, TP_STATUS_KERNEL);
}

void AfPacketRx::clear_socket_error() noexcept {
    // A link that went down leaves an error that keeps the descriptor readable until it is asked.
    int error = 0;
    socklen_t len = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &len);
}

}  // namespace lanes::drivers
