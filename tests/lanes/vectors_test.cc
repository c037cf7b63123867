// The test vectors of Lanes/1 (tests/vectors), which an implementation in Python made that shares
// no code with this one: announcements, keys and packets must come out with the same bytes here,
// and open again.
#include "tests/lanes/vectors.hh"

#include <catch2/catch.hpp>

#include "lanes/session.hh"
#include "tests/crypto/support.hh"

using namespace lanes;
using namespace lanes::test;
using crypto::test::to_hex;

namespace {

using Bytes = std::vector<std::byte>;

Terms terms_of(const Json& from) {
    Terms terms;
    terms.epoch = from["epoch"];
    terms.suite = test::suite_of(from["suite"]);
    terms.mode = static_cast<KeyMode>(from["mode"].get<unsigned>());
    terms.subspaces = from["subspaces"];
    terms.lead_ms = from["lead_ms"];
    terms.lifetime_ms = from["lifetime_ms"];
    terms.max_inner = from["max_inner"];
    terms.run_id = from["run_id"];
    return terms;
}

void check_announcement(const Json& vector) {
    const bool by_keys = vector.contains("ephemeral_private");
    const auto field = [&](const char* name) { return by_keys ? vector[name] : Json(); };
    const KeySpec sending =
        keys_of(field("sender_private"), field("receiver_public"), vector["psk"]);
    const KeySpec receiving =
        keys_of(field("receiver_private"), field("sender_public"), vector["psk"]);
    const Terms terms = terms_of(vector["terms"]);
    const crypto::SessionSecret secret = secret_of(vector["secret"]);
    crypto::test::Script random(bytes_of(vector[by_keys ? "ephemeral_private" : "e"]));

    AnnounceBytes made;
    REQUIRE(write_announcement(sending, 0, vector["lane"], vector["stamp"], terms, secret, random,
                               made));
    CHECK(to_hex(made) == vector["packet"]);

    const AnnounceReader reader(receiving);
    Terms read;
    crypto::SessionSecret opened;
    CHECK(reader.addressed_to_us(made));
    REQUIRE(reader.open(made, read, opened));
    CHECK((read == terms));
    CHECK((opened == secret));
}

crypto::SubspaceKey key_of(const Json& vector) {
    return crypto::derive_subspace(
        secret_of(vector["secret"]),
        {vector["lane"], vector["epoch"], vector["subspace"], test::suite_of(vector["suite"])});
}

/// The inner packet of a vector, padded as a sealed packet must be.
Bytes inner_of(const Json& vector) {
    const Bytes body = bytes_of(vector["body"]);
    Bytes inner(wire::inner_bytes);
    wire::write_inner(inner.data(), wire::Kind{vector["kind"].get<std::uint8_t>()},
                      static_cast<std::uint32_t>(body.size()));
    inner.insert(inner.end(), body.begin(), body.end());
    const std::size_t least = wire::sealed_bytes_min - wire::header_bytes - wire::tag_bytes;
    if (inner.size() < least) inner.resize(least);
    return inner;
}

crypto::Job job_of(Bytes& packet, const Bytes& text, const crypto::Iv& nonce) {
    crypto::Job job;
    job.source = text.data();
    job.destination = packet.data() + wire::header_bytes;
    job.len = static_cast<std::uint32_t>(text.size());
    job.associated = packet.data();
    job.associated_len = wire::header_bytes;
    job.tag = job.destination + job.len;
    job.nonce = nonce;
    return job;
}

void check_data(crypto::Backend& backend, const Json& vector) {
    const crypto::SubspaceKey derived = key_of(vector);
    CHECK(to_hex(derived.key.bytes()) == vector["key"]);
    CHECK(to_hex(derived.iv) == vector["iv"]);
    const std::uint64_t sequence = vector["sequence"];
    const crypto::Iv nonce = crypto::make_nonce(derived.iv, sequence);
    CHECK(to_hex(nonce) == vector["nonce"]);
    const Bytes inner = inner_of(vector);
    CHECK(to_hex(inner) == vector["plaintext"]);

    auto key = backend.expand(test::suite_of(vector["suite"]), derived.key);
    REQUIRE(key);
    Bytes packet(wire::header_bytes + inner.size() + wire::tag_bytes);
    wire::write_header(packet.data(), {static_cast<std::uint8_t>(wire::Type::data),
                                       static_cast<std::uint8_t>(vector["epoch"].get<unsigned>()),
                                       vector["subspace"], vector["lane"], sequence});
    crypto::Job seal = job_of(packet, inner, nonce);
    REQUIRE(backend.seal(*key, {&seal, 1}) == 1);
    CHECK(to_hex(packet) == vector["packet"]);

    Bytes sealed = bytes_of(vector["packet"]);
    const Bytes text(sealed.begin() + wire::header_bytes, sealed.end() - wire::tag_bytes);
    crypto::Job open = job_of(sealed, text, nonce);
    REQUIRE(backend.open(*key, {&open, 1}) == 1);
    CHECK(std::equal(inner.begin(), inner.end(), sealed.begin() + wire::header_bytes));
}

}  // namespace

TEST_CASE("announcements have the bytes of the vectors, and open") {
    for (const Json& vector : load_vectors("announcements")) {
        INFO(vector["name"]);
        check_announcement(vector);
    }
}

TEST_CASE("two receivers are told the same session, each in an announcement of its own") {
    const Json all = load_vectors("announcements");
    const AnnounceBytes first = announcement_of(bytes_of(all[0]["packet"]));
    const AnnounceBytes second = announcement_of(bytes_of(all[1]["packet"]));
    REQUIRE(all[0]["secret"] == all[1]["secret"]);
    const AnnounceReader oslo(
        keys_of(all[0]["receiver_private"], all[0]["sender_public"], all[0]["psk"]));
    const AnnounceReader lima(
        keys_of(all[1]["receiver_private"], all[1]["sender_public"], all[1]["psk"]));
    CHECK(oslo.addressed_to_us(first));
    CHECK_FALSE(oslo.addressed_to_us(second));
    CHECK_FALSE(lima.addressed_to_us(first));
    CHECK(lima.addressed_to_us(second));
}

TEST_CASE("keys, IVs and nonces of subspaces have the bytes of the vectors") {
    for (const Json& vector : load_vectors("subspace_keys")) {
        INFO(vector.dump());
        const crypto::SubspaceKey derived = key_of(vector);
        CHECK(to_hex(derived.key.bytes()) == vector["key"]);
        CHECK(to_hex(derived.iv) == vector["iv"]);
        for (const Json& each : vector["nonces"]) {
            CHECK(to_hex(crypto::make_nonce(derived.iv, each["sequence"])) == each["nonce"]);
        }
    }
}

TEST_CASE("sealed packets have the bytes of the vectors, and open, with every backend") {
    const Json all = load_vectors("data");
    unsigned checked = 0;
    crypto::test::for_each_cipher([&](crypto::Backend& backend, crypto::Suite suite) {
        for (const Json& vector : all) {
            if (test::suite_of(vector["suite"]) != suite) continue;
            INFO(crypto::name_of(backend.kind()) << ": " << vector["name"]);
            check_data(backend, vector);
            ++checked;
        }
    });
    CHECK(checked >= all.size() / 2);  // libsodium has no AES on a CPU without it
}
