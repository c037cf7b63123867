// See format.hh.
#include "bench/output/format.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

namespace lanes::bench {
namespace {

/// A unit as rows name it, and the one that a prefix stands before.
struct Prefixed {
    const char* unit;
    const char* base;
};

constexpr Prefixed prefixed_units[] = {
    {"packets/s", "pps"}, {"pps", "pps"},     {"frames/s", "frames/s"}, {"fps", "frames/s"},
    {"bits/s", "bit/s"},  {"bit/s", "bit/s"}, {"bytes", "B"},           {"B", "B"},
};

struct Step {
    double from;
    double factor;
    const char* prefix;
};

constexpr Step prefixes[] = {
    {1e12, 1e-12, "T"}, {1e9, 1e-9, "G"}, {1e6, 1e-6, "M"}, {1e3, 1e-3, "k"}, {0, 1, ""}};
/// Of nanoseconds. Below ten of the greater unit the smaller one reads better.
constexpr Step times[] = {{1e10, 1e-9, "s"}, {1e7, 1e-6, "ms"}, {1e4, 1e-3, "µs"}, {0, 1, "ns"}};

const Step& step_for(std::span<const Step> steps, double value) {
    for (const Step& step : steps) {
        if (value >= step.from) return step;
    }
    return steps.back();
}

std::optional<double> nanoseconds_in(const std::string& unit) {
    if (unit == "ns") return 1;
    if (unit == "us" || unit == "µs") return 1e3;
    if (unit == "ms") return 1e6;
    return std::nullopt;
}

/// Rows name units in words; a column has room for the first of them: "bit/s of frames" is bit/s.
std::string short_unit(const std::string& words) {
    const std::size_t end = std::min(words.find(','), words.find(' '));
    return words.substr(0, end);
}

/// Digits behind the point for three significant ones of the smallest value.
int digits_for(double smallest) {
    if (!(smallest > 0) || !std::isfinite(smallest)) return 0;
    return std::clamp(2 - static_cast<int>(std::floor(std::log10(smallest * 1.0005))), 0, 3);
}

std::string cell(const Json& value, const Scale& scale) {
    if (value.is_string()) return printable(value.get<std::string>());
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (!value.is_number()) return "-";
    return fixed(value.get<double>() * scale.factor, scale.decimals);
}

/// What one column of the table is made of.
struct Cells {
    std::vector<const Json*> values;  ///< nullptr: the row has none
    std::vector<std::string> units;
    std::vector<double> numbers;
    std::string unit;       ///< of the numbers, if they have the same
    bool number = true;     ///< nothing but numbers
    bool same_unit = true;  ///< all numbers have one unit
};

Cells collect(const Report& report, const std::string& field) {
    Cells cells;
    for (const Json& row : report.results) {
        const Json* value = find_field(row, field);
        cells.values.push_back(value);
        cells.units.push_back(unit_of(row, field));
        if (value == nullptr || value->is_null()) continue;
        if (!value->is_number()) {
            cells.number = false;
            continue;
        }
        if (cells.numbers.empty()) cells.unit = cells.units.back();
        if (cells.unit != cells.units.back()) cells.same_unit = false;
        cells.numbers.push_back(value->get<double>());
    }
    cells.number = cells.number && !cells.numbers.empty();
    return cells;
}

/// The columns, or, of a report without any, the case and what stands for it.
std::vector<Column> columns_of(const Report& report) {
    if (!report.columns.empty()) return report.columns;
    std::vector<Column> columns = {{"case", "case", 0}};
    for (const Json& row : report.results) {
        const std::string metric = row.value("metric", "");
        const bool known = std::any_of(columns.begin(), columns.end(), [&](const Column& column) {
            return column.field == metric;
        });
        if (!known && !metric.empty()) columns.push_back({metric, metric, 2});
    }
    return columns;
}

}  // namespace

Scale choose_scale(const std::string& words, std::span<const double> values, int decimals) {
    const std::string unit = short_unit(words);
    double largest = 0;
    double smallest = std::numeric_limits<double>::infinity();
    bool whole = true;
    for (const double value : values) {
        largest = std::max(largest, std::abs(value));
        if (value != 0) smallest = std::min(smallest, std::abs(value));
        whole = whole && value == std::floor(value);
    }
    Scale scale{1, unit, whole ? 0 : decimals};
    const Step* step = nullptr;
    for (const Prefixed& known : prefixed_units) {
        if (unit != known.unit) continue;
        // Sizes of frames are not kilobytes, however long the longest.
        if (std::string_view(known.base) == "B" && smallest < 1e5) continue;
        step = &step_for(prefixes, largest);
        scale = {step->factor, std::string(step->prefix) + known.base, 0};
    }
    if (const auto nanoseconds = nanoseconds_in(unit)) {
        step = &step_for(times, largest * *nanoseconds);
        scale = {*nanoseconds * step->factor, step->prefix, 0};
    }
    if (step == nullptr) return scale;
    if (scale.factor != 1 || !whole) scale.decimals = digits_for(smallest * scale.factor);
    return scale;
}

std::string fixed(double value, int decimals) {
    if (!std::isfinite(value)) return "-";
    char text[352];  // the longest double has 309 digits
    std::snprintf(text, sizeof text, "%.*f", std::clamp(decimals, 0, 9), value);
    const std::string written = text;
    const bool zero = written.find_first_not_of("-0.") == std::string::npos;
    return zero && written.front() == '-' ? written.substr(1) : written;
}

std::string brief(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value == 0 ? 0.0 : value);
    return text;
}

