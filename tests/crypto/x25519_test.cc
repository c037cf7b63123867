// X25519 against RFC 7748, sections 5.2 and 6.1, and the points with which nothing is secret.
#include "crypto/x25519.hh"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/crypto/support.hh"

using namespace lanes::crypto;
using test::hex;
using test::to_hex;

namespace {

PrivateKey private_key(std::string_view text) {
    return {test::secret<32>(text)};
}

PublicKey public_key(std::string_view text) {
    PublicKey key;
    const auto bytes = hex(text);
    std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
    return key;
}

std::string product(const PrivateKey& scalar, const PublicKey& point) {
    Secret<32> agreed;
    REQUIRE(agree(scalar, point, agreed));
    return to_hex(agreed.bytes());
}

/// Every encoding of the points of order 1, 2, 4 and 8, as libsodium and RFC 7748's readers list
/// them.
const std::string low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

}  // namespace

TEST_CASE("X25519 gives what RFC 7748 prints") {
    CHECK(product(private_key("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                  public_key("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")) ==
          "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    CHECK(product(private_key("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
                  public_key("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")) ==
          "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST_CASE("X25519 iterated a thousand times gives what RFC 7748 prints") {
    std::string k = "0900000000000000000000000000000000000000000000000000000000000000";
    std::string u = k;
    for (int i = 1; i <= 1000; ++i) {
        const std::string result = product(private_key(k), public_key(u));
        u = k;
        k = result;
        if (i == 1) {
            REQUIRE(k == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
        }
    }
    CHECK(k == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("two key pairs of RFC 7748 have their public keys and agree") {
    const auto alice =
        KeyPair::of(private_key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc099"
                                "2ab177fba51db92c2a"));
    const auto bob = KeyPair::of(
        private_key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    CHECK(to_hex(alice.open.bytes) ==
          "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    CHECK(to_hex(bob.open.bytes) ==
          "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const std::string both = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    CHECK(product(alice.secret, bob.open) == both);
    CHECK(product(bob.secret, alice.open) == both);
}

TEST_CASE("agreement with a point of low order is refused and leaves zeros") {
    const auto own = KeyPair::generate(system_random());
    for (const std::string& point : low_order) {
        for (const unsigned high_bit : {0u, 0x80u}) {
            PublicKey other = public_key(point);
            other.bytes[31] |= static_cast<std::byte>(high_bit);
            CAPTURE(to_hex(other.bytes));
            auto agreed = test::secret<32>(std::string(64, 'a'));
            CHECK_FALSE(agree(own.secret, other, agreed));
            CHECK(agreed.is_zero());
            CHECK(is_low_order(other));
        }
    }
    CHECK_FALSE(is_low_order(own.open));
}

TEST_CASE("key pairs come from the random source that they are given") {
    test::Script script(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    CHECK(to_hex(KeyPair::generate(script).open.bytes) ==
          "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    CHECK(KeyPair::generate(system_random()).open != KeyPair::generate(system_random()).open);
}
