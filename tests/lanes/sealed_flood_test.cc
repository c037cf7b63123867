// A hundred thousand forged announcements while traffic and a rekey go on: none of the traffic is
// lost, the counters name what it is, and the lane is as it was.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "lanes/heartbeat.hh"
#include "lanes/notes.hh"
#include "tests/lanes/sealed_bed.hh"
#include "tests/lanes/sealed_ends.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

constexpr unsigned flood = 100'000;

enum class Forger {
    stranger,      ///< random bytes of the right type, length and lane
    knows_the_key  ///< with a mac1 that fits, since the receiver's public key is no secret
};

/// Forgeries of now; their stamps would do.
std::vector<Bytes> forgeries(const SealedBed& bed, Forger forger, unsigned count,
                             std::mt19937_64& random) {
    std::vector<Bytes> frames;
    const KeySpec keys = *bed.receiving().keys;
    const crypto::SharedSecret none;
    const crypto::Mac1 mac1(none, keys.own->open);
    for (unsigned i = 0; i < count; ++i) {
        AnnounceBytes bytes;
        crypto::test::scatter(random, bytes);
        wire::write_header(bytes.data(),
                           {0x12, static_cast<std::uint8_t>(random()), 0, 101,
                            (bed.time.unix_ns + 1000 * ns_per_ms) / stamp_step * stamp_step});
        const std::span<std::byte, wire::announce_bytes> all(bytes);
        if (forger == Forger::knows_the_key) {
            mac1.write(all.first<crypto::mac1_covers_bytes>(),
                       all.subspan<crypto::mac1_covers_bytes>());
        }
        frames.push_back(bed.carry(Bytes(bytes.begin(), bytes.end())));
    }
    return frames;
}

struct Flooded {
    explicit Flooded(std::uint32_t rekey_seconds)
        : bed([&] {
              SealedBed::Options with;
              with.rekey_seconds = rekey_seconds;
              return with;
          }()) {
        bed.start_up();
    }

    /// The flood in steps of 10 ms, `per_step` of it each, with good frames between.
    void run(Forger forger, unsigned per_step) {
        for (unsigned given = 0; given < flood; given += per_step) {
            auto bad = forgeries(bed, forger, per_step, random);
            bed.send(some_frames(8, 60, good));
            good += 8;
            auto packets = bed.take();
            packets.insert(packets.begin() + 4, bad.begin(), bad.end());
            bed.give(packets);
            delivered += static_cast<unsigned>(bed.received().size());
            bed.pass(10 * ns_per_ms);
        }
        REQUIRE(bed.b->control->totals().balanced());
    }

    SealedBed bed;
    std::mt19937_64 random{11};
    unsigned good = 0, delivered = 0;
};

}  // namespace

TEST_CASE("forged announcements of a stranger: nothing is lost, not even a rekey") {
    Flooded it(4);
    const std::uint32_t epoch = it.bed.status_b().epoch;
    it.run(Forger::stranger, 100);  // 10,000 a second, for ten seconds
    CHECK(it.delivered == it.good);
    CHECK(it.bed.status_b().epoch >= epoch + 2);
    CHECK(it.bed.status_b().health.state == LaneState::up);
    CHECK(it.bed.b->drops(Drop::bad_mac) == flood);
    CHECK(it.bed.b->control->totals().dropped() == flood);
    CHECK(it.bed.status_b().lost == 0);
}

