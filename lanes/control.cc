// See control.hh.
#include "lanes/control.hh"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/clock.hh"
#include "engine/log.hh"

namespace lanes {
namespace {

constexpr std::uint32_t lanes_max = 1u << 23;
constexpr unsigned ticks_per_second = ns_per_second / Control::tick_ns;

/// Whether the lane names ports of a node that has `ports` of them, and those that its role needs.
engine::Result<void> check_ports(const LaneSpec& lane, std::size_t ports) {
    bool good = lane.port < ports && (lane.patch_to == no_port || lane.patch_to < ports);
    good = good && (lane.patch_to != no_port) == (lane.role == Role::patch);
    good = good && lane.paths.empty() == (lane.role == Role::patch);
    for (const PathSpec& path : lane.paths) good = good && path.port < ports;
    if (good) return {};
    return engine::Error{0,
                         "lane " + lane.name + ": it names a port that is not there, or too few"};
}

}  // namespace

engine::Result<std::unique_ptr<Control>> Control::create(const NodeSpec& spec, PortOpener open,
                                                         Threads threads) {
    return create(spec, std::move(open), threads, World{});
}

engine::Result<Control::Parts> Control::open_parts(const NodeSpec& spec, World& world) {
    const auto workers = static_cast<unsigned>(spec.cores.size());
    Parts parts;
    auto table = LaneTable::create(lanes_max, workers, *parts.quiescent);
    if (!table) return table.error();
    parts.table = std::move(*table);
    // Old and new ones lie side by side for a moment.
    auto plans = PlanStore::create(2 * lanes_max);
    if (!plans) return plans.error();
    parts.plans = std::make_unique<PlanStore>(std::move(*plans));
    auto rules = MatchRules::create(2 * lanes_max);
    if (!rules) return rules.error();
    parts.rules = std::make_unique<MatchRules>(std::move(*rules));
    auto reassembly = Reassembly::create();
    if (!reassembly) return reassembly.error();
    parts.reassembly = std::move(*reassembly);
    auto workshops = open_workshops(workers, spec.backend);
    if (!workshops) return workshops.error();
    parts.workshops = std::move(*workshops);
    auto outbox = Outbox::create();
    if (!outbox) return outbox.error();
    parts.outbox = std::move(*outbox);
    auto backend = crypto::select_backend(spec.backend);
    if (!backend) return engine::Error{0, backend.message()};
    parts.backend = std::move(*backend);
    if (world.store) {
        parts.store = std::move(world.store);
    } else if (spec.state.empty()) {
        parts.store = forgetful_store();
    } else {
        auto store = open_state_directory(spec.state);
        if (!store) return store.error();
        parts.store = std::move(*store);
    }
    return parts;
}

engine::Result<std::unique_ptr<Control>> Control::create(const NodeSpec& spec, PortOpener open,
                                                         Threads threads, World world) {
    LANES_CHECK(!spec.cores.empty() && spec.cores.size() <= engine::workers_max);
    if (auto ready = crypto::initialise(); !ready) return engine::Error{0, ready.message()};
    auto parts = open_parts(spec, world);
    if (!parts) return parts.error();
    std::unique_ptr<Control> control(new Control(spec, std::move(open), std::move(*parts), world));
    if (threads == Threads::none) return control;
    for (auto& worker : control->workers_) {
        if (auto started = worker->start(); !started) return started.error();
    }
    return control;
}

Control::Control(const NodeSpec& spec, PortOpener open, Parts parts, const World& world)
    : quiescent_(std::move(parts.quiescent)),
      table_(std::move(parts.table)),
      plans_(std::move(parts.plans)),
      rules_(std::move(parts.rules)),
      reassembly_(std::move(parts.reassembly)),
      workshops_(std::move(parts.workshops)),
      outbox_(std::move(parts.outbox)),
      dispatch_(*table_),
      store_(std::move(parts.store)),
      ports_(std::move(open), engine::WorkerCores(spec.cores)),
      fleet_(*table_, ports_, next_hops_, *plans_, *rules_),
      keeper_(std::make_unique<Keeper>(Keeper::Tools{*quiescent_, workshops_, own_counters_,
                                                     *outbox_, *store_, world.clock, world.random},
                                       std::move(parts.backend))),
      clock_(world.clock),
      clock_watch_(world.clock.now()) {
    spec_.node = spec.node;
    spec_.cores = spec.cores;
    spec_.poll = spec.poll;
    spec_.state = spec.state;
    spec_.backend = spec.backend;
    spec_.log = spec.log;
    spec_.manage = spec.manage;
    spec_.sandbox = spec.sandbox;
    for (unsigned i = 0; i < spec.cores.size(); ++i) {
        workers_.push_back(
            std::make_unique<engine::Worker>(i, spec.cores[i], spec.poll, *quiescent_));
    }
}

Control::~Control() {
    stop();
}

std::optional<LaneSpec> Control::spec_of(std::string_view name) const {
    const auto at = fleet_.entries().find(name);
    if (at == fleet_.entries().end()) return std::nullopt;
    LaneSpec lane = copy_of(*at->second.spec);
    const auto place = [&](PortIndex& port) {
        if (port == no_port) return;
        const auto found = std::find(slot_of_.begin(), slot_of_.end(), port);
        port = static_cast<PortIndex>(found - slot_of_.begin());
    };
    place(lane.port);
    place(lane.patch_to);
    for (PathSpec& path : lane.paths) place(path.port);
    return lane;
}

engine::Result<Fleet::Tally> Control::apply(NodeSpec next, Difference* told) {
    if (const auto fixed = restarts(next); !fixed.empty()) {
        std::string all;
        for (const std::string& one : fixed) all += (all.empty() ? "" : "; ") + one;
        return engine::Error{0, all};
    }
    for (const LaneSpec& lane : next.lanes) {
        if (auto ok = keeper_->check(lane); !ok) return ok.error();
    }
    auto ports = ports_.prepare(next.ports);
    if (!ports) return ports.error();
    Difference difference;
    FormerPorts before;
    for (const auto& [slot, spec] : ports->changed) before.emplace_back(slot, ports_.at(slot).spec);
    if (told != nullptr) tell(*ports, next.ports, difference);
    if (auto opened = reopen(*ports); !opened) {
        ports_.undo(*ports);
        return opened.error();
    }
    name_by_slot(next.lanes, ports->slot_of);
    auto lanes = fleet_.prepare(std::move(next.lanes), ports->changed_mask());
    if (lanes && before_traffic_) {
        const auto call = std::exchange(before_traffic_, nullptr);
        if (auto ready = call(); !ready) lanes = ready.error();
    }
    if (!lanes) {
        ports_.undo(*ports);
        for (const auto& [slot, spec] : ports->changed) ports_.close(slot);
        restore(before);
        return lanes.error();
    }
    // Nothing fails from here on.
    const Fleet::Tally tally = lanes->tally;
    if (told != nullptr) {
        Fleet::tell(*lanes, difference);
        *told = std::move(difference);
    }
    next.lanes.clear();
    spec_ = std::move(next);
    slot_of_ = std::move(ports->slot_of);
    commit(std::move(*lanes));
    for (const PortIndex slot : ports->removed) ports_.drop(slot);
    next_hops_.refresh();
    return tally;
}

engine::Result<Fleet::Tally> Control::change(LaneChange change) {
    for (const LaneSpec& lane : change.put) {
        if (auto ok = keeper_->check(lane); !ok) return ok.error();
        if (auto ok = check_ports(lane, slot_of_.size()); !ok) return ok.error();
    }
    name_by_slot(change.put, slot_of_);
    auto lanes = fleet_.prepare(std::move(change));
    if (!lanes) return lanes.error();
    const Fleet::Tally tally = lanes->tally;
    commit(std::move(*lanes));
    next_hops_.ask_new();
    return tally;
}

// Nothing fails from here on. A change of lanes that wants nothing else of the ports costs one
// grace period; otherwise the ports' plans and the workers' programs change too.
void Control::commit(Fleet::Change change) {
    const PortUses::Masks before = fleet_.uses().masks();
    const bool whole = change.whole;
    const Fleet::Turnover turnover = fleet_.commit(std::move(change));
    keeper_->detach(turnover);
    std::vector<std::unique_ptr<const PortPlan>> former;
    if (whole || fleet_.uses().masks() != before) {
        former = use_ports();
        publish_programs(0);
    } else {
        quiescent_->wait();
    }
    keeper_->attach(turnover);
    fleet_.reclaim();
}

// Closes every changed port and opens it as it is to be. Lanes that use one of them are out of
// service meanwhile, all others go on. If one cannot be opened, all become what they were.
engine::Result<void> Control::reopen(const Ports::Change& change) {
    const std::uint64_t mask = change.changed_mask();
    if (mask == 0) return {};
    FormerPorts before;
    fleet_.suspend(mask);
    publish_programs(mask);
    for (const auto& [slot, spec] : change.changed) {
        before.emplace_back(slot, ports_.at(slot).spec);
        ports_.close(slot);
    }
    for (const auto& [slot, spec] : change.changed) {
        if (auto opened = ports_.open(slot, spec); !opened) {
            for (const auto& [other, unused] : change.changed) ports_.close(other);
            restore(before);
            return opened;
        }
    }
    return {};
}

// Brings closed ports back as they were, and the lanes on them.
void Control::restore(const FormerPorts& before) {
    if (before.empty()) return;
    std::uint64_t reopened = 0;
    for (const auto& [slot, spec] : before) {
        if (auto opened = ports_.open(slot, spec); !opened) {
            engine::log(engine::Severity::error, engine::events::port,
                        {{engine::Key::port, spec.name}},
                        "cannot bring a port back: " + opened.error().message);
        }
        reopened |= port_bit(slot);
    }
    take_up(reopened);
}

// Plans the lanes anew that use ports of the mask, which are others than they were.
void Control::take_up(std::uint64_t ports) {
    const Fleet::Turnover turnover = fleet_.commit(fleet_.replan(ports));
    keeper_->detach(turnover);
    const auto former = use_ports();
    publish_programs(0);
    keeper_->attach(turnover);
    fleet_.reclaim();
}

// Devices come and go under a running node. Nobody but the lanes on such a device notices.
void Control::watch_ports() {
    std::uint64_t renewed = 0;
    std::vector<std::unique_ptr<engine::Port>> former;  // until no worker uses them any more
    for (std::uint64_t due = port_watch_.look(ports_); due != 0; due &= due - 1) {
        const auto index = static_cast<PortIndex>(std::countr_zero(due));
        auto port = ports_.renew(index);
        if (!port) {
            port_watch_.renewed(index, port.error());
            continue;
        }
        port_watch_.renewed(index, {});
        former.push_back(std::move(*port));
        renewed |= port_bit(index);
    }
    if (renewed != 0) take_up(renewed);
}

// Tells the ports' stages what each port is for. What they knew before is to stay until the workers
// have gone on.
std::vector<std::unique_ptr<const PortPlan>> Control::use_ports() {
    const PortUses::Masks& uses = fleet_.uses().masks();
    std::vector<std::unique_ptr<const PortPlan>> former;
    for (Ports::Slot& slot : ports_.slots()) {
        if (!slot.taken() || !slot.port) continue;
        const std::uint64_t own = port_bit(slot.shared.index);
        const bool carries = (uses.carries & own) != 0;
        slot.egress = (uses.egress & own) != 0;
        former.push_back(std::move(slot.plan));
        slot.plan =
            std::make_unique<PortPlan>(slot.shared.index, slot.port->info(), carries,
                                       (uses.sources & own) != 0 ? slot.matches.get() : nullptr);
        if (!slot.ingress)
            slot.ingress = std::make_unique<Ingress>(*table_, *reassembly_, workshops_);
        slot.ingress->publish(slot.plan.get());
        if (!carries) continue;
        if (auto ok = slot.port->silence_host(); !ok) {
            engine::log(engine::Severity::warning, engine::events::port,
                        {{engine::Key::port, slot.port->info().name}}, ok.error().message);
        }
    }
    return former;
}

// Tells every worker what to serve, ports of the mask excepted, and waits until all do so.
void Control::publish_programs(std::uint64_t without) {
    Programs former = std::exchange(programs_, {});
    for (auto& worker : workers_) {
        auto program = std::make_unique<engine::Program>();
        for (Ports::Slot& slot : ports_.slots()) {
            if (!slot.port || (without & port_bit(slot.shared.index)) != 0) continue;
            if (slot.plan && (slot.plan->carries || slot.plan->sources() || slot.port->answers())) {
                const auto workers = static_cast<unsigned>(workers_.size());
                const unsigned open = slot.port->rx_queues();
                const unsigned queues = open == 0 ? workers : open;
                for (unsigned queue = 0; queue < queues; ++queue) {
                    if (slot.port->rx_worker(queue) != worker->index()) continue;
                    program->inputs.push_back({&slot.port->rx(queue), slot.ingress.get()});
                }
            }
            if (slot.egress) program->outputs.push_back(&slot.port->tx(worker->index()));
        }
        if (fleet_.uses().masks().announces && worker->index() == 0) {
            program->inputs.push_back({outbox_.get(), &dispatch_});
        }
        worker->publish(program.get());
        programs_.push_back(std::move(program));
    }
    quiescent_->wait();
}

std::uint64_t Control::tick() {
    const std::uint64_t now = clock_.now().boot_ns;
    if (now >= tick_boot_ns_) {
        ++ticks_;
        next_hops_.refresh();
        reassembly_->expire(engine::monotonic_ns(), own_counters_);
        fleet_.watch_windows(ticks_ % ticks_per_second, ticks_per_second, now);
        if (ticks_ % ticks_per_second == 0) {
            watch_ports();
            worker_watch_.look(workers_);
            clock_watch_.look(clock_.now(), keeper_->has_lanes() ? ClockWatch::Lanes::sealed
                                                                 : ClockWatch::Lanes::clear);
        }
        tick_boot_ns_ = now + tick_ns;
    }
    return std::min(keeper_->tick(), tick_boot_ns_ - now);
}

void Control::stop() {
    if (std::exchange(stopped_, true)) return;
    for (auto& worker : workers_) worker->stop();
    keeper_->stop();
    for (Ports::Slot& slot : ports_.slots()) {
        if (slot.taken()) ports_.close(slot.shared.index);
    }
}

std::uint64_t Control::Totals::dropped() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : drops) sum += count;
    return sum;
}

Control::Totals Control::totals() const {
    Totals totals;
    const auto add = [&](const engine::WorkerCounters& counters) {
        totals.received += counters.received.get();
        totals.sent += counters.sent.get();
        totals.made += counters.made.get();
        totals.absorbed += counters.absorbed.get();
        totals.copies += counters.copies.get();
        for (std::size_t i = 0; i < engine::drop_count; ++i) {
            totals.drops[i] += counters.drops[i].get();
        }
    };
    for (const auto& worker : workers_) add(worker->counters());
    add(own_counters_);
    return totals;
}

Control::LaneTotals Control::totals(const Lane& lane) const {
    LaneTotals totals;
    for (unsigned worker = 0; worker < table_->workers(); ++worker) {
        const LaneShare& share = lane.shares[worker];
        totals.packets += share.packets.get();
        totals.bytes += share.bytes.get();
        totals.dropped += share.dropped.get();
        totals.duplicates += share.duplicates.get();
        totals.old += share.old.get();
    }
    return totals;
}

std::string_view Control::backend() const noexcept {
    return crypto::name_of(workshops_[0]->backend->kind());
}

}  // namespace lanes
