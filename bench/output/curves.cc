// Plots whose lines go from row to row: throughput by size, loss by load. See plots.hh.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "bench/output/format.hh"
#include "bench/output/plot.hh"
#include "bench/output/plots.hh"
#include "bench/progress.hh"
#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

const Json* number_at(const Json& row, const std::string& field) {
    const Json* found = find_field(row, field);
    return found != nullptr && found->is_number() ? found : nullptr;
}

std::string text_of(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Points of all lines, in the order in which the lines were first seen.
class Lines {
  public:
    void add(const std::string& name, PlotLine::Point point) {
        auto found = std::find_if(lines_.begin(), lines_.end(),
                                  [&](const PlotLine& line) { return line.name == name; });
        if (found == lines_.end()) {
            lines_.emplace_back().name = name;
            found = lines_.end() - 1;
        }
        found->points.push_back(std::move(point));
    }
    std::vector<PlotLine>& sorted() {
        for (PlotLine& line : lines_) {
            std::stable_sort(line.points.begin(), line.points.end(),
                             [](const auto& a, const auto& b) { return a.x < b.x; });
        }
        return lines_;
    }

  private:
    std::vector<PlotLine> lines_;
};

/// One plot for each lines_max lines; all have the same axes.
std::vector<std::string> draw_all(const LinePlot& all) {
    std::vector<std::string> drawn;
    const std::size_t plots = (all.lines.size() + lines_max - 1) / lines_max;
    for (std::size_t i = 0; i < std::min(plots, plots_max); ++i) {
        LinePlot part = all;
        const auto begin = all.lines.begin() + static_cast<std::ptrdiff_t>(i * lines_max);
        const auto left = static_cast<std::size_t>(all.lines.end() - begin);
        part.lines.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(left, lines_max)));
        if (plots > 1) {
            part.title += " (" + std::to_string(i + 1) + " of " + std::to_string(plots) + ")";
        }
        drawn.push_back(draw(part));
    }
    return drawn;
}

struct Throughput {
    const Json* row;
    std::string size;
    double value;
};

/// Sizes in ascending order, then those that are names.
std::vector<std::string> ordered_sizes(const std::vector<Throughput>& found) {
    std::map<double, std::string> numbers;
    std::vector<std::string> names;
    for (const Throughput& one : found) {
        const Json& size = one.row->at("size");
        if (size.is_number()) {
            numbers[size.get<double>()] = one.size;
        } else if (std::find(names.begin(), names.end(), one.size) == names.end()) {
            names.push_back(one.size);
        }
    }
    std::vector<std::string> all;
    for (const auto& [number, text] : numbers) all.push_back(text);
    all.insert(all.end(), names.begin(), names.end());
    return all;
}

std::vector<std::string> draw_bars(const std::vector<Throughput>& found, const std::string& title,
                                   const Scale& scale) {
    std::vector<std::string> drawn;
    constexpr std::size_t bars_max = 40;
    for (std::size_t from = 0; from < found.size() && drawn.size() < plots_max; from += bars_max) {
        BarPlot plot;
        plot.title = title;
        plot.unit = scale.unit;
        plot.decimals = scale.decimals;
        for (std::size_t i = from; i < std::min(found.size(), from + bars_max); ++i) {
            plot.bars.push_back({found[i].row->value("case", ""), {found[i].value * scale.factor}});
        }
        drawn.push_back(draw(plot));
    }
    return drawn;
}

std::vector<std::string> throughput_of(const Report& report, const std::string& field,
                                       const std::string& unit, const std::string& title) {
    std::vector<Throughput> found;
    std::vector<double> values;
    for (const Json& row : report.results) {
        const Json* value = number_at(row, field);
        // Where the rate is what was looked for, it stands for the throughput.
        if (value == nullptr && unit == "packets/s" && row.value("metric", "") == "rate_pps") {
            value = number_at(row, "rate_pps");
        }
        const auto size = row.find("size");
        if (value == nullptr || size == row.end()) continue;
        found.push_back({&row, text_of(*size), value->get<double>()});
        values.push_back(value->get<double>());
    }
    if (found.empty()) return {};
    const std::vector<std::string> sizes = ordered_sizes(found);
    if (sizes.size() == 1) {
        return draw_bars(found, title + " at size " + sizes[0], choose_scale(unit, values, 2));
    }
    // On an axis of several decades the unit is that of the middle.
    const Scale scale = choose_scale(unit, std::array{median(values)}, 2);
    Lines lines;
    for (double& value : values) value *= scale.factor;
    for (const Throughput& one : found) {
        const auto place = std::find(sizes.begin(), sizes.end(), one.size) - sizes.begin();
        const auto name = one.row->value("case", "");
        const double value = one.value * scale.factor;
        lines.add(case_without(name, {one.size}),
                  {static_cast<double>(place), value,
                   name + ": " + fixed(value, scale.decimals) + " " + scale.unit,
                   !one.row->at("size").is_number()});
    }
    LinePlot plot;
    plot.title = title + " by frame size";
    plot.x = name_axis("frame size, bytes", sizes);
    plot.y = value_axis(scale.unit, values);
    plot.lines = lines.sorted();
    return draw_all(plot);
}

