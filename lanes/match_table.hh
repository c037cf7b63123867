// MatchTable: which lane takes a frame of a port, by the fields that an operator named. Immutable;
// Control builds one per source port and publishes it. Tuple space search (Srinivasan, Suri and
// Varghese, SIGCOMM 1999): rules that look at the same bits share one hash table, and a look-up
// probes as many tables as there are different sets of bits, not as many as there are rules. The
// tables are ordered by their best rule, so that a search ends as soon as no table left can win.
// Alternatives: decision trees are faster on fixed rule sets and slow to build for a million;
// a linear list is what most tools have. Port ranges are compared in the rule itself.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "lanes/flow_key.hh"
#include "lanes/spec.hh"

namespace lanes {

struct Lane;

class MatchTable {
  public:
    struct Entry {
        const MatchSpec* match;  ///< nullptr: every frame
        Lane* lane;
    };

    /// The first entry that matches wins, so the order is the order of the operator's file.
    explicit MatchTable(std::span<const Entry> entries);

    /// The lane that takes every frame without looking at it, if it is that simple; else nullptr.
    Lane* only() const noexcept { return tuples_.empty() ? catch_all_ : nullptr; }

    /// Sets found[i] to the lane of keys[i], nullptr where there is none. At most burst_max keys.
    void find(std::span<const FlowKey> keys, Lane** found) const noexcept;

    std::size_t tuples() const noexcept { return tuples_.size(); }

  private:
    static constexpr std::uint32_t none = ~0u;
    using Words = std::array<std::uint64_t, sizeof(FlowKey) / 8>;

    struct alignas(engine::cache_line) Rule {
        Words value;
        MatchSpec::Range source_port;
        MatchSpec::Range destination_port;
        std::uint32_t priority = 0;
        std::uint32_t next = none;  ///< rule of the same value and lower priority
        Lane* lane = nullptr;

        bool in_range(const FlowKey& key) const noexcept;
    };

    struct Bucket {
        std::uint32_t hash = 0;     ///< upper half of the hash, to spare most comparisons
        std::uint32_t rule = none;  ///< first of a chain
    };

    struct Tuple {
        Words mask;
        std::uint32_t best = none;         ///< highest priority (lowest number) of its rules
        std::vector<std::uint32_t> rules;  ///< while building
        std::vector<Bucket> buckets;
    };

    std::uint64_t hash(const Words& words) const noexcept;
    void insert(Tuple& tuple, std::uint32_t rule);

    std::array<std::uint64_t, 8> hash_keys_;  ///< random, so that nobody can plan collisions
    std::vector<Tuple> tuples_;
    std::vector<Rule> rules_;
    Lane* catch_all_ = nullptr;
    std::uint32_t catch_all_priority_ = none;
};

}  // namespace lanes
