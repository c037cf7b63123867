// Sessions: which keys they have, how far numbers go, and how a receiver that stopped goes on where
// it was.
#include "lanes/session.hh"

#include <catch2/catch.hpp>

#include <cstring>
#include <map>

#include "lanes/announcer.hh"
#include "tests/lanes/sealed_ends.hh"

using namespace lanes;
using namespace lanes::test;
using crypto::test::backends;
using crypto::test::for_each_cipher;

namespace {

Terms terms_of(crypto::Suite suite, std::uint16_t subspaces = 3) {
    Terms terms;
    terms.epoch = 0x01020384;
    terms.suite = suite;
    terms.subspaces = subspaces;
    return terms;
}

struct Made {
    std::unique_ptr<SealSession> seal;
    std::unique_ptr<OpenSession> open;
};

Made make(const crypto::Backend& sealing, const crypto::Backend& opening, WindowStore& store,
          const Terms& terms, const std::vector<std::uint64_t>& floors = {}) {
    const auto secret = session_secret(4);
    auto seal = SessionMaker{sealing, test_lane, terms, secret}.seal(1 << 20);
    auto open = SessionMaker{opening, test_lane, terms, secret}.open(store, 512, 2, floors);
    REQUIRE(seal);
    REQUIRE(open);
    return {std::move(*seal), std::move(*open)};
}

struct Packet {
    std::array<std::byte, 16> header{};
    std::array<std::byte, 40> text{};
    std::array<std::byte, 16> tag{};
};

crypto::Job job_of(Packet& packet, const crypto::Iv& iv, std::uint64_t sequence) {
    crypto::Job job;
    job.source = job.destination = packet.text.data();
    job.len = static_cast<std::uint32_t>(packet.text.size());
    job.associated = packet.header.data();
    job.associated_len = static_cast<std::uint32_t>(packet.header.size());
    job.tag = packet.tag.data();
    job.nonce = crypto::make_nonce(iv, sequence);
    return job;
}

Packet sealed(crypto::Backend& backend, const SealKey& key, std::uint64_t sequence) {
    Packet packet;
    packet.text.fill(std::byte{0x5a});
    crypto::Job job = job_of(packet, key.iv, sequence);
    REQUIRE(backend.seal(key.key, std::span(&job, 1)) == 1);
    return packet;
}

bool opens(crypto::Backend& backend, const OpenKey& key, Packet packet, std::uint64_t sequence) {
    crypto::Job job = job_of(packet, key.iv, sequence);
    return backend.open(key.key, std::span(&job, 1)) == 1 && packet.text[39] == std::byte{0x5a};
}

}  // namespace

TEST_CASE("numbers are given out up to the limit, and never beyond it") {
    struct Row {
        std::uint64_t next, limit;
        unsigned wanted, given;
        std::uint64_t first;
    };
    constexpr std::uint64_t most = std::uint64_t{1} << 60;
    const Row rows[] = {
        {0, 10, 0, 0, 0},
        {0, 10, 1, 1, 0},
        {0, 10, 10, 10, 0},
        {0, 10, 11, 10, 0},
        {7, 10, 64, 3, 7},
        {9, 10, 64, 1, 9},
        {10, 10, 64, 0, 10},
        {11, 10, 64, 0, 11},
        {0, 0, 64, 0, 0},
        {(1u << 23) - 5, 1u << 23, 64, 5, (1u << 23) - 5},
        {(1u << 25) - 1, 1u << 25, 64, 1, (1u << 25) - 1},
        {(1u << 28) - 64, 1u << 28, 64, 64, (1u << 28) - 64},
        {most - 3, most, 64, 3, most - 3},
        {most, most, 1, 0, most},
        {~std::uint64_t{0} - 1, ~std::uint64_t{0}, 64, 1, ~std::uint64_t{0} - 1},
    };
    for (const Row& row : rows) {
        SealKey key;
        key.next.set(row.next);
        key.limit = row.limit;
        unsigned n = row.wanted;
        INFO(row.wanted << " from " << row.next << " of " << row.limit);
        CHECK(key.take(n) == row.first);
        CHECK(n == row.given);
        CHECK(key.next.get() == row.next + row.given);
    }
}

