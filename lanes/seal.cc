// See seal.hh.
#include "lanes/seal.hh"

#include <algorithm>

#include "lanes/egress.hh"
#include "lanes/forward.hh"

namespace lanes {
namespace {

using engine::burst_max;
using engine::Drop;
using engine::Frame;

constexpr std::uint32_t around_inner = wire::header_bytes + wire::tag_bytes;
constexpr std::uint32_t inner_min = wire::sealed_bytes_min - around_inner;

constexpr std::uint8_t all_ethernet[burst_max] = {
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3};
static_assert(static_cast<std::uint8_t>(wire::Kind::ethernet) == 3 && burst_max == 64);

/// Bytes of the lane packet, padding included.
std::uint32_t sealed_bytes(const Packet& packet) noexcept {
    return around_inner + std::max(packet.inner_bytes(), inner_min);
}

/// Whether the item's inner packet lies ready, once its header is written before it.
bool lies_ready(const Item& item) noexcept {
    return item.owner != nullptr && item.owner->headroom >= wire::inner_bytes &&
           item.len + wire::inner_bytes >= inner_min;
}

std::byte* write_inner_before(const Item& item, std::uint8_t kind) noexcept {
    std::byte* inner = item.data - wire::inner_bytes;
    wire::write_inner(inner, wire::Kind{kind}, item.len);
    return inner;
}

}  // namespace

void Sealer::drop(Drop reason, std::uint64_t n) noexcept {
    worker_.counters.drop(reason, n);
    share_.dropped.add(n);
}

void Sealer::send(std::span<Item> items, const std::uint8_t* kinds) noexcept {
    if (kinds == nullptr) kinds = all_ethernet;
    engine::Scratch<Packet, burst_max> packets;
    const auto packets_of = [&](std::size_t first, std::size_t end) {
        for (std::size_t i = first; i < end; ++i) {
            packets[i] = {&items[i], kinds + i, 1, items[i].len, {}};
        }
        return std::span<const Packet>(packets.data() + first, end - first);
    };
    if (plan_.path_count != 1) return send_to_all(packets_of(0, items.size()));
    const Road road(plan_.paths()[0], worker_.index, session_.epoch);
    if (!ready(road, items.size())) return;
    const bool shared = memory_ != nullptr && road.tx->memory() == memory_;
    const std::uint32_t before = road.carrier.head_bytes() + wire::header_bytes + wire::inner_bytes;
    const auto passes = [&](const Item& item) {
        return shared && lies_ready(item) &&
               detail::can_pass(item, before, item.len + wire::tag_bytes) &&
               before + item.len + wire::tag_bytes <= road.max_len;
    };
    for (std::size_t i = 0; i < items.size();) {
        const bool pass = passes(items[i]);
        std::size_t end = i + 1;
        while (end < items.size() && passes(items[end]) == pass) ++end;
        if (pass) end = std::min<std::size_t>(end, i + cipher_run(items[i].len));
        const bool more = pass ? seal_and_pass(road, items.subspan(i, end - i), kinds + i)
                               : send_fitting(road, packets_of(i, end));
        i = end;
        if (!more) return drop(Drop::exhausted, items.size() - i);
    }
}

void Sealer::send(std::span<const Packet> packets) noexcept {
    if (plan_.path_count != 1) return send_to_all(packets);
    const Road road(plan_.paths()[0], worker_.index, session_.epoch);
    if (ready(road, packets.size())) send_fitting(road, packets);
}

/// Deals with all of `packets`; false when the key may seal no more.
bool Sealer::send_fitting(const Road& road, std::span<const Packet> packets) noexcept {
    const auto fits = [&](const Packet& packet) {
        return road.carrier.frame_bytes(sealed_bytes(packet)) <= road.max_len;
    };
    for (std::size_t i = 0; i < packets.size();) {
        std::size_t end = i;
        while (end < packets.size() && fits(packets[end])) ++end;
        if (end == i) {
            drop(Drop::tx_too_big, 1);
            ++i;
            continue;
        }
        const bool more = claim_and_seal(road, packets.subspan(i, end - i));
        i = end;
        if (more) continue;
        drop(Drop::exhausted, packets.size() - i);
        return false;
    }
    return true;
}

Sealer::Road::Road(const PathPlan& path, unsigned worker, std::uint8_t epoch) noexcept
    : carrier(path, worker) {
    carrier.set_epoch(epoch);
    engine::Port* port = path.slot->port.load(std::memory_order_acquire);
    if (port == nullptr) return;
    tx = &port->tx(worker);
    max_len = tx->max_len();
}

/// Whether packets can leave; if not, `n` of them are dropped.
bool Sealer::ready(const Road& road, std::size_t n) noexcept {
    if (road.tx != nullptr && road.carrier.ready()) return true;
    drop(road.tx == nullptr ? Drop::tx_refused : Drop::no_next_hop, n);
    return false;
}

// Makes `job` seal the packet's inner packet to `inner`, behind which its tag will be. Returns the
// length of the lane packet.
inline std::uint32_t Sealer::place(const Packet& packet, std::uint64_t sequence, std::byte* inner,
                                   crypto::Job& job) noexcept {
    std::uint32_t len = packet.inner_bytes();
    const std::byte* source = inner;
    if (packet.count == 1 && packet.fragment.count == 0 && lies_ready(*packet.items)) {
        source = write_inner_before(*packet.items, *packet.kinds);
    } else {
        compose(packet, inner);
        worker_.counters.copies.add(packet.count);
        for (; len < inner_min; ++len) inner[len] = std::byte{0};
    }
    fill(job, source, inner, len, sequence);
    return around_inner + len;
}

/// The lane header lies before `inner` and the tag will lie behind it.
inline void Sealer::fill(crypto::Job& job, const std::byte* source, std::byte* inner,
                         std::uint32_t len, std::uint64_t sequence) const noexcept {
    job.source = source;
    job.destination = inner;
    job.len = len;
    job.associated = inner - wire::header_bytes;
    job.associated_len = wire::header_bytes;
    job.tag = inner + len;
    crypto::write_nonce(key_.iv, sequence, job.nonce);
}

// False when none of them may be sent, which is not known to happen.
bool Sealer::seal(std::span<crypto::Job> jobs) noexcept {
    if (workshop_.backend->seal(key_.key, jobs) == jobs.size()) return true;
    drop(Drop::cipher_failed, jobs.size());
    return false;
}

// The same for packets that all fit.
bool Sealer::claim_and_seal(const Road& road, std::span<const Packet> packets) noexcept {
    const Carrier& carrier = road.carrier;
    std::uint32_t longest = 0;
    for (const Packet& packet : packets) longest = std::max(longest, sealed_bytes(packet));
    const std::uint32_t need = carrier.frame_bytes(longest);
    const auto count = static_cast<unsigned>(packets.size());
    const std::uint32_t before = carrier.head_bytes() + wire::header_bytes;
    engine::TxQueue& tx = *road.tx;
    const unsigned run = cipher_run(longest);
    for (unsigned done = 0; done < count;) {
        engine::Scratch<Frame, burst_max> room;
        // Numbers are taken when there is room for them: a full queue makes no gap.
        const unsigned wanted = std::min(run, count - done);
        unsigned n = claim_or_flush(worker_, tx, room.first(wanted), need);
        if (n == 0) {
            drop(Drop::tx_full, count - done);
            return true;
        }
        const std::uint64_t sequence = key_.take(n);
        if (n == 0) {
            drop(Drop::exhausted, count - done);
            return false;
        }
        Jobs jobs;
        for (unsigned i = 0; i < n; ++i) {
            Frame& frame = room[i];
            frame.len = place(packets[done + i], sequence + i, frame.data + before, jobs[i]);
            carrier.write_sealed(frame.data, sequence + i, frame.len);
        }
        done += n;
        if (!seal(jobs.first(n))) continue;
        for (unsigned i = 0; i < n; ++i) {
            room[i].len = carrier.finish(room[i].data, room[i].len);
            room[i].endpoint = carrier.plan().endpoint;
        }
        lanes::send(worker_, tx, room.first(n));
        share_.packets.add(n);
    }
    return true;
}

// The same for frames that leave in the memory they came in.
bool Sealer::seal_and_pass(const Road& road, std::span<const Item> items,
                           const std::uint8_t* kinds) noexcept {
    const Carrier& carrier = road.carrier;
    engine::TxQueue& tx = *road.tx;
    const auto count = static_cast<unsigned>(items.size());
    // Numbers are taken when there is room for them: a full queue makes no gap.
    if (tx.pass_room() < count) tx.flush(worker_.counters);
    const unsigned room = std::min(tx.pass_room(), count);
    drop(Drop::tx_full, count - room);
    unsigned n = room;
    const std::uint64_t sequence = key_.take(n);
    drop(Drop::exhausted, room - n);
    if (n == 0) return room == 0;
    const std::uint32_t before = carrier.head_bytes() + wire::header_bytes;
    engine::Scratch<Frame, burst_max> frames;
    Jobs jobs;
    for (unsigned i = 0; i < n; ++i) {
        const Item& item = items[i];
        std::byte* inner = write_inner_before(item, kinds[i]);
        std::byte* start = inner - before;
        const std::uint32_t inner_len = item.len + wire::inner_bytes;
        const std::uint32_t len = inner_len + around_inner;
        fill(jobs[i], inner, inner, inner_len, sequence + i);
        carrier.write_sealed(start, sequence + i, len);
        Frame& frame = frames[i];
        frame = *item.owner;
        const std::byte* end = frame.data + frame.len + frame.tailroom;
        frame.headroom += static_cast<std::uint32_t>(start - frame.data);
        frame.data = start;
        frame.len = len;
        frame.tailroom = static_cast<std::uint32_t>(end - start);
        frame.endpoint = carrier.plan().endpoint;
    }
    if (!seal(jobs.first(n))) return n == room;
    for (unsigned i = 0; i < n; ++i) {
        frames[i].len = carrier.finish(frames[i].data, frames[i].len);
        frames[i].tailroom -= frames[i].len;
    }
    const unsigned taken = pass(worker_, tx, frames.first(n));
    for (unsigned i = 0; i < taken; ++i) items[i].owner->data = nullptr;
    drop(Drop::tx_full, n - taken);
    share_.packets.add(taken);
    return n == room;
}

void Sealer::send_to_all(std::span<const Packet> packets) noexcept {
    Carrier carrier(plan_.paths()[0], worker_.index);
    carrier.set_epoch(session_.epoch);
    for (std::size_t done = 0; done < packets.size();) {
        // As many as the bench holds.
        unsigned n = 0;
        std::size_t used = 0;
        std::byte* at[burst_max];
        for (; done + n < packets.size(); ++n) {
            const std::size_t len = template_bytes_max + sealed_bytes(packets[done + n]);
            const std::size_t room = (len + engine::cache_line - 1) & ~(engine::cache_line - 1);
            if (used + room > workshop_.bench.size()) break;
            at[n] = workshop_.bench.data() + used;
            used += room;
        }
        const std::uint64_t sequence = key_.take(n);
        if (n == 0) return drop(Drop::exhausted, packets.size() - done);
        Jobs jobs;
        engine::Scratch<Item, burst_max> sealed;
        for (unsigned i = 0; i < n; ++i) {
            std::byte* packet = at[i] + carrier.head_bytes();
            const std::uint32_t len =
                place(packets[done + i], sequence + i, packet + wire::header_bytes, jobs[i]);
            carrier.write_sealed(at[i], sequence + i, len);
            sealed[i] = {packet, len, nullptr};
        }
        done += n;
        if (!seal(jobs.first(n))) continue;
        share_.packets.add(send_packets(worker_, nullptr, share_, plan_, sealed.first(n)));
    }
}

}  // namespace lanes
