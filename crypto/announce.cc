// Announcements: Noise with the header in the prologue, ChaCha20-Poly1305 under a key made from the
// shared secret, and the keyed BLAKE2b that keeps forgeries away from both.
#include "crypto/announce.hh"

#include <sodium.h>

#include <algorithm>

#include "crypto/bytes.hh"
#include "crypto/hkdf.hh"

namespace lanes::crypto {

namespace {

constexpr std::string_view prologue_label = "lanes/1";
constexpr std::string_view shared_label = "lanes/1 psk announce";
constexpr std::string_view mac1_label = "lanes/1 mac1";
constexpr std::size_t e_bytes = 32;
constexpr unsigned char zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {};

using Prologue = std::array<std::byte, prologue_label.size() + announce_header_bytes>;

Prologue prologue_of(AnnounceHeader header) noexcept {
    Prologue prologue;
    const Bytes label = bytes_of(prologue_label);
    std::copy(header.begin(), header.end(),
              std::copy(label.begin(), label.end(), prologue.begin()));
    return prologue;
}

/// The key of one announcement in mode 1; `e` makes it another one each time, so its nonce is zero.
Secret<32> shared_key(const SharedSecret& psk, Bytes e) {
    Secret<32> key;
    hkdf_expand(hkdf_extract(e, psk.secret.bytes()).bytes(), bytes_of(shared_label), key.bytes());
    return key;
}

using Associated = std::array<std::byte, announce_header_bytes + e_bytes>;

Associated associated_of(AnnounceHeader header, Bytes e) noexcept {
    Associated associated;
    std::copy(e.begin(), e.end(), std::copy(header.begin(), header.end(), associated.begin()));
    return associated;
}

}  // namespace

bool seal_announce_keys(const KeyPair& sender, const PublicKey& receiver, const SharedSecret& psk,
                        AnnounceHeader header, const AnnouncePayload& payload, Random& random,
                        std::span<std::byte, announce_body_bytes> body) {
    return noise_write(sender, receiver, psk.secret, prologue_of(header), payload.bytes(), random,
                       body);
}

bool open_announce_keys(const KeyPair& receiver, const PublicKey& sender, const SharedSecret& psk,
                        AnnounceHeader header, std::span<const std::byte, announce_body_bytes> body,
                        AnnouncePayload& payload) {
    return noise_read(receiver, sender, psk.secret, prologue_of(header), body, payload.bytes());
}

void seal_announce_secret(const SharedSecret& psk, AnnounceHeader header,
                          const AnnouncePayload& payload, Random& random,
                          std::span<std::byte, announce_body_bytes> body) {
    const auto e = body.first<e_bytes>();
    random.fill(e);
    const Secret<32> key = shared_key(psk, e);
    const Associated associated = associated_of(header, e);
    crypto_aead_chacha20poly1305_ietf_encrypt(
        octets(body.data() + e_bytes), nullptr, octets(payload.bytes().data()),
        announce_payload_bytes, octets(associated.data()), associated.size(), nullptr, zero_nonce,
        octets(key.bytes().data()));
}

bool open_announce_secret(const SharedSecret& psk, AnnounceHeader header,
                          std::span<const std::byte, announce_body_bytes> body,
                          AnnouncePayload& payload) {
    const auto e = body.first<e_bytes>();
    const Secret<32> key = shared_key(psk, e);
    const Associated associated = associated_of(header, e);
    const auto sealed = body.subspan<e_bytes>();
    const int status = crypto_aead_chacha20poly1305_ietf_decrypt(
        octets(payload.bytes().data()), nullptr, nullptr, octets(sealed.data()), sealed.size(),
        octets(associated.data()), associated.size(), zero_nonce, octets(key.bytes().data()));
    if (status == 0) return true;
    payload.wipe();
    return false;
}

Mac1::Mac1(const SharedSecret& psk, const PublicKey& receiver) {
    crypto_generichash_state state;
    const Bytes label = bytes_of(mac1_label);
    crypto_generichash_init(&state, nullptr, 0, key_.len);
    crypto_generichash_update(&state, octets(label.data()), label.size());
    crypto_generichash_update(&state, octets(psk.secret.bytes().data()), psk.secret.len);
    crypto_generichash_update(&state, octets(receiver.bytes.data()), receiver.bytes.size());
    crypto_generichash_final(&state, octets(key_.bytes().data()), key_.len);
    sodium_memzero(&state, sizeof state);
}

void Mac1::write(Covered covered, std::span<std::byte, mac1_bytes> mac) const noexcept {
    crypto_generichash(octets(mac.data()), mac.size(), octets(covered.data()), covered.size(),
                       octets(key_.bytes().data()), key_.len);
}

bool Mac1::matches(Covered covered, std::span<const std::byte, mac1_bytes> mac) const noexcept {
    std::array<std::byte, mac1_bytes> expected;
    write(covered, expected);
    return sodium_memcmp(expected.data(), mac.data(), mac.size()) == 0;
}

}  // namespace lanes::crypto
