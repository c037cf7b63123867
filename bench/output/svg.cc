// See svg.hh.
#include "bench/output/svg.hh"

#include "bench/output/format.hh"

namespace lanes::bench {
namespace {

constexpr std::size_t colours = 8;
constexpr std::size_t patterns = 4;

std::string at(const char* name, double value) {
    return std::string(" ") + name + "=\"" + fixed(value, 1) + "\"";
}

std::string of_class(const std::string& classes) {
    return classes.empty() ? "" : " class=\"" + escaped(classes) + "\"";
}

std::string points(std::span<const Place> places) {
    std::string text;
    for (const Place& place : places) {
        text += (text.empty() ? "" : " ") + fixed(place.x, 1) + "," + fixed(place.y, 1);
    }
    return " points=\"" + text + "\"";
}

}  // namespace

const char* const plot_style = R"(
:root{--c0:#0b62a4;--c1:#c8500a;--c2:#1d8455;--c3:#a8348a;--c4:#8a6d00;--c5:#2a8fb0;--c6:#c0392b;
--c7:#6453c8;--fg:#1b1d20;--bg:#fff;--muted:#5d646c;--grid:#dfe2e6}
@media (prefers-color-scheme:dark){:root{--c0:#6cb4ee;--c1:#ff9d5c;--c2:#5fd39a;--c3:#ef8fd3;
--c4:#dfc04c;--c5:#7fd8f0;--c6:#ff8a80;--c7:#b5a9ff;--fg:#e4e6ea;--bg:#16181b;--muted:#9aa2ab;
--grid:#34383e}}
svg{width:100%;height:auto;max-width:880px;font:12px system-ui,sans-serif}
svg text{fill:var(--fg)}
svg text.t{font-size:15px;font-weight:600}
svg text.m{fill:var(--muted)}
svg text.v{fill:var(--bg)}
svg .g{stroke:var(--grid)}
svg .a{stroke:var(--muted)}
svg polyline,svg line{fill:none;stroke-width:1}
svg polyline.k,svg line.k{stroke-width:2}
svg .band{fill-opacity:.18}
svg .d1{stroke-dasharray:7 4}
svg .d2{stroke-dasharray:2 3}
svg .d3{stroke-dasharray:9 3 2 3}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}
.s4{stroke:var(--c4)}.s5{stroke:var(--c5)}.s6{stroke:var(--c6)}.s7{stroke:var(--c7)}
.f0{fill:var(--c0)}.f1{fill:var(--c1)}.f2{fill:var(--c2)}.f3{fill:var(--c3)}
.f4{fill:var(--c4)}.f5{fill:var(--c5)}.f6{fill:var(--c6)}.f7{fill:var(--c7)}
)";

std::string escaped(const std::string& text) {
    std::string safe;
    for (const char letter : printable(text)) {
        switch (letter) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            case '\'':
                safe += "&#39;";
                break;
            default:
                safe += letter;
        }
    }
    return safe;
}

double text_width(const std::string& text) {
    return 6.7 * static_cast<double>(width_of(text));
}

std::string stroke_class(std::size_t n) {
    const std::size_t pattern = n / colours % patterns;
    return "s" + std::to_string(n % colours) + (pattern == 0 ? "" : " d" + std::to_string(pattern));
}

std::string fill_class(std::size_t n) {
    return "f" + std::to_string(n % colours);
}

Svg::Svg(double width, double height, const std::string& title) {
    body_ = "<svg role=\"img\" viewBox=\"0 0 " + fixed(width, 0) + " " + fixed(height, 0) +
            "\"><title>" + escaped(title) + "</title>\n";
}

void Svg::shape(const std::string& begin, const std::string& classes, const std::string& hint) {
    const std::size_t end = begin.find(' ');
    body_ += "<" + begin + of_class(classes);
    if (hint.empty()) {
        body_ += "/>\n";
    } else {
        body_ += "><title>" + escaped(hint) + "</title></" + begin.substr(0, end) + ">\n";
    }
}

void Svg::line(Place from, Place to, const std::string& classes) {
    shape("line" + at("x1", from.x) + at("y1", from.y) + at("x2", to.x) + at("y2", to.y), classes,
          "");
}

void Svg::polyline(std::span<const Place> places, const std::string& classes) {
    shape("polyline" + points(places), classes, "");
}

void Svg::polygon(std::span<const Place> places, const std::string& classes) {
    shape("polygon" + points(places), classes, "");
}

void Svg::dot(Place place, const std::string& classes, const std::string& hint) {
    shape("circle" + at("cx", place.x) + at("cy", place.y) + " r=\"3\"", classes, hint);
}

void Svg::box(Place corner, double width, double height, const std::string& classes,
              const std::string& hint) {
    shape(
        "rect" + at("x", corner.x) + at("y", corner.y) + at("width", width) + at("height", height),
        classes, hint);
}

void Svg::text(Place place, const std::string& text, Anchor anchor, const std::string& classes) {
    const char* side = anchor == Anchor::start    ? ""
                       : anchor == Anchor::middle ? " text-anchor=\"middle\""
                                                  : " text-anchor=\"end\"";
    body_ += "<text" + at("x", place.x) + at("y", place.y) + side + of_class(classes) + ">" +
             escaped(text) + "</text>\n";
}

void Svg::upright_text(Place place, const std::string& text) {
    const std::string where = fixed(place.x, 1) + " " + fixed(place.y, 1);
    body_ += "<text transform=\"translate(" + where +
             ") rotate(-90)\" text-anchor=\"middle\" "
             "class=\"m\">" +
             escaped(text) + "</text>\n";
}

}  // namespace lanes::bench
