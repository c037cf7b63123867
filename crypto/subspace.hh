// Keys and nonces of a session's subspaces (Lanes/1, "Keys of a session"): each sending worker has
// a key and an IV of its own, derived from the session's one secret, so that workers share no
// counter. Control derives; workers make nonces, a whole run before the cipher starts.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "crypto/aead.hh"
#include "crypto/bytes.hh"
#include "crypto/secret.hh"

namespace lanes::crypto {

using SessionSecret = Secret<32>;
using Iv = std::array<std::byte, nonce_bytes>;

/// What names a subspace's key among all keys of a secret.
struct SubspaceName {
    std::uint32_t lane = 0;
    std::uint32_t epoch = 0;
    std::uint16_t subspace = 0;
    Suite suite = Suite::aes_256_gcm;
};

struct SubspaceKey {
    Secret<aead_key_bytes> key;
    Iv iv{};
};

/// HKDF-Expand-SHA256(secret, "lanes/1 data" || lane || epoch || subspace || suite).
SubspaceKey derive_subspace(const SessionSecret& secret, const SubspaceName& name);

/// Writes the nonce of a packet to `nonce`: the IV, with the sequence number laid over its last
/// eight bytes. By two stores and no look at what they wrote: a value made on the stack and copied
/// from there cost 15 clocks a packet, for loads that span two stores.
inline void write_nonce(const Iv& iv, std::uint64_t sequence, Iv& nonce) noexcept {
    std::uint32_t high;
    std::uint64_t low;
    std::memcpy(&high, iv.data(), sizeof high);
    std::memcpy(&low, iv.data() + sizeof high, sizeof low);
    if constexpr (std::endian::native == std::endian::little) {
        sequence = __builtin_bswap64(sequence);
    }
    low ^= sequence;
    std::memcpy(nonce.data(), &high, sizeof high);
    std::memcpy(nonce.data() + sizeof high, &low, sizeof low);
}

inline Iv make_nonce(const Iv& iv, std::uint64_t sequence) noexcept {
    Iv nonce;
    write_nonce(iv, sequence, nonce);
    return nonce;
}

}  // namespace lanes::crypto