TEST_CASE("a lane stops just at each packet limit, every number given out once") {
    struct Row {
        crypto::Suite suite;
        std::uint32_t packet_max;
        std::uint64_t limit;
    };
    const Row rows[] = {
        {crypto::Suite::aes_256_gcm, 1500, std::uint64_t{1} << 28},
        {crypto::Suite::aes_256_gcm, 2048, std::uint64_t{1} << 28},
        {crypto::Suite::aes_256_gcm, 2049, std::uint64_t{1} << 25},
        {crypto::Suite::aes_256_gcm, 16384, std::uint64_t{1} << 25},
        {crypto::Suite::aes_256_gcm, 16385, std::uint64_t{1} << 23},
        {crypto::Suite::aes_256_gcm, 65535, std::uint64_t{1} << 23},
        {crypto::Suite::chacha20_poly1305, 1500, std::uint64_t{1} << 60},
        {crypto::Suite::chacha20_poly1305, 65535, std::uint64_t{1} << 60},
    };
    for (const Row& row : rows) {
        REQUIRE(packet_limit(row.suite, row.packet_max) == row.limit);
        for (const auto& backend : backends()) {
            if (backend->unavailable(row.suite) != nullptr) continue;
            const auto secret = session_secret(4);
            const std::uint64_t first = row.limit - 100;
            auto session = SessionMaker{*backend, test_lane, terms_of(row.suite), secret}.seal(
                row.limit, first);
            REQUIRE(session);
            CHECK((*session)->sent_max() == first);
            CHECK((*session)->control.next.get() == 0);
            SealKey& key = (*session)->keys[1];
            std::uint64_t expected = first;
            for (unsigned round = 0; round < 5; ++round) {
                unsigned n = 33;
                REQUIRE(key.take(n) == expected);
                expected += n;
            }
            CHECK(expected == row.limit);
            CHECK((*session)->sent_max() == row.limit);
            CHECK((*session)->keys[0].next.get() == first);
        }
    }
}

TEST_CASE("what one backend seals in a session each backend opens, to the last number") {
    WindowStore store;
    for_each_cipher([&](crypto::Backend& sealing, crypto::Suite suite) {
        for (const auto& opening : backends()) {
            if (opening->unavailable(suite) != nullptr) continue;
            const Made made = make(sealing, *opening, store, terms_of(suite));
            for (const std::uint64_t sequence :
                 {std::uint64_t{0}, std::uint64_t{1}, (std::uint64_t{1} << 23) - 1,
                  (std::uint64_t{1} << 25) - 1, (std::uint64_t{1} << 28) - 1,
                  (std::uint64_t{1} << 32) + 1, (std::uint64_t{1} << 60) - 1}) {
                for (std::uint16_t subspace = 0; subspace < 3; ++subspace) {
                    const Packet packet = sealed(sealing, made.seal->keys[subspace], sequence);
                    const OpenKey& key = *made.open->find(subspace);
                    REQUIRE(opens(*opening, key, packet, sequence));
                    REQUIRE_FALSE(opens(*opening, key, packet, sequence + 1));
                }
                const Packet packet = sealed(sealing, made.seal->control, sequence);
                REQUIRE(
                    opens(*opening, *made.open->find(wire::control_subspace), packet, sequence));
            }
        }
    });
}

TEST_CASE("keys differ by subspace, epoch, lane, suite and secret: a swapped subspace is refused") {
    WindowStore store;
    for_each_cipher([&](crypto::Backend& backend, crypto::Suite suite) {
        const Terms terms = terms_of(suite);
        const Made made = make(backend, backend, store, terms);
        const auto secret = session_secret(4);
        const auto other_secret = session_secret(5);
        Terms next = terms;
        next.epoch += 256;  // the same epoch8
        std::vector<SealKey*> keys = {&made.seal->keys[0], &made.seal->keys[1], &made.seal->keys[2],
                                      &made.seal->control};
        std::vector<std::unique_ptr<SealSession>> others;
        const SessionMaker makers[] = {{backend, test_lane, next, secret},
                                       {backend, test_lane + 1, terms, secret},
                                       {backend, test_lane, terms, other_secret}};
        for (const SessionMaker& maker : makers) {
            auto session = maker.seal(1 << 20);
            REQUIRE(session);
            others.push_back(std::move(*session));
            keys.push_back(&others.back()->keys[0]);
        }
        std::vector<Packet> packets;
        for (SealKey* key : keys) packets.push_back(sealed(backend, *key, 5));
        const std::uint16_t subspaces[] = {0, 1, 2, wire::control_subspace};
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::size_t j = 0; j < packets.size(); ++j) {
                INFO("key " << i << ", packet " << j);
                CHECK(opens(backend, *made.open->find(subspaces[i]), packets[j], 5) == (i == j));
                if (i != j) CHECK(made.open->find(subspaces[i])->iv != keys[j]->iv);
            }
        }
    });
}

