// HKDF-SHA256 (RFC 5869), built from crypto_auth_hmacsha256 because libsodium 1.0.18 has no HKDF.
// Every key of the protocol comes out of it. Control and set-up path only.
#pragma once

#include <cstddef>
#include <span>

#include "crypto/bytes.hh"
#include "crypto/secret.hh"

namespace lanes::crypto {

inline constexpr std::size_t hash_bytes = 32;
inline constexpr std::size_t hkdf_output_bytes_max = 255 * hash_bytes;

/// HKDF-Extract: the pseudorandom key of `input`. An empty salt stands for zeros, as in the RFC.
Secret<hash_bytes> hkdf_extract(Bytes salt, Bytes input);

/// HKDF-Expand: fills `output`, at most hkdf_output_bytes_max.
void hkdf_expand(Bytes pseudorandom_key, Bytes info, std::span<std::byte> output) noexcept;

}  // namespace lanes::crypto
