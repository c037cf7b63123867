// See lane_table.hh.
#include "lanes/lane_table.hh"

#include <new>

namespace lanes {
namespace {

constexpr std::uint64_t capacity_min = 1024;
/// A table of which only one slot in so many names a lane becomes a quarter as large: still far
/// from where it would grow again.
constexpr std::uint64_t shrink_below = 16;

}  // namespace

engine::Result<std::unique_ptr<LaneTable>> LaneTable::create(std::uint32_t lanes_max,
                                                             unsigned workers,
                                                             engine::Quiescent& quiescent) {
    std::unique_ptr<LaneTable> table(new LaneTable(workers, quiescent));
    auto lanes = Slab::create(lanes_max, sizeof(Lane) + workers * sizeof(LaneShare));
    if (!lanes) return lanes.error();
    table->lanes_ = std::move(*lanes);
    if (auto built = table->rebuild(capacity_min); !built) return built.error();
    return table;
}

engine::Result<Lane*> LaneTable::add(std::uint32_t id) {
    const std::uint32_t index = lanes_.take();
    if (index == Slab::none) {
        return engine::Error{
            0, "no room for more than " + std::to_string(lanes_.places_max()) + " lanes"};
    }
    Lane* lane = new (lanes_.at(index)) Lane;
    auto* shares = reinterpret_cast<LaneShare*>(lane + 1);
    for (unsigned i = 0; i < workers_; ++i) new (shares + i) LaneShare;
    lane->shares = shares;
    lane->id = id;
    lane->index = index;
    // Grow before the lane is needed: publish() must not fail. At most half of the slots are used.
    if ((used_ + reserved_ + 1) * 2 > capacity_) {
        const bool full = (live_ + reserved_ + 1) * 4 > capacity_;
        if (auto built = rebuild(full ? capacity_ * 2 : capacity_); !built) {
            lanes_.give(index);
            return built.error();
        }
    }
    ++reserved_;
    return lane;
}

void LaneTable::publish(Lane& lane) {
    LANES_CHECK(lane.id != 0);
    if (put(slots(), capacity_ - 1, entry_of(lane))) ++used_;
    --reserved_;
    ++live_;
}

LaneTable::Slot* LaneTable::find_entry(std::uint64_t entry) noexcept {
    const std::uint64_t first = first_slot(static_cast<std::uint32_t>(entry >> 32), capacity_ - 1);
    for (std::uint64_t i = 0; i < capacity_; ++i) {
        Slot& slot = slots()[(first + i) & (capacity_ - 1)];
        if (slot.load(std::memory_order_relaxed) == entry) return &slot;
    }
    return nullptr;
}

void LaneTable::retire(Lane& lane) {
    Slot* slot = find_entry(entry_of(lane));
    if (slot == nullptr) return;
    slot->store(tombstone, std::memory_order_release);
    --live_;
    if (capacity_ > capacity_min && (live_ + reserved_) * shrink_below < capacity_) shrink();
}

void LaneTable::replace(Lane& former, Lane& lane) {
    LANES_CHECK(former.id == lane.id);
    Slot* slot = find_entry(entry_of(former));
    LANES_CHECK(slot != nullptr);
    slot->store(entry_of(lane), std::memory_order_release);
    --reserved_;
}

void LaneTable::free(Lane& lane) {
    lanes_.give(lane.index);
}

bool LaneTable::put(Slot* slots, std::uint64_t mask, std::uint64_t entry) noexcept {
    std::uint64_t at = first_slot(static_cast<std::uint32_t>(entry >> 32), mask);
    std::uint64_t there = slots[at].load(std::memory_order_relaxed);
    while (there != 0 && there != tombstone) {
        at = (at + 1) & mask;
        there = slots[at].load(std::memory_order_relaxed);
    }
    slots[at].store(entry, std::memory_order_release);
    return there == 0;
}

engine::Result<void> LaneTable::rebuild(std::uint64_t capacity) {
    auto region = engine::Region::map(engine::cache_line + capacity * sizeof(Slot),
                                      engine::Region::Pages::huge);
    if (!region) return region.error();
    *reinterpret_cast<std::uint64_t*>(region->data()) = capacity - 1;
    auto* fresh = reinterpret_cast<Slot*>(region->data() + engine::cache_line);
    for (std::uint64_t at = 0; at < capacity_; ++at) {
        const std::uint64_t entry = slots()[at].load(std::memory_order_relaxed);
        if (entry != 0 && entry != tombstone) put(fresh, capacity - 1, entry);
    }
    view_.store(region->data(), std::memory_order_release);
    quiescent_.wait();
    table_ = std::move(*region);
    capacity_ = capacity;
    used_ = live_;
    return {};
}

// Only to save memory: if there is none for the smaller one, the larger one stays.
void LaneTable::shrink() noexcept {
    if (auto built = rebuild(capacity_ / 4); !built) return;
}

}  // namespace lanes
