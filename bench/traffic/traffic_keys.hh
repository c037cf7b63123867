// The `traffic` of a scenario file: what is sent, from which port to which, how fast and how long.
// scenario.cc calls it when the ports are known.
#pragma once

#include <filesystem>

#include "bench/traffic/scenario.hh"
#include "config/ports.hh"
#include "config/tree.hh"

namespace lanes::bench {

/// Fills `scenario` and marks the ports that are used; reports all that is wrong. False if it was
/// no map, so that nothing is known of ports either.
bool read_traffic(const config::Node& traffic, const std::filesystem::path& folder,
                  Scenario& scenario, config::PortTable& ports, config::Diagnostics& diagnostics);

}  // namespace lanes::bench
