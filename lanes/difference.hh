// Difference: what making another NodeSpec true does to a running node, in names. Control foresees
// it without touching anything, and tells it of what it did; both are asked of the same
// comparisons.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lanes {

struct Difference {
    /// Lanes, in the order of the new set; a lane that changes keeps its counters if only its plan
    /// is another.
    std::vector<std::string> add, change;
    std::vector<std::string> remove;   ///< lanes, by name
    std::size_t keep = 0;              ///< lanes that go on without losing a packet
    std::vector<std::string> ports;    ///< that are opened, changed or closed, each with how
    std::vector<std::string> restart;  ///< what cannot change while the node runs, and why
};

}  // namespace lanes
