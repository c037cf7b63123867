// The two ends of a sealed lane as the tests of its parts need them: keys and secrets from a seed,
// the KeySpecs of a sender and its receivers, and announcements that are forged by somebody who
// knows what an outsider may know.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lanes/announcement.hh"
#include "lanes/moment.hh"
#include "tests/crypto/support.hh"

namespace lanes::test {

class SeededRandom final : public crypto::Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : generator_(seed) {}
    void fill(std::span<std::byte> bytes) noexcept override {
        crypto::test::scatter(generator_, bytes);
    }

  private:
    std::mt19937_64 generator_;
};

inline std::shared_ptr<const crypto::KeyPair> key_pair(std::uint64_t seed) {
    SeededRandom random(seed);
    return std::make_shared<const crypto::KeyPair>(crypto::KeyPair::generate(random));
}

inline std::shared_ptr<const crypto::SharedSecret> shared_secret(std::uint64_t seed) {
    SeededRandom random(seed);
    crypto::SharedSecret secret;
    random.fill(secret.secret.bytes());
    return std::make_shared<const crypto::SharedSecret>(crypto::SharedSecret{secret.secret.copy()});
}

inline crypto::SessionSecret session_secret(std::uint64_t seed) {
    crypto::SessionSecret secret;
    SeededRandom(seed).fill(secret.bytes());
    return secret;
}

/// How the ends of a lane know each other.
enum class Trust { keys, keys_and_psk, secret };

struct Ends {
    KeySpec sender;
    KeySpec receiver;
};

inline Ends ends(Trust trust) {
    Ends made;
    if (trust != Trust::secret) {
        made.sender.own = key_pair(1);
        made.receiver.own = key_pair(2);
        made.sender.peers = {made.receiver.own->open};
        made.receiver.peers = {made.sender.own->open};
    }
    if (trust != Trust::keys) made.sender.secret = made.receiver.secret = shared_secret(3);
    return made;
}

inline constexpr std::uint32_t test_lane = 7;

/// An announcement by `sender`; the epoch in the header is that of `terms`.
inline AnnounceBytes announcement(const KeySpec& sender, std::uint64_t stamp, const Terms& terms,
                                  std::uint64_t seed, std::size_t peer = 0) {
    SeededRandom random(seed);
    AnnounceBytes bytes;
    REQUIRE(write_announcement(sender, peer, test_lane, stamp, terms, session_secret(seed), random,
                               bytes));
    return bytes;
}

/// Writes mac1 anew, as anybody can who knows the receiver's public key and the psk, if there is
/// one.
inline AnnounceBytes with_mac1(AnnounceBytes bytes, const KeySpec& receiver) {
    const crypto::SharedSecret none;
    const std::span<std::byte, wire::announce_bytes> all(bytes);
    crypto::Mac1(receiver.secret ? *receiver.secret : none,
                 receiver.by_keys() ? receiver.own->open : crypto::PublicKey{})
        .write(all.first<crypto::mac1_covers_bytes>(), all.subspan<crypto::mac1_covers_bytes>());
    return bytes;
}

inline AnnounceBytes with_bit_flipped(AnnounceBytes bytes, std::size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    return bytes;
}

/// The points of low order of Curve25519 and of its twist (https://cr.yp.to/ecdh.html), and those
/// with the bit set that X25519 ignores.
inline std::vector<crypto::PublicKey> low_order_points() {
    const std::string ff(60, 'f');
    std::vector<crypto::PublicKey> points;
    for (const std::string& text :
         {std::string(64, '0'), "01" + std::string(62, '0'),
          std::string("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
          std::string("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
          "ec" + ff + "7f", "ed" + ff + "7f", "ee" + ff + "7f"}) {
        const auto bytes = crypto::test::hex(text);
        crypto::PublicKey point;
        std::copy(bytes.begin(), bytes.end(), point.bytes.begin());
        points.push_back(point);
        point.bytes[31] |= std::byte{0x80};
        points.push_back(point);
    }
    return points;
}

inline AnnounceBytes with_ephemeral(AnnounceBytes bytes, const crypto::PublicKey& e) {
    std::copy(e.bytes.begin(), e.bytes.end(), bytes.begin() + wire::header_bytes);
    return bytes;
}

}  // namespace lanes::test
