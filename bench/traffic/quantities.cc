// Values that only scenario files and the command lines of lanes-bench have: rates, seconds, sizes.
// Each reader says what it expected when it returns nothing; scenario.cc adds the place.
#include <array>
#include <charconv>
#include <cmath>

#include "bench/traffic/scenario.hh"
#include "config/text.hh"

namespace lanes::bench {
namespace {

using config::say;
using config::shown;

constexpr double frames_per_second_max = 1e10;
constexpr double bits_per_second_max = 1e13;
constexpr double seconds_max = 30 * 86400.0;
constexpr double seconds_min = 0.001;
constexpr std::uint32_t size_least = 64;
constexpr std::uint32_t size_most = 65535;

constexpr std::string_view rate_forms =
    "a rate: frames per second (5000, 100 kpps, 1.5 Mpps), bits per second (500 Mbit/s, "
    "10 Gbit/s), or max";

struct Unit {
    std::string_view name;
    double factor;
    Rate::Unit unit;
};
constexpr std::array units = {
    Unit{"", 1, Rate::Unit::frames},       Unit{"pps", 1, Rate::Unit::frames},
    Unit{"kpps", 1e3, Rate::Unit::frames}, Unit{"Mpps", 1e6, Rate::Unit::frames},
    Unit{"Gpps", 1e9, Rate::Unit::frames}, Unit{"bit/s", 1, Rate::Unit::bits},
    Unit{"kbit/s", 1e3, Rate::Unit::bits}, Unit{"Mbit/s", 1e6, Rate::Unit::bits},
    Unit{"Gbit/s", 1e9, Rate::Unit::bits},
};

/// Decimal digits with at most one point among them, and nothing else that a number may have.
std::optional<double> plain_number(std::string_view text) {
    const bool plain = !text.empty() && text.find_first_not_of("0123456789.") == text.npos &&
                       text.front() != '.' && text.back() != '.' && text.size() <= 32;
    const bool octal = text.size() > 1 && text[0] == '0' && text[1] != '.';
    if (!plain || octal) return std::nullopt;
    double value = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
    return value;
}

std::string found(std::string_view text) {
    return text.empty() ? std::string("an empty text") : shown(text);
}

std::string wrong_unit(std::string_view unit) {
    std::vector<std::string_view> names;
    for (const Unit& known : units) {
        if (!known.name.empty()) names.push_back(known.name);
    }
    const std::string near = config::did_you_mean(unit, names);
    return say("expected one of ", config::listed(names), " behind the number, found ", shown(unit),
               near.empty() ? "; choose one of these" : near);
}

}  // namespace

double Rate::in_frames(double frame_bits) const noexcept {
    switch (unit) {
        case Unit::frames:
            return value;
        case Unit::bits:
            return value / frame_bits;
        case Unit::max:
        case Unit::recorded:
            break;
    }
    return 0;
}

std::optional<Rate> parse_rate(std::string_view text, std::string& why) {
    if (text == "max") return Rate{};
    if (text == "recorded") return Rate{Rate::Unit::recorded, 0};
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = plain_number(text.substr(0, digits));
    if (!number) {
        static constexpr std::array<std::string_view, 2> words = {"max", "recorded"};
        const std::string near = config::did_you_mean(text, words);
        why = say("expected ", rate_forms, ", found ", found(text),
                  near.empty() ? "; write a number, a blank and a unit" : near);
        return std::nullopt;
    }
    std::string_view name = text.substr(digits);
    while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
    for (const Unit& unit : units) {
        if (unit.name != name) continue;
        const double value = *number * unit.factor;
        const bool bits = unit.unit == Rate::Unit::bits;
        if (value > 0 && value <= (bits ? bits_per_second_max : frames_per_second_max)) {
            return Rate{unit.unit, value};
        }
        why = say("expected more than 0 and at most ", bits ? "10000 Gbit/s" : "10 Gpps",
                  ", found ", shown(text), "; `max` is all that the port takes");
        return std::nullopt;
    }
    why = wrong_unit(name);
    return std::nullopt;
}

std::optional<double> parse_seconds(std::string_view text, std::string& why) {
    const auto value = plain_number(text);
    if (value && *value >= seconds_min && *value <= seconds_max) return value;
    why = say("expected seconds from 0.001 to 2592000 (30 days), found ", found(text),
              value ? (*value > seconds_max ? "; the most is 2592000" : "; the least is 0.001")
                    : "; write a number, with a point before a fraction");
    return std::nullopt;
}

std::optional<SizeCase> parse_size(std::string_view text, std::string& why) {
    if (text == "imix") return SizeCase{"imix", imix(), {}};
    std::uint32_t size = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, size);
    const bool digits = text.find_first_not_of("0123456789") == text.npos && !text.empty();
    const bool number = digits && text.front() != '0' && result.ptr == end;
    const bool known = number && result.ec == std::errc{};
    if (known && size >= size_least && size <= size_most) {
        return SizeCase{std::to_string(size), {SizeShare{size, 1}}, {}};
    }
    static constexpr std::array<std::string_view, 1> words = {"imix"};
    const std::string near = config::did_you_mean(text, words);
    std::string remedy = near.empty() ? "; write the bytes of a frame with its FCS" : near;
    if (number) remedy = known && size < size_least ? "; the least is 64" : "; the most is 65535";
    why = say("expected a size from 64 to 65535, or imix, found ", found(text), remedy);
    return std::nullopt;
}

}  // namespace lanes::bench
