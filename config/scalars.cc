// See scalars.hh.
#include "config/scalars.hh"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "config/text.hh"

namespace lanes::config {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t interface_bytes_max = 15;
constexpr std::size_t path_bytes_max = 4095;

std::string found(const Scalar& scalar) {
    if (scalar.text.empty()) return "an empty text";
    return scalar.quoted ? say("the quoted text ", shown(scalar.text)) : shown(scalar.text);
}

/// Reports "expected A for `key` of port `lan`, found B; do this".
void mismatch(const Scalar& scalar, const Field& field, std::string_view expected,
              std::string_view remedy, Diagnostics& diagnostics) {
    diagnostics.error(scalar.at, say("expected ", expected, " for `", field.key, "`",
                                     of(field.owner), ", found ", found(scalar), "; ", remedy));
}

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The digits' value; values beyond 64 bits become the largest one.
std::uint64_t value_of(std::string_view digits, int base) {
    std::uint64_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return result.ec == std::errc{} ? value : ~std::uint64_t{0};
}

bool is_hex(std::string_view text) {
    if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return false;
    return text.find_first_not_of("0123456789abcdefABCDEF", 2) == text.npos;
}

std::string expected_number(const NumberRule& rule) {
    return say(rule.step == NumberRule::Step::power_of_two ? "a power of two" : "a number",
               " from ", std::to_string(rule.min), " to ", std::to_string(rule.max), rule.or_else);
}

std::string without_leading_zeros(std::string_view digits) {
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
    return std::string(digits);
}

/// What to do about text that is no number of the wanted form; "" when it is one.
std::string number_remedy(const Scalar& scalar, const NumberRule& rule) {
    const std::string_view text = scalar.text;
    const bool hex_taken = rule.base == NumberRule::Base::decimal_or_hex;
    if (text.empty()) return "write the number";
    if (scalar.quoted) return "remove the quotes";
    if (all_digits(text)) {
        if (text.size() == 1 || text[0] != '0') return "";
        return say("a leading zero means octal to some; write ", without_leading_zeros(text),
                   hex_taken ? say(", or 0x", text, " if it is hex") : std::string());
    }
    if (is_hex(text)) {
        if (hex_taken) return "";
        return say("write it in decimal",
                   text.size() <= 18 ? say(": ", std::to_string(value_of(text.substr(2), 16)))
                                     : std::string());
    }
    if (text.find_first_not_of("0123456789_,'") == text.npos) return "write the digits only";
    if (text[0] == '+' || text[0] == '-') return "write it without a sign";
    return hex_taken ? "write decimal digits, or hex digits after 0x" : "write decimal digits";
}

std::string range_remedy(const Scalar& scalar, std::uint64_t value, const NumberRule& rule) {
    const bool hex_meant = rule.base == NumberRule::Base::decimal_or_hex &&
                           all_digits(scalar.text) && scalar.text.size() <= 4;
    if (hex_meant) return say("write 0x", scalar.text, " if it is hex");
    if (value > rule.max) return say("the most is ", std::to_string(rule.max));
    if (value < rule.min) return say("the least is ", std::to_string(rule.min));
    const std::uint64_t below = std::bit_floor(value);
    return say("the nearest are ", std::to_string(below), " and ", std::to_string(below * 2));
}

/// Paths and interfaces are named in messages as they are, and a terminal obeys control characters.
bool printable(std::string_view text) {
    return !find_bad_text(text) && text.find_first_of("\t\r\n") == text.npos;
}

bool is_name_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

std::string named(const Owner& owner) {
    if (owner.kind.empty()) return "the node file";
    if (owner.name.empty()) return say("this ", owner.kind);
    return say(owner.kind, " ", shown(owner.name));
}

std::string of(const Owner& owner) {
    return owner.kind.empty() ? std::string() : say(" of ", named(owner));
}

Scalar scalar_of(const Node& node, const Field& field, std::string_view expected,
                 Diagnostics& diagnostics) {
    Scalar scalar{node.text, node.at, Scalar::State::present, node.quoted};
    if (node.kind == Node::Kind::scalar) return scalar;
    scalar.state = Scalar::State::broken;
    if (node.kind == Node::Kind::broken) return scalar;
    const bool missing = node.kind == Node::Kind::nothing;
    diagnostics.error(
        node.at, say("expected ", expected, " for `", field.key, "`", of(field.owner), ", found ",
                     described(node),
                     missing ? "; write the value, or remove the key" : "; write a single value"));
    return scalar;
}

std::optional<std::uint32_t> read_number(const Scalar& scalar, const Field& field,
                                         const NumberRule& rule, Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const std::string remedy = number_remedy(scalar, rule);
    if (!remedy.empty()) {
        mismatch(scalar, field, expected_number(rule), remedy, diagnostics);
        return std::nullopt;
    }
    const bool hex = scalar.text.size() > 1 && (scalar.text[1] == 'x' || scalar.text[1] == 'X');
    const std::uint64_t value =
        hex ? value_of(scalar.text.substr(2), 16) : value_of(scalar.text, 10);
    const bool steps = rule.step == NumberRule::Step::one || std::has_single_bit(value);
    if (value >= rule.min && value <= rule.max && steps) return static_cast<std::uint32_t>(value);
    mismatch(scalar, field, expected_number(rule), range_remedy(scalar, value, rule), diagnostics);
    return std::nullopt;
}

std::optional<std::string> read_name(const Scalar& scalar, const Field& field,
                                     Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const std::string_view text = scalar.text;
    const auto bad = std::find_if_not(text.begin(), text.end(), is_name_letter);
    if (!text.empty() && text.size() <= name_bytes_max && bad == text.end()) {
        return std::string(text);
    }
    std::string remedy = "write a name";
    if (bad != text.end()) {
        const std::size_t len =
            std::min<std::size_t>(static_cast<std::uint8_t>(*bad) < 0x80 ? 1 : 4,
                                  static_cast<std::size_t>(text.end() - bad));
        remedy = *bad == ' '
                     ? "take out the blank"
                     : say("take out ",
                           shown(std::string_view(bad, bad + static_cast<std::ptrdiff_t>(len))));
    } else if (text.size() > name_bytes_max) {
        remedy = say("it has ", std::to_string(text.size()), " letters: shorten it");
    }
    mismatch(scalar, field, "a name of 1 to 64 letters, digits, `.`, `_` and `-`", remedy,
             diagnostics);
    return std::nullopt;
}

std::optional<std::string> read_interface(const Scalar& scalar, const Field& field,
                                          Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const std::string_view text = scalar.text;
    const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
        return static_cast<std::uint8_t>(c) > 0x20 && c != 0x7f && c != '/' && c != ':';
    });
    if (!text.empty() && text.size() <= interface_bytes_max && letters && printable(text) &&
        text != "." && text != "..") {
        return std::string(text);
    }
    const std::string remedy =
        text.size() > interface_bytes_max
            ? say("it has ", std::to_string(text.size()), " bytes: shorten it")
            : std::string("`ip link` lists the names there are");
    mismatch(scalar, field, "an interface name of 1 to 15 bytes without blank, `/` and `:`", remedy,
             diagnostics);
    return std::nullopt;
}

