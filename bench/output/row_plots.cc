// Plots of what single rows hold: percentiles, stages, series over time. See plots.hh.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "bench/output/format.hh"
#include "bench/output/plot.hh"
#include "bench/output/plots.hh"
#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

/// Nines of a percentile's name: "p50" 0.3, "p99" 2, "p99_9" or "p99.9" 3; min 0.
std::optional<double> nines_of(const std::string& name) {
    if (name == "min") return 0;
    if (name.size() < 2 || name[0] != 'p' || name[1] < '0' || name[1] > '9') return std::nullopt;
    std::string number = name.substr(1);
    std::replace(number.begin(), number.end(), '_', '.');
    char* end = nullptr;
    const double percent = std::strtod(number.c_str(), &end);
    if (*end != '\0' || percent < 0 || percent >= 100) return std::nullopt;
    return -std::log10(1 - percent / 100);
}

/// Adds the percentiles in `object`, or those in objects within it (by load), as lines.
void add_percentiles(const Json& object, const std::string& name, std::vector<PlotLine>& lines) {
    PlotLine line;
    line.name = name;
    for (const auto& [key, value] : object.items()) {
        if (value.is_object()) add_percentiles(value, name + ", at " + key + " % load", lines);
        const auto nines = nines_of(key);
        if (!nines || !value.is_number()) continue;
        line.points.push_back({*nines, value.get<double>(), key});
    }
    if (line.points.size() < 2) return;
    std::stable_sort(line.points.begin(), line.points.end(),
                     [](const auto& a, const auto& b) { return a.x < b.x; });
    if (const auto most = object.find("max"); most != object.end() && most->is_number()) {
        // Placed when all lines are known; see latency_of.
        line.points.push_back(
            {std::numeric_limits<double>::infinity(), most->get<double>(), "max"});
    }
    lines.push_back(std::move(line));
}

/// Axes for lines in `unit`, and points in their scale.
LinePlot percentile_plot(const std::string& title, const std::string& unit,
                         std::vector<PlotLine> lines) {
    std::vector<double> values;
    double nines_max = 1;
    for (const PlotLine& line : lines) {
        for (const auto& point : line.points) {
            values.push_back(point.y);
            if (std::isfinite(point.x)) nines_max = std::max(nines_max, point.x);
        }
    }
    const Scale scale = choose_scale(unit, values, 2);
    for (double& value : values) value *= scale.factor;
    LinePlot plot;
    plot.title = title;
    plot.x = percentile_axis(nines_max);
    plot.y = value_axis("latency, " + scale.unit, values);
    for (PlotLine& line : lines) {
        for (auto& point : line.points) {
            point.x = std::min(point.x, plot.x.high);
            point.y *= scale.factor;
            point.hint = line.name + ", " + point.hint + ": " + fixed(point.y, scale.decimals) +
                         " " + scale.unit;
        }
    }
    plot.lines = std::move(lines);
    return plot;
}

std::vector<std::string> latency_of(const Report& report, const std::string& field,
                                    const std::string& title) {
    std::vector<PlotLine> lines;
    std::string unit;
    for (const Json& row : report.results) {
        const auto found = row.find(field);
        if (found == row.end() || !found->is_object()) continue;
        unit = unit_of(row, field);
        add_percentiles(*found, row.value("case", ""), lines);
    }
    std::vector<std::string> drawn;
    for (std::size_t from = 0; from < lines.size() && drawn.size() < plots_max; from += lines_max) {
        const std::size_t to = std::min(lines.size(), from + lines_max);
        const auto begin = lines.begin();
        drawn.push_back(draw(percentile_plot(
            title, unit.empty() ? "us" : unit,
            {begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(to)})));
    }
    return drawn;
}

