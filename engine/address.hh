// Addresses as plain values: MAC, IPv4/IPv6, prefix and UDP endpoint, with strict parsing and
// canonical text. Used by every folder; knows nothing of sockets.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lanes::engine {

struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};
    auto operator<=>(const MacAddress&) const = default;
    bool multicast() const noexcept { return (bytes[0] & 1) != 0; }
};

/// IPv4 occupies the first four bytes; the rest is zero then.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    bool v6 = false;
    auto operator<=>(const IpAddress&) const = default;
    bool unspecified() const noexcept { return bytes == std::array<std::uint8_t, 16>{}; }
    unsigned bits() const noexcept { return v6 ? 128 : 32; }
};

struct IpPrefix {
    IpAddress address;  ///< as written; host bits are kept (an interface address is one of these)
    std::uint8_t len = 0;
    auto operator<=>(const IpPrefix&) const = default;
    bool contains(const IpAddress& other) const noexcept;
};

struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;
    auto operator<=>(const Endpoint&) const = default;
};

/// "02:00:5e:10:00:01", hex digits in either case, colons only.
std::optional<MacAddress> parse_mac(std::string_view text);
/// Dotted quad without leading zeros, or RFC 4291 text; no scope ids.
std::optional<IpAddress> parse_ip(std::string_view text);
/// ADDRESS/LEN; LEN without leading zeros and at most 32 or 128.
std::optional<IpPrefix> parse_prefix(std::string_view text);
/// "192.0.2.1:4790" or "[2001:db8::1]:4790"; port 1 to 65535.
std::optional<Endpoint> parse_endpoint(std::string_view text);

std::string to_string(const MacAddress& mac);
std::string to_string(const IpAddress& address);  ///< IPv6 as RFC 5952 has it
std::string to_string(const IpPrefix& prefix);
std::string to_string(const Endpoint& endpoint);

}  // namespace lanes::engine
