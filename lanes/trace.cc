// See trace.hh.
#include "lanes/trace.hh"

#include <algorithm>
#include <cstring>

namespace lanes {

using engine::Phase;

void Trace::Picture::take(const engine::Frame& frame) noexcept {
    len = frame.len;
    kept = std::min(frame.len, static_cast<std::uint32_t>(room.size()));
    std::memcpy(room.data(), frame.data, kept);
}

Trace::Trace(unsigned frames)
    : room_(new std::byte[std::size_t{frames} * (1 + outs_max) * kept_bytes_max]),
      storage_(new Entry[frames]),
      entries_(storage_.get(), frames) {
    std::byte* room = room_.get();
    const auto next = [&] {
        const std::span<std::byte> one(room, kept_bytes_max);
        room += kept_bytes_max;
        return one;
    };
    for (Entry& entry : entries_) {
        entry.in.room = next();
        for (Out& out : entry.outs) out.picture.room = next();
    }
}

bool Trace::complete() const noexcept {
    return std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
        return entry.done.load(std::memory_order_acquire);
    });
}

TraceOne::TraceOne(engine::WorkerContext& worker, Trace::Entry& entry, PortIndex from,
                   const engine::Frame& frame, std::size_t burst) noexcept
    : worker_(worker), entry_(entry), has_clock_(worker.phases != nullptr) {
    entry.at_ns = worker.now_ns;
    entry.worker = worker.index;
    entry.from = from;
    entry.burst = static_cast<std::uint32_t>(burst);
    entry.in.take(frame);
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        drops_[i] = worker.counters.drops[i].get();
    }
    absorbed_ = worker.counters.absorbed.get();
    worker.tap = this;
    if (!has_clock_) {
        own_clock_.start(Phase::classify);
        worker.phases = &own_clock_;
    }
    // The border makes spent() true up to here.
    worker.phases->enter(worker.phases->enter(Phase::classify));
    spent_ = worker.phases->spent();
}

TraceOne::~TraceOne() {
    worker_.phases->enter(worker_.phases->enter(Phase::classify));
    const auto spent = [&](Phase phase) {
        const auto i = static_cast<std::size_t>(phase);
        return worker_.phases->spent()[i] - spent_[i];
    };
    entry_.transform_clocks = spent(Phase::transform);
    entry_.transmit_clocks = spent(Phase::transmit);
    if (!has_clock_) worker_.phases = nullptr;
    worker_.tap = nullptr;
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        const std::uint64_t more = worker_.counters.drops[i].get() - drops_[i];
        if (more == 0 || entry_.drop_count == Trace::drops_max) continue;
        entry_.drops[entry_.drop_count++] = {static_cast<engine::Drop>(i),
                                             static_cast<std::uint32_t>(more)};
    }
    entry_.absorbed = worker_.counters.absorbed.get() - absorbed_;
    entry_.done.store(true, std::memory_order_release);
}

void TraceOne::leaves(const engine::TxQueue& tx, std::span<const engine::Frame> frames) noexcept {
    for (const engine::Frame& frame : frames) {
        const std::uint32_t at = entry_.out_count++;
        if (at >= Trace::outs_max) continue;
        entry_.outs[at].queue = &tx;
        entry_.outs[at].picture.take(frame);
    }
}

}  // namespace lanes
