// See open_bed.hh and scenario_bed.hh. The order matters: files are read and checked before
// anything is opened; nodes open their ports first, because the first end of a memory wire decides
// how long its rings are; sizes are compared with ports when these are open.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "bench/traffic/nodes.hh"
#include "bench/traffic/replay.hh"
#include "bench/traffic/scenario_bed.hh"
#include "config/text.hh"
#include "drivers/registry.hh"

namespace lanes::bench {
namespace {

using config::say;
using engine::Port;
using engine::PortSpec;

/// Node files as they were loaded; one for each of Scenario::nodes.
using LoadedNodes = std::vector<config::Loaded>;

/// The ends of each memory wire: how many there are, and how many queues the node at one has.
struct WireEnds {
    unsigned ends = 0;
    unsigned queues = 1;
};
using Wires = std::map<std::string, WireEnds>;

Wires find_wires(const Scenario& scenario, const LoadedNodes& nodes) {
    Wires wires;
    for (const config::Loaded& node : nodes) {
        for (const PortSpec& port : node.spec.ports) {
            if (port.driver != "memory") continue;
            WireEnds& wire = wires[port.device];
            ++wire.ends;
            wire.queues = static_cast<unsigned>(node.spec.cores.size());
        }
    }
    for (const PortSpec& port : scenario.ports) {
        if (port.driver == "memory") ++wires[port.device].ends;
    }
    return wires;
}

void check_wires(LoadedScenario& loaded, const Wires& wires) {
    const Scenario& scenario = loaded.scenario;
    std::vector<std::string_view> names;
    for (const auto& [name, wire] : wires) {
        if (wire.ends == 2) continue;  // another port could not have it
        if (wire.ends == 1) names.push_back(name);
    }
    for (std::size_t i = 0; i < scenario.ports.size(); ++i) {
        const PortSpec& port = scenario.ports[i];
        if (port.driver != "memory") continue;
        const unsigned ends = wires.at(port.device).ends;
        if (ends == 2) continue;
        auto others = names;
        others.erase(std::remove(others.begin(), others.end(), port.device), others.end());
        loaded.diagnostics.error(
            scenario.port_places[i],
            say("memory wire ", config::shown(port.device), " of port ", config::shown(port.name),
                " has ", std::to_string(ends), ends == 1 ? " end" : " ends",
                "; expected two: this port's, and that of a node or of the other port",
                others.empty() ? std::string("; mend `device`")
                               : say("; wires with a free end: ", config::listed(others),
                                     config::did_you_mean(port.device, others))));
    }
}

/// All that can be known to be wrong before anything is opened.
LoadedNodes load_nodes(LoadedScenario& loaded) {
    LoadedNodes nodes;
    std::string broken;
    const Scenario& scenario = loaded.scenario;
    for (std::size_t i = 0; i < scenario.nodes.size(); ++i) {
        nodes.push_back(load_node_file(scenario.nodes[i]));
        if (nodes.back().unreadable) {
            loaded.diagnostics.error(
                scenario.node_places[i],
                say("node file ", config::shown(scenario.nodes[i]), " ",
                    nodes.back().diagnostics.empty() ? "cannot be read"
                                                     : nodes.back().diagnostics[0].message));
        } else if (!nodes.back().good()) {
            broken += config::report(nodes.back());
        }
    }
    if (loaded.good() && broken.empty()) check_wires(loaded, find_wires(scenario, nodes));
    if (!loaded.good() || !broken.empty()) {
        std::string text = to_text(loaded.diagnostics);
        if (!text.empty() && !broken.empty()) text += '\n';
        text += broken;
        if (!text.empty() && text.back() == '\n') text.pop_back();
        throw std::runtime_error(text);
    }
    return nodes;
}

std::unique_ptr<Port> open_port(const PortSpec& spec, unsigned queues) {
    const drivers::Driver* driver = drivers::find_driver(spec.driver);
    if (driver == nullptr) {
        throw std::runtime_error("port " + spec.name + ": no driver named " + spec.driver);
    }
    auto port = driver->open(spec, queues);
    if (!port) throw std::runtime_error(port.error().message);
    return std::move(*port);
}

/// Both ends of a memory wire have as many queues.
unsigned queues_of(const PortSpec& spec, const Wires& wires) {
    return spec.driver == "memory" ? wires.at(spec.device).queues : 1;
}

std::unique_ptr<Port> open_port(const PortSpec& spec, const Wires& wires) {
    return open_port(spec, queues_of(spec, wires));
}

/// What makes frames of `len` bytes as Ethernet counts them impossible; empty: nothing.
std::string misfit(std::uint32_t len, Port& from, Port& to) {
    const std::uint32_t packet = len - ethernet_header_bytes;
    for (const Port* port : {&from, &to}) {
        if (packet <= port->info().mtu) continue;
        return say("does not fit port ", config::shown(port->info().name), ", which has an MTU of ",
                   std::to_string(port->info().mtu), "; expected at most ",
                   std::to_string(port->info().mtu + ethernet_header_bytes + fcs_bytes),
                   "; lower it, or raise the port's mtu");
    }
    const bool ethernet = from.info().kind == engine::PortKind::ethernet;
    if ((ethernet ? len : packet) <= from.tx(0).max_len()) return "";
    return say("does not fit port ", config::shown(from.info().name), ", which sends at most ",
               std::to_string(from.tx(0).max_len()), " bytes; lower it");
}

void check_sizes(LoadedScenario& loaded, const Replay* replay, Port& from, Port& to) {
    if (replay != nullptr) {
        const std::string why = misfit(replay->longest, from, to);
        if (!why.empty()) {
            loaded.diagnostics.error(
                loaded.scenario.replay_at,
                say("a frame of ", std::to_string(replay->longest), " bytes ", why));
        }
        const bool ip = from.info().kind == engine::PortKind::ip;
        if (ip || to.info().kind == engine::PortKind::ip) {
            loaded.diagnostics.error(loaded.scenario.replay_at,
                                     say("frames of a capture do not fit port ",
                                         config::shown((ip ? from : to).info().name),
                                         ", which takes IP packets; expected ports that take "
                                         "Ethernet frames; use tap in place of tun"));
        }
    } else {
        for (const SizeCase& one : loaded.scenario.sizes) {
            for (const SizeShare& share : one.shares) {
                const std::string why = misfit(share.size - fcs_bytes, from, to);
                if (why.empty()) continue;
                loaded.diagnostics.error(one.at,
                                         say("size ", std::to_string(share.size), " ", why));
            }
        }
    }
    if (!loaded.good()) throw std::runtime_error(to_text(loaded.diagnostics));
}

/// Threads that cannot each have a core: what they measure is also each other.
void remark_cores(const Scenario& scenario, const LoadedNodes& nodes,
                  std::vector<std::string>& remarks) {
    std::map<unsigned, unsigned> users;
    unsigned threads = 2;
    for (const config::Loaded& node : nodes) {
        threads += static_cast<unsigned>(node.spec.cores.size());
        for (const unsigned core : node.spec.cores) ++users[core];
    }
    for (const auto& core : {scenario.cores.generator, scenario.cores.sink}) {
        if (core) ++users[*core];
    }
    const auto online = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN));
    std::vector<std::string> shared;
    for (const auto& [core, count] : users) {
        if (count > 1) shared.push_back(std::to_string(core));
    }
    const std::string what =
        "generator, sink and workers of nodes (" + std::to_string(threads) + " threads) ";
    if (threads > online) {
        remarks.push_back(what + "share " + std::to_string(online) +
                          " cores: rates and latencies are those of a busy machine");
    } else if (!shared.empty()) {
        std::string list;
        for (const std::string& core : shared) list += (list.empty() ? "" : ", ") + core;
        remarks.push_back(what + "share core " + list +
                          ": give each its own by `workers` and `cores`");
    }
}

