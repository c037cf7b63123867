// See address.hh. IPv6 text is left to inet_pton and inet_ntop.
#include "engine/address.hh"

#include <arpa/inet.h>

#include <charconv>
#include <cstdio>
#include <cstring>

namespace lanes::engine {
namespace {

/// A decimal number without sign, blanks or leading zeros, at most `max`.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > max)
        return std::nullopt;
    return value;
}

}  // namespace

bool IpPrefix::contains(const IpAddress& other) const noexcept {
    if (other.v6 != address.v6) return false;
    const unsigned whole = len / 8;
    if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
    if (len % 8 == 0) return true;
    const unsigned mask = (0xff00u >> (len % 8)) & 0xffu;
    return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    if (text.size() != 17) return std::nullopt;
    MacAddress mac;
    for (std::size_t i = 0; i < 6; ++i) {
        if (i > 0 && text[i * 3 - 1] != ':') return std::nullopt;
        const char* digits = text.data() + i * 3;
        const auto [end, error] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
        if (error != std::errc{} || end != digits + 2) return std::nullopt;
    }
    return mac;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
    char terminated[INET6_ADDRSTRLEN];
    if (text.size() >= sizeof terminated || text.find('\0') != text.npos) return std::nullopt;
    std::memcpy(terminated, text.data(), text.size());
    terminated[text.size()] = '\0';
    IpAddress address;
    address.v6 = text.find(':') != text.npos;
    if (::inet_pton(address.v6 ? AF_INET6 : AF_INET, terminated, address.bytes.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

std::optional<IpPrefix> parse_prefix(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == text.npos) return std::nullopt;
    const auto address = parse_ip(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto len = parse_decimal(text.substr(slash + 1), address->bits());
    if (!len) return std::nullopt;
    return IpPrefix{*address, static_cast<std::uint8_t>(*len)};
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = parse_ip(host);
    if (!address || address->v6 != bracketed) return std::nullopt;
    const auto port = parse_decimal(text.substr(colon + 1), 65535);
    if (!port || *port == 0) return std::nullopt;
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string to_string(const MacAddress& mac) {
    char text[18];
    std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1],
                  mac.bytes[2], mac.bytes[3], mac.bytes[4], mac.bytes[5]);
    return text;
}

std::string to_string(const IpAddress& address) {
    char text[INET6_ADDRSTRLEN];
    ::inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
    return text;
}

std::string to_string(const IpPrefix& prefix) {
    return to_string(prefix.address) + "/" + std::to_string(prefix.len);
}

std::string to_string(const Endpoint& endpoint) {
    const std::string host = to_string(endpoint.address);
    return (endpoint.address.v6 ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port);
}

}  // namespace lanes::engine
