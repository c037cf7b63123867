// Keys and nonces of a session's subspaces (Lanes/1, "Keys of a session"): each sending worker has
// a key and an IV of its own, derived from the session's one secret, so that workers share no
// counter. Control derives; workers make nonces, a whole run before the cipher starts.
#pragma once

#include <array>
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

/// The nonce of a packet: the IV, with the sequence number laid over its last eight bytes.
inline Iv make_nonce(const Iv& iv, std::uint64_t sequence) noexcept {
    Iv nonce = iv;
    std::uint64_t low;
    std::memcpy(&low, nonce.data() + 4, sizeof low);
    std::byte big[sizeof low];
    store_big(big, sequence);
    std::uint64_t over;
    std::memcpy(&over, big, sizeof over);
    low ^= over;
    std::memcpy(nonce.data() + 4, &low, sizeof low);
    return nonce;
}

}  // namespace lanes::crypto
