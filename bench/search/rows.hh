// Report rows, columns and remarks of `search`, made from what was found for one frame size.
#pragma once

#include <string>

#include "bench/report.hh"
#include "bench/search/findings.hh"

namespace lanes::bench {

/// `where` begins every case: the scenario's name and the size; `size` as it was asked for, empty
/// for that of the scenario.
void add_rows(Report& report, const std::string& where, const std::string& size,
              const Findings& findings, const SearchOptions& options);

/// Those columns of all that some row has a value for.
void choose_columns(Report& report);

}  // namespace lanes::bench
