// See rx.hh.
#include "drivers/dpdk/rx.hh"

#include <rte_ethdev.h>

#include "engine/scratch.hh"

namespace lanes::drivers {

using engine::Burst;
using engine::burst_max;
using engine::Frame;
using engine::WorkerCounters;

namespace {

void refuse(rte_mbuf* mbuf, WorkerCounters& worker) noexcept {
    worker.received.add(1);
    worker.drop(engine::Drop::rx_truncated);
    ::rte_pktmbuf_free(mbuf);
}

}  // namespace

void DpdkRx::poll(Burst& burst, WorkerCounters& worker) noexcept {
    rte_mbuf* mbufs[burst_max];
    const auto room = static_cast<std::uint16_t>(burst.room());
    const unsigned n = ::rte_eth_rx_burst(device_, queue_, mbufs, room);
    for (unsigned i = 0; i < n; ++i) {
        const rte_mbuf& mbuf = *mbufs[i];
        // Buffers fit the MTU: what comes in pieces, or fills one to the end, is longer than that.
        const unsigned end = unsigned{mbuf.data_off} + mbuf.data_len + engine::tailroom_bytes;
        if (mbuf.nb_segs != 1 || end > mbuf.buf_len) [[unlikely]] {
            refuse(mbufs[i], worker);
            continue;
        }
        describe(mbuf, burst.add());
    }
}

unsigned DpdkRx::receive(Burst& burst, WorkerCounters& worker) noexcept {
    known_to_dpdk();
    const unsigned first = burst.size();
    poll(burst, worker);
    if (station_ != nullptr && (burst.size() != first || station_->waiting())) {
        serve(burst, first, worker);
    }
    return burst.size() - first;
}

void DpdkRx::serve(Burst& burst, unsigned first, WorkerCounters& worker) noexcept {
    engine::Scratch<Frame, burst_max> taken;
    const unsigned n = station_->serve(burst, first, tx_, worker,
                                       std::span<Frame, burst_max>{taken.data(), burst_max});
    for (unsigned i = 0; i < n; ++i) ::rte_pktmbuf_free(mbuf_of(taken[i]));
}

void DpdkRx::release(Burst& burst) noexcept {
    rte_mbuf* mbufs[burst_max];
    unsigned n = 0;
    for (const Frame& frame : burst) {
        if (frame.data != nullptr) mbufs[n++] = mbuf_of(frame);
    }
    if (n == 0) return;
    ::rte_pktmbuf_free_bulk(mbufs, n);
}

}  // namespace lanes::drivers
