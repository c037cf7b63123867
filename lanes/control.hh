// Control: the one slow-path thread's view of the node. Starts the workers, makes a NodeSpec true
// while packets flow, and does what comes round once in a while: next hops, reassembly time-outs,
// the watch over clear lanes. Everything here runs on the thread that owns the Control.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/quiescent.hh"
#include "engine/result.hh"
#include "engine/worker.hh"
#include "lanes/fleet.hh"
#include "lanes/lane_table.hh"
#include "lanes/next_hops.hh"
#include "lanes/ports.hh"
#include "lanes/reassembly.hh"
#include "lanes/spec.hh"

namespace lanes {

class Control {
  public:
    /// How often tick() wants to be called.
    static constexpr unsigned tick_ms = 100;

    enum class Threads : std::uint8_t {
        run,   ///< workers have threads of their own
        none,  ///< somebody calls Worker::round(): tests and benchmarks
    };

    /// `workers` as in NodeSpec::cores; fixed for life, as is `poll`.
    static engine::Result<std::unique_ptr<Control>> create(const NodeSpec& spec, PortOpener open,
                                                           Threads threads);
    ~Control();

    /// Makes `next` true: opens, changes and closes ports, adds, changes and removes lanes. Lanes
    /// that did not change lose no packet and keep their counters. On an error the former set goes
    /// on as it was.
    engine::Result<Fleet::Tally> apply(NodeSpec next);

    /// Every tick_ms.
    void tick();

    /// Drains and ends the workers and closes the ports. Counters stay readable.
    void stop();

    /// Sums over workers, and what Control itself dropped.
    struct Totals {
        std::uint64_t received = 0, sent = 0, made = 0, absorbed = 0, copies = 0;
        std::uint64_t drops[engine::drop_count] = {};
        std::uint64_t dropped() const noexcept;
        /// in + made == out + absorbed + drops; true whenever no frame is under way.
        bool balanced() const noexcept { return received + made == sent + absorbed + dropped(); }
    };
    Totals totals() const;

    struct LaneTotals {
        std::uint64_t packets = 0, bytes = 0, dropped = 0, duplicates = 0, old = 0;
    };
    LaneTotals totals(const Lane& lane) const;

    const Fleet& fleet() const noexcept { return fleet_; }
    Ports& ports() noexcept { return ports_; }
    const std::vector<std::unique_ptr<engine::Worker>>& workers() const noexcept {
        return workers_;
    }

  private:
    using Programs = std::vector<std::unique_ptr<const engine::Program>>;

    using FormerPorts = std::vector<std::pair<PortIndex, engine::PortSpec>>;

    Control(const NodeSpec& spec, PortOpener open, std::unique_ptr<engine::Quiescent> quiescent,
            std::unique_ptr<LaneTable> table, std::unique_ptr<Reassembly> reassembly);

    engine::Result<void> check_unchanged(const NodeSpec& next) const;
    engine::Result<void> reopen(const Ports::Change& change);
    void restore(const FormerPorts& before);
    void use_ports();
    void publish_programs(std::uint64_t without);

    std::unique_ptr<engine::Quiescent> quiescent_;
    std::unique_ptr<LaneTable> table_;
    std::unique_ptr<Reassembly> reassembly_;
    NextHops next_hops_;
    Ports ports_;
    Fleet fleet_;
    NodeSpec spec_;
    Programs programs_;  // outlives the workers that run it
    std::vector<std::unique_ptr<engine::Worker>> workers_;
    engine::WorkerCounters own_counters_;
    unsigned ticks_ = 0;
};

}  // namespace lanes