std::string unit_of(const Json& row, const std::string& path) {
    const auto units = row.find("units");
    if (units == row.end() || !units->is_object()) return "";
    const Json* nested = find_field(*units, path);
    if (nested != nullptr && nested->is_string()) return nested->get<std::string>();
    for (std::string at = path; !at.empty();) {
        const auto found = units->find(at);
        if (found != units->end() && found->is_string()) return found->get<std::string>();
        const std::size_t dot = at.rfind('.');
        at = dot == std::string::npos ? "" : at.substr(0, dot);
    }
    return "";
}

std::string printable(const std::string& text) {
    std::string clean = text;
    for (char& letter : clean) {
        const auto byte = static_cast<unsigned char>(letter);
        if (byte < 0x20 || byte == 0x7f) letter = '?';
    }
    return clean;
}

std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char letter) {
        return (static_cast<unsigned char>(letter) & 0xc0) != 0x80;
    }));
}

Grid make_grid(const Report& report) {
    Grid grid;
    grid.rows.resize(report.results.size());
    for (const Column& column : columns_of(report)) {
        const Cells cells = collect(report, column.field);
        Scale scale{1, "", column.decimals};
        if (cells.number && cells.same_unit) {
            scale = choose_scale(cells.unit, cells.numbers, column.decimals);
        }
        grid.headings.push_back({column.title, scale.unit, cells.number});
        for (std::size_t i = 0; i < grid.rows.size(); ++i) {
            const Json* value = cells.values[i];
            std::string text = "-";
            if (value != nullptr && value->is_number() && !cells.same_unit) {
                const std::array one{value->get<double>()};
                const Scale own = choose_scale(cells.units[i], one, column.decimals);
                text = cell(*value, own) + (own.unit.empty() ? "" : " " + own.unit);
            } else if (value != nullptr) {
                text = cell(*value, scale);
            }
            grid.rows[i].push_back(std::move(text));
        }
    }
    return grid;
}

std::vector<std::string> environment_lines(const Json& environment) {
    const auto text = [&](const char* path, const std::string& before, const std::string& after) {
        const Json* value = find_field(environment, path);
        if (value == nullptr || value->is_null()) return std::string();
        return before + printable(value->is_string() ? value->get<std::string>() : value->dump()) +
               after;
    };
    std::string machine = text("cpu.model", "", "") + text("cpu.cores", ", ", " cores");
    if (const Json* hz = find_field(environment, "cpu.clock_hz");
        hz != nullptr && hz->is_number()) {
        machine += ", clock of " + fixed(hz->get<double>() / 1e9, 3) + " GHz";
    }
    machine +=
        text("cpu.governor", ", governor ", "") + text("cpu.hypervisor", ", hypervisor ", "");
    std::string build = text("kernel", "", "") + text("compiler", ", ", "") +
                        text("compiler_options", " (", ")") + text("commit", ", commit ", "");
    if (const Json* checks = find_field(environment, "sanitizer");
        checks != nullptr && checks->is_string() && *checks != "none") {
        build += ", built with a sanitizer: no number is worth anything";
    }
    std::string run = text("date", "", "");
    if (const Json* steal = find_field(environment, "steal_seconds");
        steal != nullptr && steal->is_number()) {
        run += ", " + fixed(steal->get<double>(), 2) + " s stolen";
    }
    if (const Json* options = find_field(environment, "options");
        options != nullptr && options->is_array()) {
        run += ": lanes-bench";
        for (const Json& option : *options) {
            if (option.is_string()) run += " " + printable(option.get<std::string>());
        }
    }
    std::vector<std::string> lines;
    for (const std::string& line : {machine, build, run}) {
        const std::size_t start = line.find_first_not_of(", :");
        if (start != std::string::npos) lines.push_back(line.substr(start));
    }
    return lines;
}

}  // namespace lanes::bench
