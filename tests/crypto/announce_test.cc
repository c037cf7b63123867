// Announcements, and the keys and nonces of subspaces. The expected bytes were computed by another
// implementation (Python's hashlib, hmac and cryptography) from the text of the protocol.
#include "crypto/announce.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "crypto/subspace.hh"
#include "tests/crypto/support.hh"

using namespace lanes::crypto;
using test::hex;
using test::to_hex;

namespace {

template <std::size_t n>
std::array<std::byte, n> counting(unsigned first) {
    std::array<std::byte, n> bytes;
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

const auto header_bytes = hex("12070000000000651700000001000000");
AnnounceHeader header() {
    return AnnounceHeader(header_bytes.data(), announce_header_bytes);
}
SharedSecret shared() {
    return {Secret<32>(counting<32>(64))};
}
AnnouncePayload payload() {
    return AnnouncePayload(counting<64>(0));
}
using Body = std::array<std::byte, announce_body_bytes>;

const std::string expected_body =
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf4906d9dbd6a675105264ebe971ef93"
    "dc"
    "1434e0518690135aabc5495a32d04f4af6f285fb77d6142ac676d35f034259e5faa24d0e761b1921e29dbb656638f0"
    "17"
    "fa387b32d2a79fa3cc35bd020611737c";

}  // namespace

TEST_CASE("an announcement by shared secret has the bytes of the protocol") {
    const auto e = counting<32>(160);
    test::Script random({e.begin(), e.end()});
    Body body;
    seal_announce_secret(shared(), header(), payload(), random, body);
    CHECK(to_hex(body) == expected_body);
    AnnouncePayload opened;
    REQUIRE(open_announce_secret(shared(), header(), body, opened));
    CHECK((opened == payload()));
}

TEST_CASE("an announcement by shared secret with any bit changed is refused and leaves zeros") {
    const auto good = hex(expected_body);
    for (std::size_t bit = 0; bit < (announce_header_bytes + announce_body_bytes) * 8; ++bit) {
        std::vector<std::byte> all(header_bytes);
        all.insert(all.end(), good.begin(), good.end());
        all[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        AnnouncePayload opened = payload();
        const std::span<const std::byte> bytes(all);
        REQUIRE_FALSE(open_announce_secret(shared(), bytes.first<announce_header_bytes>(),
                                           bytes.last<announce_body_bytes>(), opened));
        REQUIRE(opened.is_zero());
    }
    SharedSecret other = shared();
    other.secret.bytes()[0] ^= std::byte{1};
    AnnouncePayload opened;
    const std::span<const std::byte> bytes(good);
    CHECK_FALSE(open_announce_secret(other, header(), bytes.first<announce_body_bytes>(), opened));
}

TEST_CASE("an announcement by keys opens for its receiver only, and under its header only") {
    const auto sender = KeyPair::generate(system_random());
    const auto receiver = KeyPair::generate(system_random());
    const auto other = KeyPair::generate(system_random());
    Body body;
    REQUIRE(seal_announce_keys(sender, receiver.open, shared(), header(), payload(),
                               system_random(), body));
    AnnouncePayload opened;
    REQUIRE(open_announce_keys(receiver, sender.open, shared(), header(), body, opened));
    CHECK((opened == payload()));

    CHECK_FALSE(open_announce_keys(other, sender.open, shared(), header(), body, opened));
    CHECK_FALSE(open_announce_keys(receiver, other.open, shared(), header(), body, opened));
    CHECK_FALSE(open_announce_keys(receiver, sender.open, {}, header(), body, opened));
    CHECK(opened.is_zero());
    for (std::size_t bit = 0; bit < announce_header_bytes * 8; ++bit) {
        auto changed = header_bytes;
        changed[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        const AnnounceHeader bad(changed.data(), announce_header_bytes);
        REQUIRE_FALSE(open_announce_keys(receiver, sender.open, shared(), bad, body, opened));
    }
}

TEST_CASE("mac1 has the bytes of the protocol, with and without a psk or a receiver's key") {
    const auto covered = counting<mac1_covers_bytes>(0);
    const PublicKey receiver{counting<32>(128)};
    const auto mac_of = [&](const SharedSecret& psk, const PublicKey& key) {
        std::array<std::byte, mac1_bytes> mac;
        Mac1(psk, key).write(covered, mac);
        return to_hex(mac);
    };
    CHECK(mac_of(shared(), receiver) == "90ce98feebaa5307f6a85ce6ffc289db");
    CHECK(mac_of({}, receiver) == "8d5a3873a96423541f0576206da493c2");
    CHECK(mac_of(shared(), {}) == "d92377cf5b6da9fb227b7b6205d8962d");
}

TEST_CASE("mac1 does not match when any bit of it or of what it covers is changed") {
    auto covered = counting<mac1_covers_bytes>(0);
    const Mac1 mac1(shared(), PublicKey{counting<32>(128)});
    std::array<std::byte, mac1_bytes> mac;
    mac1.write(covered, mac);
    REQUIRE(mac1.matches(covered, mac));
    for (std::size_t bit = 0; bit < covered.size() * 8; ++bit) {
        covered[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        REQUIRE_FALSE(mac1.matches(covered, mac));
        covered[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
    for (std::size_t bit = 0; bit < mac.size() * 8; ++bit) {
        mac[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        REQUIRE_FALSE(mac1.matches(covered, mac));
        mac[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
}

TEST_CASE("keys and IVs of subspaces have the bytes of the protocol") {
    const SessionSecret secret(counting<32>(0));
    const auto check = [&](const SubspaceName& name, const char* key, const char* iv) {
        const SubspaceKey derived = derive_subspace(secret, name);
        CHECK(to_hex(derived.key.bytes()) == key);
        CHECK(to_hex(derived.iv) == iv);
    };
    check({101, 7, 0, Suite::aes_256_gcm},
          "cf68722bf1d72798870da18488968c3531ea273706531b3984ccb7c6c551d100",
          "c9880d860e5db6bb7a901fab");
    check({101, 7, 0xffff, Suite::chacha20_poly1305},
          "f815067b80ce43f28de9a5a679a83de5e33c30944ca6b24d637e652577be16d7",
          "e18ed29ec4e2b1746e711d5e");
    check({0xffffffff, 0x01020304, 63, Suite::aes_256_gcm},
          "6b1cbfd829bf048070bbc6db59666538f3fdaeea86ad5e4462fceabafb5cb693",
          "20b44ac3f97be03d5be05105");
}

TEST_CASE("a nonce is the IV with the sequence number over its last eight bytes") {
    const Iv iv = counting<12>(0x10);
    CHECK(to_hex(make_nonce(iv, 0)) == "101112131415161718191a1b");
    CHECK(to_hex(make_nonce(iv, 1)) == "101112131415161718191a1a");
    CHECK(to_hex(make_nonce(iv, 0x0102030405060708)) ==
          "1011121315171513"
          "1d1f1d13");
    CHECK(to_hex(make_nonce(iv, ~std::uint64_t{0})) == "10111213ebeae9e8e7e6e5e4");
}
