// The one message of Noise_Kpsk0_25519_ChaChaPoly_SHA256: published vectors (those of cacophony, in
// the public domain), and what must not be accepted.
#include "crypto/noise.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/crypto/support.hh"

using namespace lanes::crypto;
using test::hex;
using test::to_hex;

namespace {

struct Vector {
    std::string prologue, psk, sender, ephemeral, receiver, sender_public, receiver_public;
    std::string payload, message, hash;
};

const Vector cacophony = {
    "4a6f686e2047616c74",
    "54686973206973206d7920417573747269616e20706572737065637469766521",
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    "6bc3822a2aa7f4e6981d6538692b3cdf3e6df9eea6ed269eb41d93c22757b75a",
    "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
    "4c756477696720766f6e204d69736573",
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
    "62220de7094395cf11c9932009e93db1b1a0748fd7470e3cc6337704c570a3bd",
    "4f1546b23d5596e8033d1d8349a2aef682b5107f3ecd1a34c883ee3f43460748",
};

void check_vector(const Vector& vector) {
    const auto sender = KeyPair::of({test::secret<32>(vector.sender)});
    const auto receiver = KeyPair::of({test::secret<32>(vector.receiver)});
    REQUIRE(to_hex(sender.open.bytes) == vector.sender_public);
    REQUIRE(to_hex(receiver.open.bytes) == vector.receiver_public);
    const auto psk = test::secret<32>(vector.psk);
    test::Script random(hex(vector.ephemeral));

    const auto payload = hex(vector.payload);
    std::vector<std::byte> message(payload.size() + noise_overhead_bytes);
    NoiseHash hash{};
    REQUIRE(noise_write(sender, receiver.open, psk, hex(vector.prologue), payload, random, message,
                        &hash));
    CHECK(to_hex(message) == vector.message);
    CHECK(to_hex(hash) == vector.hash);

    std::vector<std::byte> read(payload.size());
    hash = {};
    REQUIRE(noise_read(receiver, sender.open, psk, hex(vector.prologue), hex(vector.message), read,
                       &hash));
    CHECK(read == payload);
    CHECK(to_hex(hash) == vector.hash);
}

/// The string that follows the first `"key":` in `json`, be it in brackets or not. Enough for one
/// file whose shape is known.
std::string field(std::string_view json, const std::string& key) {
    const auto at = json.find("\"" + key + "\"");
    if (at == json.npos) return {};
    const auto open = json.find('"', json.find(':', at));
    const auto close = json.find('"', open + 1);
    return std::string(json.substr(open + 1, close - open - 1));
}

std::optional<std::string> vector_file() {
    const char* set = std::getenv("LANES_VECTORS");
    const std::string directory = set != nullptr ? set : LANES_SOURCE_ROOT "/../shared/vectors";
    std::ifstream file(directory + "/noise_one_way.json");
    if (!file) return std::nullopt;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

struct Pairs {
    KeyPair sender = KeyPair::generate(system_random());
    KeyPair receiver = KeyPair::generate(system_random());
    NoisePsk psk = test::secret<32>(std::string(64, '5'));
    std::vector<std::byte> prologue = hex("0102030405");
    std::vector<std::byte> payload = hex("00112233445566778899");
    std::vector<std::byte> message = std::vector<std::byte>(10 + noise_overhead_bytes);
    std::vector<std::byte> read = std::vector<std::byte>(10, std::byte{0xee});

    bool write() {
        return noise_write(sender, receiver.open, psk, prologue, payload, system_random(), message);
    }
    bool reads() { return noise_read(receiver, sender.open, psk, prologue, message, read); }
    bool wiped() const { return read == std::vector<std::byte>(10); }
};

}  // namespace

TEST_CASE("the Noise message is that of the published vector, both ways") {
    check_vector(cacophony);
}

TEST_CASE("the Noise message is that of the vector file, where there is one") {
    const auto text = vector_file();
    if (!text) {
        WARN("skipped: no noise_one_way.json; LANES_VECTORS may name its directory");
        return;
    }
    const auto at = text->find("\"Noise_Kpsk0_25519_ChaChaPoly_SHA256\"");
    REQUIRE(at != std::string::npos);
    const std::string_view json = std::string_view(*text).substr(at);
    check_vector({field(json, "init_prologue"), field(json, "init_psks"),
                  field(json, "init_static"), field(json, "init_ephemeral"),
                  field(json, "resp_static"), field(json, "resp_remote_static"),
                  field(json, "init_remote_static"), field(json, "payload"),
                  field(json, "ciphertext"), field(json, "handshake_hash")});
}

TEST_CASE("every message has an ephemeral key of its own") {
    Pairs pairs;
    REQUIRE(pairs.write());
    const auto first = pairs.message;
    REQUIRE(pairs.write());
    CHECK_FALSE(std::equal(first.begin(), first.begin() + 32, pairs.message.begin()));
    REQUIRE(pairs.reads());
    CHECK(pairs.read == pairs.payload);
}

TEST_CASE("a Noise message with any bit changed is refused and leaves zeros") {
    Pairs pairs;
    REQUIRE(pairs.write());
    const auto good = pairs.message;
    // The top bit of a point is ignored in the multiplication, but it is hashed.
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        pairs.message = good;
        pairs.message[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        std::fill(pairs.read.begin(), pairs.read.end(), std::byte{0xee});
        REQUIRE_FALSE(pairs.reads());
        REQUIRE(pairs.wiped());
    }
    pairs.message = good;
    CHECK(pairs.reads());
}

TEST_CASE("a Noise message is refused with another psk, prologue, sender or receiver") {
    Pairs pairs;
    REQUIRE(pairs.write());
    SECTION("psk") {
        pairs.psk.bytes()[31] ^= std::byte{1};
    }
    SECTION("no psk") {
        pairs.psk.wipe();
    }
    SECTION("prologue") {
        pairs.prologue.back() ^= std::byte{1};
    }
    SECTION("shorter prologue") {
        pairs.prologue.pop_back();
    }
    SECTION("sender") {
        pairs.sender = KeyPair::generate(system_random());
    }
    SECTION("receiver") {
        pairs.receiver = KeyPair::generate(system_random());
    }
    SECTION("the other way round") {
        std::swap(pairs.sender, pairs.receiver);
    }
    CHECK_FALSE(pairs.reads());
    CHECK(pairs.wiped());
}

TEST_CASE("low-order points are refused as ephemeral, as sender and as receiver") {
    for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                              "0100000000000000000000000000000000000000000000000000000000000000",
                              "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                              "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
        CAPTURE(point);
        const auto low = hex(point);
        Pairs pairs;
        REQUIRE(pairs.write());
        auto as_ephemeral = pairs.message;
        std::copy(low.begin(), low.end(), pairs.message.begin());
        CHECK_FALSE(pairs.reads());
        CHECK(pairs.wiped());

        pairs.message = as_ephemeral;
        std::copy(low.begin(), low.end(), pairs.sender.open.bytes.begin());
        CHECK_FALSE(pairs.reads());

        std::copy(low.begin(), low.end(), pairs.receiver.open.bytes.begin());
        CHECK_FALSE(pairs.write());
        CHECK(pairs.message == std::vector<std::byte>(pairs.message.size()));
    }
}
