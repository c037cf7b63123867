// See impaired_port.hh.
#include "tests/bench/impaired_port.hh"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/check.hh"

namespace lanes::test {
namespace {

bool hits(std::uint64_t number, std::uint64_t every) {
    return every != 0 && number % every == 0;
}

void flip(std::span<std::byte> frame, std::int32_t bit) {
    const auto bits = static_cast<std::int32_t>(frame.size() * 8);
    const auto at = static_cast<std::uint32_t>(bit < 0 ? bits + bit : bit);
    LANES_CHECK(at < frame.size() * 8);
    frame[at / 8] ^= std::byte{static_cast<unsigned char>(0x80u >> (at % 8))};
}

}  // namespace

ImpairedPort::ImpairedPort(engine::Port& inner, const bench::TimeSource& time,
                           const Impairments& impairments)
    : inner_(inner), rx_(inner.rx(0), time, impairments) {}

ImpairedPort::Packet& ImpairedPort::Fifo::push() {
    if (size() == packets_.size()) {
        std::vector<Packet> more(packets_.size() * 2);
        const std::size_t count = size();
        for (std::size_t i = 0; i < count; ++i) more[i] = at(i);
        packets_ = std::move(more);
        head_ = 0;
        tail_ = count;
    }
    return packets_[tail_++ & (packets_.size() - 1)];
}

unsigned ImpairedPort::Rx::receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept {
    const std::uint64_t now_ns = time_.now_ns();
    engine::Burst arrived;
    while (inner_.receive(arrived, worker) != 0) {
        for (const engine::Frame& frame : arrived) take(frame.bytes(), now_ns);
        inner_.release(arrived);
        arrived.clear();
    }
    unsigned count = 0;
    while (burst.room() != 0 && count < waiting_.size() && waiting_.at(count).due_ns <= now_ns) {
        Packet& packet = waiting_.at(count++);
        engine::Frame frame;
        frame.data = packet.bytes.data();
        frame.len = packet.len;
        burst.push(frame);
    }
    truth.released += count;
    return count;
}

void ImpairedPort::Rx::release(engine::Burst& burst) noexcept {
    waiting_.pop(burst.size());
}

void ImpairedPort::Rx::take(std::span<const std::byte> frame, std::uint64_t now_ns) {
    LANES_CHECK(frame.size() <= frame_len_max);
    const std::uint64_t number = ++truth.arrived;
    std::uint64_t due_ns = now_ns;
    if (impairments_.rate_pps > 0 && !pass_limiter(due_ns)) return;
    due_ns += impairments_.delay_ns;
    if (hits(number, impairments_.drop_every)) {
        ++truth.dropped;
    } else if (hits(number, impairments_.duplicate_every)) {
        ++truth.duplicated;
        come_out(frame, due_ns);
        let_go(due_ns);
        come_out(frame, due_ns);
        let_go(due_ns);
    } else if (hits(number, impairments_.flip_every)) {
        ++truth.flipped;
        Packet& packet = come_out(frame, due_ns);
        flip({packet.bytes.data(), packet.len}, impairments_.flip_bit);
        let_go(due_ns);
    } else if (hits(number, impairments_.truncate_every)) {
        ++truth.truncated;
        come_out(frame.first(std::min<std::size_t>(frame.size(), impairments_.truncate_to)),
                 due_ns);
        let_go(due_ns);
    } else if (hits(number, impairments_.hold_every)) {
        ++truth.held;
        held_.push_back({{frame.begin(), frame.end()}, impairments_.hold_for});
    } else {
        come_out(frame, due_ns);
        let_go(due_ns);
    }
}

bool ImpairedPort::Rx::pass_limiter(std::uint64_t& now_ns) {
    while (!buffered_.empty() && buffered_.front() <= now_ns) buffered_.pop_front();
    if (buffered_.size() >= impairments_.buffer) {
        ++truth.limited;
        return false;
    }
    const double token_ns = 1e9 / impairments_.rate_pps;
    const auto arrives = static_cast<double>(now_ns);
    const double leaves = std::max(arrives, bucket_full_ns_ - (impairments_.bucket - 1) * token_ns);
    bucket_full_ns_ = std::max(leaves, bucket_full_ns_) + token_ns;
    now_ns = static_cast<std::uint64_t>(std::ceil(leaves));
    buffered_.push_back(now_ns);
    return true;
}

ImpairedPort::Packet& ImpairedPort::Rx::come_out(std::span<const std::byte> frame,
                                                 std::uint64_t due_ns) {
    Packet& packet = waiting_.push();
    packet.due_ns = due_ns;
    packet.len = static_cast<std::uint32_t>(frame.size());
    std::memcpy(packet.bytes.data(), frame.data(), frame.size());
    return packet;
}

void ImpairedPort::Rx::let_go(std::uint64_t due_ns) {
    for (Held& held : held_) --held.to_overtake;
    while (!held_.empty() && held_.front().to_overtake == 0) {
        come_out(held_.front().bytes, due_ns);
        held_.erase(held_.begin());
    }
}

void VirtualTime::pass(std::uint64_t until_ns) noexcept {
    if (until_ns <= now_ns_) {
        now_ns_ += tick_ns_;
        return;
    }
    for (const ImpairedPort* port : ports_) until_ns = std::min(until_ns, port->next_event_ns());
    now_ns_ = std::max(until_ns, now_ns_ + 1);
}

}  // namespace lanes::test
