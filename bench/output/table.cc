// The table: what people see on a terminal. Text stands left, numbers right, units below titles.
#include <algorithm>

#include "bench/output/format.hh"
#include "bench/output/output.hh"

namespace lanes::bench {
namespace {

std::string padded(const std::string& text, std::size_t width, bool right) {
    const std::size_t used = width_of(text);
    const std::string space(width > used ? width - used : 0, ' ');
    return right ? space + text : text + space;
}

/// One line of cells, two spaces apart, nothing behind the last.
std::string line_of(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                    const Grid& grid) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i != 0) line += "  ";
        line += padded(cells[i], widths[i], grid.headings[i].number);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
}

}  // namespace

std::string to_table(const Report& report) {
    const Grid grid = make_grid(report);
    std::vector<std::string> titles;
    std::vector<std::string> units;
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < grid.headings.size(); ++i) {
        titles.push_back(printable(grid.headings[i].title));
        units.push_back(printable(grid.headings[i].unit));
        std::size_t width = std::max(width_of(titles[i]), width_of(units[i]));
        for (const auto& row : grid.rows) width = std::max(width, width_of(row[i]));
        widths.push_back(width);
    }
    std::string text;
    if (!grid.rows.empty()) {
        text += line_of(titles, widths, grid);
        const bool any_unit =
            std::any_of(units.begin(), units.end(), [](const auto& unit) { return !unit.empty(); });
        if (any_unit) text += line_of(units, widths, grid);
        for (const auto& row : grid.rows) text += line_of(row, widths, grid);
    }
    for (const std::string& remark : report.remarks) text += "note: " + printable(remark) + "\n";
    const auto lines = environment_lines(report.environment);
    if (!lines.empty()) text += "\n";
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

}  // namespace lanes::bench
