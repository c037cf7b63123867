// From a scenario file to something that can be measured: the ports that frames leave from and come
// back to, the traffic, and the nodes that run within this process, if the file names any. What
// run, search and soak begin with. The file's format is in bench/README.md.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/trial.hh"
#include "engine/phase.hh"

namespace lanes::bench {

/// Nodes that run in this process, each with its own workers and a thread for its Control, so that
/// traffic of lanes can be made and taken here: a generator feeds a memory port of one, a sink
/// listens at a memory port of another.
class Nodes {
  public:
    virtual ~Nodes() = default;

    /// Reads every node file again and applies it, as SIGHUP does to `lanes`. Throws.
    virtual void reload() = 0;

    /// Adds `lanes` receiving lanes besides those of the files to each node that has a receiving
    /// lane, or takes former ones away, so that there are as many. They carry no traffic. Throws.
    virtual void set_extra_lanes(unsigned lanes) = 0;

    /// Packets that the nodes dropped so far, by reason; for remarks and for soak's rows.
    virtual std::vector<std::pair<std::string, std::uint64_t>> drops() const = 0;

    /// Where the workers of a node spent the rounds in which something came: ticks of each phase
    /// (engine/phase.hh), and the packets that came, from time_phases() on.
    struct Spent {
        std::string node;
        std::uint64_t packets = 0;
        std::array<std::uint64_t, engine::phase_count> ticks{};
    };
    virtual void time_phases() = 0;
    virtual std::vector<Spent> spent() const = 0;
};

struct Bed {
    std::string name;                  ///< of the scenario
    std::unique_ptr<Nodes> nodes;      ///< nullptr: the file names none
    std::unique_ptr<Testbed> testbed;  ///< closed before the nodes are
    double rate_pps = 0;               ///< `traffic.rate` in frames per second; 0: max
    /// What a reader of the results must know: cores that are shared, frames of a capture left out.
    std::vector<std::string> remarks;
};

/// Opens what the file says; returns when every sealed lane has its keys. Throws
/// std::runtime_error with all that is wrong with the file, one line each: file:line:column.
Bed open_bed(const std::string& file);

}  // namespace lanes::bench
