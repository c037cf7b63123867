// See lane_loop.hh.
#include "bench/pipeline/lane_loop.hh"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <stdexcept>

#include "bench/clocks.hh"
#include "engine/bytes.hh"
#include "lanes/wire.hh"

namespace lanes::bench {
namespace {

using engine::Burst;
using engine::burst_max;
using engine::Frame;

/// Room for a copy of a frame in the tap: the largest, its carrier and its seal.
constexpr std::size_t copy_stride = 9000 + 256;
/// An Ethernet, an IPv4 and a UDP header, and then the lane header.
constexpr std::uint32_t before_inner = 14 + 20 + 8 + wire::header_bytes;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

/// An Ethernet frame with an IPv4 header that is as much as matching wants to see.
void write_frame(std::byte* to, std::uint32_t size, std::uint32_t lane) {
    std::fill_n(to, size, std::byte{0});
    engine::store_be(to + 12, std::uint16_t{0x0800});
    to[14] = std::byte{0x45};
    to[23] = std::byte{253};  // RFC 3692: for experiments
    engine::store_be(to + 30, 0x0a000000u + lane);
}

}  // namespace

LaneLoop::LaneLoop(NodeBed& bed, const Case& options, unsigned worker)
    : bed_(bed), options_(options), worker_(worker), lanes_(options.lanes == 1 ? 1 : 1 << 20) {
    std::mt19937 random(worker + 1);
    for (std::uint32_t& lane : lanes_) lane = static_cast<std::uint32_t>(random() % options.lanes);
    if (options.path == PathKind::open_replayed) {
        copies_.resize(burst_max * copy_stride);
        copy_lens_.reserve(burst_max);
    }
}

std::uint64_t LaneLoop::run(unsigned bursts) {
    std::uint64_t spent = 0;
    for (unsigned i = 0; i < bursts; ++i) {
        make_burst();
        switch (options_.path) {
            case PathKind::patch:
                spent += measured_round();
                break;
            case PathKind::clear:
            case PathKind::seal:
                spent += measured_round();
                round(1);
                break;
            case PathKind::receive:
            case PathKind::open:
            case PathKind::relay:
                round(0);
                spent += measured_round();
                break;
            case PathKind::open_replayed: {
                round(0);
                keep_copies();
                round(1);
                if (take_away() != burst_max) fail("a packet was lost before it was replayed");
                inject_copies();
                const std::uint64_t before = refused();
                spent += measured_round();
                arrived_ += refused() - before;
                break;
            }
            case PathKind::open_forged: {
                round(0);
                forge();
                const std::uint64_t before = refused();
                spent += measured_round();
                arrived_ += refused() - before;
                break;
            }
        }
        arrived_ += take_away();
    }
    return spent;
}

std::uint64_t LaneLoop::measured_round() {
    engine::Worker& worker = bed_.measured_worker(worker_);
    worker.time_phases(phases_);
    const std::uint64_t before = read_clock();
    worker.round();
    const std::uint64_t spent = read_clock() - before;
    worker.time_phases(engine::Worker::Phases::ignored);
    return spent;
}

void LaneLoop::round(std::size_t node) {
    bed_.worker(node, worker_).round();
}

/// What the measured worker refused for the reason that the path provokes.
std::uint64_t LaneLoop::refused() const {
    const auto reason = options_.path == PathKind::open_forged ? engine::Drop::bad_tag
                                                               : engine::Drop::replay_duplicate;
    const auto& drops = bed_.measured_worker(worker_).counters().drops;
    return drops[static_cast<std::size_t>(reason)].get();
}

void LaneLoop::make_burst() {
    engine::TxQueue& queue = bed_.generator->tx(worker_);
    std::array<Frame, burst_max> room;
    if (queue.claim(room, options_.sizes.largest()) != burst_max) fail("the first wire is full");
    for (Frame& frame : room) {
        frame.len = options_.sizes.cycle[next_size_++ % options_.sizes.cycle.size()];
        write_frame(frame.data, frame.len, lanes_[next_lane_++ % lanes_.size()]);
    }
    queue.send(room, counters_);
    queue.flush(counters_);
    sent_ += burst_max;
}

std::uint64_t LaneLoop::take_away() {
    Burst burst;
    std::uint64_t frames = 0;
    engine::RxQueue& queue = bed_.sink->rx(worker_);
    while (queue.receive(burst, counters_) != 0) {
        frames += burst.size();
        queue.release(burst);
        burst.clear();
    }
    return frames;
}

/// Shows each frame that lies in the tap to `touch`, and hands it on.
template <typename Touch>
void LaneLoop::through_tap(Touch&& touch) {
    Burst burst;
    engine::RxQueue& rx = bed_.tap_in->rx(worker_);
    rx.receive(burst, counters_);
    for (const Frame& frame : burst) touch(frame);
    engine::TxQueue& tx = bed_.tap_out->tx(worker_);
    if (tx.pass(burst.frames(), counters_) != burst.size()) fail("the tap's wire is full");
    for (Frame& frame : burst) frame.data = nullptr;
    rx.release(burst);
    tx.flush(counters_);
}

void LaneLoop::keep_copies() {
    copy_lens_.clear();
    through_tap([&](const Frame& frame) {
        std::memcpy(copies_.data() + copy_lens_.size() * copy_stride, frame.data, frame.len);
        copy_lens_.push_back(frame.len);
    });
}

void LaneLoop::inject_copies() {
    std::array<Frame, burst_max> room;
    engine::TxQueue& tx = bed_.tap_out->tx(worker_);
    if (tx.claim(room, *std::max_element(copy_lens_.begin(), copy_lens_.end())) != burst_max) {
        fail("the tap's wire is full");
    }
    for (std::size_t i = 0; i < copy_lens_.size(); ++i) {
        room[i].len = copy_lens_[i];
        std::memcpy(room[i].data, copies_.data() + i * copy_stride, copy_lens_[i]);
    }
    tx.send(room, counters_);
    tx.flush(counters_);
}

/// Changes one bit of each packet behind its lane header, anywhere.
void LaneLoop::forge() {
    through_tap([&](const Frame& frame) {
        random_ = random_ * 1664525 + 1013904223;
        const std::uint32_t at = before_inner + (random_ >> 8) % (frame.len - before_inner);
        frame.data[at] ^= std::byte{1} << (random_ >> 29);
    });
}

}  // namespace lanes::bench
