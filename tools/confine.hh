// From a node's spec to the sandbox that it runs in: what `lanes run` must still be able to reach
// once it is confined. tools/run.cc gives what comes of it to Control, which calls it when the
// ports are open and no packet has moved.
#pragma once

#include <functional>
#include <string>

#include "engine/result.hh"
#include "lanes/spec.hh"

namespace lanes::tools {

/// For Control::before_traffic(): confines this process as `node.sandbox` says, and says in the
/// log what is in force and what is not. `file` is the node file: it and what lies beside it can be
/// read again.
std::function<engine::Result<void>()> confiner(const NodeSpec& node, const std::string& file);

/// For Ports::admit_by(): whether a port may still be opened.
engine::Result<void> may_open(const engine::PortSpec& port);

/// What the sandbox refused since the last tick, into the log.
void say_refused();

}  // namespace lanes::tools
