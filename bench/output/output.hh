// From a Report to text: a table for people, CSV, and one HTML page with plots that opens from disk
// and loads nothing. Called by main.cc when everything has been measured.
#pragma once

#include <string>

#include "bench/report.hh"

namespace lanes::bench {

/// One object; each row of `results` on a line of its own. Ends with a newline.
std::string to_json_text(const Report& report);

/// One line per row with the report's columns, then the remarks and the environment. Ends with a
/// newline.
std::string to_table(const Report& report);

/// One line per row after a header line; every field of every row that is not a list, nested ones
/// by their dotted path, then the environment, so that files of several runs can be joined.
/// RFC 4180.
std::string to_csv(const Report& report);

/// A self-contained page: environment, table, remarks, and an SVG plot for each kind of data found:
/// throughput by size, latency percentiles, bars per stage, loss by rate, slopes of a soak.
std::string to_html(const Report& report);

}  // namespace lanes::bench
