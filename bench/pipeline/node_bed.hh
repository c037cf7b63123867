// NodeBed: the nodes of one Case, joined by wires of memory, and everything that is around them:
//
//   patch, clear, seal    generator --lan-a--> [A] --wan-------------------------> far end
//   receive, open         generator --lan-a--> [A] --wan--> [B] --lan-b---------> far end
//   open-replayed/-forged generator --lan-a--> [A] --wan--> (tap) --wan-b--> [B] --lan-b--> far end
//   relay                 generator --lan-a--> [A] --wan--> [R] --wan-r---------> far end
//
// (patch, clear and seal have a B behind them too, which shows that what came out was good; only
// patch has none.) Each port has a queue per worker. No thread runs here: the caller drives the
// workers' rounds.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/pipeline/options.hh"
#include "engine/port.hh"
#include "lanes/control.hh"

namespace lanes::bench {

/// Stands still while something is measured: no session ends, no announcement comes between.
class BenchClock final : public Clock {
  public:
    Moment now() noexcept override { return moment; }
    Moment moment{ns_per_second, 1'700'000'000 * ns_per_second};
};

struct NodeBed {
    BenchClock clock;
    std::vector<std::unique_ptr<Control>> nodes;  ///< in the order of a frame's way
    std::size_t measured = 0;                     ///< which of them
    std::unique_ptr<engine::Port> generator;      ///< far end of the first node's lan
    std::unique_ptr<engine::Port> tap_in;         ///< far end of A's wan, if there is a tap
    std::unique_ptr<engine::Port> tap_out;        ///< far end of B's wan
    std::unique_ptr<engine::Port> sink;           ///< far end of the last node

    engine::Worker& worker(std::size_t node, unsigned index) {
        return *nodes[node]->workers()[index];
    }
    engine::Worker& measured_worker(unsigned index) { return worker(measured, index); }
    /// Moves what lies in the tap on to B as it is; returns how many frames that were.
    unsigned pass_tap(unsigned queue, engine::WorkerCounters& counters);
};

/// Opens everything; sealed lanes have their keys. Throws std::runtime_error.
std::unique_ptr<NodeBed> make_node_bed(const Case& options);

}  // namespace lanes::bench
