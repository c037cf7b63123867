// The `manage` of a node file: where the node may be asked and changed while it runs. config.cc
// calls read_manage() once the node's name is read.
#pragma once

#include <filesystem>

#include "config/key_ring.hh"
#include "config/tree.hh"
#include "lanes/spec.hh"

namespace lanes::config {

/// Relative names of files begin at `folder`. `manage` nullptr: the node file has none.
ManageSpec read_manage(const Node* manage, const std::filesystem::path& folder,
                       const KeyFiles& files, Diagnostics& diagnostics);

}  // namespace lanes::config
