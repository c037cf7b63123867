// Runs: groups what a burst holds into runs of one lane, so that everything which is done once per
// lane is done once per burst. Keeps the order within a lane and the order in which lanes first
// appear. Linear: a small hash table of 128 bytes on the stack finds a lane's run.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "engine/limits.hh"
#include "lanes/lane.hh"

namespace lanes {

/// Calls use(lane, members) for each lane, members being indices into `of` in order. Entries that
/// are nullptr belong to no run.
template <typename Use>
void for_each_run(std::span<Lane* const> of, Use&& use) noexcept {
    constexpr unsigned max = engine::burst_max;
    constexpr std::uint8_t none = 0xff;
    const auto n = static_cast<unsigned>(of.size());
    std::uint8_t members[max];

    // The common case first: one lane, or none.
    unsigned same = 0;
    while (same < n && of[same] == of[0]) ++same;
    if (same == n) {
        if (n == 0 || of[0] == nullptr) return;
        for (unsigned i = 0; i < n; ++i) members[i] = static_cast<std::uint8_t>(i);
        return use(*of[0], std::span<const std::uint8_t>(members, n));
    }

    std::array<std::uint8_t, 2 * max> run_at;  // hash of the lane -> run
    run_at.fill(none);
    Lane* lane[max];
    std::uint8_t first[max];
    std::uint8_t last[max];
    std::uint8_t next[max];
    unsigned runs = 0;
    for (unsigned i = 0; i < n; ++i) {
        if (of[i] == nullptr) continue;
        next[i] = none;
        // By address: the lane itself may not have come from memory yet.
        const auto address = reinterpret_cast<std::uintptr_t>(of[i]);
        unsigned at = static_cast<unsigned>(address >> 7 ^ address >> 14) % run_at.size();
        while (run_at[at] != none && lane[run_at[at]] != of[i]) at = (at + 1) % run_at.size();
        const std::uint8_t run = run_at[at];
        if (run != none) {
            next[last[run]] = static_cast<std::uint8_t>(i);
            last[run] = static_cast<std::uint8_t>(i);
            continue;
        }
        run_at[at] = static_cast<std::uint8_t>(runs);
        lane[runs] = of[i];
        first[runs] = last[runs] = static_cast<std::uint8_t>(i);
        ++runs;
    }
    for (unsigned run = 0; run < runs; ++run) {
        unsigned count = 0;
        for (std::uint8_t i = first[run]; i != none; i = next[i]) members[count++] = i;
        use(*lane[run], std::span<const std::uint8_t>(members, count));
    }
}

}  // namespace lanes
