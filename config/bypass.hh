// Keys of ports that the kernel has little or no part in (af_xdp, dpdk), and of those that several
// workers share: which workers receive, what is taken from the kernel and how, where the way leads
// off the link, DPDK's devices and arguments. ports.cc calls this for each such key, config.cc for
// the node's `dpdk`.
#pragma once

#include <string>
#include <vector>

#include "config/scalars.hh"
#include "config/tree.hh"
#include "engine/port.hh"

namespace lanes::config {

/// `workers: 1` or `workers: [1, 3]`: numbers below `workers`, the node's count; 0: not known.
void read_receivers(const Node& value, const Field& field, std::size_t workers,
                    engine::PortSpec& spec, Diagnostics& diagnostics);

void read_busy_poll(const Node& value, const Field& field, engine::PortSpec& spec,
                    Diagnostics& diagnostics);
void read_mode(const Node& value, const Field& field, engine::PortSpec& spec,
               Diagnostics& diagnostics);
void read_take(const Node& value, const Field& field, engine::PortSpec& spec,
               Diagnostics& diagnostics);

/// `gateway: IP`, or a list with at most one of each family.
void read_gateways(const Node& value, const Field& field, engine::PortSpec& spec,
                   Diagnostics& diagnostics);
/// What can be said of the gateways of `port` once its addresses and its `take` are read.
void check_gateways(const Node& port, const Owner& owner, const engine::PortSpec& spec,
                    Diagnostics& diagnostics);

/// A device of DPDK's: a PCI address or NAME, with arguments or without. Checks the shape; what is
/// there, only DPDK knows.
std::optional<std::string> read_ethdev(const Scalar& scalar, const Field& field,
                                       Diagnostics& diagnostics);

/// `dpdk: {eal: ["-m", "512"]}` of the node.
std::vector<std::string> read_eal(const Node* dpdk, Diagnostics& diagnostics);

}  // namespace lanes::config
