// A lane's match in the words of a node file: "vlan 7, destination 198.51.100.0/24".
#pragma once

#include <string>

#include "lanes/spec.hh"

namespace lanes::manage {

/// "every frame" for nullptr and for a match that asks for nothing.
std::string match_text(const MatchSpec* match);

}  // namespace lanes::manage
