// See rows.hh.
#include "bench/soak/rows.hh"

#include <cmath>
#include <cstdio>

#include "bench/progress.hh"

namespace lanes::bench {
namespace {

Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json();
}

std::string short_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

/// All pieces as one list of points, few enough for a plot.
Json plot_of(const std::vector<Piece>& pieces) {
    std::size_t all = 0;
    for (const Piece& piece : pieces) all += piece.x.size();
    Json series = {{"x_seconds", Json::array()}, {"y", Json::array()}};
    for (const Piece& piece : pieces) {
        // Each piece gets its share, rounded down, so that all together stay below the limit.
        const std::size_t share =
            all <= row_points_max ? piece.x.size() : row_points_max * piece.x.size() / all;
        const Piece thin = thinned(piece, share);
        for (const double x : thin.x) series["x_seconds"].push_back(x);
        for (const double y : thin.y) series["y"].push_back(y);
    }
    return series;
}

Json row_of(const SeriesName& name, const Judgement& found, const std::vector<Piece>& pieces) {
    const std::string& unit = name.unit;
    const Json per_hour = unit + "/h";
    return {{"case", name.name},
            {"metric", "slope_per_hour"},
            {"better", "lower"},
            {"units",
             {{"median", unit},
              {"slope_per_hour", per_hour},
              {"low", per_hour},
              {"high", per_hour},
              {"at_72_hours", unit},
              {"at_72_hours_low", unit},
              {"at_72_hours_high", unit},
              {"budget", unit},
              {"series", {{"x_seconds", "s"}, {"y", unit}}}}},
            {"median", number(found.median)},
            {"slope_per_hour", number(found.per_hour.value)},
            {"low", number(found.per_hour.low)},
            {"high", number(found.per_hour.high)},
            {"at_72_hours", number(found.at_72_hours.value)},
            {"at_72_hours_low", number(found.at_72_hours.low)},
            {"at_72_hours_high", number(found.at_72_hours.high)},
            {"budget", number(found.budget)},
            {"verdict", to_string(found.verdict)},
            {"series", plot_of(pieces)}};
}

Json traffic_row(const History& history) {
    const Traffic& traffic = history.traffic();
    return {{"case", "traffic"},
            {"metric", "loss_percent"},
            {"better", "lower"},
            {"units",
             {{"loss_percent", "%"},
              {"sent", "frames"},
              {"received", "frames"},
              {"lost", "frames"},
              {"sink_lost", "frames"},
              {"corrupt", "frames"},
              {"duplicates", "frames"},
              {"reordered", "frames"},
              {"drops", "packets"},
              {"soaked_seconds", "s"},
              {"steal_seconds", "s"}}},
            {"loss_percent", traffic.loss_percent()},
            {"sent", traffic.sent},
            {"received", traffic.received},
            {"lost", traffic.lost},
            {"sink_lost", traffic.sink_lost},
            {"corrupt", traffic.corrupt},
            {"duplicates", traffic.duplicates},
            {"reordered", traffic.reordered},
            {"drops", history.drops()},
            {"soaked_seconds", history.last_x_seconds()},
            {"steal_seconds", history.steal_seconds()}};
}

/// What there is to say of a series that is not within its budget.
std::string remark_of(const SeriesName& name, const Judgement& found, std::size_t points) {
    const std::string unit = name.unit.empty() ? "" : " " + name.unit;
    const std::string growth = "between " + short_text(found.at_72_hours.low) + " and " +
                               short_text(found.at_72_hours.high) + unit + " in 72 hours";
    if (found.verdict == TrendVerdict::over) {
        return name.name + " is over budget: it grows by " + growth + ", where " +
               short_text(found.budget) + unit + " are allowed.";
    }
    if (points < judged_points_min) {
        return name.name + " is not sure: " + std::to_string(points) + " samples after warm-up; " +
               std::to_string(judged_points_min) + " are the least that tell anything.";
    }
    const std::string begin = name.name + " is not sure: its growth is " + growth +
                              ", the budget " + short_text(found.budget) + unit + "; ";
    if (!(found.more_seconds < 10'000 * 3600.0)) {
        return begin + "a longer soak of sensible length would not tell either.";
    }
    return begin + "about " + long_time_text(found.more_seconds) + " more would tell.";
}

void remark_on_traffic(const History& history, std::vector<std::string>& remarks) {
    const Traffic& traffic = history.traffic();
    const auto remark = [&](std::uint64_t frames, const char* what) {
        if (frames > 0) remarks.push_back(std::to_string(frames) + " frames " + what);
    };
    remarks.push_back("Of " + std::to_string(traffic.sent) + " frames that were sent, " +
                      std::to_string(traffic.lost + traffic.corrupt) +
                      " were lost: " + short_text(traffic.loss_percent()) + " %.");
    remark(traffic.corrupt, "arrived corrupt; they count as lost.");
    remark(traffic.duplicates, "arrived more than once.");
    remark(traffic.sink_lost, "were lost by the sink's own port; they do not count as lost.");
    std::string drops;
    for (const auto& [reason, count] : history.drops()) {
        if (count == 0) continue;
        drops += (drops.empty() ? "" : ", ") + reason + " " + std::to_string(count);
    }
    if (!drops.empty()) remarks.push_back("Packets that the nodes dropped: " + drops + ".");
    if (history.steal_seconds() > 0.001 * history.last_x_seconds()) {
        remarks.push_back("Others took " + short_text(history.steal_seconds()) +
                          " s of this machine's time; loss and latency show that.");
    }
}

}  // namespace

std::string long_time_text(double seconds) {
    if (seconds < 2 * 86400) return time_text(seconds);
    return std::to_string(static_cast<long>(std::ceil(seconds / 86400))) + " days";
}

bool report_soak(const SoakResult& result, Report& report) {
    bool over = false;
    report.columns = {{"case", "series"},
                      {"median", "median", 3},
                      {"slope_per_hour", "slope/h", 3},
                      {"low", "low", 3},
                      {"high", "high", 3},
                      {"at_72_hours", "in 72 h", 2},
                      {"at_72_hours_low", "low", 2},
                      {"at_72_hours_high", "high", 2},
                      {"budget", "budget", 2},
                      {"verdict", "verdict"}};
    std::vector<std::string> judged;
    for (std::size_t i = 0; i < result.series.size(); ++i) {
        const SeriesName& name = result.series[i];
        const auto pieces = result.history.pieces(i, result.warm_up_seconds);
        std::size_t points = 0;
        for (const Piece& piece : pieces) points += piece.x.size();
        const Judgement found = judge(pieces, name.budget, result.budgets);
        over = over || found.verdict == TrendVerdict::over;
        report.results.push_back(row_of(name, found, pieces));
        if (found.verdict != TrendVerdict::within) {
            report.remarks.push_back(remark_of(name, found, points));
        }
    }
    report.results.push_back(traffic_row(result.history));
    remark_on_traffic(result.history, report.remarks);
    return over;
}

}  // namespace lanes::bench
