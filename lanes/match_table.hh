// MatchTable: which lane takes a frame of a port, by the fields that an operator named. Tuple space
// search (Srinivasan, Suri and Varghese, SIGCOMM 1999): rules that look at the same bits share one
// hash table, and a look-up probes as many tables as there are different sets of bits, not as many
// as there are rules. The tables are probed in the order of their best rule, so that a search ends
// as soon as none left can win. Port ranges are compared in the rule itself.
//
// Readers take no lock and wait for nobody; Control adds and takes away rules while they read. A
// burst goes through three steps: hash all, which asks the memory for their buckets; read the
// buckets, which asks for their rules; compare. A rule keeps only those words of its value that its
// tuple looks at, which are two for a prefix of IPv4: it fits one cache line, and one look-up among
// a million waits for two lines, together with 63 others.
//
// Alternatives: decision trees are faster on fixed rule sets and slow to change among a million; a
// linear list is what most tools have; rules within the hash table itself save one of the two lines
// and cost twice the memory.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "engine/region.hh"
#include "engine/result.hh"
#include "lanes/flow_key.hh"
#include "lanes/slab.hh"
#include "lanes/spec.hh"

namespace lanes {

struct Lane;

/// One rule of a MatchTable.
struct MatchRule {
    Lane* lane = nullptr;
    std::uint64_t order = 0;  ///< the lowest that matches wins
    MatchSpec::Range source_port;
    MatchSpec::Range destination_port;
    /// Rule of the same value and not lower order, by reference; 0: none. Writer: Control
    /// (release); readers: workers (acquire).
    std::atomic<std::uint32_t> next{0};
    std::uint32_t tuple = 0;  ///< place in the table's list; Control's

    std::uint64_t* value() noexcept { return reinterpret_cast<std::uint64_t*>(this + 1); }
    const std::uint64_t* value() const noexcept {
        return reinterpret_cast<const std::uint64_t*>(this + 1);
    }
    bool in_range(const FlowKey& key) const noexcept {
        return key.source_port >= source_port.first && key.source_port <= source_port.last &&
               key.destination_port >= destination_port.first &&
               key.destination_port <= destination_port.last;
    }
};
static_assert(sizeof(MatchRule) == 32);

/// Where the rules of all tables of a node lie.
class MatchRules {
  public:
    static engine::Result<MatchRules> create(std::uint32_t rules_max);

    std::uint32_t taken() const noexcept { return narrow_.taken() + wide_.taken(); }

  private:
    friend class MatchTable;
    /// Rules whose tuple looks at few words, and at many.
    static constexpr unsigned narrow_words = 4;
    static constexpr unsigned wide_words = sizeof(FlowKey) / 8;

    Slab narrow_;
    Slab wide_;
};

class MatchTable {
  public:
    /// `rules` outlives the table.
    explicit MatchTable(MatchRules& rules);
    /// Gives back the published rules. No worker may use the table any more.
    ~MatchTable();
    MatchTable(const MatchTable&) = delete;
    MatchTable& operator=(const MatchTable&) = delete;

    // Control. A rule is added, published, retired and freed; what may fail is add(). What was
    // published is found by all workers at the latest after flush(), and nobody finds what was
    // retired after flush() and Quiescent::wait().

    /// A rule that nobody finds yet. `match` nullptr: every frame. Of rules with the same order one
    /// wins.
    engine::Result<MatchRule*> add(const MatchSpec* match, std::uint64_t order, Lane* lane);
    void publish(MatchRule& rule);
    /// Instead of publish(): gives the rule back.
    void cancel(MatchRule& rule);
    void retire(MatchRule& rule);
    void flush();
    /// After Quiescent::wait(), with every rule that was retired before it.
    void free(MatchRule& rule);
    /// After Quiescent::wait(): frees what growing and shrinking left behind.
    void sweep();

    /// Lanes of the published rules that take exactly what a rule of `match` would take. Control.
    std::vector<const Lane*> lanes_like(const MatchSpec* match);

    /// Different sets of bits that rules look at.
    std::size_t tuples() const noexcept { return current_->probes.size(); }
    /// Of all hash tables, used or not.
    std::uint64_t slots() const noexcept;

    // Workers.

    /// The lane that takes every frame without looking at it, if it is that simple; else nullptr.
    Lane* only() const noexcept { return view_.load(std::memory_order_acquire)->only; }

    /// Sets found[i] to the lane of keys[i], nullptr where there is none. At most burst_max keys.
    void find(std::span<const FlowKey> keys, Lane** found) const noexcept;

