// See sink.hh.
#include "bench/traffic/sink.hh"

namespace lanes::bench {

Sink::Sink(std::span<engine::RxQueue* const> queues, engine::PortKind kind, const Profile& profile,
           const TimeSource& time)
    : queues_(queues.begin(), queues.end()),
      time_(time),
      judge_(profile, kind),
      overhead_bytes_(kind == engine::PortKind::ethernet ? fcs_bytes
                                                         : fcs_bytes + ethernet_header_bytes),
      tracker_(profile.replay ? 1 : profile.flows) {}

void Sink::begin(std::uint8_t tag, std::uint64_t epoch_ns) {
    tag_ = tag;
    epoch_ns_ = last_ns_ = epoch_ns;
    foreign_ = received_bytes_ = 0;
    dropped_before_ += dropped();
    tracker_.reset();
    latency_ns_ = Histogram();
    variation_ns_ = Histogram();
    received_so_far_.set(0);
    corrupt_so_far_.set(0);
}

unsigned Sink::poll() noexcept {
    unsigned count = 0;
    for (engine::RxQueue* queue : queues_) count += poll(*queue);
    return count;
}

unsigned Sink::poll(engine::RxQueue& queue) noexcept {
    engine::Burst burst;
    const unsigned count = queue.receive(burst, worker_);
    if (count == 0) return 0;
    const std::uint64_t now_ns = time_.now_ns();
    for (const engine::Frame& frame : burst) __builtin_prefetch(frame.data);
    unsigned ours = 0;
    for (const engine::Frame& frame : burst) ours += take(frame, now_ns) ? 1 : 0;
    queue.release(burst);
    foreign_ += count - ours;
    if (ours != 0) last_ns_ = now_ns;
    received_so_far_.set(tally().received);
    corrupt_so_far_.set(tally().corrupt);
    return count;
}

bool Sink::take(const engine::Frame& frame, std::uint64_t now_ns) noexcept {
    Stamp stamp;
    const Verdict verdict = judge_.judge(frame.bytes(), stamp);
    if (verdict == Verdict::foreign) return false;
    if (verdict == Verdict::defaced) {
        tracker_.defaced();
        return true;
    }
    if (stamp.tag != tag_ || stamp.flow >= tracker_.flows()) return false;
    if (verdict == Verdict::whole) return count_whole(frame, stamp, now_ns);
    tracker_.damaged(stamp.flow, stamp.sequence);
    return true;
}

bool Sink::count_whole(const engine::Frame& frame, const Stamp& stamp,
                       std::uint64_t now_ns) noexcept {
    if (tracker_.whole(stamp.flow, stamp.sequence) != Tracker::Arrival::first) return true;
    received_bytes_ += frame.len;
    std::uint64_t latency_ns = (now_ns - epoch_ns_ - stamp.time_ns) & stamp_time_mask;
    // Two cores may read the same clock a few nanoseconds apart.
    if (latency_ns > stamp_time_mask / 2) latency_ns = 0;
    latency_ns_.record(latency_ns);
    const std::uint64_t before = tracker_.exchange_latency(stamp.flow, latency_ns);
    if (before != ~std::uint64_t{0}) {
        variation_ns_.record(latency_ns > before ? latency_ns - before : before - latency_ns);
    }
    return true;
}

std::uint64_t Sink::received_bits() const noexcept {
    return (received_bytes_ + tally().received * overhead_bytes_) * 8;
}

std::uint64_t Sink::dropped() const noexcept {
    std::uint64_t sum = 0;
    for (const engine::Counter& counter : worker_.drops) sum += counter.get();
    return sum - dropped_before_;
}

}  // namespace lanes::bench