TEST_CASE("more at once than Control can take is refused where it comes: no rekey is lost") {
    Flooded it(4);
    it.bed.pass(3 * ns_per_second);
    for (unsigned second = 0; second < 5; ++second) {
        const std::uint32_t epoch = it.bed.status_b().epoch;
        it.run(Forger::stranger, 100'000 / 25);  // 400,000 a second, for a quarter of one
        it.bed.pass(3750 * ns_per_ms);
        CHECK(it.bed.status_b().epoch > epoch);
    }
    CHECK(it.delivered == it.good);
    CHECK(it.bed.b->drops(Drop::control_full) == 0);
    CHECK(it.bed.b->drops(Drop::bad_mac) == 5 * flood);
    CHECK(it.bed.status_b().lost == 0);
    CHECK(it.bed.status_b().health.state == LaneState::up);
}

TEST_CASE("a genuine announcement among more forged ones than there is room for is heard") {
    SealedBed bed;
    bed.start();
    std::mt19937_64 random(13);
    std::vector<Bytes> genuine;
    bed.pass(300 * ns_per_ms, [&](const Bytes& frame) {
        genuine.push_back(frame);
        return std::vector<Bytes>{};
    });
    REQUIRE(!genuine.empty());
    CHECK(bed.status_b().health.state == LaneState::no_key);
    // Control does not look while they come.
    auto bad = forgeries(bed, Forger::stranger, 2 * Notes::slots, random);
    for (std::size_t i = 0; i < bad.size(); i += 32) {
        bed.give({bad.begin() + static_cast<std::ptrdiff_t>(i),
                  bad.begin() + static_cast<std::ptrdiff_t>(i + 32)});
    }
    bed.give(genuine);
    bed.pass(20 * ns_per_ms, [](const Bytes&) { return std::vector<Bytes>{}; });
    CHECK(bed.status_b().health.state == LaneState::up);
    CHECK(bed.b->drops(Drop::bad_mac) == 2 * Notes::slots);
    CHECK(bed.b->drops(Drop::control_full) == 0);
}

TEST_CASE("heartbeats of a clear lane, which anybody can forge, keep no announcement out") {
    SealedBed bed;
    bed.start_a(bed.sending());
    std::vector<LaneSpec> lanes;
    lanes.push_back(bed.receiving());
    lanes.push_back(bed.receiving());
    lanes[1].name = "open";
    lanes[1].id = 7;
    lanes[1].cipher = Cipher::none;
    lanes[1].keys.reset();
    bed.start_b(std::move(lanes));
    std::vector<Bytes> genuine;
    bed.pass(300 * ns_per_ms, [&](const Bytes& frame) {
        genuine.push_back(frame);
        return std::vector<Bytes>{};
    });
    REQUIRE(!genuine.empty());
    Bytes heartbeat(wire::header_bytes + heartbeat_bytes_max);
    wire::write_header(heartbeat.data(), {0x11, 0, wire::control_subspace, 7, 0});
    heartbeat.resize(wire::header_bytes +
                     write_heartbeat(heartbeat.data() + wire::header_bytes, bed.time.unix_ns, {}));
    // Control does not look while they come.
    const std::vector<Bytes> burst(32, bed.carry(heartbeat));
    for (std::size_t i = 0; i < 2 * Notes::slots; i += burst.size()) bed.give(burst);
    bed.give(genuine);
    bed.pass(20 * ns_per_ms, [](const Bytes&) { return std::vector<Bytes>{}; });
    CHECK(bed.status_b().health.state == LaneState::up);
    CHECK(bed.b->drops(Drop::control_full) == 0);
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("forgers who know the public key cost ten openings a second, and the lane stays up") {
    Flooded it(120);
    it.run(Forger::knows_the_key, 1000);  // one second
    CHECK(it.delivered == it.good);
    const std::uint64_t opened = it.bed.b->drops(Drop::bad_auth);
    CHECK(opened >= 5);
    CHECK(opened <= 5 + 10 + 1);
    CHECK(it.bed.b->drops(Drop::rate_limited) + opened == flood);
    CHECK(it.bed.status_b().health.state == LaneState::up);
    // Rekeys of after the flood come through.
    const std::uint32_t epoch = it.bed.status_b().epoch;
    it.bed.pass(240 * ns_per_second, 50 * ns_per_ms);
    CHECK(it.bed.status_b().epoch == epoch + 2);
    it.bed.check_through(some_frames(20));
}

TEST_CASE("a secret on top of the keys keeps those out who know the public key") {
    SealedBed::Options with;
    with.rekey_seconds = 4;
    SealedBed bed(with);
    LaneSpec send = bed.sending(), receive = bed.receiving();
    send.keys->secret = receive.keys->secret = secret_of(4);
    bed.start(std::move(send), std::move(receive));
    bed.pass(300 * ns_per_ms);
    std::mt19937_64 random(12);
    const std::uint32_t epoch = bed.status_b().epoch;
    for (unsigned step = 0; step < 1000; ++step) {
        bed.give(forgeries(bed, Forger::knows_the_key, 20, random));
        bed.pass(10 * ns_per_ms);
        bed.check_through(some_frames(4));
    }
    CHECK(bed.b->drops(Drop::bad_mac) == 20'000);
    CHECK(bed.status_b().epoch >= epoch + 2);
    CHECK(bed.status_b().lost == 0);
}

TEST_CASE("forged data in a flood: each is refused, and the window is as it was") {
    SealedBed bed;
    bed.start_up();
    bed.take();
    std::mt19937_64 random(13);
    const std::uint8_t epoch = static_cast<std::uint8_t>(bed.status_a().epoch);
    unsigned delivered = 0;
    for (unsigned step = 0; step < 200; ++step) {
        std::vector<Bytes> bad;
        for (unsigned i = 0; i < 200; ++i) {
            Bytes packet(46 + random() % 200);
            crypto::test::scatter(random, packet);
            wire::write_header(packet.data(), {0x11, epoch, 0, 101, random() >> random() % 64});
            bad.push_back(bed.carry(packet));
        }
        bed.give(bad);
        bed.send(some_frames(4));
        bed.give(bed.take());
        delivered += static_cast<unsigned>(bed.received().size());
    }
    CHECK(delivered == 800);
    CHECK(bed.b->drops(Drop::bad_tag) + bed.b->drops(Drop::replay_duplicate) +
              bed.b->drops(Drop::replay_old) ==
          40'000);
    CHECK(bed.b->drops(Drop::bad_tag) > 30'000);
    CHECK(bed.b->control->totals().balanced());
}
