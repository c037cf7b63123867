// A drawing as inline SVG: shapes with classes, whose colours the page's style sheet gives for
// light and dark. All text is escaped here and nowhere else.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace lanes::bench {

/// For text and attributes of HTML and SVG. Control characters become '?', because XML has none.
std::string escaped(const std::string& text);

struct Place {
    double x = 0;
    double y = 0;
};

enum class Anchor : std::uint8_t { start, middle, end };

/// About how wide text is in a drawing, in its units, at the size that plots use.
double text_width(const std::string& text);

class Svg {
  public:
    /// `title` is what is read to those who do not see it.
    Svg(double width, double height, const std::string& title);

    void line(Place from, Place to, const std::string& classes);
    void polyline(std::span<const Place> places, const std::string& classes);
    void polygon(std::span<const Place> places, const std::string& classes);
    /// `hint` is shown when a pointer rests on it.
    void dot(Place at, const std::string& classes, const std::string& hint);
    void box(Place corner, double width, double height, const std::string& classes,
             const std::string& hint);
    void text(Place at, const std::string& text, Anchor anchor, const std::string& classes = "");
    /// Reads upwards.
    void upright_text(Place at, const std::string& text);

    std::string finish() const { return body_ + "</svg>\n"; }

  private:
    void shape(const std::string& begin, const std::string& classes, const std::string& hint);
    std::string body_;
};

/// Classes of the n-th of several things: a colour and, when colours repeat, a pattern of dashes.
std::string stroke_class(std::size_t n);
std::string fill_class(std::size_t n);

/// Style sheet of all drawings, light and dark.
extern const char* const plot_style;

}  // namespace lanes::bench