std::string draw_trend(const Json& row, const std::vector<double>& x,
                       const std::vector<double>& y) {
    const auto number = [&](const char* name, double otherwise) {
        const auto found = row.find(name);
        return found != row.end() && found->is_number() ? found->get<double>() : otherwise;
    };
    std::string unit = unit_of(row, "series.y");
    if (unit.empty()) unit = unit_of(row, "median");
    if (unit == "1") unit.clear();
    const Scale values = choose_scale(unit, y, 2);
    const double last = *std::max_element(x.begin(), x.end());
    const bool hours = last > 2 * 3600;
    const double time = hours ? 3600 : last > 300 ? 60 : 1;
    std::vector<double> across, up;
    for (const double value : x) across.push_back(value / time);
    for (const double value : y) up.push_back(value * values.factor);
    LinePlot plot;
    plot.title = row.value("case", "");
    plot.x = linear_axis(hours        ? "hours"
                         : last > 300 ? "minutes"
                                      : "seconds",
                         across, Start::at_zero);
    plot.y = linear_axis(values.unit, up, Start::at_least);
    PlotLine line;
    line.joined = false;
    for (std::size_t i = 0; i < across.size(); ++i) {
        line.points.push_back({across[i], up[i], fixed(up[i], std::max(values.decimals, 1))});
    }
    plot.lines = {line};
    const double slope = number("slope_per_hour", std::nan("")) * values.factor * time / 3600;
    if (std::isfinite(slope)) {
        // The line of Theil's slope goes through the medians.
        const double low = number("low", std::nan("")) * values.factor * time / 3600;
        const double high = number("high", std::nan("")) * values.factor * time / 3600;
        plot.trends.push_back({median(across), median(up), slope, std::isfinite(low) ? low : slope,
                               std::isfinite(high) ? high : slope});
        const double per_hour = slope * 3600 / time;
        plot.title += ": " + brief(per_hour) + " " + values.unit + "/h";
        if (std::isfinite(low) && std::isfinite(high)) {
            plot.title += " (" + brief(low * 3600 / time) + " to " + brief(high * 3600 / time) +
                          " with 95 % confidence)";
        }
        if (row.contains("verdict") && row["verdict"].is_string()) {
            plot.title += ", " + row["verdict"].get<std::string>();
        }
    }
    return draw(plot);
}

/// Names of all stages; each stands behind the one that it follows in its row.
std::vector<std::string> stages_of(const Report& report) {
    std::vector<std::string> names;
    for (const Json& row : report.results) {
        const auto stages = row.find("stages");
        if (stages == row.end() || !stages->is_object()) continue;
        std::size_t next = 0;
        for (const auto& [name, value] : stages->items()) {
            const auto found = std::find(names.begin(), names.end(), name);
            auto at = static_cast<std::size_t>(found - names.begin());
            if (found == names.end()) {
                at = next;
                names.insert(names.begin() + static_cast<std::ptrdiff_t>(at), name);
            }
            next = at + 1;
        }
    }
    return names;
}

}  // namespace

std::vector<std::string> latency_plots(const Report& report) {
    auto drawn = latency_of(report, "latency_us", "Latency by percentile");
    const auto variation =
        latency_of(report, "variation_us", "Variation of latency by percentile (RFC 5481)");
    drawn.insert(drawn.end(), variation.begin(), variation.end());
    return drawn;
}

std::vector<std::string> stage_plots(const Report& report) {
    BarPlot plot;
    plot.title = "Where the time goes, by stage";
    plot.parts = stages_of(report);
    for (const Json& row : report.results) {
        const auto stages = row.find("stages");
        if (stages == row.end() || !stages->is_object()) continue;
        plot.unit = unit_of(row, "stages");
        BarPlot::Bar bar{row.value("case", ""), {}};
        for (const std::string& part : plot.parts) {
            const auto value = stages->find(part);
            const bool known = value != stages->end() && value->is_number();
            bar.parts.push_back(known ? value->get<double>() : std::nan(""));
        }
        plot.bars.push_back(std::move(bar));
    }
    std::vector<std::string> drawn;
    constexpr std::size_t bars_max = 40;
    for (std::size_t from = 0; from < plot.bars.size() && drawn.size() < plots_max;
         from += bars_max) {
        BarPlot part = plot;
        const auto begin = plot.bars.begin() + static_cast<std::ptrdiff_t>(from);
        const std::size_t count = std::min(bars_max, plot.bars.size() - from);
        part.bars.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
        drawn.push_back(draw(part));
    }
    return drawn;
}

std::vector<std::string> trend_plots(const Report& report) {
    std::vector<std::string> drawn;
    for (const Json& row : report.results) {
        if (drawn.size() == plots_max) break;
        const Json* xs = find_field(row, "series.x_seconds");
        const Json* ys = find_field(row, "series.y");
        if (xs == nullptr || ys == nullptr || !xs->is_array() || !ys->is_array()) continue;
        std::vector<double> x, y;
        for (std::size_t i = 0; i < std::min(xs->size(), ys->size()); ++i) {
            if (!(*xs)[i].is_number() || !(*ys)[i].is_number()) continue;
            x.push_back((*xs)[i].get<double>());
            y.push_back((*ys)[i].get<double>());
        }
        if (x.size() > 1) drawn.push_back(draw_trend(row, x, y));
    }
    return drawn;
}

}  // namespace lanes::bench
