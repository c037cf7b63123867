// See deliver.hh.
#include "lanes/deliver.hh"

#include <utility>

namespace lanes {

void Delivery::take_apart(const LanePacket& packet, wire::Kind kind, std::byte* body,
                          std::uint32_t len) noexcept {
    if (kind == wire::Kind::bundle) return unbundle(body, len);
    if (kind == wire::Kind::fragment) return reassemble(packet, body, len);
    worker_.counters.absorbed.add(1);  // a heartbeat, which in a subspace of data means nothing
}

void Delivery::unbundle(std::byte* body, std::uint32_t len) noexcept {
    worker_.counters.absorbed.add(1);
    while (len > 0) {
        const wire::Inner head = len < wire::inner_bytes ? wire::Inner{} : wire::read_inner(body);
        const std::uint32_t used = wire::inner_bytes + head.length;
        worker_.counters.made.add(1);
        if (len < wire::inner_bytes || used > len) return drop(Drop::malformed_inner);
        // Neither bundles nor fragments within: they fit no port.
        gather_part(wire::Kind{head.kind}, body + wire::inner_bytes, head.length);
        body += used;
        len -= used;
    }
}

void Delivery::reassemble(const LanePacket& packet, const std::byte* body,
                          std::uint32_t len) noexcept {
    if (len < wire::fragment_bytes) return drop(Drop::malformed_fragment);
    const wire::Fragment fragment = wire::read_fragment(body);
    const Reassembly::Whole whole =
        reassembly_.add(worker_, {lane_.index, packet.subspace}, fragment,
                        body + wire::fragment_bytes, len - wire::fragment_bytes);
    if (whole.inner == nullptr) return;
    const wire::Inner head = wire::read_inner(whole.inner);
    if (std::uint32_t{head.length} + wire::inner_bytes != whole.len) {
        drop(Drop::malformed_inner);
    } else {
        gather_part(wire::Kind{head.kind}, whole.inner + wire::inner_bytes, head.length);
        flush();  // the slot is wanted back
    }
    reassembly_.done(whole);
}

void Delivery::flush() noexcept {
    if (count_ == 0) return;
    const unsigned n = std::exchange(count_, 0);
    std::uint64_t bytes = 0;
    unsigned sent = 0;
    if (passing_) {
        for (unsigned i = 0; i < n; ++i) bytes += frames_[i].len;
        sent = pass(worker_, *tx_, frames_.first(n));
        for (unsigned i = 0; i < sent; ++i) owners_[i]->data = nullptr;
        worker_.counters.drop(Drop::tx_full, n - sent);
    } else {
        for (unsigned i = 0; i < n; ++i) bytes += items_[i].len;
        sent = emit(worker_, nullptr, *tx_, items_.first(n), NoHead{});
    }
    share_.dropped.add(n - sent);
    share_.bytes.add(bytes);
}

void Delivery::send(std::span<const engine::Frame> frames) noexcept {
    if (frames.empty()) return;
    std::uint64_t bytes = 0;
    for (const engine::Frame& frame : frames) bytes += frame.len;
    share_.bytes.add(bytes);
    lanes::send(worker_, *tx_, frames);
}

}  // namespace lanes
