// From a node file and its lane tables to a NodeSpec, or to a list of everything that is wrong with
// them. The only door to this folder: main and the tests call it, from the one thread there is
// before traffic flows, and Control calls it again on a reload. Nothing is thrown.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hh"
#include "config/key_ring.hh"
#include "engine/result.hh"
#include "lanes/spec.hh"

namespace lanes::config {

struct Loaded {
    NodeSpec spec;                        ///< complete and consistent if good(), else of no use
    std::vector<Diagnostic> diagnostics;  ///< by file, line and column
    std::size_t left_out = 0;             ///< further diagnostics that were counted, not kept
    bool unreadable = false;              ///< the node file could not be opened or read

    /// No errors; there may be warnings.
    bool good() const;
};

/// Fills `room` with the next bytes of a lane table; returns how many, 0 at its end.
using TablePieces = std::function<engine::Result<std::size_t>(std::span<char> room)>;

/// Opens the lane table at `path` (the folder of the node file and the name in `tables`).
using TableReader = std::function<engine::Result<TablePieces>(const std::string& path)>;

/// Reads the node file at `path` and the tables that it names.
Loaded load_node(const std::string& path);

/// The same for a text; `file_name` is what diagnostics call it, and its folder is the tables' and
/// the key files'.
Loaded parse_node(std::string_view text, const std::string& file_name, const TableReader& tables,
                  const KeyFiles& keys = {});

struct LoadedLane {
    LaneSpec lane;                        ///< complete if good(), its ports those of the node
    std::vector<Diagnostic> diagnostics;  ///< by line and column of the text
    std::size_t left_out = 0;

    bool good() const;
};

/// A lane for a node that runs: `text` is what stands in `lanes:` of a node file. `node` has the
/// node's ports and keys; `node_file` is where it came from, and its folder is the key files'.
LoadedLane parse_lane(std::string_view text, const NodeSpec& node, const std::string& node_file,
                      const KeyFiles& keys = {});

/// What `lanes check` prints: a line for each diagnostic, at most 100 (errors before warnings when
/// there are more, but in order of place), then "... and N more". Empty if there are none.
std::string report(const Loaded& loaded);
std::string report(const LoadedLane& loaded);

}  // namespace lanes::config
