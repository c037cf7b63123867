// HKDF-SHA256: RFC 5869, sections 2.2 and 2.3.
#include "crypto/hkdf.hh"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace lanes::crypto {

static_assert(hash_bytes == crypto_auth_hmacsha256_BYTES);

Secret<hash_bytes> hkdf_extract(Bytes salt, Bytes input) {
    Secret<hash_bytes> key;
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, octets(salt), salt.size());
    crypto_auth_hmacsha256_update(&state, octets(input), input.size());
    crypto_auth_hmacsha256_final(&state, octets(key.bytes().data()));
    sodium_memzero(&state, sizeof state);
    return key;
}

void hkdf_expand(Bytes pseudorandom_key, Bytes info, std::span<std::byte> output) noexcept {
    if (output.size() > hkdf_output_bytes_max) misuse("more than HKDF-SHA256 can give");
    crypto_auth_hmacsha256_state state;
    std::byte block[hash_bytes];
    std::size_t block_len = 0;  // T(0) is empty
    std::byte counter{1};
    for (std::size_t at = 0; at < output.size();) {
        crypto_auth_hmacsha256_init(&state, octets(pseudorandom_key), pseudorandom_key.size());
        crypto_auth_hmacsha256_update(&state, octets(block), block_len);
        crypto_auth_hmacsha256_update(&state, octets(info), info.size());
        crypto_auth_hmacsha256_update(&state, octets(&counter), 1);
        crypto_auth_hmacsha256_final(&state, octets(block));
        block_len = hash_bytes;
        const std::size_t len = std::min(output.size() - at, block_len);
        std::memcpy(output.data() + at, block, len);
        at += len;
        counter = static_cast<std::byte>(std::to_integer<unsigned>(counter) + 1);
    }
    sodium_memzero(&state, sizeof state);
    sodium_memzero(block, sizeof block);
}

}  // namespace lanes::crypto
