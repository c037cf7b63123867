// See metrics_text.hh.
#include "manage/metrics_text.hh"

#include <array>
#include <charconv>

namespace lanes::manage {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr unsigned ns_digits = 9;

struct TypeWords {
    std::string_view open_metrics, prometheus, suffix;
};

TypeWords words_of(MetricsText::Type type) noexcept {
    switch (type) {
        case MetricsText::Type::counter:
            return {"counter", "counter", "_total"};
        case MetricsText::Type::gauge:
            return {"gauge", "gauge", ""};
        case MetricsText::Type::info:
            return {"info", "gauge", "_info"};
        case MetricsText::Type::stateset:
            break;
    }
    return {"stateset", "gauge", ""};
}

void add_number(std::string& text, std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    text.append(digits.data(), end);
}

}  // namespace

std::string_view MetricsText::content_type(Syntax syntax) noexcept {
    return syntax == Syntax::open_metrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

void MetricsText::begin(const Family& family) {
    const TypeWords words = words_of(family.type);
    const bool open = syntax_ == Syntax::open_metrics;
    sample_name_ = family.name;
    sample_name_ += words.suffix;
    const auto line = [&](std::string_view what, std::string_view value) {
        text_.append("# ").append(what).append(" ");
        text_.append(open ? family.name : std::string_view(sample_name_));
        text_.append(" ").append(value).append("\n");
    };
    line("TYPE", open ? words.open_metrics : words.prometheus);
    if (open && !family.unit.empty()) line("UNIT", family.unit);
    line("HELP", family.help);
}

void MetricsText::head(std::string_view labels, std::string_view more) {
    text_ += sample_name_;
    if (!labels.empty() || !more.empty()) {
        text_.append("{").append(labels);
        if (!labels.empty() && !more.empty()) text_ += ',';
        text_.append(more).append("}");
    }
    text_ += ' ';
}

void MetricsText::sample(std::string_view labels, std::string_view more, std::uint64_t value) {
    head(labels, more);
    add_number(text_, value);
    text_ += '\n';
}

void MetricsText::sample_ns(std::string_view labels, std::uint64_t ns) {
    head(labels, {});
    add_number(text_, ns / ns_per_second);
    std::array<char, ns_digits> digits;
    std::uint64_t rest = ns % ns_per_second;
    for (std::size_t i = ns_digits; i > 0; rest /= 10) {
        digits[--i] = static_cast<char>('0' + rest % 10);
    }
    text_.append(".").append(digits.data(), digits.size()).append("\n");
}

void MetricsText::end() {
    if (syntax_ == Syntax::open_metrics) text_ += "# EOF\n";
}

void MetricsText::add_label(std::string& labels, std::string_view name, std::string_view value) {
    if (!labels.empty()) labels += ',';
    labels.append(name).append("=\"");
    for (const char c : value) {
        if (c == '\\' || c == '"') labels += '\\';
        if (c == '\n') {
            labels += "\\n";
        } else {
            labels += c;
        }
    }
    labels += '"';
}

}  // namespace lanes::manage
