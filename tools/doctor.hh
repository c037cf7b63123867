// The examinations of `lanes doctor`: each looks at one thing, adds findings, and says what mends
// it. With a node they look at what its ports and cores need, and then something may be broken;
// without one, at the machine, and what nobody needs yet is at worst better to have.
//
// One file by idea: doctor_memory.cc, doctor_cores.cc, doctor_rights.cc, doctor_network.cc,
// doctor_cards.cc; doctor.cc calls them in turn and prints.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lanes/spec.hh"
#include "tools/machine.hh"

namespace lanes::tools {

struct Finding {
    enum class State : std::uint8_t { ok, better, broken };

    std::string check;  ///< what was looked at: "hugepages"
    std::string about;  ///< "" or whose: "port wan", "core 2"
    State state = State::ok;
    std::string why;      ///< one line
    std::string command;  ///< what mends it; "" when it is ok, or when no command does
};

struct Examination {
    const Machine& machine;
    const NodeSpec* node;  ///< nullptr: the machine
    std::vector<Finding> findings;

    void ok(std::string check, std::string about, std::string why) {
        findings.push_back(
            {std::move(check), std::move(about), Finding::State::ok, std::move(why), ""});
    }
    void better(std::string check, std::string about, std::string why, std::string command) {
        findings.push_back({std::move(check), std::move(about), Finding::State::better,
                            std::move(why), std::move(command)});
    }
    void broken(std::string check, std::string about, std::string why, std::string command) {
        findings.push_back({std::move(check), std::move(about), Finding::State::broken,
                            std::move(why), std::move(command)});
    }
    /// Broken where a node needs it, else better to have.
    void missing(bool needed, std::string check, std::string about, std::string why,
                 std::string command) {
        findings.push_back({std::move(check), std::move(about),
                            needed ? Finding::State::broken : Finding::State::better,
                            std::move(why), std::move(command)});
    }
    /// Whether the node has a port of that driver.
    bool uses(std::string_view driver) const {
        return node != nullptr &&
               std::any_of(node->ports.begin(), node->ports.end(),
                           [&](const engine::PortSpec& port) { return port.driver == driver; });
    }
    /// Whether to look at what only that driver needs.
    bool concerns(std::string_view driver) const { return node == nullptr || uses(driver); }
};

void examine_hugepages(Examination& examination);
void examine_limits(Examination& examination);
void examine_cores(Examination& examination);
void examine_kernel(Examination& examination);
void examine_capabilities(Examination& examination);
void examine_iommu(Examination& examination);
void examine_cards(Examination& examination);
void examine_socket_buffers(Examination& examination);
void examine_interfaces(Examination& examination);
void examine_lanes(Examination& examination);

/// All of them.
std::vector<Finding> examine(const Machine& machine, const NodeSpec* node);

/// The interface that a port stands on; empty: none of the kernel's.
std::string interface_of(const engine::PortSpec& port);
/// The PCI address of a dpdk port, with its domain; empty: not a card.
std::string card_of(const engine::PortSpec& port);

}  // namespace lanes::tools
