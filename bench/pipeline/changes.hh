// lanes-bench changes: how fast lanes come, change and go among a great many, while frames flow
// through lanes that stay, and what memory they cost and give back.
//
//   traffic --lan--> [ node of one worker, a thread of its own ] --wan--> traffic
//
// Half of the lanes stay and carry all the frames, each picking one at random; the others change.
// Three of four send and have a match rule, the fourth receives and has none.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/progress.hh"

namespace lanes::bench {

struct ChangesOptions {
    unsigned lanes = 1'000'000;
    std::vector<unsigned> rates = {10'000, 0};  ///< changes per second; 0: as fast as it goes
    unsigned batch = 100;                       ///< changes made as one
    double seconds = 10;                        ///< for each rate
};

struct ChangesResult {
    struct Turn {
        unsigned wanted = 0;
        double seconds = 0;
        std::uint64_t changes = 0;
        std::vector<double> batch_us;  ///< how long each batch took, the grace period included
        std::uint64_t frames = 0;      ///< that arrived meanwhile
        std::uint64_t lost = 0;
    };
    std::vector<Turn> turns;
    double load_seconds = 0;    ///< Control::apply of all lanes
    double remove_seconds = 0;  ///< and of none
    double bytes_before = 0;    ///< resident: the node without lanes
    double bytes_loaded = 0;    ///< with all lanes
    double bytes_after = 0;     ///< without them again
};

/// Throws std::runtime_error with what is wrong.
ChangesResult run_changes(const ChangesOptions& options, Progress& progress);

}  // namespace lanes::bench
