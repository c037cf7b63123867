// The commands that do something to a running node, where views.hh has those that only look. The
// table in command.cc names them.
#pragma once

#include "manage/command.hh"

namespace lanes::manage {

Answer help(Node& node, const Request& request);
Answer reload(Node& node, const Request& request);
Answer stop(Node& node, const Request& request);
Answer lane_add(Node& node, const Request& request);
Answer lane_remove(Node& node, const Request& request);
Answer lane_up(Node& node, const Request& request);
Answer lane_down(Node& node, const Request& request);
Answer set_log(Node& node, const Request& request);
Answer set_phases(Node& node, const Request& request);
/// NAME: takes a part of the lane's frames through all stages one by one and tells what came of
/// each; the answer is there when there were enough of them, or the time is over.
Answer trace(Node& node, const Request& request);

/// An answer that says no: `text` as lines for people, or as the `error` of a JSON object.
Answer refused(const Request& request, int status, std::string_view text);

}  // namespace lanes::manage
