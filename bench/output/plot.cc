// See plot.hh.
#include "bench/output/plot.hh"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bench/output/format.hh"
#include "bench/output/svg.hh"

namespace lanes::bench {
namespace {

constexpr double width = 880;
constexpr double left = 76;
constexpr double right = 24;
constexpr double top = 40;
constexpr double plot_height = 280;
constexpr double below_axis = 50;
constexpr double legend_line = 18;

/// Where each name of a legend stands; as many side by side as fit.
std::vector<Place> place_legend(const std::vector<std::string>& names, double y) {
    std::vector<Place> places;
    double x = left;
    for (const std::string& name : names) {
        const double needs = 34 + text_width(name) + 16;
        if (x > left && x + needs > width - right) {
            x = left;
            y += legend_line;
        }
        places.push_back({x, y});
        x += needs;
    }
    return places;
}

double height_with(const std::vector<Place>& legend, double without) {
    return legend.empty() ? without : legend.back().y + 12;
}

class Frame {
  public:
    explicit Frame(const LinePlot& plot) : plot_(plot) {}

    Place at(double x, double y) const {
        const double across = std::clamp(plot_.x.place(x), 0.0, 1.0);
        const double up = std::clamp(plot_.y.place(y), 0.0, 1.0);
        return {left + across * (width - left - right), top + (1 - up) * plot_height};
    }

    void draw(Svg& svg) const {
        const double bottom = top + plot_height;
        svg.text({left, 22}, plot_.title, Anchor::start, "t");
        for (const Axis::Tick& tick : plot_.y.ticks) {
            const double y = top + (1 - tick.at) * plot_height;
            svg.line({left, y}, {width - right, y}, "g");
            svg.text({left - 8, y + 4}, tick.label, Anchor::end, "m");
        }
        const double room = (width - left - right) / static_cast<double>(plot_.x.ticks.size());
        for (const Axis::Tick& tick : plot_.x.ticks) {
            const double x = left + tick.at * (width - left - right);
            svg.line({x, bottom}, {x, bottom + 5}, "a");
            const Anchor anchor = tick.at > 0.97 && room < 60 ? Anchor::end : Anchor::middle;
            svg.text({x, bottom + 19}, tick.label, anchor, "m");
        }
        svg.line({left, bottom}, {width - right, bottom}, "a");
        svg.text({(left + width - right) / 2, bottom + 38}, plot_.x.title, Anchor::middle, "m");
        svg.upright_text({18, top + plot_height / 2}, plot_.y.title);
    }

  private:
    const LinePlot& plot_;
};

void draw_trend(Svg& svg, const Frame& frame, const LinePlot& plot, const PlotTrend& trend) {
    const auto y_at = [&](double x, double slope) { return trend.y + slope * (x - trend.x); };
    const double from = plot.x.low;
    const double to = plot.x.high;
    const Place fan[] = {frame.at(from, y_at(from, trend.low)),
                         frame.at(trend.x, trend.y),
                         frame.at(to, y_at(to, trend.low)),
                         frame.at(to, y_at(to, trend.high)),
                         frame.at(trend.x, trend.y),
                         frame.at(from, y_at(from, trend.high))};
    svg.polygon(fan, "band f1");
    const Place line[] = {frame.at(from, y_at(from, trend.slope)),
                          frame.at(to, y_at(to, trend.slope))};
    svg.polyline(line, "k s1");
}

void draw_line(Svg& svg, const Frame& frame, const PlotLine& line, std::size_t number) {
    std::vector<Place> joined;
    for (const PlotLine::Point& point : line.points) {
        if (line.joined && !point.apart) joined.push_back(frame.at(point.x, point.y));
    }
    if (joined.size() > 1) svg.polyline(joined, "k " + stroke_class(number));
    for (const PlotLine::Point& point : line.points) {
        if (point.hint.empty()) continue;
        svg.dot(frame.at(point.x, point.y), fill_class(number), point.hint);
    }
}

}  // namespace

std::string draw(const LinePlot& plot) {
    std::vector<std::string> names;
    if (plot.lines.size() > 1) {
        for (const PlotLine& line : plot.lines) names.push_back(line.name);
    }
    const double bottom = top + plot_height + below_axis;
    const std::vector<Place> legend = place_legend(names, bottom + 14);
    Svg svg(width, height_with(legend, bottom), plot.title);
    const Frame frame(plot);
    frame.draw(svg);
    for (const PlotTrend& trend : plot.trends) draw_trend(svg, frame, plot, trend);
    for (std::size_t i = 0; i < plot.lines.size(); ++i) {
        draw_line(svg, frame, plot.lines[i], i);
    }
    for (std::size_t i = 0; i < legend.size(); ++i) {
        svg.line({legend[i].x, legend[i].y - 4}, {legend[i].x + 26, legend[i].y - 4},
                 "k " + stroke_class(i));
        svg.text({legend[i].x + 34, legend[i].y}, names[i], Anchor::start);
    }
    return svg.finish();
}

namespace {

constexpr double bar_left = 16;
constexpr double bar_height = 18;
constexpr double bar_pitch = 46;

double total_of(const BarPlot::Bar& bar) {
    return std::accumulate(bar.parts.begin(), bar.parts.end(), 0.0, [](double sum, double part) {
        return std::isnan(part) ? sum : sum + part;
    });
}

void draw_bar(Svg& svg, const BarPlot& plot, const BarPlot::Bar& bar, double y, double scale) {
    svg.text({bar_left, y + 12}, bar.name, Anchor::start);
    double x = bar_left;
    for (std::size_t part = 0; part < bar.parts.size(); ++part) {
        const double value = bar.parts[part];
        if (std::isnan(value) || value <= 0) continue;
        const double wide = value * scale;
        const std::string text = fixed(value, plot.decimals);
        const std::string name = plot.parts.empty() ? "" : plot.parts[part] + ": ";
        svg.box({x, y + 18}, wide, bar_height, fill_class(part), name + text + " " + plot.unit);
        if (plot.parts.size() > 1 && wide > text_width(text) + 6) {
            svg.text({x + wide / 2, y + 31}, text, Anchor::middle, "v");
        }
        x += wide;
    }
    svg.text({x + 6, y + 31}, fixed(total_of(bar), plot.decimals) + " " + plot.unit, Anchor::start,
             "m");
}

}  // namespace

std::string draw(const BarPlot& plot) {
    double most = 0;
    for (const BarPlot::Bar& bar : plot.bars) most = std::max(most, total_of(bar));
    const double room = text_width(fixed(most, plot.decimals) + " " + plot.unit) + 16;
    const double scale = most > 0 ? (width - bar_left - room) / most : 0;
    const std::vector<std::string> names =
        plot.parts.size() > 1 ? plot.parts : std::vector<std::string>();
    const double bottom = top + bar_pitch * static_cast<double>(plot.bars.size());
    std::vector<Place> legend = place_legend(names, bottom + 16);
    for (Place& place : legend) place.x -= left - bar_left;
    Svg svg(width, height_with(legend, bottom + 4), plot.title);
    svg.text({bar_left, 22}, plot.title, Anchor::start, "t");
    for (std::size_t i = 0; i < plot.bars.size(); ++i) {
        draw_bar(svg, plot, plot.bars[i], top + bar_pitch * static_cast<double>(i), scale);
    }
    for (std::size_t i = 0; i < legend.size(); ++i) {
        svg.box({legend[i].x, legend[i].y - 11}, 26, 12, fill_class(i), "");
        svg.text({legend[i].x + 34, legend[i].y}, names[i], Anchor::start);
    }
    return svg.finish();
}

}  // namespace lanes::bench
