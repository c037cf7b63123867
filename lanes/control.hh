// Control: the one slow-path thread's view of the node. Starts the workers, makes a NodeSpec true
// while packets flow, and does what comes round once in a while: keys, next hops, reassembly
// time-outs, the watch over clear lanes. Everything here runs on the thread that owns the Control.
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
#include "lanes/keeper.hh"
#include "lanes/lane_table.hh"
#include "lanes/next_hops.hh"
#include "lanes/ports.hh"
#include "lanes/reassembly.hh"
#include "lanes/spec.hh"

namespace lanes {

class Control {
  public:
    /// How often tick() wants to be called at least.
    static constexpr std::uint64_t tick_ns = 100 * ns_per_ms;

    enum class Threads : std::uint8_t {
        run,   ///< workers have threads of their own
        none,  ///< somebody calls Worker::round(): tests and benchmarks
    };

    /// What tests replace.
    struct World {
        Clock& clock = system_clock();
        crypto::Random& random = crypto::system_random();
        std::unique_ptr<StateStore> store;  ///< nullptr: as NodeSpec::state says
    };

    /// Cores, poll mode, node name, state directory and backend of `spec` are fixed for life.
    static engine::Result<std::unique_ptr<Control>> create(const NodeSpec& spec, PortOpener open,
                                                           Threads threads);
    static engine::Result<std::unique_ptr<Control>> create(const NodeSpec& spec, PortOpener open,
                                                           Threads threads, World world);
    ~Control();

    /// Makes `next` true: opens, changes and closes ports, adds, changes and removes lanes. Lanes
    /// that did not change lose no packet and keep their counters. On an error the former set goes
    /// on as it was.
    engine::Result<Fleet::Tally> apply(NodeSpec next);

    /// Makes some lanes others, while all the rest goes on as it is: costs what those lanes cost,
    /// and one grace period, however many lanes there are. All or nothing, as apply().
    engine::Result<Fleet::Tally> change(LaneChange change);

    /// Does what is due; returns after how many nanoseconds, at most tick_ns, to call it again.
    std::uint64_t tick();

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

    const Keeper& keeper() const noexcept { return *keeper_; }
    std::string_view backend() const noexcept;  ///< the cipher backend in use
    const Fleet& fleet() const noexcept { return fleet_; }
    Ports& ports() noexcept { return ports_; }
    const std::vector<std::unique_ptr<engine::Worker>>& workers() const noexcept {
        return workers_;
    }

  private:
    using Programs = std::vector<std::unique_ptr<const engine::Program>>;

    using FormerPorts = std::vector<std::pair<PortIndex, engine::PortSpec>>;

    /// What create() opens, or fails to.
    struct Parts {
        std::unique_ptr<engine::Quiescent> quiescent = std::make_unique<engine::Quiescent>();
        std::unique_ptr<LaneTable> table;
        std::unique_ptr<PlanStore> plans;
        std::unique_ptr<MatchRules> rules;
        std::unique_ptr<Reassembly> reassembly;
        Workshops workshops;
        std::unique_ptr<Outbox> outbox;
        std::unique_ptr<StateStore> store;
        std::unique_ptr<crypto::Backend> backend;
    };
    static engine::Result<Parts> open_parts(const NodeSpec& spec, World& world);

    Control(const NodeSpec& spec, PortOpener open, Parts parts, const World& world);

    engine::Result<void> check_unchanged(const NodeSpec& next) const;
    engine::Result<void> reopen(const Ports::Change& change);
    void restore(const FormerPorts& before);
    void commit(Fleet::Change change);
    std::vector<std::unique_ptr<const PortPlan>> use_ports();
    void publish_programs(std::uint64_t without);

    std::unique_ptr<engine::Quiescent> quiescent_;
    std::unique_ptr<LaneTable> table_;
    std::unique_ptr<PlanStore> plans_;
    std::unique_ptr<MatchRules> rules_;
    std::unique_ptr<Reassembly> reassembly_;
    Workshops workshops_;
    std::unique_ptr<Outbox> outbox_;
    Dispatch dispatch_;
    std::unique_ptr<StateStore> store_;
    NextHops next_hops_;
    Ports ports_;
    Fleet fleet_;
    engine::WorkerCounters own_counters_;
    std::unique_ptr<Keeper> keeper_;
    NodeSpec spec_;                   ///< as it was applied last, without its lanes
    std::vector<PortIndex> slot_of_;  ///< of each of its ports
    Programs programs_;               // outlives the workers that run it
    std::vector<std::unique_ptr<engine::Worker>> workers_;
    Clock& clock_;
    unsigned ticks_ = 0;
    std::uint64_t tick_boot_ns_ = 0;  ///< when what comes round ten times a second is due
    bool stopped_ = false;
};

}  // namespace lanes
