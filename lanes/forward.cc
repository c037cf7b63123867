// See forward.hh.
#include "lanes/forward.hh"

#include "lanes/carrier.hh"
#include "lanes/egress.hh"

namespace lanes {

using engine::burst_max;
using engine::Drop;

void patch_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
               const Plan& plan, std::span<engine::Frame* const> frames) noexcept {
    LaneShare& share = lane.shares[worker.index];
    engine::Port* port = plan.out->port.load(std::memory_order_acquire);
    if (port == nullptr) {
        worker.counters.drop(Drop::tx_refused, frames.size());
        return share.dropped.add(frames.size());
    }
    engine::Scratch<Item, burst_max> items;
    std::uint64_t bytes = 0;
    unsigned n = 0;
    for (engine::Frame* frame : frames) {
        items[n++] = {frame->data, frame->len, frame};
        bytes += frame->len;
    }
    const unsigned sent = emit(worker, memory, port->tx(worker.index), items.first(n), NoHead{});
    share.packets.add(sent);
    share.bytes.add(bytes);
    share.dropped.add(n - sent);
}

void relay_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
               const Plan& plan, std::span<const LanePacket> packets) noexcept {
    LaneShare& share = lane.shares[worker.index];
    engine::Scratch<Item, burst_max> items;
    std::uint64_t bytes = 0;
    unsigned n = 0;
    for (const LanePacket& packet : packets) {
        if (packet.len > plan.packet_max) {
            worker.counters.drop(Drop::tx_too_big);
            share.dropped.add(1);
            continue;
        }
        items[n++] = {packet.data, packet.len, packet.frame};
        bytes += packet.len;
    }
    share.bytes.add(bytes);
    share.packets.add(send_packets(worker, memory, share, plan, items.first(n)));
}

unsigned send_packets(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                      LaneShare& share, const Plan& plan, std::span<Item> items) noexcept {
    const auto n = static_cast<unsigned>(items.size());
    const auto paths = plan.paths();
    unsigned most = 0;
    worker.counters.made.add(std::uint64_t{n} * (paths.size() - 1));
    for (const PathPlan& path : paths) {
        const Carrier carrier(path, worker.index);
        engine::Port* port = path.slot->port.load(std::memory_order_acquire);
        const bool last = &path == &paths.back();
        unsigned sent = 0;
        if (port == nullptr) {
            worker.counters.drop(Drop::tx_refused, n);
        } else if (!carrier.ready()) {
            worker.counters.drop(Drop::no_next_hop, n);
        } else {
            sent = emit(worker, last ? memory : nullptr, port->tx(worker.index), items,
                        CarrierHead{carrier});
        }
        share.dropped.add(n - sent);
        most = sent > most ? sent : most;
    }
    return most;
}

}  // namespace lanes
