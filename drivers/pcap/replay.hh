// The replaying half of the pcap driver: a capture file in memory, and the receive queue that gives
// its frames out, where they lie, at once or at the recorded pace. Control loads; each queue is
// called by its worker.
#pragma once

#include <pcap/pcap.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <atomic>
#include <memory>
#include <vector>

#include "engine/clock.hh"
#include "engine/descriptor.hh"
#include "engine/port.hh"
#include "engine/region.hh"

namespace lanes::drivers {

inline constexpr std::uint64_t second_ns = 1'000'000'000;

struct CloseCapture {
    void operator()(pcap_t* capture) const noexcept { ::pcap_close(capture); }
};
using Capture = std::unique_ptr<pcap_t, CloseCapture>;

/// A frame of the file: where it lies and when it is due, in nanoseconds after the first.
struct Record {
    std::byte* data;
    std::uint32_t len;
    std::uint64_t due_ns;
};

/// What is replayed: the memory, and each queue's share of it.
struct Replay {
    engine::Region region;
    std::vector<std::vector<Record>> shares;
    std::uint64_t frames = 0;
    std::uint64_t left_out = 0;     ///< frames of which the file has only a part
    std::uint32_t longest = 0;      ///< bytes
    std::uint64_t duration_ns = 0;  ///< of one repetition, the gap before the next included
    std::uint32_t repeat = 1;
    engine::PortSpec::Pace pace = engine::PortSpec::Pace::recorded;
    /// When the first frame was due, on CLOCK_MONOTONIC; 0: not begun. Writer: the first worker
    /// that asks (compare-and-swap); relaxed, for it carries nothing but itself.
    std::atomic<std::uint64_t> start_ns{0};
};

/// Loads the file `spec.read` and spreads it over `queues` shares; the error names the port.
engine::Result<void> load_replay(const engine::PortSpec& spec, unsigned queues, Replay& replay);

class PcapRx final : public engine::RxQueue {
  public:
    /// `wake`: a timer at the recorded pace; else an eventfd, readable until all is replayed.
    PcapRx(Replay& replay, const std::vector<Record>& records, engine::Descriptor wake)
        : replay_(replay), records_(records), wake_(std::move(wake)) {
        done_ = records_.empty();
        if (replay_.pace == engine::PortSpec::Pace::fast && !done_) ::eventfd_write(wake_.get(), 1);
    }

    unsigned receive(engine::Burst& burst, engine::WorkerCounters&) noexcept override {
        if (done_ || burst.room() == 0) return 0;
        const bool recorded = replay_.pace == engine::PortSpec::Pace::recorded;
        // The start first: at the very first call it is this moment.
        const std::uint64_t start_ns = recorded ? start() : 0;
        const std::uint64_t now_ns = recorded ? engine::monotonic_ns() - start_ns : 0;
        const unsigned before = burst.size();
        while (!done_ && burst.room() != 0) {
            const Record& record = records_[next_];
            if (recorded && due_ns() > now_ns) break;
            engine::Frame frame;
            frame.data = record.data;
            frame.len = record.len;
            frame.headroom = engine::headroom_bytes;
            frame.tailroom = engine::tailroom_bytes;
            burst.push(frame);
            advance();
        }
        return burst.size() - before;
    }

    void release(engine::Burst&) noexcept override {}
    int wake_fd() const noexcept override { return wake_.get(); }

    bool prepare_sleep() noexcept override {
        if (replay_.pace == engine::PortSpec::Pace::fast) return true;
        itimerspec when{};  // zero disarms, and with it clears what has expired
        if (!done_) {
            const std::uint64_t at_ns = start() + due_ns();
            if (at_ns <= engine::monotonic_ns()) return false;
            when.it_value.tv_sec = static_cast<time_t>(at_ns / second_ns);
            when.it_value.tv_nsec = static_cast<long>(at_ns % second_ns);
        }
        ::timerfd_settime(wake_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
        return true;
    }

  private:
    std::uint64_t start() noexcept {
        std::uint64_t start_ns = replay_.start_ns.load(std::memory_order_relaxed);
        if (start_ns != 0) return start_ns;
        const std::uint64_t now_ns = engine::monotonic_ns();
        const bool first =
            replay_.start_ns.compare_exchange_strong(start_ns, now_ns, std::memory_order_relaxed);
        return first ? now_ns : start_ns;
    }
    std::uint64_t due_ns() const noexcept {
        return round_ * replay_.duration_ns + records_[next_].due_ns;
    }
    void advance() noexcept {
        if (++next_ < records_.size()) return;
        next_ = 0;
        ++round_;
        done_ = replay_.repeat != 0 && round_ == replay_.repeat;
        if (done_ && replay_.pace == engine::PortSpec::Pace::fast) {
            eventfd_t count;
            ::eventfd_read(wake_.get(), &count);
        }
    }

    Replay& replay_;
    const std::vector<Record>& records_;
    engine::Descriptor wake_;
    std::size_t next_ = 0;
    std::uint64_t round_ = 0;
    bool done_ = false;
};

}  // namespace lanes::drivers
