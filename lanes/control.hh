// Control: the one slow-path thread's view of the node. Starts the workers, makes a NodeSpec true
// while packets flow, and does what comes round once in a while: keys, next hops, reassembly
// time-outs, the watch over clear lanes. Everything here runs on the thread that owns the Control.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/quiescent.hh"
#include "engine/result.hh"
#include "engine/worker.hh"
#include "lanes/clock_watch.hh"
#include "lanes/fleet.hh"
#include "lanes/keeper.hh"
#include "lanes/lane_table.hh"
#include "lanes/next_hops.hh"
#include "lanes/port_watch.hh"
#include "lanes/ports.hh"
#include "lanes/reassembly.hh"
#include "lanes/spec.hh"
#include "lanes/worker_watch.hh"

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

    /// Cores, poll mode, node name, state directory, backend and management of `spec` are fixed for
    /// life.
    static engine::Result<std::unique_ptr<Control>> create(const NodeSpec& spec, PortOpener open,
                                                           Threads threads);
    static engine::Result<std::unique_ptr<Control>> create(const NodeSpec& spec, PortOpener open,
                                                           Threads threads, World world);
    ~Control();

    /// Makes `next` true: opens, changes and closes ports, adds, changes and removes lanes. Lanes
    /// that did not change lose no packet and keep their counters. On an error the former set goes
    /// on as it was.
    /// With `told`, says there what it did.
    engine::Result<Fleet::Tally> apply(NodeSpec next, Difference* told = nullptr);

    /// Called once, by the next apply(), when all ports are open and no worker has them yet: what
    /// has to be in force before the first packet. If it fails, so does apply().
    void before_traffic(std::function<engine::Result<void>()> call) {
        before_traffic_ = std::move(call);
    }

    /// What apply() would do, by the same comparisons; changes nothing and opens nothing, so what
    /// only opening a port can tell is not known. Difference::restart says what apply() refuses.
    engine::Result<Difference> foresee(NodeSpec next);

    /// Makes some lanes others, while all the rest goes on as it is: costs what those lanes cost,
    /// and one grace period, however many lanes there are. All or nothing, as apply().
    engine::Result<Fleet::Tally> change(LaneChange change);

    /// Returns when no worker uses any more what was taken out of its sight before.
    void wait_for_workers() noexcept { quiescent_->wait(); }

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

    /// What Control itself dropped; the rest of the totals is the workers'.
    const engine::WorkerCounters& own_counters() const noexcept { return own_counters_; }

    /// What was applied last, without its lanes; changes of lanes name its ports.
    const NodeSpec& spec() const noexcept { return spec_; }
    /// A lane as it is, for a change: its ports are those of spec(). Nothing: no such lane.
    std::optional<LaneSpec> spec_of(std::string_view name) const;

    const Keeper& keeper() const noexcept { return *keeper_; }
    std::string_view backend() const noexcept;  ///< the cipher backend in use
    const Fleet& fleet() const noexcept { return fleet_; }
    const LaneTable& table() const noexcept { return *table_; }
    const MatchRules& rules() const noexcept { return *rules_; }
    Moment now() const noexcept { return clock_.now(); }
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

    std::vector<std::string> restarts(const NodeSpec& next) const;
    void tell(const Ports::Change& change, const std::vector<engine::PortSpec>& next,
              Difference& difference) const;
    engine::Result<void> reopen(const Ports::Change& change);
    void restore(const FormerPorts& before);
    void take_up(std::uint64_t ports);
    void watch_ports();
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
    PortWatch port_watch_;
    WorkerWatch worker_watch_;
    Fleet fleet_;
    engine::WorkerCounters own_counters_;
    std::unique_ptr<Keeper> keeper_;
    NodeSpec spec_;                   ///< as it was applied last, without its lanes
    std::vector<PortIndex> slot_of_;  ///< of each of its ports
    Programs programs_;               // outlives the workers that run it
    std::vector<std::unique_ptr<engine::Worker>> workers_;
    Clock& clock_;
    ClockWatch clock_watch_;
    unsigned ticks_ = 0;
    std::uint64_t tick_boot_ns_ = 0;  ///< when what comes round ten times a second is due
    bool stopped_ = false;
    std::function<engine::Result<void>()> before_traffic_;
};

}  // namespace lanes
