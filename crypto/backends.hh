// What the backends share among themselves and with select_backend; nobody else includes this.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include "crypto/aead.hh"

namespace lanes::crypto {

Outcome<std::unique_ptr<Backend>> make_libsodium();
/// Present only in builds with the `ipsec_mb` feature.
Outcome<std::unique_ptr<Backend>> make_ipsec_mb();

inline constexpr const char* no_hardware_aes =
    "aes-256-gcm needs a CPU with AES-NI, PCLMULQDQ and SSSE3, which this one lacks: use "
    "chacha20-poly1305 on both ends";

/// In constant time: no branch on what the tags hold.
inline bool same_tag(const std::byte* a, const std::byte* b) noexcept {
    std::uint64_t left[2], right[2];
    std::memcpy(left, a, tag_bytes);
    std::memcpy(right, b, tag_bytes);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

/// The end of a job that must leave nothing behind.
inline void refuse(Job& job) noexcept {
    job.ok = false;
    if (job.len > 0) std::memset(job.destination, 0, job.len);
}

/// Stops the program when `key` is not one of `backend`: its bytes would mean something else.
inline void check_key(const AeadKey& key, BackendKind backend) noexcept {
    if (!key || key.backend() != backend) misuse("a key of another backend, or none");
}

}  // namespace lanes::crypto
