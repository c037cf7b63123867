// From one piece of text with a place to one checked value: numbers, names, words, addresses. The
// text is a YAML scalar or a cell of a CSV table; both go through here, so that one set of messages
// serves both. Each reader reports what is wrong and returns nothing then.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/diagnostics.hh"
#include "config/tree.hh"
#include "engine/address.hh"

namespace lanes::config {

/// A value as written. The text belongs to the tree or to the row it came from.
struct Scalar {
    enum class State : std::uint8_t {
        absent,
        present,
        broken,  ///< was there, and was reported: no reader says more about it
    };

    std::string_view text;
    Place at;
    State state = State::absent;
    bool quoted = false;  ///< in YAML quotes: never a number

    bool absent() const noexcept { return state == State::absent; }
    bool present() const noexcept { return state == State::present; }
};

/// Whose key it is, for messages: {"port", "lan"}; no name: "this port"; no kind: the node itself.
struct Owner {
    std::string_view kind;
    std::string_view name;
};

/// "port `lan`", "this port", "the node file".
std::string named(const Owner& owner);

/// " of port `lan`", " of this port", "".
std::string of(const Owner& owner);

/// A key and whose it is.
struct Field {
    std::string_view key;
    Owner owner;
};

/// The scalar that `node` is; anything else is reported. `expected` says what should be there.
Scalar scalar_of(const Node& node, const Field& field, std::string_view expected,
                 Diagnostics& diagnostics);

struct NumberRule {
    enum class Base : std::uint8_t { decimal, decimal_or_hex };
    enum class Step : std::uint8_t { one, power_of_two };

    std::uint32_t min;
    std::uint32_t max;
    Base base = Base::decimal;
    Step step = Step::one;
    std::string_view or_else = "";  ///< other values that the key takes: " or `none`"
};

std::optional<std::uint32_t> read_number(const Scalar& scalar, const Field& field,
                                         const NumberRule& rule, Diagnostics& diagnostics);

/// [A-Za-z0-9._-]{1,64}
std::optional<std::string> read_name(const Scalar& scalar, const Field& field,
                                     Diagnostics& diagnostics);

/// Name of a network interface: 1 to 15 bytes (IFNAMSIZ), no blank, slash or colon, not `.`, `..`.
std::optional<std::string> read_interface(const Scalar& scalar, const Field& field,
                                          Diagnostics& diagnostics);

/// 1 to 4095 bytes (PATH_MAX).
std::optional<std::string> read_path(const Scalar& scalar, const Field& field,
                                     Diagnostics& diagnostics);

/// Index of the word in `words`.
std::optional<std::size_t> read_word(const Scalar& scalar, const Field& field,
                                     std::span<const std::string_view> words,
                                     Diagnostics& diagnostics);

/// `true` or `false` and nothing else.
std::optional<bool> read_bool(const Scalar& scalar, const Field& field, Diagnostics& diagnostics);

std::optional<engine::MacAddress> read_mac(const Scalar& scalar, const Field& field,
                                           Diagnostics& diagnostics);

enum class BareAddress : std::uint8_t {
    refused,  ///< only ADDRESS/LEN
    taken,    ///< ADDRESS stands for ADDRESS/32 or ADDRESS/128
};
std::optional<engine::IpPrefix> read_prefix(const Scalar& scalar, const Field& field,
                                            BareAddress bare, Diagnostics& diagnostics);

}  // namespace lanes::config
