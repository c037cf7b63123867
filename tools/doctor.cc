// `lanes doctor`. See commands.hh and doctor.hh.
#include "tools/doctor.hh"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "config/config.hh"
#include "crypto/vault.hh"
#include "drivers/registry.hh"
#include "tools/commands.hh"
#include "tools/table.hh"

namespace lanes::tools {
namespace {

std::string_view word_of(Finding::State state) {
    switch (state) {
        case Finding::State::ok:
            return "ok";
        case Finding::State::better:
            return "could be better";
        case Finding::State::broken:
            break;
    }
    return "broken";
}

std::size_t count(const std::vector<Finding>& findings, Finding::State state) {
    return static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [&](const Finding& finding) { return finding.state == state; }));
}

std::string as_json(const std::vector<Finding>& findings, const std::string& file) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Finding& finding : findings) {
        all.push_back({{"check", finding.check},
                       {"about", finding.about},
                       {"state", word_of(finding.state)},
                       {"why", finding.why},
                       {"command", finding.command}});
    }
    nlohmann::ordered_json whole;
    if (!file.empty()) whole["file"] = file;
    whole["broken"] = count(findings, Finding::State::broken);
    whole["findings"] = std::move(all);
    return whole.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(const std::vector<Finding>& findings) {
    std::vector<std::vector<std::string>> rows;
    for (const Finding& finding : findings) {
        rows.push_back(
            {std::string(word_of(finding.state)), finding.check, finding.about, finding.why});
        if (!finding.command.empty()) rows.push_back({"", "", "", "  " + finding.command});
    }
    return table(rows) + std::to_string(count(findings, Finding::State::broken)) + " broken, " +
           std::to_string(count(findings, Finding::State::better)) + " could be better, " +
           std::to_string(count(findings, Finding::State::ok)) + " ok\n";
}

void examine_build(Examination& e) {
    if (e.node == nullptr) return;
    for (const engine::PortSpec& port : e.node->ports) {
        const drivers::Driver* driver = drivers::find_driver(port.driver);
        if (driver != nullptr && drivers::built(*driver)) continue;
        e.broken("driver", "port " + port.name, "this program was built without " + port.driver,
                 "meson configure build -D" + port.driver + "=enabled && ninja -C build");
    }
}

}  // namespace

std::string interface_of(const engine::PortSpec& port) {
    return port.driver == "af_packet" || port.driver == "af_xdp" ? port.device : std::string();
}

std::string card_of(const engine::PortSpec& port) {
    if (port.driver != "dpdk") return {};
    std::string name = port.device.substr(0, port.device.find(','));
    const auto colons = std::count(name.begin(), name.end(), ':');
    if (colons == 0) return {};
    if (colons == 1) name = "0000:" + name;
    for (char& c : name) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
}

std::vector<Finding> examine(const Machine& machine, const NodeSpec* node) {
    Examination e{machine, node, {}};
    examine_build(e);
    examine_kernel(e);
    examine_capabilities(e);
    examine_limits(e);
    examine_cores(e);
    examine_hugepages(e);
    examine_iommu(e);
    examine_cards(e);
    examine_socket_buffers(e);
    examine_interfaces(e);
    examine_lanes(e);
    return std::move(e.findings);
}

int doctor(const std::string& file, Output output) {
    config::Loaded loaded;
    if (!file.empty()) {
        if (const auto ready = crypto::initialise(); !ready) {
            std::fprintf(stderr, "lanes: %s\n", ready.message().c_str());
            return exit_errors;
        }
        loaded = config::load_node(file);
        std::fputs(config::report(loaded).c_str(), stderr);
        if (loaded.unreadable) return exit_unreadable;
        if (!loaded.good()) return exit_errors;
    }
    const Machine machine;
    const auto findings = examine(machine, file.empty() ? nullptr : &loaded.spec);
    std::fputs((output == Output::json ? as_json(findings, file) : as_text(findings)).c_str(),
               stdout);
    return count(findings, Finding::State::broken) == 0 ? exit_good : exit_errors;
}

}  // namespace lanes::tools