std::optional<std::string> read_path(const Scalar& scalar, const Field& field,
                                     Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const bool fits = !scalar.text.empty() && scalar.text.size() <= path_bytes_max;
    if (fits && printable(scalar.text)) return std::string(scalar.text);
    mismatch(scalar, field,
             fits ? "a path without control characters" : "a path of 1 to 4095 bytes",
             fits                  ? "take them out"
             : scalar.text.empty() ? "write the path, or remove the key"
                                   : "shorten it",
             diagnostics);
    return std::nullopt;
}

std::optional<std::size_t> read_word(const Scalar& scalar, const Field& field,
                                     std::span<const std::string_view> words,
                                     Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const auto word = std::find(words.begin(), words.end(), scalar.text);
    if (word != words.end()) return static_cast<std::size_t>(word - words.begin());
    diagnostics.error(
        scalar.at, say("expected one of ", listed(words), " for `", field.key, "`", of(field.owner),
                       ", found ", found(scalar),
                       nearest(scalar.text, words) ? did_you_mean(scalar.text, words)
                                                   : std::string("; choose one of these")));
    return std::nullopt;
}

std::optional<bool> read_bool(const Scalar& scalar, const Field& field, Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    if (!scalar.quoted && scalar.text == "true") return true;
    if (!scalar.quoted && scalar.text == "false") return false;
    static constexpr std::array<std::string_view, 10> yes = {"True", "TRUE", "yes", "Yes", "YES",
                                                             "on",   "On",   "ON",  "1",   "true"};
    static constexpr std::array<std::string_view, 10> no = {"False", "FALSE", "no",  "No", "NO",
                                                            "off",   "Off",   "OFF", "0",  "false"};
    const bool means_yes = std::find(yes.begin(), yes.end(), scalar.text) != yes.end();
    const bool means_no = std::find(no.begin(), no.end(), scalar.text) != no.end();
    mismatch(scalar, field, "true or false",
             means_yes  ? "write true"
             : means_no ? "write false"
                        : "write one of the two",
             diagnostics);
    return std::nullopt;
}

std::optional<engine::MacAddress> read_mac(const Scalar& scalar, const Field& field,
                                           Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    const auto mac = engine::parse_mac(scalar.text);
    if (!mac) {
        mismatch(scalar, field, "a MAC address", "write it as 02:00:00:00:00:01", diagnostics);
    }
    return mac;
}

std::optional<engine::IpPrefix> read_prefix(const Scalar& scalar, const Field& field,
                                            BareAddress bare, Diagnostics& diagnostics) {
    if (!scalar.present()) return std::nullopt;
    if (const auto prefix = engine::parse_prefix(scalar.text)) return prefix;
    const auto address = engine::parse_ip(scalar.text);
    if (address && bare == BareAddress::taken) {
        return engine::IpPrefix{*address, static_cast<std::uint8_t>(address->bits())};
    }
    const std::string_view expected = bare == BareAddress::taken
                                          ? "an IP address, or a prefix as ADDRESS/LEN,"
                                          : "an IP address with prefix length, ADDRESS/LEN,";
    std::string remedy = "write it as 192.0.2.1/24 or 2001:db8::1/64";
    if (address) {
        remedy = say("add the length of its network: ", scalar.text, address->v6 ? "/64" : "/24",
                     ", or ", scalar.text, address->v6 ? "/128" : "/32", " for it alone");
    } else if (engine::parse_endpoint(scalar.text)) {
        remedy = "leave out the UDP port";
    }
    mismatch(scalar, field, expected, remedy, diagnostics);
    return std::nullopt;
}

}  // namespace lanes::config
