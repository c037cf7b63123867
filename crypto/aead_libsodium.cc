// AEAD by libsodium: portable, always there, one packet at a time, and the oracle for the others.
// Its AES-256-GCM exists only for CPUs with AES-NI and PCLMULQDQ; there is none in software, on
// purpose (tables leak through the cache), so elsewhere the suite is said to be unavailable.
#include <sodium.h>

#include <cstring>

#include "crypto/backends.hh"
#include "crypto/bytes.hh"

namespace lanes::crypto {

namespace {

const crypto_aead_aes256gcm_state* gcm_state(const AeadKey& key) noexcept {
    return reinterpret_cast<const crypto_aead_aes256gcm_state*>(key.expanded());
}

bool seal_one(const AeadKey& key, const Job& job) noexcept {
    unsigned char* to = octets(job.destination);
    const unsigned char* from = octets(job.source);
    const unsigned char* nonce = octets(job.nonce.data());
    if (key.suite() == Suite::aes_256_gcm) {
        return crypto_aead_aes256gcm_encrypt_detached_afternm(
                   to, octets(job.tag), nullptr, from, job.len, octets(job.associated),
                   job.associated_len, nullptr, nonce, gcm_state(key)) == 0;
    }
    return crypto_aead_chacha20poly1305_ietf_encrypt_detached(
               to, octets(job.tag), nullptr, from, job.len, octets(job.associated),
               job.associated_len, nullptr, nonce, octets(key.expanded())) == 0;
}

bool open_one(const AeadKey& key, const Job& job) noexcept {
    unsigned char* to = octets(job.destination);
    const unsigned char* from = octets(job.source);
    const unsigned char* tag = octets(static_cast<const std::byte*>(job.tag));
    const unsigned char* nonce = octets(job.nonce.data());
    if (key.suite() == Suite::aes_256_gcm) {
        return crypto_aead_aes256gcm_decrypt_detached_afternm(
                   to, nullptr, from, job.len, tag, octets(job.associated), job.associated_len,
                   nonce, gcm_state(key)) == 0;
    }
    return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
               to, nullptr, from, job.len, tag, octets(job.associated), job.associated_len, nonce,
               octets(key.expanded())) == 0;
}

class Libsodium final : public Backend {
  public:
    BackendKind kind() const noexcept override { return BackendKind::libsodium; }

    const char* unavailable(Suite suite) const noexcept override {
        const bool here =
            suite == Suite::chacha20_poly1305 || crypto_aead_aes256gcm_is_available() == 1;
        return here ? nullptr : no_hardware_aes;
    }

    Outcome<AeadKey> expand(Suite suite, const Secret<aead_key_bytes>& key) const override {
        if (const char* why = unavailable(suite)) return Failure{why};
        const bool gcm = suite == Suite::aes_256_gcm;
        LockedBlock block(gcm ? sizeof(crypto_aead_aes256gcm_state) : aead_key_bytes);
        if (gcm) {
            crypto_aead_aes256gcm_beforenm(
                reinterpret_cast<crypto_aead_aes256gcm_state*>(block.data()),
                octets(key.bytes().data()));
        } else {
            std::memcpy(block.data(), key.bytes().data(), aead_key_bytes);
        }
        return AeadKey(kind(), suite, std::move(block));
    }

    std::size_t seal(const AeadKey& key, std::span<Job> run) noexcept override {
        check_key(key, kind());
        std::size_t good = 0;
        for (Job& job : run) {
            job.ok = seal_one(key, job);
            if (!job.ok) {
                refuse(job);
                std::memset(job.tag, 0, tag_bytes);
            }
            good += job.ok;
        }
        return good;
    }

    std::size_t open(const AeadKey& key, std::span<Job> run) noexcept override {
        check_key(key, kind());
        std::size_t good = 0;
        for (Job& job : run) {
            job.ok = open_one(key, job);
            if (!job.ok) refuse(job);
            good += job.ok;
        }
        return good;
    }
};

}  // namespace

Outcome<std::unique_ptr<Backend>> make_libsodium() {
    if (sodium_init() < 0) return Failure{"libsodium cannot start: no source of randomness"};
    return std::unique_ptr<Backend>(std::make_unique<Libsodium>());
}

}  // namespace lanes::crypto
