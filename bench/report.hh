// Report: what one run of lanes-bench found, in the one shape that all outputs are made from: an
// environment and a list of rows. A row is a JSON object; every row has these fields:
//
//   case      what was measured, in words that no other row of the report has; `compare` pairs rows
//             of two reports by it
//   metric    name of the field that stands for the row
//   better    "lower" or "higher": which way the metric is better
//   samples   the metric's values, one per trial, where there were several
//   units     object: name of each measured field -> its unit
//
// and beside them whatever identifies the case (path, size, ...) and whatever was measured.
// Fields may be objects (`stages`, `latency_us`); a dotted path names a field within.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lanes::bench {

/// Keeps fields in the order in which they were written.
using Json = nlohmann::ordered_json;

/// One column of the table that people read.
struct Column {
    std::string field;  ///< dotted path within a row
    std::string title;
    int decimals = 0;  ///< of numbers that are not whole
};

struct Report {
    std::string command;  ///< the subcommand
    Json environment = Json::object();
    Json results = Json::array();
    /// What a reader must know before believing a number: one sentence each.
    std::vector<std::string> remarks;
    std::vector<Column> columns;
};

/// The field of `row` at a dotted path; nullptr if there is none.
const Json* find_field(const Json& row, const std::string& path);

/// The whole report as one object: command, environment, results, remarks, columns.
Json to_json(const Report& report);

/// The same back. Throws std::runtime_error that says what is missing or of the wrong kind.
Report from_json(const Json& all);

/// A report that --json has written to a file. Throws std::runtime_error that names the file.
Report read_report(const std::string& path);

}  // namespace lanes::bench
