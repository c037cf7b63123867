// Nodes that run within this process: each file is loaded as `lanes` loads it, each node has its
// workers and a thread that owns its Control, ticks it, and does what others ask for. open_bed()
// starts them; tests do too. What bench/traffic/open_bed.hh calls Nodes is implemented here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/traffic/open_bed.hh"
#include "config/config.hh"

namespace lanes::bench {

/// How long lanes may take to get their keys and the addresses of their next hops.
inline constexpr double nodes_ready_seconds = 15;

/// Loads a node file, keys and all, as `lanes` does.
config::Loaded load_node_file(const std::string& file);

/// Starts the nodes of `files`, already loaded and good; each file is read again by reload().
/// Returns when all of them run. Throws std::runtime_error, which names the file.
std::unique_ptr<Nodes> start_nodes(const std::vector<std::string>& files,
                                   std::vector<config::Loaded> loaded);

/// Waits until every sealed lane has a session and every next hop is known. Throws
/// std::runtime_error with the cause of each lane that is not ready after `seconds`.
void wait_until_ready(Nodes& nodes, double seconds = nodes_ready_seconds);

}  // namespace lanes::bench
