// Fleet: the lanes that are in service, by name, and how one set of them becomes another without a
// pause for those that stay. Control only.
//
// prepare() does everything that can fail and changes nothing that a worker sees; commit() then
// cannot fail. Between the two lies the whole promise of a reload: all of the new set, or the old
// one untouched.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/result.hh"
#include "lanes/lane_table.hh"
#include "lanes/next_hops.hh"
#include "lanes/plan.hh"
#include "lanes/ports.hh"
#include "lanes/window_store.hh"

namespace lanes {

class Fleet {
  public:
    struct Entry {
        Lane* lane = nullptr;
        PlanPtr plan;
        const LaneSpec* spec = nullptr;  ///< within the list that the fleet holds

        // What the watch over clear lanes remembers of the last look.
        std::uint64_t seen_newest = 0;
        std::uint64_t seen_old = 0;
        unsigned stale_looks = 0;  ///< in a row: old packets, and nothing new
    };
    using Entries = std::unordered_map<std::string_view, Entry>;

    /// What a reload comes to; `renewed` lanes keep name and counters but get a new plan,
    /// `replaced` ones start afresh.
    struct Tally {
        std::size_t kept = 0;
        std::size_t renewed = 0;
        std::size_t added = 0;
        std::size_t replaced = 0;
        std::size_t removed = 0;
    };

    struct Change {
        Entries next;
        std::vector<std::string_view> fresh;  ///< of next: lanes that are new objects
        std::vector<std::string_view> kept;   ///< of next: plan and lane stay as they are
        Tally tally;
    };

    Fleet(LaneTable& table, Ports& ports, NextHops& next_hops)
        : table_(table), ports_(ports), next_hops_(next_hops) {}

    enum class OnFailure : std::uint8_t {
        give_up,  ///< nothing changes
        suspend,  ///< a lane that cannot be served is out of service, the others go on
    };

    /// `specs` name ports by slot and must stay where they are until the lanes are replaced.
    /// Lanes that use a port of `reopened` get a new plan in any case.
    engine::Result<Change> prepare(const std::vector<LaneSpec>& specs, std::uint64_t reopened,
                                   OnFailure on_failure = OnFailure::give_up);
    /// Gives back what prepare() made.
    void undo(Change& change);
    /// Makes `change` the fleet. Removed lanes are out of the table when this returns, but their
    /// memory stays until reclaim().
    void commit(Change change);
    /// Frees what commit() took out of service. Call after Quiescent::wait().
    void reclaim();

    /// Takes every lane out of service that uses a port of the mask, until it gets a new plan.
    void suspend(std::uint64_t ports);

    /// Looks at a part of the clear receiving lanes, which makes a whole look every `parts` calls;
    /// to be called so that this takes a second. A lane whose packets were too old, and none newer
    /// than all before, at two looks in a row gets a fresh window.
    void watch_windows(unsigned part, unsigned parts);
    std::uint64_t windows_restarted() const noexcept { return windows_restarted_; }

    const Entries& entries() const noexcept { return entries_; }
    Lane* lane(std::string_view name) const noexcept;

  private:
    void restart_windows(Entry& entry);
    void keep_next_hops(const Entry& entry);
    engine::Result<Lane*> new_lane(const LaneSpec& spec);
    void discard(Lane& lane);

    LaneTable& table_;
    Ports& ports_;
    NextHops& next_hops_;
    WindowStore windows_;
    Entries entries_;
    std::vector<Lane*> dead_lanes_;
    std::vector<PlanPtr> dead_plans_;
    std::uint64_t windows_restarted_ = 0;
    std::uint64_t start_ms_ = 0;  ///< where lanes that prepare() makes start to count
};

}  // namespace lanes
