// The node file's `sandbox`: what the node gives up once its ports are open. config.cc calls this.
//   sandbox: {user: lanes, group: lanes, enforce: true, reopen_ports: false}
#pragma once

#include "config/diagnostics.hh"
#include "config/tree.hh"
#include "lanes/spec.hh"

namespace lanes::config {

/// `node` may be nullptr: everything is as it is by default.
void read_sandbox(const Node* node, SandboxSpec& sandbox, Diagnostics& diagnostics);

}  // namespace lanes::config
