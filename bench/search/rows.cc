// See rows.hh.
#include "bench/search/rows.hh"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/progress.hh"
#include "bench/search/mlr.hh"

namespace lanes::bench {

namespace {

Json or_null(const std::optional<double>& value) {
    return value ? Json(*value) : Json();
}

std::string text_of(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

/// 64, "imix", or the mean of what the scenario says.
Json size_value(const std::string& size, const Findings& findings) {
    if (!size.empty() && size.find_first_not_of("0123456789") == std::string::npos) {
        return std::stoi(size);
    }
    if (!size.empty()) return size;
    const double bytes = findings.frame_bits / 8;
    if (bytes == std::floor(bytes)) return static_cast<std::int64_t>(bytes);
    return bytes;
}

Json generator_of(const Findings& findings) {
    const Calibration& calibration = findings.calibration;
    return {{"ceiling_pps", calibration.ceiling_pps},
            {"lateness_us",
             {{"p50", calibration.lateness_p50_ns / 1e3},
              {"p99", calibration.lateness_p99_ns / 1e3},
              {"max", calibration.lateness_max_ns / 1e3}}}};
}

Json latency_of(const std::vector<LatencyPoint>& points) {
    Json all = Json::object();
    for (const LatencyPoint& point : points) {
        all[text_of(point.load_percent)] = {
            {"p50", point.p50_us},       {"p99", point.p99_us},         {"p99_9", point.p99_9_us},
            {"p99_99", point.p99_99_us}, {"p99_999", point.p99_999_us}, {"max", point.max_us}};
    }
    return all;
}

Json row_of_goal(const std::string& where, const Json& size, const Findings& findings,
                 std::size_t i, const SearchOptions& options) {
    const Goal& goal = findings.goals[i];
    const GoalResult& result = findings.search.results[i];
    const double rate = result.lower_pps.value_or(0);
    Json row;
    row["case"] = where + ", " + goal_text(goal);
    row["size"] = size;
    row["method"] = options.method == Method::mlr ? "mlrsearch" : "bisection";
    row["goal_loss_percent"] = goal.loss_ratio * 100;
    row["rate_pps"] = rate;
    row["upper_bound_pps"] = or_null(result.upper_pps);
    row["conditional_throughput_pps"] = or_null(result.conditional_pps);
    row["bits_per_second"] = rate * findings.frame_bits;
    row["percent_of_ceiling"] = rate / findings.calibration.ceiling_pps * 100;
    row["regular"] = result.regular;
    row["limited_by"] = to_string(findings.search.limits[i]);
    row["trials"] = findings.search.trials.size();
    row["void_trials"] = findings.search.void_trials;
    row["uneven_trials"] = findings.search.uneven_trials;
    row["trial_seconds"] = findings.search.trial_seconds;
    row["search_seconds"] = findings.search_seconds;
    if (!findings.latency[i].empty()) row["latency_us"] = latency_of(findings.latency[i]);
    row["generator"] = generator_of(findings);
    row["goal"] = {{"width_percent", goal.width * 100},
                   {"initial_trial_seconds", goal.initial_trial_seconds},
                   {"final_trial_seconds", goal.final_trial_seconds},
                   {"duration_sum_seconds", goal.duration_sum},
                   {"exceed_ratio", goal.exceed_ratio}};
    row["metric"] = "rate_pps";
    row["better"] = "higher";
    row["units"] = {{"size", "bytes"},
                    {"goal_loss_percent", "%"},
                    {"rate_pps", "packets/s"},
                    {"upper_bound_pps", "packets/s"},
                    {"conditional_throughput_pps", "packets/s"},
                    {"bits_per_second", "bit/s"},
                    {"percent_of_ceiling", "%"},
                    {"trial_seconds", "s"},
                    {"search_seconds", "s"},
                    {"latency_us", "us"},
                    {"generator.ceiling_pps", "packets/s"},
                    {"generator.lateness_us", "us"}};
    return row;
}

Json row_of_bursts(const std::string& where, const Json& size, const BackToBackFindings& found) {
    Json row;
    row["case"] = where + ", back to back";
    row["size"] = size;
    row["frames"] = found.bursts.mean;
    row["frames_deviation"] = found.bursts.deviation;
    row["repetitions"] = found.bursts.frames.size();
    row["burst_pps"] = found.burst_pps;
    row["throughput_pps"] = found.throughput_pps;
    // Nothing is known of a buffer that was never full.
    const bool filled = !found.bursts.unbounded && found.burst_pps > 0;
    const double implied = buffer_seconds(found.bursts.mean, found.burst_pps, 0);
    const double corrected =
        buffer_seconds(found.bursts.mean, found.burst_pps, found.throughput_pps);
    row["implied_buffer_us"] = filled ? Json(implied * 1e6) : Json();
    row["buffer_us"] = filled ? Json(corrected * 1e6) : Json();
    row["limited_by"] = to_string(found.limit);
    row["metric"] = "frames";
    row["better"] = "higher";
    row["samples"] = found.bursts.frames;
    row["units"] = {{"size", "bytes"},
                    {"frames", "frames"},
                    {"frames_deviation", "frames"},
                    {"burst_pps", "packets/s"},
                    {"throughput_pps", "packets/s"},
                    {"implied_buffer_us", "us"},
                    {"buffer_us", "us"}};
    return row;
}

Json row_of_point(const std::string& where, const Json& size, const CurvePoint& point) {
    Json row;
    row["case"] = where + ", loss at " + text_of(point.load_percent) + " %";
    row["size"] = size;
    row["load_percent"] = point.load_percent;
    row["offered_pps"] = point.offered_pps;
    row["loss_percent"] = point.loss_ratio * 100;
    row["limited_by"] = to_string(point.limit);
    row["metric"] = "loss_percent";
    row["better"] = "lower";
    row["units"] = {{"size", "bytes"},
                    {"load_percent", "%"},
                    {"offered_pps", "packets/s"},
                    {"loss_percent", "%"}};
    return row;
}

std::string microseconds_text(double ns) {
    return text_of(std::round(ns / 100) / 10) + " us";
}

void remark_on_goal(Report& report, const std::string& where, const Findings& findings,
                    std::size_t i) {
    const std::string which = where + ", " + goal_text(findings.goals[i]);
    const GoalResult& result = findings.search.results[i];
    const Limit limit = findings.search.limits[i];
    if (!result.regular) {
        const std::string found =
            !result.lower_pps
                ? "no rate down to " + rate_text(findings.range.min_pps) + " was good enough"
            : !result.upper_pps ? "no rate was too high, so there is no upper bound"
                                : "the search ended before the bounds were close enough";
        report.remarks.push_back(which + ": irregular result, " + found);
    }
    if (limit == Limit::system) return;
    report.remarks.push_back(
        which + ": the limit was the " + to_string(limit) +
        ", not the system under test, whose rate may be higher" +
        (limit == Limit::sink ? "; frames got lost at the sink after the system had passed them on"
                              : ""));
}

}  // namespace

void add_rows(Report& report, const std::string& where, const std::string& size,
              const Findings& findings, const SearchOptions& options) {
    const Json bytes = size_value(size, findings);
    const Calibration& calibration = findings.calibration;
    report.remarks.push_back(
        where + ": the generator by itself sends up to " + rate_text(calibration.ceiling_pps) +
        "; at half of that it is late by " + microseconds_text(calibration.lateness_p50_ns) +
        " (median), " + microseconds_text(calibration.lateness_p99_ns) + " (99 %), " +
        microseconds_text(calibration.lateness_max_ns) + " at most");
    for (std::size_t i = 0; i < findings.goals.size(); ++i) {
        report.results.push_back(row_of_goal(where, bytes, findings, i, options));
        remark_on_goal(report, where, findings, i);
    }
    if (findings.search.void_trials > 0) {
        report.remarks.push_back(
            where + ": " + std::to_string(findings.search.void_trials) +
            " trials were void, because generator or sink could not keep up in them");
    }
    if (findings.search.uneven_trials > 0) {
        report.remarks.push_back(
            where + ": in " + std::to_string(findings.search.uneven_trials) +
            " trials with loss the generator was late by more than 1 ms and caught up with bursts; "
            "evenly sent, the frames might have passed");
    }
    if (findings.back_to_back) {
        report.results.push_back(row_of_bursts(where, bytes, *findings.back_to_back));
        if (findings.back_to_back->bursts.unbounded) {
            report.remarks.push_back(where +
                                     ", back to back: no burst was too long; buffers that "
                                     "are never full cannot be measured");
        }
    }
    for (const CurvePoint& point : findings.loss_curve) {
        report.results.push_back(row_of_point(where, bytes, point));
    }
}

void choose_columns(Report& report) {
    const Column columns[] = {{"case", "case", 0},
                              {"rate_pps", "rate", 1},
                              {"upper_bound_pps", "upper bound", 1},
                              {"bits_per_second", "bits", 1},
                              {"percent_of_ceiling", "of ceiling", 1},
                              {"limited_by", "limited by", 0},
                              {"regular", "regular", 0},
                              {"latency_us.10.p99", "p99 at 10 %", 1},
                              {"latency_us.50.p99", "p99 at 50 %", 1},
                              {"latency_us.90.p99", "p99 at 90 %", 1},
                              {"search_seconds", "search", 1},
                              {"frames", "frames", 0},
                              {"frames_deviation", "deviation", 1},
                              {"buffer_us", "buffer", 1},
                              {"offered_pps", "offered", 1},
                              {"loss_percent", "loss", 4}};
    report.columns.clear();
    for (const Column& column : columns) {
        const bool used =
            std::any_of(report.results.begin(), report.results.end(), [&column](const Json& row) {
                const Json* value = find_field(row, column.field);
                return value != nullptr && !value->is_null();
            });
        if (used) report.columns.push_back(column);
    }
}

}  // namespace lanes::bench
