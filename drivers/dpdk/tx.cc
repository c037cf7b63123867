// See tx.hh.
#include "drivers/dpdk/tx.hh"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>

#include "engine/check.hh"

namespace lanes::drivers {

using engine::Frame;
using engine::WorkerCounters;

DpdkTx::~DpdkTx() {
    ::rte_pktmbuf_free_bulk(room_.data(), claimed_);
    ::rte_pktmbuf_free_bulk(waiting_.data(), count_);
}

unsigned DpdkTx::claim(std::span<Frame> room, std::uint32_t len) noexcept {
    if (len > target_.max_len) return 0;
    known_to_dpdk();
    auto n = static_cast<unsigned>(std::min<std::size_t>(room.size(), engine::burst_max));
    n = std::min(n, waiting_max - count_);
    if (claimed_ < n &&
        ::rte_pktmbuf_alloc_bulk(pool_.raw(), &room_[claimed_], n - claimed_) == 0) {
        claimed_ = n;
    }
    n = std::min(n, claimed_);
    for (unsigned i = 0; i < n; ++i) {
        Frame& frame = room[i];
        describe(*room_[i], frame);  // of length 0 yet
        frame.len = target_.max_len;
        frame.tailroom -= target_.max_len;
    }
    return n;
}

inline void DpdkTx::put(const Frame& frame) noexcept {
    rte_mbuf& mbuf = *mbuf_of(frame);
    const auto offset =
        static_cast<std::uint16_t>(frame.data - static_cast<std::byte*>(mbuf.buf_addr));
    // What is passed on as it came is not written to.
    if (mbuf.data_off != offset || mbuf.pkt_len != frame.len) {
        mbuf.data_off = offset;
        mbuf.data_len = static_cast<std::uint16_t>(frame.len);
        mbuf.pkt_len = frame.len;
    }
    if (frame.endpoint == engine::udp6_by_device) {
        mbuf.ol_flags |= RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
        mbuf.l2_len = sizeof(rte_ether_hdr);
        mbuf.l3_len = sizeof(rte_ipv6_hdr);
    }
    waiting_[count_++] = &mbuf;
    bytes_ += frame.len;
}

void DpdkTx::send(std::span<const Frame> frames, WorkerCounters&) noexcept {
    // The frames are a subsequence of the claimed room; what was left out stays claimed.
    unsigned kept = 0;
    std::size_t next = 0;
    for (unsigned i = 0; i < claimed_; ++i) {
        if (next < frames.size() && mbuf_of(frames[next]) == room_[i]) {
            put(frames[next++]);
        } else {
            room_[kept++] = room_[i];
        }
    }
    LANES_CHECK(next == frames.size());
    claimed_ = kept;
}

unsigned DpdkTx::pass_room() noexcept {
    // What is claimed may be sent yet.
    const unsigned used = count_ + claimed_;
    return used < waiting_max ? waiting_max - used : 0;
}

unsigned DpdkTx::pass(std::span<const Frame> frames, WorkerCounters& worker) noexcept {
    if (frames.size() > pass_room()) flush(worker);
    const auto n = static_cast<unsigned>(std::min<std::size_t>(frames.size(), pass_room()));
    for (unsigned i = 0; i < n; ++i) put(frames[i]);
    return n;
}

/// Offers what waits; returns how many frames the device took.
unsigned DpdkTx::submit() noexcept {
    if (target_.gate != nullptr && !target_.gate->enter()) return 0;
    unsigned taken = 0;
    // Once more for the rest: to be offered frames makes many a device look for room.
    for (unsigned offer = 0; offer < 2 && taken < count_; ++offer) {
        const auto rest = static_cast<std::uint16_t>(count_ - taken);
        taken += ::rte_eth_tx_burst(target_.device, target_.queue, &waiting_[taken], rest);
        if (taken < count_) refused_.add(count_ - taken);
    }
    if (target_.gate != nullptr) target_.gate->leave();
    return taken;
}

void DpdkTx::drop_waiting(WorkerCounters& worker) noexcept {
    worker.drop(engine::Drop::tx_full, count_);
    ::rte_pktmbuf_free_bulk(waiting_.data(), count_);
    count_ = 0;
    bytes_ = 0;
    in_vain_ = 0;
}

void DpdkTx::flush(WorkerCounters& worker) noexcept {
    if (count_ == 0) return;
    known_to_dpdk();
    const unsigned taken = submit();
    if (taken == 0) {
        if (++in_vain_ > in_vain_max) drop_waiting(worker);
        return;
    }
    in_vain_ = 0;
    std::uint64_t rest_bytes = 0;
    for (unsigned i = taken; i < count_; ++i) rest_bytes += waiting_[i]->pkt_len;
    worker.sent.add(taken);
    counters.frames.add(taken);
    counters.bytes.add(bytes_ - rest_bytes);
    count_ -= taken;
    bytes_ = rest_bytes;
    if (count_ != 0) {
        std::copy_n(waiting_.begin() + taken, count_, waiting_.begin());
    }
}

}  // namespace lanes::drivers
