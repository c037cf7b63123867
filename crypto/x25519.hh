// X25519 (RFC 7748): key pairs and agreement, in types that cannot be mixed up. Low-order points,
// with which anyone would know the agreed secret, are refused. Control and set-up path only.
#pragma once

#include <array>
#include <cstddef>

#include "crypto/random.hh"
#include "crypto/secret.hh"

namespace lanes::crypto {

inline constexpr std::size_t point_bytes = 32;

struct PublicKey {
    std::array<std::byte, point_bytes> bytes{};
    bool operator==(const PublicKey&) const = default;
};

struct PrivateKey {
    Secret<point_bytes> secret;
};

struct KeyPair {
    PrivateKey secret;
    PublicKey open;

    /// The pair whose private half is `secret`.
    static KeyPair of(PrivateKey secret);
    static KeyPair generate(Random& random);
};

PublicKey public_of(const PrivateKey& secret) noexcept;

/// Writes what both ends can compute into `agreed`; false, and zeros, when `other` is a low-order
/// point. Not uniform: hash it before use.
[[nodiscard]] bool agree(const PrivateKey& own, const PublicKey& other,
                         Secret<point_bytes>& agreed) noexcept;

/// Whether `key` is one of the points with which every agreement gives zeros.
bool is_low_order(const PublicKey& key);

}  // namespace lanes::crypto
