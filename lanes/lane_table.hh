// LaneTable: from a lane id to its Lane, for the receiving side and for relays. Readers take no
// lock and wait for nobody: a look-up reads a bucket of four 8-byte entries and turns a lane's
// index into its address. Control inserts and erases while packets flow; when the table must grow
// it builds another and publishes that. All four entries are compared without a branch: with one
// entry at a time, how far to probe is a coin that the branch predictor loses, and it was that, not
// memory, which made random look-ups slow (bench/README.md has the numbers).
//
// The lanes themselves lie in a Slab, so that they keep their address for life and a million of
// them share few TLB entries; what is removed is given back, and a table that has become too large
// for what is in it is replaced by a smaller one. Alternatives: a pointer per entry is twice the
// table, and perfect hashing cannot change in place.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/quiescent.hh"
#include "engine/region.hh"
#include "engine/result.hh"
#include "lanes/lane.hh"
#include "lanes/slab.hh"

namespace lanes {

class LaneTable {
  public:
    /// Room for `lanes_max` lanes of `workers` shares each; memory is taken as lanes come.
    static engine::Result<std::unique_ptr<LaneTable>> create(std::uint32_t lanes_max,
                                                             unsigned workers,
                                                             engine::Quiescent& quiescent);

    /// Workers: the table as it is at this moment, good until the worker announces quiescence.
    class Reader {
      public:
        explicit Reader(const LaneTable& table) noexcept
            : lanes_(table.lanes_.data() - table.lanes_.stride()), stride_(table.lanes_.stride()) {
            // A table and its size are read as one: the size is in the table's first cache line.
            const std::byte* at = table.view_.load(std::memory_order_acquire);
            slots_ = reinterpret_cast<const Slot*>(at + engine::cache_line);
            mask_ = *reinterpret_cast<const std::uint64_t*>(at);
        }

        /// Sets found[i] to the lane of ids[i], nullptr where there is none. Asks the memory for
        /// all of them before it waits for the first.
        void find(std::span<const std::uint32_t> ids, Lane** found) const noexcept {
            for (const std::uint32_t id : ids) __builtin_prefetch(slots_ + first_slot(id, mask_));
            for (std::size_t i = 0; i < ids.size(); ++i) found[i] = find(ids[i]);
        }

        /// nullptr when no lane has this id.
        Lane* find(std::uint32_t id) const noexcept {
            if (id == 0) return nullptr;
            for (std::uint64_t at = first_slot(id, mask_);; at = (at + bucket_slots) & mask_) {
                std::uint64_t found = 0;
                for (std::uint64_t i = 0; i < bucket_slots; ++i) {
                    const std::uint64_t slot = slots_[at + i].load(std::memory_order_acquire);
                    found |= slot >> 32 == id ? slot : 0;
                }
                if (found != 0) {
                    return reinterpret_cast<Lane*>(lanes_ + (found & 0xffffffff) * stride_);
                }
                for (std::uint64_t i = 0; i < bucket_slots; ++i) {
                    if (slots_[at + i].load(std::memory_order_relaxed) == 0) return nullptr;
                }
            }
        }

      private:
        std::byte* lanes_;  ///< where a lane of index -1 would lie: slots hold index + 1
        std::size_t stride_;
        const std::atomic<std::uint64_t>* slots_;
        std::uint64_t mask_;
    };

    /// Control: a new lane of zeroed shares, not yet to be found by its id. An error when full.
    engine::Result<Lane*> add(std::uint32_t id);
    /// Control: lets workers find the lane by its id (not 0, not in the table).
    void publish(Lane& lane);
    /// Control: workers no longer find it. It may be freed after Quiescent::wait().
    void retire(Lane& lane);
    /// Control: where workers find `former` they find `lane` of the same id from now on; as
    /// publish() and retire() in one, without a moment between.
    void replace(Lane& former, Lane& lane);
    /// Control: gives the place back.
    void free(Lane& lane);
    /// Control: an added lane will never be published (a patch, or a change that was given up).
    void unreserve() noexcept { --reserved_; }

    Lane* lane_at(std::uint32_t index) const noexcept {
        return reinterpret_cast<Lane*>(lanes_.at(index));
    }
    /// Control: slots of the table, used or not.
    std::uint64_t capacity() const noexcept { return capacity_; }
    unsigned workers() const noexcept { return workers_; }

  private:
    using Slot = std::atomic<std::uint64_t>;  ///< id << 32 | index + 1; 0: never used
    /// An entry that was taken out; 0 would hide those which were pushed on into later buckets.
    static constexpr std::uint64_t tombstone = 1;
    static constexpr std::uint64_t bucket_slots = 4;

    LaneTable(unsigned workers, engine::Quiescent& quiescent)
        : quiescent_(quiescent), workers_(workers) {}

    static std::uint64_t mix(std::uint32_t id) noexcept {
        const std::uint64_t product = id * 0x9e3779b97f4a7c15u;
        return product >> 32 ^ product >> 15;
    }
    /// Of the bucket where the search for `id` starts.
    static std::uint64_t first_slot(std::uint32_t id, std::uint64_t mask) noexcept {
        return mix(id) & mask & ~(bucket_slots - 1);
    }

    engine::Result<void> rebuild(std::uint64_t capacity);
    Slot* slots() noexcept { return reinterpret_cast<Slot*>(table_.data() + engine::cache_line); }
    /// Whether the entry took a slot that had never been used.
    bool put(Slot* slots, std::uint64_t mask, std::uint64_t entry) noexcept;
    static std::uint64_t entry_of(const Lane& lane) noexcept {
        return std::uint64_t{lane.id} << 32 | (lane.index + 1);
    }
    Slot* find_entry(std::uint64_t entry) noexcept;
    void shrink() noexcept;

    /// Writer: Control (release); readers: workers (acquire). A cache line that holds the mask,
    /// then the slots.
    std::atomic<const std::byte*> view_{nullptr};
    engine::Quiescent& quiescent_;
    Slab lanes_;
    engine::Region table_;
    unsigned workers_ = 0;
    std::uint64_t capacity_ = 0;  ///< slots of the table
    std::uint64_t used_ = 0;      ///< slots that are not 0, tombstones included
    std::uint64_t live_ = 0;      ///< slots that name a lane
    std::uint64_t reserved_ = 0;  ///< lanes added and not yet published
};

}  // namespace lanes
