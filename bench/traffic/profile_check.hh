// What a Profile must be so that frames of it can go from one port to another. All that is wrong is
// said at once, each with the name of the port or the value.
#pragma once

#include "bench/traffic/profile.hh"
#include "engine/port.hh"

namespace lanes::bench {

/// Throws std::runtime_error, one line for each thing that does not fit.
void check_profile(const Profile& profile, engine::Port& from, engine::Port& to);

}  // namespace lanes::bench