std::shared_ptr<const Replay> load_replay(const Scenario& scenario,
                                          std::vector<std::string>& remarks) {
    if (scenario.replay.empty()) return nullptr;
    auto replay = read_replay(scenario.replay);
    const auto whole = std::to_string(replay->frames.size());
    if (replay->left_out != 0) {
        remarks.push_back(scenario.replay + ": " + std::to_string(replay->left_out) +
                          " frames are too short for a stamp and are not sent, " + whole + " are");
    }
    if (replay->incomplete != 0) {
        remarks.push_back(scenario.replay + ": of " + std::to_string(replay->incomplete) +
                          " frames the file has only a part; they are not sent, " + whole + " are");
    }
    return replay;
}

}  // namespace

ScenarioTestbed::ScenarioTestbed(std::unique_ptr<Port> from, std::unique_ptr<Port> to,
                                 Profile profile, const Cores& cores, const Queues& queues)
    : from_(std::move(from)),
      to_(std::move(to)),
      profile_(std::move(profile)),
      cores_(cores),
      queues_(queues) {
    make_bed();
}

void ScenarioTestbed::make_bed() {
    bed_ = std::make_unique<PortTestbed>(*from_, to_ ? *to_ : *from_, profile_, cores_, queues_);
    bed_->watch(watcher_);
}

void ScenarioTestbed::set_sizes(std::span<const SizeShare> sizes) {
    if (profile_.replay) throw std::runtime_error("the frames of a capture have their own sizes");
    const Profile former = profile_;
    profile_.sizes.assign(sizes.begin(), sizes.end());
    try {
        make_bed();
    } catch (...) {
        profile_ = former;
        throw;
    }
}

void ScenarioTestbed::watch(std::function<void(const Glimpse&)> watcher) {
    watcher_ = std::move(watcher);
    bed_->watch(watcher_);
}

Bed open_scenario(LoadedScenario& loaded) {
    LoadedNodes nodes = load_nodes(loaded);
    const Scenario& scenario = loaded.scenario;
    const Wires wires = find_wires(scenario, nodes);
    Bed bed;
    bed.name = scenario.name;
    Profile profile = scenario.profile;
    profile.replay = load_replay(scenario, bed.remarks);
    profile.recorded = scenario.rate.unit == Rate::Unit::recorded;
    remark_cores(scenario, nodes, bed.remarks);
    if (!scenario.nodes.empty()) bed.nodes = start_nodes(scenario.nodes, std::move(nodes));
    auto from = open_port(scenario.ports[scenario.from], wires);
    std::unique_ptr<Port> to;
    if (scenario.to != scenario.from) to = open_port(scenario.ports[scenario.to], wires);
    check_sizes(loaded, profile.replay.get(), *from, to ? *to : *from);
    if (bed.nodes) wait_until_ready(*bed.nodes);
    bed.rate_pps = profile.recorded ? profile.replay->recorded_pps()
                                    : scenario.rate.in_frames(mean_frame_bits(profile));
    profile.rate_pps = bed.rate_pps;
    const Queues queues{queues_of(scenario.ports[scenario.from], wires),
                        queues_of(scenario.ports[scenario.to], wires)};
    bed.testbed = std::make_unique<ScenarioTestbed>(std::move(from), std::move(to),
                                                    std::move(profile), scenario.cores, queues);
    return bed;
}

Bed open_bed(const std::string& file) {
    LoadedScenario loaded = load_scenario(file);
    return open_scenario(loaded);
}

}  // namespace lanes::bench
