// The one message of Noise_Kpsk0_25519_ChaChaPoly_SHA256 (Noise revision 34, sections 7.4 and 9):
// `-> psk, e, es, ss`, both statics known beforehand, nothing comes back. It carries a lane's
// secret to one receiver. Control only: each way costs two X25519 multiplications, writing one
// more.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "crypto/bytes.hh"
#include "crypto/hkdf.hh"
#include "crypto/x25519.hh"

namespace lanes::crypto {

/// What a message has beside its payload: the ephemeral public key and the tag.
inline constexpr std::size_t noise_overhead_bytes = point_bytes + 16;

using NoisePsk = Secret<32>;
/// After the message: the same on both ends, different for every message. For tests.
using NoiseHash = std::array<std::byte, hash_bytes>;

/// Writes `message` (payload.size() + noise_overhead_bytes). False, and zeros, when the receiver's
/// key is a low-order point. `psk` is zeros where there is none.
[[nodiscard]] bool noise_write(const KeyPair& sender, const PublicKey& receiver,
                               const NoisePsk& psk, Bytes prologue, Bytes payload, Random& random,
                               std::span<std::byte> message, NoiseHash* hash = nullptr);

/// Reads `message` into `payload` (message.size() - noise_overhead_bytes). False, and zeros, when
/// it is not from `sender` to `receiver` with that psk and prologue, or its ephemeral is a
/// low-order point.
[[nodiscard]] bool noise_read(const KeyPair& receiver, const PublicKey& sender, const NoisePsk& psk,
                              Bytes prologue, Bytes message, std::span<std::byte> payload,
                              NoiseHash* hash = nullptr);

}  // namespace lanes::crypto
