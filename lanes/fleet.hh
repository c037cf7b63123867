// Fleet: the lanes that are in service, by name, and how one set of them becomes another without a
// pause for those that stay. Control only.
//
// prepare() does everything that can fail and changes nothing that a worker sees; commit() then
// cannot fail. Between the two lies the whole promise of a reload: all of the new set, or the old
// one untouched. The same holds for a change of some lanes, which costs what these lanes cost,
// however many others there are.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/result.hh"
#include "lanes/difference.hh"
#include "lanes/lane_table.hh"
#include "lanes/match_table.hh"
#include "lanes/next_hops.hh"
#include "lanes/plan.hh"
#include "lanes/port_uses.hh"
#include "lanes/ports.hh"
#include "lanes/window_store.hh"

namespace lanes {

class Fleet {
  public:
    struct Entry {
        Lane* lane = nullptr;
        PlanPtr plan;
        std::unique_ptr<const LaneSpec> spec;
        MatchRule* rule = nullptr;  ///< of lanes that take frames of a port
        std::uint64_t place = 0;    ///< among those, in the operator's order
        std::uint64_t kept_by = 0;  ///< the last change of the whole set that it survived

        // What the watch over clear lanes remembers of the last look.
        std::uint64_t seen_newest = 0;
        std::uint64_t seen_old = 0;
        unsigned stale_looks = 0;         ///< in a row: old packets, and nothing new
        std::uint64_t heard_boot_ns = 0;  ///< the last look that found a new packet; 0: none did
    };
    /// Entries keep their address.
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

    /// One lane of the set that is to be.
    struct Staged {
        Entry* old = nullptr;                  ///< what it is now; nullptr: nothing
        std::unique_ptr<const LaneSpec> spec;  ///< nullptr: as it is
        Lane* lane = nullptr;
        PlanPtr plan;
        MatchRule* rule = nullptr;  ///< to be published; nullptr: as it is, or none
        std::uint64_t place = 0;
        bool kept = false;   ///< lane, plan and spec stay
        bool fresh = false;  ///< the lane is a new object
    };

    struct Change {
        std::vector<Staged> staged;
        std::vector<Entry*> removed;
        /// Of a whole set: the ports' matches, all built anew, so that all rules change at once.
        std::array<std::unique_ptr<MatchTable>, engine::ports_max> tables;
        bool whole = false;
        std::vector<std::uint64_t> places;  ///< of a whole set: all, in order
        Tally tally;
    };

    Fleet(LaneTable& table, Ports& ports, NextHops& next_hops, PlanStore& plans, MatchRules& rules)
        : table_(table), ports_(ports), next_hops_(next_hops), plans_(plans), rules_(rules) {}

    /// The whole set becomes `specs`, which name ports by slot. Lanes that use a port of `reopened`
    /// get a new plan in any case.
    engine::Result<Change> prepare(std::vector<LaneSpec> specs, std::uint64_t reopened);
    /// Only these lanes change. Ports are named by slot.
    engine::Result<Change> prepare(LaneChange change);
    /// The same lanes on ports that were closed meanwhile. A lane that cannot be served is out of
    /// service, the others go on.
    Change replan(std::uint64_t reopened);
    /// What prepare(specs, reopened) and commit() would do to the lanes; plans are tried for lanes
    /// whose ports are open and stay so (not those of `not_open`). Changes nothing.
    engine::Result<void> foresee(const std::vector<LaneSpec>& specs, std::uint64_t reopened,
                                 std::uint64_t not_open, Difference& difference);
    /// What committing `change`, of a whole set, does to the lanes.
    static void tell(const Change& change, Difference& difference);
    /// Gives back what prepare() made.
    void undo(Change& change);
    /// Sealed lanes that went and that came, for the Keeper.
    struct Turnover {
        std::vector<const Lane*> gone;  ///< good until reclaim()
        std::vector<const Entry*> came;
    };
    /// Makes `change` the fleet. What left is out of all tables when this returns, but its memory
    /// stays until reclaim().
    Turnover commit(Change change);
    /// Frees what commit() took out of service. Call after Quiescent::wait().
    void reclaim();

    /// Takes every lane out of service that uses a port of the mask, until it gets a new plan.
    void suspend(std::uint64_t ports);

    /// Looks at a part of the clear receiving lanes, which makes a whole look every `parts` calls;
    /// to be called so that this takes a second. A lane whose packets were too old, and none newer
    /// than all before, at two looks in a row gets a fresh window.
    void watch_windows(unsigned part, unsigned parts, std::uint64_t boot_ns);
    std::uint64_t windows_restarted() const noexcept { return windows_restarted_; }

    const Entries& entries() const noexcept { return entries_; }
    Lane* lane(std::string_view name) const noexcept;
    /// The lane that stands behind this one in the order of matches, of whatever port; empty: none,
    /// or the lane takes no frames. Looks at all lanes.
    std::string_view behind(std::string_view name) const noexcept;
    /// What the lanes want of the ports.
    const PortUses& uses() const noexcept { return uses_; }

  private:
    static bool stays(const Entry* old, const LaneSpec* wanted, std::uint64_t reopened);
    engine::Result<void> check(const LaneChange& change) const;
    engine::Result<void> check_matches(const LaneChange& change,
                                       const std::unordered_set<const Lane*>& leaving) const;
    Entry* find(std::string_view name) noexcept;
    engine::Result<Staged> stage(std::unique_ptr<const LaneSpec> spec, Entry* old,
                                 std::uint64_t reopened);
    void make_whole(Change& change, std::string_view before);
    void give_places(Change& change, std::string_view before);
    engine::Result<void> build_tables(Change& change);
    engine::Result<void> add_rules(Change& change);
    engine::Result<Lane*> new_lane(const LaneSpec& spec);
    void switch_lanes(Change& change);
    void switch_rules(Change& change);
    void retire_rule(Entry& entry);
    void enter(Staged& staged, Turnover& turnover);
    void remove(Entry& entry, Turnover& turnover);
    void rename(Entry& entry, std::unique_ptr<const LaneSpec> spec);
    void bury(Lane& lane);
    void discard(Lane& lane);
    void discard(PlanPtr plan);
    void give_back_memory();
    void restart_windows(Entry& entry);

    LaneTable& table_;
    Ports& ports_;
    NextHops& next_hops_;
    PlanStore& plans_;
    MatchRules& rules_;
    WindowStore windows_;
    PortUses uses_;
    Entries entries_;
    /// How far apart places are, so that others find room between them.
    static constexpr std::uint64_t place_step = std::uint64_t{1} << 24;
    std::vector<std::uint64_t> places_;  ///< in order; those of lanes that went may linger
    std::uint64_t whole_changes_ = 0;
    std::size_t removed_ = 0;  ///< since memory was last given back
    std::vector<Lane*> dead_lanes_;
    std::vector<PlanPtr> dead_plans_;
    struct DeadRule {
        MatchTable* table;
        MatchRule* rule;
    };
    std::vector<DeadRule> dead_rules_;
    std::vector<std::unique_ptr<MatchTable>> dead_tables_;
    std::uint64_t windows_restarted_ = 0;
    std::uint64_t start_ms_ = 0;  ///< where lanes that prepare() makes start to count
};

}  // namespace lanes
