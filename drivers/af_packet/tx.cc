// See tx.hh. The layout of a slot:
//
//   tpacket2_hdr (32) | unused | VnetHeader (10) | frame, from byte 64 or, if the sender moved its
//   beginning forward, from behind that (tp_mac tells the kernel, PACKET_TX_HAS_OFF) | tailroom
#include "drivers/af_packet/tx.hh"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "drivers/af_packet/segment.hh"
#include "engine/bytes.hh"
#include "engine/clock.hh"

namespace lanes::drivers {
namespace {

using engine::Drop;
using engine::Frame;
using engine::Result;
using engine::WorkerCounters;

constexpr std::uint32_t frame_offset = 64;
constexpr std::uint32_t header_bytes = 14;
constexpr std::uint32_t vlan_bytes = 4;
/// Frames up to here are copied whole by the kernel; of longer ones the pages are lent.
constexpr std::uint32_t linear_max = 2048;
/// How long the kernel may take nothing before what waits is dropped: beyond a device's queue that
/// is busy, short of delivering stale packets when a cable is plugged in again.
constexpr std::uint64_t stall_ns = 100'000'000;

}  // namespace

Result<std::unique_ptr<AfPacketTx>> AfPacketTx::open(int index, std::uint32_t slots,
                                                     std::uint32_t mtu) {
    std::unique_ptr<AfPacketTx> queue(new AfPacketTx);
    constexpr PacketOption options[] = {
        {PACKET_VERSION, TPACKET_V2, "TPACKET_V2"},
        {PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"},
        {PACKET_TX_HAS_OFF, 1, "PACKET_TX_HAS_OFF"},
        {PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS"},
    };
    auto opened = open_packet_socket();
    if (!opened) return opened.error();
    queue->socket_ = std::move(*opened);
    const int socket = queue->socket_.get();
    if (auto set = set_packet_options(socket, options); !set) return set.error();
    queue->max_len_ = mtu + header_bytes + vlan_bytes;
    auto ring = PacketRing::map(socket, PACKET_TX_RING, slots,
                                frame_offset + queue->max_len_ + engine::tailroom_bytes);
    if (!ring) return ring.error();
    queue->ring_ = std::move(*ring);
    // What is on its way to the device counts against the socket: a whole ring must fit, at twice
    // its size for the kernel's own overhead. The forced call goes beyond net.core.wmem_max.
    const std::uint64_t ring_bytes = std::uint64_t{slots} * queue->ring_.slot_bytes();
    const int bytes = static_cast<int>(ring_bytes * 2 < (1u << 30) ? ring_bytes * 2 : 1u << 30);
    if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    // Protocol 0: this socket receives nothing.
    if (auto bound = bind_packet_socket(socket, index, 0); !bound) return bound.error();
    return queue;
}

Result<void> AfPacketTx::rebind(int index) {
    return bind_packet_socket(socket_.get(), index, 0);
}

unsigned AfPacketTx::claim(std::span<Frame> room, std::uint32_t len) noexcept {
    if (len > max_len_) return 0;
    Frame frame;
    frame.len = max_len_;
    frame.headroom = frame_offset - sizeof(tpacket2_hdr) - sizeof(VnetHeader);
    static_assert(frame_offset - sizeof(tpacket2_hdr) - sizeof(VnetHeader) >=
                  engine::claim_headroom_bytes);
    frame.tailroom = ring_.slot_bytes() - frame_offset - max_len_;
    const std::uint32_t free = ring_.slots() - (filled_ - done_);
    unsigned n = 0;
    while (n < room.size() && n < free && ring_.status(filled_ + n) == TP_STATUS_AVAILABLE) {
        frame.data = ring_.slot(filled_ + n) + frame_offset;
        frame.token = filled_ + n;
        room[n++] = frame;
    }
    return n;
}

bool AfPacketTx::fits(const Frame& frame) const noexcept {
    if (frame.len < header_bytes || frame.len > max_len_) return false;
    return frame.len <= max_len_ - vlan_bytes ||
           engine::load_be<std::uint16_t>(frame.data + 12) == ETH_P_8021Q;
}

void AfPacketTx::send(std::span<const Frame> frames, WorkerCounters& worker) noexcept {
    for (const Frame& frame : frames) {
        if (!fits(frame)) {
            worker.drop(Drop::tx_refused);
            continue;
        }
        std::byte* slot = ring_.slot(filled_);
        const std::byte* data = frame.data;
        std::size_t offset = static_cast<std::size_t>(data - slot);
        if (frame.token != filled_ || offset > UINT16_MAX) {
            // A room before this one was left out; the kernel stops at a hole, so close it.
            offset = frame_offset;
            std::memmove(slot + offset, data, frame.len);
        }
        VnetHeader header;
        header.hdr_len = frame.len <= linear_max ? static_cast<std::uint16_t>(frame.len) : 0;
        offset -= sizeof header;
        std::memcpy(slot + offset, &header, sizeof header);
        tpacket2_hdr& ring_header = ring_.header(filled_);
        ring_header.tp_len = frame.len + static_cast<std::uint32_t>(sizeof header);
        ring_header.tp_mac = static_cast<std::uint16_t>(offset);
        ring_.set_status(filled_++, TP_STATUS_SEND_REQUEST);
    }
}

void AfPacketTx::flush(WorkerCounters& worker) noexcept {
    if (done_ == filled_) return;
    const std::uint32_t before = done_;
    // Every turn but the last removes a frame that the kernel refused.
    for (std::uint32_t turns = filled_ - done_; turns != 0; --turns) {
        const bool sent = ::sendto(socket_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0;
        const int error = sent ? 0 : errno;
        settle(worker);
        if (done_ == filled_) break;
        if (error == ENETDOWN || error == ENXIO || error == ENODEV) return give_up(worker);
        if (ring_.status(done_) != TP_STATUS_WRONG_FORMAT) break;
        remove_refused(worker);
    }
    if (done_ != before || done_ == filled_) {
        stalled_since_ns_ = 0;
        return;
    }
    const std::uint64_t now = engine::monotonic_ns();
    if (stalled_since_ns_ == 0) stalled_since_ns_ = now;
    if (now - stalled_since_ns_ > stall_ns) give_up(worker);
}

void AfPacketTx::settle(WorkerCounters& worker) noexcept {
    std::uint64_t frames = 0;
    std::uint64_t bytes = 0;
    while (done_ != filled_) {
        const std::uint32_t status = ring_.status(done_);
        if ((status & (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT)) != 0) break;
        bytes += ring_.header(done_).tp_len - sizeof(VnetHeader);
        ++frames;
        ++done_;
    }
    if (frames == 0) return;
    worker.sent.add(frames);
    counters.frames.add(frames);
    counters.bytes.add(bytes);
    counters.bursts.add(1);
}

void AfPacketTx::remove_refused(WorkerCounters& worker) noexcept {
    // The kernel goes on at this very slot, so those behind it move up. Rare: the interface's mtu
    // was lowered while the port is open.
    for (std::uint32_t to = done_; to + 1 != filled_; ++to) {
        const tpacket2_hdr& from = ring_.header(to + 1);
        const std::uint16_t offset = from.tp_mac;
        const std::uint32_t len = from.tp_len;
        std::memcpy(ring_.slot(to) + offset, ring_.slot(to + 1) + offset, len);
        ring_.header(to).tp_mac = offset;
        ring_.header(to).tp_len = len;
        ring_.set_status(to, TP_STATUS_SEND_REQUEST);
    }
    --filled_;
    ring_.set_status(filled_, TP_STATUS_AVAILABLE);
    worker.drop(Drop::tx_refused);
}

void AfPacketTx::give_up(WorkerCounters& worker) noexcept {
    const std::uint32_t frames = filled_ - done_;
    while (filled_ != done_) ring_.set_status(--filled_, TP_STATUS_AVAILABLE);
    stalled_since_ns_ = 0;
    worker.drop(Drop::tx_refused, frames);
}

}  // namespace lanes::drivers
