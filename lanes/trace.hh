// Trace: what became of some frames of a lane, one after the other, and how they looked before and
// after. A worker that finds a Trace on its lane takes the first frame of a run through all stages
// alone: what changes of its counters and clocks meanwhile, and what goes to transmit queues, is
// then that frame's doing. So stages know nothing of it, and a lane that nobody traces costs one
// look at a pointer for each run. Bounded: so many frames, so many bytes of each.
//
// Ingress has the hook; Tracing (tracing.hh) puts a Trace on a lane and takes it away.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/frame.hh"
#include "engine/phase.hh"
#include "engine/worker.hh"
#include "lanes/spec.hh"

namespace lanes {

class Trace {
  public:
    static constexpr unsigned frames_max = 256;
    static constexpr std::uint32_t kept_bytes_max = 2048;  ///< of a frame
    static constexpr unsigned outs_max = 4;                ///< of what a frame became
    static constexpr unsigned drops_max = 4;

    /// A frame as it was.
    struct Picture {
        std::uint32_t len = 0;  ///< of the whole frame
        std::span<std::byte> room;
        std::uint32_t kept = 0;

        std::span<const std::byte> bytes() const noexcept { return room.first(kept); }
        void take(const engine::Frame& frame) noexcept;
    };
    struct Out {
        const engine::TxQueue* queue = nullptr;
        Picture picture;
    };
    struct Dropped {
        engine::Drop reason{};
        std::uint32_t count = 0;
    };
    /// One frame. Written by one worker; whole once `done`.
    struct Entry {
        std::uint64_t at_ns = 0;  ///< CLOCK_MONOTONIC
        unsigned worker = 0;
        PortIndex from = no_port;
        std::uint32_t burst = 0;  ///< frames of this lane that came together
        Picture in;
        std::array<Out, outs_max> outs;
        std::uint32_t out_count = 0;  ///< may be more than were kept
        std::array<Dropped, drops_max> drops;
        std::uint32_t drop_count = 0;  ///< reasons; at most drops_max
        std::uint64_t absorbed = 0;    ///< it ended in another frame, or was for the engine itself
        std::uint64_t transform_clocks = 0;
        std::uint64_t transmit_clocks = 0;
        /// Writer: the worker (release); reader: Control (acquire).
        std::atomic<bool> done{false};
    };

    /// For `frames` of them, 1 to frames_max.
    explicit Trace(unsigned frames);

    /// Worker: the place for another frame; nullptr: there were enough.
    Entry* claim() noexcept {
        if (claimed_.load(std::memory_order_relaxed) >= entries_.size()) return nullptr;
        const unsigned at = claimed_.fetch_add(1, std::memory_order_relaxed);
        return at < entries_.size() ? &entries_[at] : nullptr;
    }

    /// Control: those that are whole are to be read.
    std::span<const Entry> entries() const noexcept { return entries_; }
    /// Whether all that were asked for are whole.
    bool complete() const noexcept;

  private:
    std::unique_ptr<std::byte[]> room_;
    std::unique_ptr<Entry[]> storage_;
    std::span<Entry> entries_;
    std::atomic<unsigned> claimed_{0};  ///< writers: workers (relaxed)
};

/// The time in which one frame goes through a worker's stages alone.
class TraceOne final : public engine::Tap {
  public:
    /// `frame` is the first of `burst` that came over port `from`.
    TraceOne(engine::WorkerContext& worker, Trace::Entry& entry, PortIndex from,
             const engine::Frame& frame, std::size_t burst) noexcept;
    ~TraceOne();
    TraceOne(const TraceOne&) = delete;
    TraceOne& operator=(const TraceOne&) = delete;

    void leaves(const engine::TxQueue& tx, std::span<const engine::Frame> frames) noexcept override;

  private:
    engine::WorkerContext& worker_;
    Trace::Entry& entry_;
    engine::PhaseClock own_clock_;
    const bool has_clock_;  ///< somebody measures phases anyway
    std::array<std::uint64_t, engine::phase_count> spent_;
    std::array<std::uint64_t, engine::drop_count> drops_;
    std::uint64_t absorbed_;
};

}  // namespace lanes
