// Key text and key files. Base64 by libsodium's codec, which takes no branch on the bytes it sees.
#include "crypto/keys.hh"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "crypto/bytes.hh"
#include "crypto/secret_file.hh"

namespace lanes::crypto {

namespace {

constexpr std::size_t key_bytes = 32;
constexpr int variant = sodium_base64_VARIANT_ORIGINAL;
static_assert(sodium_base64_ENCODED_LEN(key_bytes, variant) == key_text_chars + 1);

void encode(Bytes key, char (&text)[key_text_chars + 1]) {
    sodium_bin2base64(text, sizeof text, octets(key.data()), key.size(), variant);
}

/// False unless `text` is exactly the text of 32 bytes: padded, without spaces, no stray low bits.
bool decode(std::string_view text, std::span<std::byte> key) {
    std::size_t len = 0;
    return text.size() == key_text_chars &&
           sodium_base642bin(octets(key.data()), key.size(), text.data(), text.size(), nullptr,
                             &len, nullptr, variant) == 0 &&
           len == key.size();
}

constexpr const char* not_a_key =
    "not a key: expected 44 characters of base64, as `lanes key` prints them";

/// The 32 bytes of a secret's text; `text` may end in one newline.
Outcome<Secret<key_bytes>> parse_secret(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    Secret<key_bytes> key;
    if (!decode(text, key.bytes())) return Failure{not_a_key};
    if (key.is_zero()) return Failure{"not a key: it is all zeros"};
    return key;
}

KeyText text_of(const Secret<key_bytes>& key) {
    char encoded[key_text_chars + 1];
    encode(key.bytes(), encoded);
    KeyText text;
    std::memcpy(text.bytes().data(), encoded, key_text_chars);
    sodium_memzero(encoded, sizeof encoded);
    return text;
}

/// Reads to the end, but no more than shows that there is too much.
Outcome<Secret<key_bytes>> read_secret_from(int descriptor) {
    Secret<64> text;
    static_assert(decltype(text)::len > key_text_chars + 1);
    std::size_t len = 0;
    while (len < text.len) {
        const ssize_t got = read(descriptor, text.bytes().data() + len, text.len - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Failure{reason("read", errno)};
        if (got == 0) break;
        len += static_cast<std::size_t>(got);
    }
    return parse_secret({reinterpret_cast<const char*>(text.bytes().data()), len});
}

Outcome<Secret<key_bytes>> read_secret(const std::string& path) {
    auto file = SecretFile::open(path);
    if (!file) return Failure{file.message()};
    auto key = read_secret_from(file->descriptor());
    if (!key) return Failure{path + ": " + key.message()};
    return key;
}

/// PrivateKey and SharedSecret are both one named secret.
template <typename Key>
Outcome<Key> named(Outcome<Secret<key_bytes>> secret) {
    if (!secret) return Failure{secret.message()};
    return Key{std::move(*secret)};
}

}  // namespace

std::string to_text(const PublicKey& key) {
    char encoded[key_text_chars + 1];
    encode(key.bytes, encoded);
    return encoded;
}

KeyText to_text(const PrivateKey& key) {
    return text_of(key.secret);
}
KeyText to_text(const SharedSecret& key) {
    return text_of(key.secret);
}

Outcome<PublicKey> parse_public(std::string_view text) {
    PublicKey key;
    if (!decode(text, key.bytes)) return Failure{not_a_key};
    if (is_low_order(key)) {
        return Failure{"not a public key: a point of low order, with which nothing is secret"};
    }
    return key;
}

Outcome<PrivateKey> parse_private(std::string_view text) {
    return named<PrivateKey>(parse_secret(text));
}
Outcome<SharedSecret> parse_shared(std::string_view text) {
    return named<SharedSecret>(parse_secret(text));
}

Outcome<PrivateKey> read_private(const std::string& path) {
    return named<PrivateKey>(read_secret(path));
}
Outcome<SharedSecret> read_shared(const std::string& path) {
    return named<SharedSecret>(read_secret(path));
}
Outcome<PrivateKey> read_private_from(int descriptor) {
    return named<PrivateKey>(read_secret_from(descriptor));
}

SharedSecret generate_shared(Random& random) {
    SharedSecret key;
    random.fill(key.secret.bytes());
    return key;
}

Outcome<void> write_key(int descriptor, const KeyText& text) {
    struct stat status {};
    if (fstat(descriptor, &status) != 0) return Failure{reason("the key's destination", errno)};
    if (S_ISREG(status.st_mode) && fchmod(descriptor, 0600) != 0) {
        return Failure{reason("chmod 600 of the key's file", errno)};
    }
    Secret<key_text_chars + 1> line;
    std::copy(text.bytes().begin(), text.bytes().end(), line.bytes().begin());
    line.bytes().back() = std::byte{'\n'};
    for (std::size_t at = 0; at < line.len;) {
        const ssize_t put = write(descriptor, line.bytes().data() + at, line.len - at);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return Failure{reason("write of the key", errno)};
        at += static_cast<std::size_t>(put);
    }
    return {};
}

}  // namespace lanes::crypto
