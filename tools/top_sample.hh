// What `lanes top` shows, apart from the terminal: a sample is what a node counted up to a moment,
// two of them make rates, and rates become the lines of a screen or an object of JSON.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lanes::tools {

struct LaneSample {
    std::string role;
    std::string state;
    std::uint64_t packets = 0, bytes = 0, dropped = 0;
    bool measured = false;  ///< sealed and receiving: loss and delay are known
    std::uint64_t lost = 0;
    std::uint64_t delay_variation_ns = 0;
};

struct WorkerSample {
    std::uint64_t core = 0;
    std::uint64_t rounds = 0, idle = 0, sleeps = 0, received = 0, dropped = 0;
    bool timed = false;
    std::vector<std::uint64_t> clocks;  ///< of each phase
};

struct Sample {
    std::string node;
    std::uint64_t uptime_ns = 0;  ///< of the node, when it counted
    std::uint64_t lanes_total = 0;
    std::map<std::string, LaneSample> lanes;
    std::map<std::uint64_t, WorkerSample> workers;

    bool timed() const;
};

/// Takes what `show lanes --json` and `show workers --json` said; false: they are no such answers.
bool read_sample(const std::string& lanes, const std::string& workers, Sample& sample);

/// The rates between two samples as lines, none longer than `columns` nor more than `rows`, the
/// busiest lanes first.
std::vector<std::string> screen_of(const Sample& before, const Sample& now, std::size_t columns,
                                   std::size_t rows);
/// The same as one line of JSON, all lanes.
std::string json_of(const Sample& before, const Sample& now);

}  // namespace lanes::tools
