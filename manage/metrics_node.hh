// What the metrics say of everything that does not grow with lanes: the node and its process, its
// ports by worker and direction, its workers, and drops by worker and reason. Each of these is a
// piece small enough to be written at once: 64 ports and 64 workers at most.
#pragma once

#include <cstdint>

#include "manage/lane_facts.hh"
#include "manage/metrics_text.hh"
#include "manage/node.hh"

namespace lanes::manage {

/// `started_unix_ns`: when the node began to run.
void write_process(Node& node, std::uint64_t started_unix_ns, MetricsText& text);
void write_ports(Control& control, Links& links, MetricsText& text);
void write_workers(Control& control, MetricsText& text);
/// Every reason of every worker, 0 too: so that the first drop is seen as an increase.
void write_drops(Control& control, MetricsText& text);

}  // namespace lanes::manage
