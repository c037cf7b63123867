// The `log` of a node file: where its messages go, and which. config.cc calls read_log().
#pragma once

#include <filesystem>

#include "config/tree.hh"
#include "lanes/spec.hh"

namespace lanes::config {

/// Relative names of files begin at `folder`. `log` nullptr: the node file has none.
LogSpec read_log(const Node* log, const std::filesystem::path& folder, Diagnostics& diagnostics);

}  // namespace lanes::config
