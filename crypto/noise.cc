// The symmetric state of the Noise framework, as far as one message of Kpsk0 needs it (section 5.2
// of the specification), and the two ways through the pattern. Names follow the specification: ck
// chaining key, h handshake hash, k cipher key. k is used once, so its nonce is always zero.
#include "crypto/noise.hh"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace lanes::crypto {

namespace {

constexpr std::string_view protocol_name = "Noise_Kpsk0_25519_ChaChaPoly_SHA256";
static_assert(protocol_name.size() > hash_bytes, "so h starts as its hash, not as itself");

constexpr unsigned char zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = {};

class SymmetricState {
  public:
    SymmetricState() {
        crypto_hash_sha256(octets(h_.data()), octets(bytes_of(protocol_name).data()),
                           protocol_name.size());
        std::copy(h_.begin(), h_.end(), ck_.bytes().begin());
    }

    void mix_hash(Bytes data) noexcept {
        crypto_hash_sha256_state state;
        crypto_hash_sha256_init(&state);
        crypto_hash_sha256_update(&state, octets(h_.data()), h_.size());
        crypto_hash_sha256_update(&state, octets(data), data.size());
        crypto_hash_sha256_final(&state, octets(h_.data()));
    }

    void mix_key(Bytes input) {
        Secret<2 * hash_bytes> output;
        expand(input, output.bytes());
        take(output.bytes().first(hash_bytes), ck_);
        take(output.bytes().last(hash_bytes), k_);
    }

    void mix_key_and_hash(Bytes input) {
        Secret<3 * hash_bytes> output;
        expand(input, output.bytes());
        take(output.bytes().first(hash_bytes), ck_);
        mix_hash(output.bytes().subspan(hash_bytes, hash_bytes));
        take(output.bytes().last(hash_bytes), k_);
    }

    void encrypt_and_hash(Bytes text, std::span<std::byte> sealed) noexcept {
        crypto_aead_chacha20poly1305_ietf_encrypt(octets(sealed.data()), nullptr, octets(text),
                                                  text.size(), octets(h_.data()), h_.size(),
                                                  nullptr, zero_nonce, octets(k_.bytes().data()));
        mix_hash(sealed);
    }

    bool decrypt_and_hash(Bytes sealed, std::span<std::byte> text) noexcept {
        const int status = crypto_aead_chacha20poly1305_ietf_decrypt(
            octets(text.data()), nullptr, nullptr, octets(sealed.data()), sealed.size(),
            octets(h_.data()), h_.size(), zero_nonce, octets(k_.bytes().data()));
        mix_hash(sealed);
        return status == 0;
    }

    const NoiseHash& hash() const noexcept { return h_; }

  private:
    /// The HKDF of Noise is that of RFC 5869 with ck as salt and no info.
    void expand(Bytes input, std::span<std::byte> output) const {
        hkdf_expand(hkdf_extract(ck_.bytes(), input).bytes(), {}, output);
    }

    static void take(Bytes from, Secret<hash_bytes>& to) noexcept {
        std::copy(from.begin(), from.end(), to.bytes().begin());
    }

    NoiseHash h_;
    Secret<hash_bytes> ck_;
    Secret<hash_bytes> k_;
};

/// Pre-messages `-> s`, `<- s`, and the token psk.
void begin(SymmetricState& state, Bytes prologue, const PublicKey& sender,
           const PublicKey& receiver, const NoisePsk& psk) {
    state.mix_hash(prologue);
    state.mix_hash(sender.bytes);
    state.mix_hash(receiver.bytes);
    state.mix_key_and_hash(psk.bytes());
}

/// Token e; with a psk in the pattern it also enters the key.
void mix_ephemeral(SymmetricState& state, Bytes ephemeral) {
    state.mix_hash(ephemeral);
    state.mix_key(ephemeral);
}

bool mix_agreed(SymmetricState& state, const PrivateKey& own, const PublicKey& other) {
    Secret<point_bytes> agreed;
    if (!agree(own, other, agreed)) return false;
    state.mix_key(agreed.bytes());
    return true;
}

}  // namespace

bool noise_write(const KeyPair& sender, const PublicKey& receiver, const NoisePsk& psk,
                 Bytes prologue, Bytes payload, Random& random, std::span<std::byte> message,
                 NoiseHash* hash) {
    if (message.size() != payload.size() + noise_overhead_bytes) misuse("a noise message's length");
    SymmetricState state;
    begin(state, prologue, sender.open, receiver, psk);
    const KeyPair ephemeral = KeyPair::generate(random);
    std::copy(ephemeral.open.bytes.begin(), ephemeral.open.bytes.end(), message.begin());
    mix_ephemeral(state, ephemeral.open.bytes);
    if (!mix_agreed(state, ephemeral.secret, receiver) ||
        !mix_agreed(state, sender.secret, receiver)) {
        std::fill(message.begin(), message.end(), std::byte{0});
        return false;
    }
    state.encrypt_and_hash(payload, message.subspan(point_bytes));
    if (hash != nullptr) *hash = state.hash();
    return true;
}

bool noise_read(const KeyPair& receiver, const PublicKey& sender, const NoisePsk& psk,
                Bytes prologue, Bytes message, std::span<std::byte> payload, NoiseHash* hash) {
    if (message.size() != payload.size() + noise_overhead_bytes) misuse("a noise message's length");
    SymmetricState state;
    begin(state, prologue, sender, receiver.open, psk);
    PublicKey ephemeral;
    std::copy_n(message.begin(), point_bytes, ephemeral.bytes.begin());
    mix_ephemeral(state, ephemeral.bytes);
    if (!mix_agreed(state, receiver.secret, ephemeral) ||
        !mix_agreed(state, receiver.secret, sender) ||
        !state.decrypt_and_hash(message.subspan(point_bytes), payload)) {
        std::fill(payload.begin(), payload.end(), std::byte{0});
        return false;
    }
    if (hash != nullptr) *hash = state.hash();
    return true;
}

}  // namespace lanes::crypto
