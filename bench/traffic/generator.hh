// Generator: sends the frames of one offer through a transmit queue: at a constant rate, or as fast
// as the queue takes them. It is stepped by poll() and never waits, so it runs as well in a thread
// of its own as in a test. It allocates nothing after the constructor.
//
// What is late is sent as soon as possible, up to 64 frames at once, and its lateness recorded; a
// queue that is full makes frames late, not lost. A frame gets its time after it was written and
// just before send() and flush(), once for all frames that leave together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bench/histogram.hh"
#include "bench/traffic/frames.hh"
#include "bench/traffic/pace.hh"
#include "bench/traffic/time_source.hh"
#include "engine/port.hh"
#include "engine/scratch.hh"

namespace lanes::bench {

/// What is to be sent. At a rate: as many whole bursts as are due within the time.
struct Offer {
    double rate_pps = 0;          ///< 0: as fast as the queue takes them
    std::uint64_t length_ns = 0;  ///< 0: until `frames` are sent
    std::uint64_t frames = 0;     ///< 0: as many as there is time for
};

class Generator {
  public:
    /// All of them outlive this. With several queues each gets flows of its own.
    Generator(std::span<engine::TxQueue* const> queues, const FrameMaker& maker,
              const Profile& profile, const TimeSource& time);

    /// Forgets the offer before. Frames will be stamped with `tag` and with times since `epoch_ns`.
    void begin(const Offer& offer, std::uint8_t tag, std::uint64_t epoch_ns);

    /// The first frame is due at `now_ns`.
    void start(std::uint64_t now_ns) noexcept;

    /// Sends what is due at `now_ns`, at most 64 frames, and returns how many.
    unsigned poll(std::uint64_t now_ns) noexcept;

    /// Whether the offer is over and the queue has pushed out everything.
    bool done() const noexcept { return state_ == State::done; }
    bool paced() const noexcept { return offer_.rate_pps > 0; }
    /// Ends the offer early; what was not sent was not offered either.
    void stop(std::uint64_t now_ns) noexcept;

    /// When poll() has something to do again; may be in the past.
    std::uint64_t due_ns() const noexcept;

    std::uint64_t sent() const noexcept { return worker_.sent.get() - sent_before_; }
    /// Not taken by the queue: dropped by it, or still without room when time was up.
    std::uint64_t refused() const noexcept;
    std::uint64_t sent_bits() const noexcept;
    /// From the first frame to when the one after the last would have been due.
    double seconds() const noexcept;
    Histogram take_lateness() { return std::move(lateness_ns_); }

  private:
    enum class State : std::uint8_t { running, draining, done };

    void end(std::uint64_t now_ns) noexcept;
    void drain(std::uint64_t now_ns) noexcept;
    std::size_t queue_of(std::uint32_t flow) const noexcept;
    unsigned run_of(std::uint64_t most) const noexcept;
    void write(unsigned count) noexcept;
    void send(engine::TxQueue& queue, unsigned count) noexcept;
    bool flush_pending() noexcept;
    std::uint64_t dropped() const noexcept;
    std::uint64_t bytes() const noexcept;

    std::vector<engine::TxQueue*> queues_;  ///< no more than there are flows
    const FrameMaker& maker_;
    const TimeSource& time_;
    const std::uint32_t flow_skip_;  ///< keeps flows and sizes from going in step
    const std::uint32_t burst_;
    const std::shared_ptr<const Replay> recorded_;  ///< whose gaps are kept; nullptr: nobody's

    Offer offer_;
    Pace pace_;
    State state_ = State::done;
    std::uint8_t tag_ = 0;
    std::uint64_t epoch_ns_ = 0;
    std::uint64_t first_ns_ = 0;  ///< when the first frames left
    std::uint64_t last_ns_ = 0;   ///< when the last did
    std::uint64_t deadline_ns_ = 0;
    std::uint64_t given_ = 0;    ///< frames given to the queue
    std::uint64_t no_room_ = 0;  ///< frames that were due when time was up
    bool full_ = false;          ///< the last claim got less than it asked for

    std::uint32_t flow_ = 0;  ///< of the next frame
    std::size_t cycle_at_ = 0;
    std::vector<std::uint32_t> sequences_;

    engine::WorkerCounters worker_;
    std::uint64_t sent_before_ = 0;
    std::uint64_t dropped_before_ = 0;
    std::uint64_t bytes_before_ = 0;
    Histogram lateness_ns_;

    /// One burst between claim and send.
    engine::Scratch<engine::Frame, engine::burst_max> room_;
    struct Identity {
        std::uint32_t shape;
        std::uint32_t flow;
        std::uint32_t sequence;
    };
    engine::Scratch<Identity, engine::burst_max> identities_;
};

}  // namespace lanes::bench
