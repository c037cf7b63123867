// See columns.hh.
#include "manage/columns.hh"

#include <algorithm>
#include <cstdio>

namespace lanes::manage {
namespace {

/// How wide it stands in a terminal: UTF-8 characters, each one wide.
std::size_t width_of(const std::string& cell) {
    return static_cast<std::size_t>(std::count_if(cell.begin(), cell.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

}  // namespace

Columns::Columns(std::vector<std::string> heads, std::vector<Side> sides)
    : sides_(std::move(sides)) {
    rows_.push_back(std::move(heads));
}

void Columns::add(std::vector<std::string> row) {
    rows_.push_back(std::move(row));
}

std::string Columns::text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    std::string text;
    for (const auto& row : rows_) {
        const std::size_t begin = text.size();
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::size_t gap = widths[i] - width_of(row[i]);
            const bool right = i < sides_.size() && sides_[i] == Side::right;
            if (right) text.append(gap, ' ');
            text += row[i];
            if (!right) text.append(gap, ' ');
            text.append(2, ' ');
        }
        text.erase(std::max(begin, text.find_last_not_of(' ') + 1));
        text += '\n';
    }
    return text;
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

std::string bytes_text(std::uint64_t bytes) {
    static constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) return std::to_string(bytes) + " B";
    auto value = static_cast<double>(bytes);
    unsigned unit = 0;
    for (; value >= 999.5; ++unit) value /= 1000;
    char text[32];
    std::snprintf(text, sizeof text,
                  value < 9.995   ? "%.2f %s"
                  : value < 99.95 ? "%.1f %s"
                                  : "%.0f %s",
                  value, units[unit]);
    return text;
}

std::string counted(std::uint64_t number, std::string_view what) {
    return grouped(number) + " " + std::string(what) + (number == 1 ? "" : "s");
}

std::string delay_text(std::uint64_t ns) {
    char text[32];
    if (ns < 10'000'000) {
        std::snprintf(text, sizeof text, "%.1f us", static_cast<double>(ns) / 1e3);
    } else {
        std::snprintf(text, sizeof text, "%.1f ms", static_cast<double>(ns) / 1e6);
    }
    return text;
}

}  // namespace lanes::manage
