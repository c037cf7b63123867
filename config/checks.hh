// What can be said only when all lanes of a node are there, YAML and tables together: names and
// ids given twice, lanes that take the same frames, ports that nobody uses, devices that two ports
// claim. config.cc calls it last. A million lanes are sorted, not hashed into sets: less memory,
// and all of it is given back.
#pragma once

#include <vector>

#include "config/lanes.hh"

namespace lanes::config {

/// What concerns lanes alone, for some that come to a running node.
void check_lanes(const NodeSpec& node, const std::vector<LanePlaces>& places,
                 const PortTable& ports, Diagnostics& diagnostics);

void check_node(const NodeSpec& node, const std::vector<LanePlaces>& places, const PortTable& ports,
                Diagnostics& diagnostics);

}  // namespace lanes::config
