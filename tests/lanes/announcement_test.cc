// Announcements as bytes: what goes in comes out at the other end, and at no other end. The
// cryptography below has its own tests (tests/crypto); whether an authentic one is accepted is the
// acceptor's business.
#include "lanes/announcement.hh"

#include <catch2/catch.hpp>

#include <cstring>

#include "tests/lanes/sealed_ends.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

constexpr std::uint64_t stamp = 0x1879'e0d2'5500'0000;

Terms some_terms() {
    Terms terms;
    terms.epoch = 0x01020304;
    terms.suite = crypto::Suite::chacha20_poly1305;
    terms.mode = KeyMode::keys;
    terms.subspaces = 0x0506;
    terms.lead_ms = 0x0708090a;
    terms.lifetime_ms = 0x0b0c0d0e;
    terms.max_inner = 0x0f10;
    terms.run_id = 0x1112131415161718;
    return terms;
}

/// Whether a receiver with `keys` gets anything out of `bytes`.
bool opens(const KeySpec& keys, const AnnounceBytes& bytes) {
    Terms terms;
    crypto::SessionSecret secret;
    const bool opened = AnnounceReader(keys).open(bytes, terms, secret);
    if (!opened) {
        CHECK(terms == Terms{});
        CHECK(secret.is_zero());
    }
    return opened;
}

bool addressed(const KeySpec& keys, const AnnounceBytes& bytes) {
    return AnnounceReader(keys).addressed_to_us(bytes);
}

}  // namespace

TEST_CASE("an announcement comes back with its terms and its secret, whatever the ends trust in") {
    const Trust trust = GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret);
    const Ends lane = ends(trust);
    Terms terms = some_terms();
    const bool edges = GENERATE(false, true);
    if (edges) {
        terms = Terms{~0u,   crypto::Suite::aes_256_gcm, KeyMode::secret, 65535, ~0u, ~0u,
                      65535, ~std::uint64_t{0}};
    }
    const AnnounceBytes bytes = announcement(lane.sender, stamp, terms, 9);
    CHECK(stamp_of(bytes) == stamp);
    const AnnounceReader reader(lane.receiver);
    CHECK(reader.addressed_to_us(bytes));
    Terms read;
    crypto::SessionSecret secret;
    REQUIRE(reader.open(bytes, read, secret));
    CHECK(read == terms);
    CHECK((secret == session_secret(9)));
}

TEST_CASE("an announcement has its fields where the protocol says") {
    const Ends lane = ends(Trust::secret);
    const AnnounceBytes bytes = announcement(lane.sender, stamp, some_terms(), 9);
    const std::span<const std::byte, wire::announce_bytes> all(bytes);
    CHECK(crypto::test::to_hex(all.first<16>()) == "12040000000000071879e0d255000000");
    crypto::AnnouncePayload payload;
    REQUIRE(crypto::open_announce_secret(*lane.receiver.secret, all.first<16>(),
                                         all.subspan<16, crypto::announce_body_bytes>(), payload));
    CHECK(crypto::test::to_hex(payload.bytes().first<32>()) ==
          "0102030402000506"
          "0708090a0b0c0d0e"
          "0f10000011121314"
          "1516171800000000");
    CHECK(std::memcmp(payload.bytes().data() + 32, session_secret(9).bytes().data(), 32) == 0);
}

TEST_CASE("two announcements of one session have nothing but the header in common") {
    const Ends lane = ends(GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret));
    SeededRandom random(9);
    AnnounceBytes first, second;
    for (AnnounceBytes* bytes : {&first, &second}) {
        REQUIRE(write_announcement(lane.sender, 0, test_lane, stamp, some_terms(),
                                   session_secret(1), random, *bytes));
    }
    unsigned same = 0;
    for (std::size_t i = 16; i < first.size(); ++i) same += first[i] == second[i];
    CHECK(same < 10);  // of 128; one in 256 by chance
    CHECK(std::equal(first.begin(), first.begin() + 16, second.begin()));
}

TEST_CASE("an announcement under a wrong key is not opened") {
    const Ends lane = ends(GENERATE(Trust::keys, Trust::keys_and_psk));
    const AnnounceBytes bytes = announcement(lane.sender, stamp, some_terms(), 9);
    KeySpec other_receiver = lane.receiver;
    other_receiver.own = key_pair(77);
    CHECK_FALSE(addressed(other_receiver, bytes));
    CHECK_FALSE(opens(other_receiver, bytes));
    CHECK_FALSE(opens(other_receiver, with_mac1(bytes, other_receiver)));
    // From somebody else, who knows the receiver's public key: addressed well, but not authentic.
    KeySpec other_sender = lane.sender;
    other_sender.own = key_pair(78);
    const AnnounceBytes forged = announcement(other_sender, stamp, some_terms(), 9);
    CHECK(addressed(lane.receiver, forged));
    CHECK_FALSE(opens(lane.receiver, forged));
    CHECK(opens(lane.receiver, bytes));
}

TEST_CASE("an announcement under a wrong psk is not opened") {
    const Ends with = ends(Trust::keys_and_psk);
    const Ends without = ends(Trust::keys);
    KeySpec other = with.receiver;
    other.secret = shared_secret(77);
    const AnnounceBytes sealed_with = announcement(with.sender, stamp, some_terms(), 9);
    const AnnounceBytes sealed_without = announcement(without.sender, stamp, some_terms(), 9);
    struct Case {
        const AnnounceBytes& bytes;
        const KeySpec& receiver;
        bool good;
    };
    const Case cases[] = {{sealed_with, with.receiver, true},
                          {sealed_with, other, false},
                          {sealed_with, without.receiver, false},
                          {sealed_without, without.receiver, true},
                          {sealed_without, with.receiver, false}};
    for (const Case& one : cases) {
        CHECK(addressed(one.receiver, one.bytes) == one.good);
        CHECK(opens(one.receiver, one.bytes) == one.good);
        CHECK(opens(one.receiver, with_mac1(one.bytes, one.receiver)) == one.good);
    }
}

