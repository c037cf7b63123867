// Becoming somebody else: supplementary groups, group and user, in every thread at once (the C
// library sees to that), and a look at whether the new user can use the node's files at all.
#pragma once

#include <string>

#include "engine/result.hh"
#include "sandbox/sandbox.hh"

namespace lanes::sandbox {

/// Gives up supplementary groups where that is possible; with a `user`, becomes it and its group,
/// or `group`. The state directory, if root made it, goes to the user with its entries. Names what
/// was done, and what could not be, in `all`.
engine::Result<void> become(const std::string& user, const std::string& group, Confinement& all);

}  // namespace lanes::sandbox
