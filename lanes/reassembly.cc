// See reassembly.hh.
#include "lanes/reassembly.hh"

#include <bit>
#include <cstring>

#include "engine/clock.hh"

namespace lanes {
namespace {

using engine::Drop;

/// How often entering a slot is tried while others change it.
constexpr unsigned attempts_max = 1000;

std::uint64_t all_of(unsigned count) noexcept {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// Whether the fields and the length of a fragment fit each other and the limits.
bool sound(const wire::Fragment& fragment, std::uint32_t len) noexcept {
    if (fragment.count < 2 || fragment.count > wire::fragments_max) return false;
    if (fragment.index >= fragment.count || fragment.stride == 0) return false;
    const bool last = fragment.index + 1 == fragment.count;
    if (last ? len == 0 || len > fragment.stride : len != fragment.stride) return false;
    const std::uint32_t end = std::uint32_t{fragment.stride} * fragment.index + len;
    // A packet that does not fill its first fragment's header has no business being cut.
    return end <= Reassembly::slot_bytes && fragment.stride >= wire::inner_bytes;
}

}  // namespace

engine::Result<std::unique_ptr<Reassembly>> Reassembly::create() {
    std::unique_ptr<Reassembly> reassembly(new Reassembly);
    auto region = engine::Region::map(stride_bytes * slot_count, engine::Region::Pages::small);
    if (!region) return region.error();
    reassembly->region_ = std::move(*region);
    return reassembly;
}

unsigned Reassembly::slot_of(const Key& key, std::uint32_t id) const noexcept {
    const std::uint64_t flow = std::uint64_t{key.lane} << 16 | key.subspace;
    return static_cast<unsigned>((flow * 0x9e3779b97f4a7c15u >> 40) + id) % slot_count;
}

// Makes a slot that nobody uses ours to fill; what was incomplete in it is dropped.
bool Reassembly::take_over(Slot& slot, std::uint64_t state,
                           engine::WorkerCounters& counters) noexcept {
    const std::uint64_t filling = state_of(generation_of(state) + 1, 1, Phase::filling);
    if (!slot.state.compare_exchange_strong(state, filling, std::memory_order_acq_rel))
        return false;
    const int lost = std::popcount(slot.complete.load(std::memory_order_relaxed));
    if (phase_of(state) == Phase::open && lost > 0) {
        // They come back from the table, only to be dropped: in + made = out + absorbed + drops.
        counters.made.add(static_cast<std::uint64_t>(lost));
        counters.drop(Drop::reassembly_timeout, static_cast<std::uint64_t>(lost));
    }
    slot.claimed.store(0, std::memory_order_relaxed);
    slot.complete.store(0, std::memory_order_relaxed);
    slot.len.store(0, std::memory_order_relaxed);
    return true;
}

bool Reassembly::enter(unsigned index, engine::WorkerContext& worker, const Key& key,
                       const wire::Fragment& fragment) noexcept {
    Slot& slot = slots_[index];
    for (unsigned attempt = 0; attempt < attempts_max; ++attempt) {
        std::uint64_t state = slot.state.load(std::memory_order_acquire);
        const Phase phase = phase_of(state);
        if (phase == Phase::filling || phase == Phase::closing) {
            engine::relax_cpu();
            continue;
        }
        if (phase == Phase::open) {
            const std::uint64_t inside = state + (std::uint64_t{1} << 16);
            if (!slot.state.compare_exchange_weak(state, inside, std::memory_order_acq_rel)) {
                continue;
            }
            if (slot.key == key && slot.id == fragment.id) {
                if (slot.count == fragment.count && slot.stride == fragment.stride) return true;
                leave(slot, Phase::open);
                worker.counters.drop(Drop::malformed_fragment);
                return false;
            }
            const bool stale =
                worker.now_ns - slot.since_ns > evict_ns && worker.now_ns > slot.since_ns;
            leave(slot, Phase::open);
            state = slot.state.load(std::memory_order_acquire);
            if (!stale || users_of(state) != 0 || phase_of(state) != Phase::open) break;
        }
        if (!take_over(slot, state, worker.counters)) continue;
        slot.key = key;
        slot.id = fragment.id;
        slot.count = fragment.count;
        slot.stride = fragment.stride;
        slot.since_ns = worker.now_ns;
        slot.state.store(state_of(generation_of(state) + 1, 1, Phase::open),
                         std::memory_order_release);
        return true;
    }
    worker.counters.drop(Drop::reassembly_full);
    return false;
}

// One user less; the last one out of a closing slot frees it. `phase` is what the slot becomes.
void Reassembly::leave(Slot& slot, Phase phase) noexcept {
    std::uint64_t state = slot.state.load(std::memory_order_relaxed);
    std::uint64_t wanted;
    do {
        const unsigned users = users_of(state) - 1;
        Phase next = phase_of(state) == Phase::closing ? Phase::closing : phase;
        if (next == Phase::closing && users == 0) next = Phase::free;
        wanted = state_of(generation_of(state), users, next);
    } while (!slot.state.compare_exchange_weak(state, wanted, std::memory_order_acq_rel));
}

Reassembly::Whole Reassembly::add(engine::WorkerContext& worker, const Key& key,
                                  const wire::Fragment& fragment, const std::byte* data,
                                  std::uint32_t len) noexcept {
    if (!sound(fragment, len)) {
        worker.counters.drop(Drop::malformed_fragment);
        return {};
    }
    const unsigned index = slot_of(key, fragment.id);
    if (!enter(index, worker, key, fragment)) return {};
    Slot& slot = slots_[index];
    const std::uint64_t bit = std::uint64_t{1} << fragment.index;
    if ((slot.claimed.fetch_or(bit, std::memory_order_relaxed) & bit) != 0) {
        leave(slot, Phase::open);
        worker.counters.drop(Drop::malformed_fragment);
        return {};
    }
    const std::uint32_t at = std::uint32_t{fragment.stride} * fragment.index;
    std::memcpy(bytes_of(index) + at, data, len);
    worker.counters.copies.add(1);
    worker.counters.absorbed.add(1);
    if (fragment.index + 1 == fragment.count) slot.len.store(at + len, std::memory_order_relaxed);
    const std::uint64_t now = slot.complete.fetch_or(bit, std::memory_order_acq_rel) | bit;
    if (now != all_of(fragment.count)) {
        leave(slot, Phase::open);
        return {};
    }
    worker.counters.made.add(1);
    return {bytes_of(index), slot.len.load(std::memory_order_relaxed), index};
}

void Reassembly::done(const Whole& whole) noexcept {
    leave(slots_[whole.slot], Phase::closing);
}

void Reassembly::expire(std::uint64_t now_ns, engine::WorkerCounters& counters) noexcept {
    for (Slot& slot : slots_) {
        std::uint64_t state = slot.state.load(std::memory_order_acquire);
        if (phase_of(state) != Phase::open || users_of(state) != 0) continue;
        // Entering as a user makes since_ns safe to read.
        if (!slot.state.compare_exchange_strong(state, state + (std::uint64_t{1} << 16),
                                                std::memory_order_acq_rel)) {
            continue;
        }
        const bool late = now_ns > slot.since_ns && now_ns - slot.since_ns > timeout_ns;
        leave(slot, Phase::open);
        if (!late || !take_over(slot, state, counters)) continue;
        slot.state.store(state_of(generation_of(state) + 1, 0, Phase::free),
                         std::memory_order_release);
    }
}

}  // namespace lanes
