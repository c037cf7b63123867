// See generator.hh.
#include "bench/traffic/generator.hh"

#include <algorithm>
#include <numeric>

namespace lanes::bench {
namespace {

using engine::burst_max;

/// An offer of a number of frames ends when the queue took none for so long.
constexpr std::uint64_t stall_ns = 1'000'000'000;
/// How long the queue may take to push out what it has taken.
constexpr std::uint64_t drain_max_ns = 1'000'000'000;

/// How long a generator may be late with its last frames before it gives them up.
std::uint64_t grace_ns(std::uint64_t length_ns) {
    return length_ns / 100 + 100'000'000;
}

/// What flows are moved on by after each cycle of sizes, beyond the frames of the cycle, so that in
/// the long run every flow has every size as often: the sum has no divisor in common with `flows`.
std::uint32_t flow_skip(std::size_t cycle, std::uint32_t flows) {
    std::uint32_t skip = 0;
    while (cycle != 1 && std::gcd(cycle + skip, std::size_t{flows}) != 1) ++skip;
    return skip;
}

/// All frames of a capture count as one flow.
std::uint32_t flows_of(const Profile& profile) {
    return profile.replay ? 1 : profile.flows;
}

}  // namespace

Generator::Generator(std::span<engine::TxQueue* const> queues, const FrameMaker& maker,
                     const Profile& profile, const TimeSource& time)
    : queues_(queues.begin(), queues.end()),
      maker_(maker),
      time_(time),
      flow_skip_(flow_skip(maker.cycle().size(), flows_of(profile))),
      burst_(profile.burst),
      recorded_(profile.recorded ? profile.replay : nullptr),
      sequences_(flows_of(profile)) {
    if (queues_.size() > sequences_.size()) queues_.resize(sequences_.size());
}

void Generator::begin(const Offer& offer, std::uint8_t tag, std::uint64_t epoch_ns) {
    offer_ = offer;
    tag_ = tag;
    epoch_ns_ = epoch_ns;
    state_ = State::done;
    first_ns_ = last_ns_ = given_ = no_room_ = 0;
    full_ = false;
    flow_ = 0;
    cycle_at_ = 0;
    std::fill(sequences_.begin(), sequences_.end(), 0);
    sent_before_ = worker_.sent.get();
    dropped_before_ = dropped();
    bytes_before_ = bytes();
    lateness_ns_ = Histogram();
    if (!paced()) return;
    pace_ = recorded_ ? Pace(offer.rate_pps, *recorded_, offer.length_ns)
                      : Pace(offer.rate_pps, burst_, offer.length_ns);
}

void Generator::start(std::uint64_t now_ns) noexcept {
    if (paced()) {
        pace_.start(now_ns);
        deadline_ns_ = now_ns + offer_.length_ns + grace_ns(offer_.length_ns);
    } else {
        deadline_ns_ = now_ns + (offer_.frames != 0 ? stall_ns : offer_.length_ns);
    }
    state_ = State::running;
}

unsigned Generator::poll(std::uint64_t now_ns) noexcept {
    if (state_ != State::running) {
        drain(now_ns);
        return 0;
    }
    if (now_ns >= deadline_ns_) {
        end(now_ns);
        return 0;
    }
    std::uint64_t due = burst_max;
    if (paced()) {
        due = pace_.due(now_ns, burst_max);
    } else if (offer_.frames != 0) {
        due = std::min<std::uint64_t>(offer_.frames - given_, burst_max);
    }
    const unsigned wanted = run_of(due);
    engine::TxQueue& queue = *queues_[queue_of(flow_)];
    const unsigned got = wanted == 0 ? 0 : queue.claim({room_.data(), wanted}, maker_.len_max());
    full_ = got < wanted;
    if (got == 0) {
        flush_pending();
        return 0;
    }
    write(got);
    send(queue, got);
    const bool all = paced() ? pace_.left() == 0 : given_ == offer_.frames;
    if (all) end(last_ns_);
    return got;
}

std::size_t Generator::queue_of(std::uint32_t flow) const noexcept {
    return std::size_t{flow} * queues_.size() / sequences_.size();
}

/// How many of the next `most` frames go to one queue.
unsigned Generator::run_of(std::uint64_t most) const noexcept {
    if (queues_.size() == 1) return static_cast<unsigned>(most);
    const std::size_t flows = sequences_.size();
    // Where the flows of the next queue begin, and where the cycle moves flows on.
    const std::size_t next = ((queue_of(flow_) + 1) * flows + queues_.size() - 1) / queues_.size();
    most = std::min<std::uint64_t>(most, next - flow_);
    if (flow_skip_ != 0) most = std::min<std::uint64_t>(most, maker_.cycle().size() - cycle_at_);
    return static_cast<unsigned>(most);
}

bool Generator::flush_pending() noexcept {
    bool pending = false;
    for (engine::TxQueue* queue : queues_) {
        if (!queue->pending()) continue;
        queue->flush(worker_);
        pending = queue->pending() || pending;
    }
    return pending;
}

void Generator::write(unsigned count) noexcept {
    const auto& cycle = maker_.cycle();
    const auto flows = static_cast<std::uint32_t>(sequences_.size());
    for (unsigned i = 0; i < count; ++i) {
        const std::uint32_t shape = cycle[cycle_at_];
        engine::Frame& frame = room_[i];
        frame.len = maker_.len(shape);
        maker_.fill(frame.data, shape, flow_);
        identities_[i] = {shape, flow_, sequences_[flow_]++};
        if (++flow_ == flows) flow_ = 0;
        if (++cycle_at_ == cycle.size()) {
            cycle_at_ = 0;
            flow_ = (flow_ + flow_skip_) % flows;
        }
    }
}

void Generator::send(engine::TxQueue& queue, unsigned count) noexcept {
    const std::uint64_t now_ns = time_.now_ns();
    if (given_ == 0) first_ns_ = now_ns;
    last_ns_ = now_ns;
    for (unsigned i = 0; i < count; ++i) {
        const Identity& identity = identities_[i];
        const std::uint64_t time_ns = (now_ns - epoch_ns_) & stamp_time_mask;
        maker_.finish(room_[i].data, identity.shape,
                      {tag_, identity.flow, identity.sequence, time_ns});
        if (paced()) {
            pace_.give(now_ns, [this](std::uint64_t late_ns) { lateness_ns_.record(late_ns); });
        }
    }
    queue.send({room_.data(), count}, worker_);
    queue.flush(worker_);
    given_ += count;
    if (offer_.length_ns == 0) deadline_ns_ = now_ns + stall_ns;
}

void Generator::stop(std::uint64_t now_ns) noexcept {
    if (state_ != State::running) return;
    state_ = State::draining;
    deadline_ns_ = now_ns + drain_max_ns;
    drain(now_ns);
}

void Generator::end(std::uint64_t now_ns) noexcept {
    if (full_ && paced()) no_room_ = pace_.due(now_ns, pace_.left());
    if (offer_.frames != 0) no_room_ = offer_.frames - given_;
    stop(now_ns);
}

void Generator::drain(std::uint64_t now_ns) noexcept {
    if (state_ != State::draining) return;
    if (!flush_pending() || now_ns >= deadline_ns_) state_ = State::done;
}

std::uint64_t Generator::due_ns() const noexcept {
    return state_ == State::running && paced() ? pace_.due_ns() : 0;
}

std::uint64_t Generator::dropped() const noexcept {
    std::uint64_t sum = 0;
    for (const engine::Counter& counter : worker_.drops) sum += counter.get();
    return sum;
}

std::uint64_t Generator::refused() const noexcept {
    return dropped() - dropped_before_ + no_room_;
}

std::uint64_t Generator::bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const engine::TxQueue* queue : queues_) sum += queue->counters.bytes.get();
    return sum;
}

std::uint64_t Generator::sent_bits() const noexcept {
    return (bytes() - bytes_before_ + sent() * maker_.overhead_bytes()) * 8;
}

double Generator::seconds() const noexcept {
    const double between = static_cast<double>(last_ns_ - first_ns_);
    return (paced() && given_ != 0 ? between + pace_.interval_ns() : between) * 1e-9;
}

}  // namespace lanes::bench
