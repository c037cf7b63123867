// ImpairedPort: one end of a memory wire that does to what it receives exactly what it was told to,
// and counts it: the known truth that the harness is tested against, and the device of known rate
// that the search must find. VirtualTime is the clock of such tests: it stands still while work is
// done and moves from event to event, so latencies are exact to the nanosecond and an hour takes no
// longer than its frames do.
//
// Each arriving frame, counted from 1, passes the rate limiter (a token bucket before a buffer of
// so many frames) and then suffers the first fault whose number divides its own: drop, duplicate,
// flip, truncate, hold (until so many others have come out). All that comes out does so a fixed
// delay after it passed the limiter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "bench/traffic/time_source.hh"
#include "engine/port.hh"

namespace lanes::test {

/// Zero: never, or none.
struct Impairments {
    std::uint64_t drop_every = 0;
    std::uint64_t duplicate_every = 0;
    std::uint64_t flip_every = 0;
    std::int32_t flip_bit = 0;  ///< of the frame; below zero: from its end, -1 is the last
    std::uint64_t truncate_every = 0;
    std::uint32_t truncate_to = 0;  ///< bytes
    std::uint64_t hold_every = 0;
    std::uint32_t hold_for = 1;  ///< frames that come out before it does
    std::uint64_t delay_ns = 0;
    double rate_pps = 0;        ///< of the device; 0: unlimited
    std::uint32_t bucket = 1;   ///< frames that an idle device lets through at once
    std::uint32_t buffer = 64;  ///< frames that wait for the device; more are lost
};

/// What was done to whole frames.
struct Truth {
    std::uint64_t arrived = 0;
    std::uint64_t limited = 0;  ///< lost because the buffer was full
    std::uint64_t dropped = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t flipped = 0;
    std::uint64_t truncated = 0;
    std::uint64_t held = 0;
    std::uint64_t released = 0;  ///< frames that came out, copies included
};

class ImpairedPort final : public engine::Port {
  public:
    static constexpr std::uint32_t frame_len_max = 2048;

    /// `inner` and `time` outlive this.
    ImpairedPort(engine::Port& inner, const bench::TimeSource& time,
                 const Impairments& impairments);

    const engine::PortInfo& info() const noexcept override { return inner_.info(); }
    engine::RxQueue& rx(unsigned) noexcept override { return rx_; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return inner_.tx(queue); }
    engine::DeviceLoss loss() noexcept override { return inner_.loss(); }

    const Truth& truth() const noexcept { return rx_.truth; }
    /// When the next frame comes out; ~0: none is waiting.
    std::uint64_t next_event_ns() const noexcept { return rx_.next_event_ns(); }

  private:
    struct Packet {
        std::uint64_t due_ns = 0;
        std::uint32_t len = 0;
        std::array<std::byte, frame_len_max> bytes;
    };

    /// First in, first out; grows when it is full.
    class Fifo {
      public:
        std::size_t size() const noexcept { return tail_ - head_; }
        Packet& at(std::size_t i) noexcept { return packets_[(head_ + i) & (packets_.size() - 1)]; }
        const Packet& front() const noexcept { return packets_[head_ & (packets_.size() - 1)]; }
        Packet& push();
        void pop(std::size_t count) noexcept { head_ += count; }

      private:
        std::vector<Packet> packets_ = std::vector<Packet>(64);
        std::size_t head_ = 0;
        std::size_t tail_ = 0;
    };

    class Rx final : public engine::RxQueue {
      public:
        Rx(engine::RxQueue& inner, const bench::TimeSource& time, const Impairments& impairments)
            : inner_(inner), time_(time), impairments_(impairments) {}

        unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override;
        void release(engine::Burst& burst) noexcept override;
        std::uint64_t next_event_ns() const noexcept {
            return waiting_.size() == 0 ? ~std::uint64_t{0} : waiting_.front().due_ns;
        }

        Truth truth;

      private:
        struct Held {
            std::vector<std::byte> bytes;
            std::uint32_t to_overtake = 0;
        };

        void take(std::span<const std::byte> frame, std::uint64_t now_ns);
        bool pass_limiter(std::uint64_t& now_ns);
        Packet& come_out(std::span<const std::byte> frame, std::uint64_t due_ns);
        void let_go(std::uint64_t due_ns);

        engine::RxQueue& inner_;
        const bench::TimeSource& time_;
        const Impairments impairments_;
        double bucket_full_ns_ = 0;           ///< the theoretical arrival time of GCRA
        std::deque<std::uint64_t> buffered_;  ///< when those in the buffer leave it
        Fifo waiting_;
        std::vector<Held> held_;
    };

    engine::Port& inner_;
    Rx rx_;
};

/// Moves to the next event of the ports it knows, or to what the harness waits for. What can be
/// done at once takes a tick: a generator without a rate sends 64 frames per tick.
class VirtualTime final : public bench::SteppedTime {
  public:
    explicit VirtualTime(std::uint64_t tick_ns = 1000) : tick_ns_(tick_ns) {}

    void watch(const ImpairedPort& port) { ports_.push_back(&port); }
    std::uint64_t now_ns() const noexcept override { return now_ns_; }
    void pass(std::uint64_t until_ns) noexcept override;

  private:
    std::uint64_t tick_ns_;
    std::uint64_t now_ns_ = 1'000'000'000;
    std::vector<const ImpairedPort*> ports_;
};

}  // namespace lanes::test
