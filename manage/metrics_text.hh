// MetricsText: metrics as text, in OpenMetrics 1.0.0 or, for those who ask for plain text only, in
// the Prometheus format 0.0.4. Appends to a string, family by family; nobody checks here that a
// family comes once and a sample once within it: whoever writes one sees to that.
//   https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lanes::manage {

class MetricsText {
  public:
    enum class Syntax : std::uint8_t { open_metrics, prometheus };
    enum class Type : std::uint8_t {
        counter,   ///< grows from 0; its samples end in `_total`
        gauge,     ///< is what it is
        info,      ///< 1, and its labels tell; its samples end in `_info`
        stateset,  ///< for each state 1 or 0; the label of the state has the family's name
    };

    /// `name` without the suffix of its type; it ends in `_` and the unit, if there is one. `help`
    /// has neither quotes nor backslashes.
    struct Family {
        std::string_view name;
        Type type;
        std::string_view unit;
        std::string_view help;
    };

    explicit MetricsText(Syntax syntax) : syntax_(syntax) {}

    static std::string_view content_type(Syntax syntax) noexcept;

    void begin(const Family& family);
    /// `labels` as add_label() makes them, without braces; `more` too.
    void sample(std::string_view labels, std::string_view more, std::uint64_t value);
    void sample(std::string_view labels, std::uint64_t value) { sample(labels, {}, value); }
    /// The value in seconds.
    void sample_ns(std::string_view labels, std::uint64_t ns);
    void end();

    /// Appends `name="value"` to a list of labels, the value escaped.
    static void add_label(std::string& labels, std::string_view name, std::string_view value);
    static std::string label(std::string_view name, std::string_view value) {
        std::string labels;
        add_label(labels, name, value);
        return labels;
    }

    /// What was written and not taken yet.
    std::string& text() noexcept { return text_; }

  private:
    void head(std::string_view labels, std::string_view more);

    const Syntax syntax_;
    std::string sample_name_;
    std::string text_;
};

}  // namespace lanes::manage
