// Sink: receives from a queue and counts what became of the frames of one trial. It is stepped by
// poll() and never waits. It allocates nothing after the constructor.
//
// The time of arrival is read once per burst, right after receive(). Frames that say nothing of
// this trial (other traffic, stragglers of an earlier trial by their tag) are foreign.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bench/histogram.hh"
#include "bench/traffic/judge.hh"
#include "bench/traffic/time_source.hh"
#include "bench/traffic/tracker.hh"
#include "engine/port.hh"

namespace lanes::bench {

class Sink {
  public:
    /// All of them outlive this; `kind` is that of the queues' port.
    Sink(std::span<engine::RxQueue* const> queues, engine::PortKind kind, const Profile& profile,
         const TimeSource& time);

    /// Counts from zero; frames of this trial carry `tag` and times since `epoch_ns`.
    void begin(std::uint8_t tag, std::uint64_t epoch_ns);

    /// Receives a burst from each queue; returns how many frames came, foreign ones included.
    unsigned poll() noexcept;

    /// When a frame of this trial came last; the epoch if none did.
    std::uint64_t last_ns() const noexcept { return last_ns_; }
    const Tally& tally() const noexcept { return tracker_.tally(); }
    std::uint64_t foreign() const noexcept { return foreign_ + tally().stragglers; }
    std::uint64_t received_bits() const noexcept;
    /// Frames that the queue itself dropped (longer than its buffers).
    std::uint64_t dropped() const noexcept;

    Histogram take_latency() { return std::move(latency_ns_); }
    Histogram take_variation() { return std::move(variation_ns_); }

    /// For other threads, while it runs: as of the last burst.
    std::uint64_t received_so_far() const noexcept { return received_so_far_.get(); }
    std::uint64_t corrupt_so_far() const noexcept { return corrupt_so_far_.get(); }

  private:
    unsigned poll(engine::RxQueue& queue) noexcept;
    /// Whether the frame is of this trial.
    bool take(const engine::Frame& frame, std::uint64_t now_ns) noexcept;
    bool count_whole(const engine::Frame& frame, const Stamp& stamp, std::uint64_t now_ns) noexcept;

    const std::vector<engine::RxQueue*> queues_;
    const TimeSource& time_;
    const FrameJudge judge_;
    const std::uint32_t overhead_bytes_;  ///< of a frame's size that the port does not see
    Tracker tracker_;
    std::uint8_t tag_ = 0;
    std::uint64_t epoch_ns_ = 0;
    std::uint64_t last_ns_ = 0;
    std::uint64_t foreign_ = 0;
    std::uint64_t received_bytes_ = 0;
    std::uint64_t dropped_before_ = 0;
    Histogram latency_ns_;
    Histogram variation_ns_;
    engine::WorkerCounters worker_;
    engine::Counter received_so_far_;
    engine::Counter corrupt_so_far_;
};

}  // namespace lanes::bench