TEST_CASE("subspaces that the session does not have have no key") {
    WindowStore store;
    const Made made =
        make(*backends()[0], *backends()[0], store, terms_of(crypto::Suite::chacha20_poly1305, 3));
    for (unsigned subspace = 0; subspace < 0xffff; ++subspace) {
        const bool has = made.open->find(static_cast<std::uint16_t>(subspace)) != nullptr;
        REQUIRE(has == (subspace < 3));
    }
    CHECK(made.open->find(0xffff) == &made.open->keys[3]);
    CHECK(made.open->epoch == 0x84);
    CHECK(made.seal->epoch == 0x84);
}

TEST_CASE("a receiver finds a session by its epoch alone, and not that of another epoch") {
    OpenSessions sessions;
    OpenSession held[sessions_max];
    for (unsigned i = 0; i < sessions_max; ++i) {
        held[i].epoch = static_cast<std::uint8_t>(0xfd + i);  // fd fe ff 00
        sessions.at[held[i].epoch % sessions_max] = &held[i];
    }
    for (unsigned epoch = 0; epoch < 256; ++epoch) {
        const OpenSession* found = sessions.find(static_cast<std::uint8_t>(epoch));
        REQUIRE((found != nullptr) == (epoch >= 0xfd || epoch == 0));
        if (found != nullptr) CHECK(found->epoch == epoch);
    }
}

TEST_CASE("the floors of a session let another one go on where it was") {
    WindowStore store;
    auto& backend = *backends()[0];
    const Terms terms = terms_of(crypto::Suite::chacha20_poly1305, 4);
    Made made = make(backend, backend, store, terms);
    CHECK(floors_of(*made.open) == std::vector<std::uint64_t>{0, 0, 0, 0, 0});
    const std::uint64_t last[] = {0, 63, 64, 100'000, 7};
    for (unsigned i = 0; i < 5; ++i) {
        Window window = made.open->window(made.open->keys[i]);
        window.commit(last[i] / 64, std::uint64_t{1} << last[i] % 64);
    }
    const auto floors = floors_of(*made.open);
    CHECK(floors == std::vector<std::uint64_t>{1, 64, 65, 100'001, 8});
    made.open.reset();
    // Twice: a resumed session that has seen nothing more has the same floors.
    for (unsigned life = 0; life < 2; ++life) {
        made = make(backend, backend, store, terms, floors);
        CHECK(floors_of(*made.open) == floors);
        for (unsigned i = 0; i < 5; ++i) {
            const Window window = made.open->window(made.open->keys[i]);
            for (std::uint64_t back = 0; back < 700 && back < floors[i]; ++back) {
                REQUIRE(window.check(floors[i] - 1 - back) != Window::Verdict::fresh);
            }
            for (std::uint64_t ahead = 0; ahead < 700; ++ahead) {
                REQUIRE(window.check(floors[i] + ahead) == Window::Verdict::fresh);
            }
        }
    }
}

TEST_CASE("window memory of a session that has gone comes to the next one empty") {
    WindowStore store;
    auto& backend = *backends()[0];
    const Terms terms = terms_of(crypto::Suite::chacha20_poly1305);
    Made made = make(backend, backend, store, terms, {500, 500, 500, 500});
    Window::Word* const before = made.open->words;
    made.open.reset();
    made = make(backend, backend, store, terms);
    REQUIRE(made.open->words == before);
    CHECK(floors_of(*made.open) == std::vector<std::uint64_t>{0, 0, 0, 0});
    CHECK(made.open->accepted(2) == 0);
}
