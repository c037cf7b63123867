// See scenario.hh. The ports are read by config/ports.cc, as those of a node file; `traffic` is
// read by traffic_keys.cc once the ports are known, in whatever order the file has them.
#include "bench/traffic/scenario.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bench/traffic/traffic_keys.hh"
#include "config/ports.hh"
#include "config/text.hh"
#include "config/tree.hh"

namespace lanes::bench {
namespace {

using config::described;
using config::Diagnostics;
using config::Field;
using config::Node;
using config::Place;
using config::say;
using config::shown;

constexpr std::size_t nodes_most = 16;

void read_nodes(const Node& nodes, const std::filesystem::path& folder, Scenario& scenario,
                Diagnostics& diagnostics) {
    if (nodes.kind == Node::Kind::broken) return;
    if (nodes.kind != Node::Kind::list || nodes.children.empty() ||
        nodes.children.size() > nodes_most) {
        const bool list = nodes.kind == Node::Kind::list;
        diagnostics.error(
            nodes.at,
            say("expected a list of 1 to 16 node files for `nodes`, found ",
                list ? say("a list of ", std::to_string(nodes.children.size())) : described(nodes),
                "; write [node.yaml], or remove the key"));
        return;
    }
    for (const Node& child : nodes.children) {
        const Field field{"nodes", {}};
        const auto text = scalar_of(child, field, "the path of a node file", diagnostics);
        const auto name = config::read_path(text, field, diagnostics);
        if (!name) continue;
        const std::string path = (folder / *name).lexically_normal().string();
        if (std::find(scenario.nodes.begin(), scenario.nodes.end(), path) != scenario.nodes.end()) {
            diagnostics.error(child.at, say("node file ", shown(*name),
                                            " is in `nodes` already; expected each once; remove "
                                            "one of them"));
            continue;
        }
        scenario.nodes.push_back(path);
        scenario.node_places.push_back(child.at);
    }
}

/// The ports, and those among them that frames cannot go through.
void read_scenario_ports(const Node& ports, Scenario& scenario, config::PortTable& table,
                         Diagnostics& diagnostics) {
    NodeSpec node;
    node.cores = {0};
    config::read_ports(ports, node, table, diagnostics);
    scenario.ports = std::move(node.ports);
    for (const auto& facts : table.all()) {
        scenario.port_places.push_back(facts.at);
        if (facts.driver == nullptr || facts.driver->kind == engine::PortKind::ethernet ||
            facts.driver->kind == engine::PortKind::ip) {
            continue;
        }
        diagnostics.error(facts.at,
                          say("port ", shown(facts.name), " has driver ", facts.driver->driver,
                              ", which carries lane packets only; expected one that takes frames "
                              "or IP packets; let a node have this port"));
    }
}

void refuse_unused(const config::PortTable& table, Diagnostics& diagnostics) {
    if (table.missed()) return;
    for (const auto& facts : table.all()) {
        if (facts.used) continue;
        diagnostics.error(facts.at, say("port ", shown(facts.name),
                                        " is neither `from` nor `to` of the traffic; remove it"));
    }
}

void read_root(const Node& root, const std::filesystem::path& folder, Scenario& scenario,
               Diagnostics& diagnostics) {
    static constexpr std::array<std::string_view, 3> keys = {"nodes", "ports", "traffic"};
    if (root.kind == Node::Kind::broken) return;
    if (root.kind != Node::Kind::map) {
        diagnostics.error(root.at, say("expected a map of keys, found ", described(root),
                                       "; begin with `ports:`"));
        return;
    }
    for (const Node& child : root.children) {
        if (std::find(keys.begin(), keys.end(), child.key) != keys.end()) continue;
        config::unknown_key(child, "the scenario file", keys, diagnostics);
    }
    if (const Node* nodes = root.find("nodes")) read_nodes(*nodes, folder, scenario, diagnostics);
    config::PortTable table;
    const Node* ports = root.find("ports");
    if (ports != nullptr) {
        read_scenario_ports(*ports, scenario, table, diagnostics);
    } else {
        diagnostics.error(root.at,
                          "the scenario has no `ports`; expected those that frames leave from and "
                          "arrive at; add `ports:` with one `name: {driver: ...}` per port");
    }
    const Node* traffic = root.find("traffic");
    if (traffic == nullptr) {
        diagnostics.error(root.at,
                          "the scenario has no `traffic`; expected what is sent; add "
                          "`traffic: {from: PORT, to: PORT}`");
        return;
    }
    if (read_traffic(*traffic, folder, scenario, table, diagnostics) && ports != nullptr) {
        refuse_unused(table, diagnostics);
    }
}

}  // namespace

LoadedScenario parse_scenario(std::string_view text, const std::string& path) {
    LoadedScenario loaded;
    const std::filesystem::path file(path);
    loaded.scenario.name = file.stem().string();
    const std::uint16_t number = loaded.diagnostics.add_file(path);
    if (const auto root = config::read_tree(text, number, loaded.diagnostics)) {
        read_root(*root, file.parent_path(), loaded.scenario, loaded.diagnostics);
    }
    return loaded;
}

LoadedScenario load_scenario(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text;
    if (file) text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || file.bad() || errno == EISDIR) {
        const int failed = errno;
        LoadedScenario loaded;
        const std::uint16_t number = loaded.diagnostics.add_file(path);
        loaded.diagnostics.error(Place{0, 0, number},
                                 say("cannot be read: ", std::strerror(failed),
                                     "; expected a scenario file; mend the path"));
        return loaded;
    }
    return parse_scenario(text, path);
}

std::string to_text(const Diagnostics& diagnostics) {
    std::string text;
    for (const config::Diagnostic& diagnostic : diagnostics.sorted()) {
        text += config::to_string(diagnostic) + '\n';
    }
    if (diagnostics.left_out() > 0) {
        text += say("... and ", std::to_string(diagnostics.left_out()), " more\n");
    }
    if (!text.empty()) text.pop_back();
    return text;
}

}  // namespace lanes::bench
