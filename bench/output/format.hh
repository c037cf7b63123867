// How values are written for people: units with a prefix that fits, as many digits as matter, the
// same scale down a whole column. Used by the table and by the page.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/report.hh"

namespace lanes::bench {

/// A unit that suits given values: value * factor is what is written before `unit`.
struct Scale {
    double factor = 1;
    std::string unit;  ///< may be empty
    int decimals = 0;
};

/// For values of `unit` as rows name it ("packets/s", "bit/s", "ns", "clocks", ...). `decimals` is
/// for units that take no prefix, and for values that are not whole.
Scale choose_scale(const std::string& unit, std::span<const double> values, int decimals);

/// `value` with `decimals` digits behind the point; never "-0".
std::string fixed(double value, int decimals);

/// A number in as few digits as tell it apart at the precision of a plot: "0.5", "20", "1.2e-05".
std::string brief(double value);

/// The unit of a field of a row: that of its whole path, or of the object it lies in; else empty.
std::string unit_of(const Json& row, const std::string& path);

/// Text that cannot move a terminal's cursor: control characters become '?'.
std::string printable(const std::string& text);

/// Columns on a terminal: code points.
std::size_t width_of(const std::string& text);

/// The report as people read it: cells of text.
struct Grid {
    struct Heading {
        std::string title;
        std::string unit;
        bool number = false;  ///< numbers stand right
    };
    std::vector<Heading> headings;
    std::vector<std::vector<std::string>> rows;
};
Grid make_grid(const Report& report);

/// The environment in a few lines for people; those parts that are known.
std::vector<std::string> environment_lines(const Json& environment);

}  // namespace lanes::bench
