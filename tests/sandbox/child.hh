// A process of its own for each thing that must be refused: what it may no longer do it cannot do
// again, and what is deadly ends it. The child has a worker thread that was there before the
// sandbox was, as the node's workers are.
#pragma once

#include <functional>
#include <string>

#include "sandbox/sandbox.hh"

namespace lanes::test {

/// Where in the child something happens.
enum class Where { main_thread, worker, later_thread };
inline constexpr Where everywhere[] = {Where::main_thread, Where::worker, Where::later_thread};

struct Ending {
    int signal = 0;   ///< 0: it ended by itself
    int status = -1;  ///< then what `act` returned
};

/// In the child: confine(rules), then `act` in the thread that is asked for, whose result (0 to
/// 200) is the status. 201: the sandbox could not be put in force (and stderr says why).
Ending confined(const sandbox::Rules& rules, Where where, const std::function<int()>& act);

/// Rules of a node with one port by this driver.
sandbox::Rules rules_of(const std::string& driver);

const char* name_of(Where where);

}  // namespace lanes::test
