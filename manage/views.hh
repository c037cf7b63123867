// What management shows, each view as text or JSON (Request::json). Reads counters and states,
// never changes anything; costs workers nothing but the reading of their counters.
#pragma once

#include "manage/command.hh"

namespace lanes::manage {

Answer show_lanes(Node& node, const Request& request);  ///< a line for each; [NAME...] narrows
Answer show_lane(Node& node, const Request& request);   ///< NAME: all that is known of one
Answer show_ports(Node& node, const Request& request);
Answer show_workers(Node& node, const Request& request);  ///< rounds, sleeps, loads, ticks by phase
Answer show_drops(Node& node, const Request& request);    ///< reasons, counts and remedies
Answer show_tables(Node& node, const Request& request);   ///< lanes, match rules, memory
Answer show_security(Node& node, const Request& request);  ///< per thread, read from the kernel
Answer show_version(Node& node, const Request& request);
/// NAME: the path of a lane in words: what it last received, what it refused and why, what to do.
Answer why(Node& node, const Request& request);

}  // namespace lanes::manage
