// What a node has done, in lines for people: printed when it stops.
#pragma once

#include <string>
#include <vector>

#include "lanes/control.hh"

namespace lanes::tools {

/// One line per lane that saw traffic (at most `lanes_shown`), per port that lost frames, per drop
/// reason with its remedy, and the sum.
std::vector<std::string> summary(const Control& control, std::size_t lanes_shown);

/// One line per sealed lane (at most `lanes_shown`, those that are not up first): its state and
/// why, the age of its session, what was lost on the way and how even the way is.
std::vector<std::string> states(const Control& control, std::size_t lanes_shown);

/// The lines for ports: what each one lost before the engine could see it. Asked while ports are
/// open.
std::vector<std::string> losses(Control& control);

}  // namespace lanes::tools
