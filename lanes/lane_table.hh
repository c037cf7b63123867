// LaneTable: from a lane id to its Lane, for the receiving side and for relays. Readers take no
// lock and wait for nobody: a look-up is one 8-byte load from an open-addressing table and the
// arithmetic that turns a lane's index into its address. Control inserts and erases while packets
// flow; when the table must grow it builds another and publishes that.
//
// The lanes themselves lie in one sparse Region, so that they keep their address for life and a
// million of them share few TLB entries. Alternatives: a pointer per entry is twice the table, and
// perfect hashing cannot change in place.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/quiescent.hh"
#include "engine/region.hh"
#include "engine/result.hh"
#include "lanes/lane.hh"

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
            : lanes_(table.lanes_.data()), stride_(table.stride_) {
            // A table and its size are read as one: the size is in the table's first cache line.
            const std::byte* at = table.view_.load(std::memory_order_acquire);
            slots_ = reinterpret_cast<const Slot*>(at + engine::cache_line);
            mask_ = *reinterpret_cast<const std::uint64_t*>(at);
        }

        /// Where the search for `id` starts; worth prefetching.
        const void* start_of(std::uint32_t id) const noexcept { return slots_ + (mix(id) & mask_); }

        /// nullptr when no lane has this id.
        Lane* find(std::uint32_t id) const noexcept {
            for (std::uint64_t at = mix(id) & mask_;; at = (at + 1) & mask_) {
                const std::uint64_t slot = slots_[at].load(std::memory_order_acquire);
                if (slot == 0) return nullptr;
                if (static_cast<std::uint32_t>(slot >> 32) != id || slot == tombstone) continue;
                const std::uint64_t index = static_cast<std::uint32_t>(slot) - 1;
                return reinterpret_cast<Lane*>(lanes_ + index * stride_);
            }
        }

      private:
        std::byte* lanes_;
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
    /// Control: gives the place back.
    void free(Lane& lane);
    /// Control: an added lane will never be published (a patch, or a change that was given up).
    void unreserve() noexcept { --reserved_; }

    /// Control: by index below end_index(); lanes that were freed have no plan.
    Lane* lane_at(std::uint32_t index) const noexcept {
        return reinterpret_cast<Lane*>(lanes_.data() + index * stride_);
    }
    std::uint32_t end_index() const noexcept { return end_; }
    unsigned workers() const noexcept { return workers_; }

  private:
    using Slot = std::atomic<std::uint64_t>;  ///< id << 32 | index + 1; 0: never used
    static constexpr std::uint64_t tombstone = ~std::uint64_t{0};

    LaneTable(unsigned workers, engine::Quiescent& quiescent)
        : quiescent_(quiescent), workers_(workers) {}

    static std::uint64_t mix(std::uint32_t id) noexcept {
        const std::uint64_t product = id * 0x9e3779b97f4a7c15u;
        return product >> 32 ^ product >> 15;
    }

    engine::Result<void> rebuild(std::uint64_t capacity);
    Slot* slots() noexcept { return reinterpret_cast<Slot*>(table_.data() + engine::cache_line); }
    void put(Slot* slots, std::uint64_t mask, std::uint64_t entry) noexcept;

    /// Writer: Control (release); readers: workers (acquire). A cache line that holds the mask,
    /// then the slots.
    std::atomic<const std::byte*> view_{nullptr};
    engine::Quiescent& quiescent_;
    engine::Region lanes_;
    engine::Region table_;
    std::size_t stride_ = 0;
    unsigned workers_ = 0;
    std::uint32_t lanes_max_ = 0;
    std::uint32_t end_ = 0;       ///< indices ever used
    std::uint64_t capacity_ = 0;  ///< slots of the table
    std::uint64_t used_ = 0;      ///< slots that are not 0, tombstones included
    std::uint64_t live_ = 0;      ///< slots that name a lane
    std::uint64_t reserved_ = 0;  ///< lanes added and not yet published
    std::vector<std::uint32_t> free_;
};

}  // namespace lanes