/// Field that says how much was offered, if the row has one.
const char* load_field(const Json& row) {
    for (const char* field : {"load_percent", "offered_pps", "rate_pps"}) {
        if (number_at(row, field) != nullptr) return field;
    }
    return nullptr;
}

/// How a case may have written its load.
std::vector<std::string> load_texts(const Json& row) {
    std::vector<std::string> texts = {"loss"};
    if (const Json* load = number_at(row, "load_percent")) texts.push_back(brief(*load));
    for (const char* field : {"rate_pps", "offered_pps"}) {
        if (const Json* rate = number_at(row, field)) texts.push_back(rate_text(*rate));
    }
    texts.push_back("max");
    return texts;
}

}  // namespace

std::string case_without(const std::string& name, const std::vector<std::string>& parts) {
    std::string rest;
    bool removed = false;
    for (std::size_t from = 0; from <= name.size();) {
        const std::size_t end = std::min(name.find(", ", from), name.size());
        const std::string token = name.substr(from, end - from);
        const std::string words = " " + token + " ";
        const bool says = std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
            return words.find(" " + part + " ") != std::string::npos;
        });
        if (says && !removed) {
            removed = true;
        } else {
            rest += (rest.empty() ? "" : ", ") + token;
        }
        from = end + 2;
    }
    return rest.empty() ? name : rest;
}

std::vector<std::string> throughput_plots(const Report& report) {
    auto drawn = throughput_of(report, "packets_per_second", "packets/s", "Packet rate");
    const auto bits = throughput_of(report, "bits_per_second", "bit/s", "Throughput");
    drawn.insert(drawn.end(), bits.begin(), bits.end());
    return drawn;
}

std::vector<std::string> loss_plots(const Report& report) {
    std::vector<std::string> drawn;
    for (const std::string wanted : {"load_percent", "offered_pps", "rate_pps"}) {
        Lines lines;
        std::vector<double> loads, losses;
        for (const Json& row : report.results) {
            const char* field = load_field(row);
            const Json* loss = number_at(row, "loss_percent");
            if (field == nullptr || wanted != field || loss == nullptr) continue;
            const double load = number_at(row, field)->get<double>();
            const auto name = row.value("case", "");
            lines.add(case_without(name, load_texts(row)),
                      {load, loss->get<double>(), name + ": " + brief(*loss) + " % lost"});
            loads.push_back(load);
            losses.push_back(loss->get<double>());
        }
        const auto& all = lines.sorted();
        const bool curve = std::any_of(all.begin(), all.end(), [](const PlotLine& line) {
            return line.points.size() > 1 && line.points.front().x != line.points.back().x;
        });
        if (!curve) continue;
        const bool percent = wanted == "load_percent";
        const Scale scale = choose_scale(percent ? "%" : "packets/s", loads, 0);
        LinePlot plot;
        plot.title = "Frame loss by load";
        for (double& load : loads) load *= scale.factor;
        plot.x = linear_axis(percent ? "load, % of the greatest" : "offered, " + scale.unit, loads,
                             Start::at_zero);
        plot.y = linear_axis("lost, %", losses, Start::at_zero);
        plot.lines = all;
        for (PlotLine& line : plot.lines) {
            for (auto& point : line.points) point.x *= scale.factor;
        }
        const auto more = draw_all(plot);
        drawn.insert(drawn.end(), more.begin(), more.end());
    }
    return drawn;
}

}  // namespace lanes::bench
