// See pairs.hh.
#include "bench/compare/pairs.hh"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "bench/output/format.hh"
#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

std::vector<double> samples_of(const Json& row) {
    const auto found = row.find("samples");
    return found == row.end() ? std::vector<double>() : found->get<std::vector<double>>();
}

/// What stands for a row: the value of its metric, else the median of its samples, else NaN.
double value_of(const Json& row) {
    const Json* value = find_field(row, row.at("metric").get<std::string>());
    if (value != nullptr && value->is_number()) return value->get<double>();
    const auto samples = samples_of(row);
    return samples.empty() ? missing : median(samples);
}

/// The pair of the case of `row`; a new one at the end if there is none yet.
Pair& pair_of(std::vector<Pair>& pairs, const Json& row) {
    const auto name = row.at("case").get<std::string>();
    const auto metric = row.at("metric").get<std::string>();
    const auto found = std::find_if(pairs.begin(), pairs.end(),
                                    [&](const Pair& pair) { return pair.name == name; });
    if (found == pairs.end()) {
        Pair fresh;
        fresh.name = name;
        fresh.metric = metric;
        fresh.unit = unit_of(row, metric);
        fresh.lower_is_better = row.at("better") == "lower";
        return pairs.emplace_back(std::move(fresh));
    }
    if (found->metric != metric) {
        throw std::runtime_error("`" + name + "` is measured by " + found->metric +
                                 " here and by " + metric + " there; they cannot be compared");
    }
    return *found;
}

/// Adds the value of each row at place `round`; rounds that lack a case have NaN there.
void add_round(std::vector<Pair>& pairs, const Report& report, std::size_t round,
               std::vector<double> Pair::*side) {
    for (const Json& row : report.results) {
        std::vector<double>& values = pair_of(pairs, row).*side;
        values.resize(round, missing);
        values.push_back(value_of(row));
    }
}

double median_of_known(const std::vector<double>& values) {
    std::vector<double> known;
    std::copy_if(values.begin(), values.end(), std::back_inserter(known),
                 [](double value) { return !std::isnan(value); });
    return known.empty() ? missing : median(known);
}

}  // namespace

std::vector<Pair> pair_reports(const Report& a, const Report& b) {
    std::vector<Pair> pairs;
    for (const Json& row : a.results) {
        Pair& pair = pair_of(pairs, row);
        pair.a = samples_of(row);
        pair.a_median = pair.a.empty() ? value_of(row) : median(pair.a);
    }
    for (const Json& row : b.results) {
        Pair& pair = pair_of(pairs, row);
        pair.b = samples_of(row);
        pair.b_median = pair.b.empty() ? value_of(row) : median(pair.b);
    }
    return pairs;
}

std::vector<Pair> pair_rounds(const std::vector<Report>& a, const std::vector<Report>& b) {
    std::vector<Pair> pairs;
    const std::size_t rounds = std::min(a.size(), b.size());
    for (std::size_t round = 0; round < rounds; ++round) {
        add_round(pairs, a[round], round, &Pair::a);
        add_round(pairs, b[round], round, &Pair::b);
    }
    for (Pair& pair : pairs) {
        pair.a_median = median_of_known(pair.a);
        pair.b_median = median_of_known(pair.b);
        pair.a.resize(rounds, missing);
        pair.b.resize(rounds, missing);
        std::vector<double> both_a, both_b;
        for (std::size_t round = 0; round < rounds; ++round) {
            if (std::isnan(pair.a[round]) || std::isnan(pair.b[round])) continue;
            both_a.push_back(pair.a[round]);
            both_b.push_back(pair.b[round]);
        }
        pair.a = std::move(both_a);
        pair.b = std::move(both_b);
    }
    return pairs;
}

std::vector<std::string> differences(const Json& a, const Json& b) {
    static constexpr const char* paths[] = {"cpu.model",        "cpu.cores", "cpu.governor",
                                            "cpu.hypervisor",   "kernel",    "compiler",
                                            "compiler_options", "sanitizer"};
    std::vector<std::string> found;
    for (const char* path : paths) {
        const Json* in_a = find_field(a, path);
        const Json* in_b = find_field(b, path);
        const Json of_a = in_a == nullptr ? Json() : *in_a;
        const Json of_b = in_b == nullptr ? Json() : *in_b;
        if (of_a == of_b) continue;
        found.push_back(std::string("the environments differ, ") + path + ": " + of_a.dump() +
                        " in A, " + of_b.dump() + " in B");
    }
    return found;
}

}  // namespace lanes::bench
