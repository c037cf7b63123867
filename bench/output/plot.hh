// Two kinds of plot: lines over an axis, and bars made of parts. Both carry a title, named axes
// with units, and a legend below, so that long names and many rows stay legible.
#pragma once

#include <string>
#include <vector>

#include "bench/output/axis.hh"

namespace lanes::bench {

struct PlotLine {
    struct Point {
        double x = 0;
        double y = 0;
        std::string hint;    ///< shown when a pointer rests on it; none: no dot
        bool apart = false;  ///< no line leads to it
    };
    std::string name;
    std::vector<Point> points;
    bool joined = true;  ///< by a line
};

/// A straight line through `at` and a fan of slopes around it: a trend with its bounds.
struct PlotTrend {
    double x = 0;
    double y = 0;
    double slope = 0;
    double low = 0;
    double high = 0;
};

struct LinePlot {
    std::string title;
    Axis x;
    Axis y;
    std::vector<PlotLine> lines;
    std::vector<PlotTrend> trends;
};
std::string draw(const LinePlot& plot);

struct BarPlot {
    struct Bar {
        std::string name;
        std::vector<double> parts;  ///< as `parts` of the plot; NaN: has none of it
    };
    std::string title;
    std::string unit;
    int decimals = 1;
    std::vector<std::string> parts;  ///< names; one part needs no legend
    std::vector<Bar> bars;
};
std::string draw(const BarPlot& plot);

}  // namespace lanes::bench
