// Rows of two sides become pairs of cases: either two stored reports, whose samples are compared,
// or two lists of reports of rounds, whose medians are compared round by round.
#pragma once

#include <string>
#include <vector>

#include "bench/compare/judge.hh"
#include "bench/report.hh"

namespace lanes::bench {

/// Every case of either report; those of `a` first. Throws std::runtime_error if a case is measured
/// by different metrics.
std::vector<Pair> pair_reports(const Report& a, const Report& b);

/// Reports of rounds: a[i] and b[i] ran next to each other.
std::vector<Pair> pair_rounds(const std::vector<Report>& a, const std::vector<Report>& b);

/// What of two environments is not the same, one sentence each: CPU, kernel, compiler, ...
std::vector<std::string> differences(const Json& a, const Json& b);

}  // namespace lanes::bench