  private:
    using Words = std::array<std::uint64_t, sizeof(FlowKey) / 8>;
    /// Hash bits << 32 | reference of the first rule of one value; 0: never used.
    using Slot = std::atomic<std::uint64_t>;
    static constexpr std::uint64_t tombstone = 1;
    static constexpr std::uint64_t bucket_slots = 4;

    /// Rules that look at the same bits.
    struct alignas(engine::cache_line) Tuple {
        // What readers use.
        /// A cache line that holds the number of slots - 1, then the slots. Writer: Control
        /// (release); readers: workers (acquire).
        std::atomic<const std::byte*> slots{nullptr};
        const std::byte* rules = nullptr;  ///< where a rule of reference 0 would lie
        std::uint32_t stride = 0;
        std::uint32_t words = 0;              ///< that are compared: 2, 4 or 8
        std::array<std::uint8_t, 8> place{};  ///< of those words in a key
        Words mask{};                         ///< of those words
        Words hash_key{};                     ///< random: nobody can plan collisions

        // Control's.
        Words whole_mask{};
        engine::Region region;
        std::uint64_t capacity = 0;
        std::uint64_t used = 0;                  ///< slots that are not 0
        std::uint64_t live = 0;                  ///< slots that name a rule
        std::uint64_t reserved = 0;              ///< rules added and not yet published
        std::uint64_t best = ~std::uint64_t{0};  ///< no rule's order is lower
        std::uint32_t index = 0;
        bool shown = false;  ///< part of the view
    };

    /// What readers see as one: replaced as a whole.
    struct View {
        struct Probe {
            std::uint64_t best;
            const Tuple* tuple;
        };
        Lane* only = nullptr;
        Lane* catch_all = nullptr;
        std::uint64_t catch_all_order = ~std::uint64_t{0};
        std::vector<Probe> probes;  ///< by rising `best`
    };

    struct Search;
    template <unsigned W>
    static bool probe(const View::Probe& probe, Search& search) noexcept;
    template <unsigned W>
    static void judge(const Tuple& tuple, Search& search, unsigned i, std::uint64_t hash,
                      const MatchRule* rule) noexcept;
    template <unsigned W>
    static const MatchRule* walk(const Tuple& tuple, std::uint64_t hash,
                                 const FlowKey& key) noexcept;
    template <unsigned W>
    static std::uint64_t hash_key(const Tuple& tuple, const FlowKey& key) noexcept;
    static std::uint64_t hash_value(const Tuple& tuple, const std::uint64_t* value) noexcept;
    static const MatchRule* rule_at(const Tuple& tuple, std::uint64_t reference) noexcept {
        return reinterpret_cast<const MatchRule*>(tuple.rules + reference * tuple.stride);
    }

    Slab& slab_of(const Tuple& tuple) noexcept;
    static Slot* slots_of(const Tuple& tuple) noexcept;
    Tuple* tuple_for(const Words& mask);
    static void fill(MatchRule& rule, const Tuple& tuple, const MatchSpec& match,
                     const Words& value) noexcept;
    std::uint32_t reference(const Tuple& tuple, const MatchRule& rule) noexcept;
    MatchRule& rule_of(const Tuple& tuple, std::uint64_t reference) noexcept;
    /// The slot whose rules have the value of `rule`, or else the first one that is free for it.
    Slot& find_slot(Tuple& tuple, const MatchRule& rule) noexcept;
    bool room_for_one(Tuple& tuple) noexcept;
    bool rebuild(Tuple& tuple, std::uint64_t capacity) noexcept;
    void drop_if_empty(Tuple& tuple);
    template <typename Use>
    void each_rule(Tuple& tuple, Use&& use) noexcept;

    MatchRules& rules_;
    Words random_;
    std::vector<std::unique_ptr<Tuple>> tuples_;
    std::vector<std::uint32_t> free_tuples_;
    std::map<Words, std::uint32_t> by_mask_;
    std::multimap<std::uint64_t, MatchRule*> catch_alls_;
    bool stale_ = false;  ///< the view does not show what there is

    std::unique_ptr<const View> current_;
    /// Writer: Control (release); readers: workers (acquire).
    std::atomic<const View*> view_;
    // Until the next sweep().
    std::vector<std::unique_ptr<const View>> former_views_;
    std::vector<std::unique_ptr<Tuple>> former_tuples_;
    std::vector<engine::Region> former_slots_;
};

}  // namespace lanes