TEST_CASE("an announcement under a wrong secret, or of the other mode, is not opened") {
    const Ends secret = ends(Trust::secret);
    KeySpec other = secret.receiver;
    other.secret = shared_secret(77);
    const AnnounceBytes bytes = announcement(secret.sender, stamp, some_terms(), 9);
    CHECK_FALSE(addressed(other, bytes));
    CHECK_FALSE(opens(other, with_mac1(bytes, other)));
    // The same secret as a psk on top of keys is not the same.
    const Ends both = ends(Trust::keys_and_psk);
    CHECK_FALSE(addressed(both.receiver, bytes));
    CHECK_FALSE(opens(both.receiver, with_mac1(bytes, both.receiver)));
    const AnnounceBytes by_keys = announcement(both.sender, stamp, some_terms(), 9);
    CHECK_FALSE(addressed(secret.receiver, by_keys));
    CHECK_FALSE(opens(secret.receiver, with_mac1(by_keys, secret.receiver)));
}

TEST_CASE("an announcement with a wrong lane in its header is not opened") {
    const Ends lane = ends(GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret));
    AnnounceBytes bytes = announcement(lane.sender, stamp, some_terms(), 9);
    wire::store_be(bytes.data() + wire::lane_at, test_lane + 1);
    CHECK_FALSE(addressed(lane.receiver, bytes));
    CHECK_FALSE(opens(lane.receiver, bytes));
    CHECK_FALSE(opens(lane.receiver, with_mac1(bytes, lane.receiver)));
}

TEST_CASE("an announcement with any bit flipped is neither addressed to us nor opened") {
    const Ends lane = ends(GENERATE(Trust::keys, Trust::keys_and_psk, Trust::secret));
    const AnnounceBytes good = announcement(lane.sender, stamp, some_terms(), 9);
    for (std::size_t bit = 0; bit < wire::announce_bytes * 8; ++bit) {
        const AnnounceBytes bad = with_bit_flipped(good, bit);
        INFO("bit " << bit);
        REQUIRE_FALSE(addressed(lane.receiver, bad));
        // mac1 is only for those who are asked to look; the rest is under the seal.
        if (bit < crypto::mac1_covers_bytes * 8) REQUIRE_FALSE(opens(lane.receiver, bad));
    }
}

TEST_CASE("an announcement with a low-order point for its e is not opened") {
    const Ends lane = ends(GENERATE(Trust::keys, Trust::keys_and_psk));
    const AnnounceBytes good = announcement(lane.sender, stamp, some_terms(), 9);
    for (const auto& point : low_order_points()) {
        INFO(crypto::test::to_hex(point.bytes));
        const AnnounceBytes bad = with_mac1(with_ephemeral(good, point), lane.receiver);
        CHECK(addressed(lane.receiver, bad));
        CHECK_FALSE(opens(lane.receiver, bad));
    }
}

TEST_CASE("nothing is announced to a low-order point, nor taken from one") {
    const Ends lane = ends(Trust::keys);
    const AnnounceBytes good = announcement(lane.sender, stamp, some_terms(), 9);
    for (const auto& point : low_order_points()) {
        KeySpec sender = lane.sender;
        sender.peers = {point};
        SeededRandom random(9);
        AnnounceBytes bytes;
        CHECK_FALSE(write_announcement(sender, 0, test_lane, stamp, some_terms(), session_secret(9),
                                       random, bytes));
        KeySpec receiver = lane.receiver;
        receiver.peers = {point};
        CHECK_FALSE(opens(receiver, good));
    }
}

TEST_CASE("of two receivers mac1 tells each its own, and both get the same session") {
    const Ends first = ends(GENERATE(Trust::keys, Trust::keys_and_psk));
    KeySpec second = first.receiver;
    second.own = key_pair(22);
    KeySpec sender = first.sender;
    sender.peers.push_back(second.own->open);
    const AnnounceBytes to_first = announcement(sender, stamp, some_terms(), 9, 0);
    const AnnounceBytes to_second = announcement(sender, stamp, some_terms(), 9, 1);
    CHECK(addressed(first.receiver, to_first));
    CHECK(addressed(second, to_second));
    CHECK_FALSE(addressed(first.receiver, to_second));
    CHECK_FALSE(addressed(second, to_first));
    CHECK_FALSE(opens(first.receiver, to_second));
    CHECK_FALSE(opens(second, to_first));
    Terms terms_first, terms_second;
    crypto::SessionSecret secret_first, secret_second;
    REQUIRE(AnnounceReader(first.receiver).open(to_first, terms_first, secret_first));
    REQUIRE(AnnounceReader(second).open(to_second, terms_second, secret_second));
    CHECK(terms_first == terms_second);
    CHECK((secret_first == secret_second));
}

TEST_CASE("an announcement that is sent back to its sender is not opened") {
    const Ends lane = ends(Trust::keys);
    const AnnounceBytes bytes = announcement(lane.sender, stamp, some_terms(), 9);
    // The sender's own end of the lane that goes the other way.
    KeySpec reverse = lane.sender;
    CHECK_FALSE(addressed(reverse, bytes));
    CHECK_FALSE(opens(reverse, with_mac1(bytes, reverse)));
}
