// X25519 by libsodium's crypto_scalarmult.
#include "crypto/x25519.hh"

#include <sodium.h>

#include "crypto/bytes.hh"

namespace lanes::crypto {

static_assert(point_bytes == crypto_scalarmult_curve25519_BYTES);
static_assert(point_bytes == crypto_scalarmult_curve25519_SCALARBYTES);

KeyPair KeyPair::of(PrivateKey secret) {
    const PublicKey open = public_of(secret);
    return {std::move(secret), open};
}

KeyPair KeyPair::generate(Random& random) {
    PrivateKey secret;
    random.fill(secret.secret.bytes());
    return of(std::move(secret));
}

PublicKey public_of(const PrivateKey& secret) noexcept {
    PublicKey open;
    crypto_scalarmult_curve25519_base(octets(open.bytes.data()),
                                      octets(secret.secret.bytes().data()));
    return open;
}

bool agree(const PrivateKey& own, const PublicKey& other, Secret<point_bytes>& agreed) noexcept {
    // The library answers -1 where the result would be all zeros; it is looked at here once more,
    // because on this all of the secrecy depends.
    const int status =
        crypto_scalarmult_curve25519(octets(agreed.bytes().data()),
                                     octets(own.secret.bytes().data()), octets(other.bytes.data()));
    if (status == 0 && !agreed.is_zero()) return true;
    agreed.wipe();
    return false;
}

bool is_low_order(const PublicKey& key) {
    // Clamping makes every scalar a multiple of the cofactor, so any will do.
    PrivateKey any;
    Secret<point_bytes> agreed;
    return !agree(any, key, agreed);
}

}  // namespace lanes::crypto
