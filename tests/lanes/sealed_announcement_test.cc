// Announcements that must not be accepted, through the node: forged, changed, misdirected, from
// another time. Each is dropped by name, none keeps the genuine one from being accepted.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/lanes/sealed_bed.hh"
#include "tests/lanes/sealed_ends.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;
using Bed = SealedBed;

namespace {

AnnounceBytes announce_bytes(const Bed& bed, const Bytes& frame) {
    AnnounceBytes bytes;
    const Bytes packet = bed.packet_of(frame);
    REQUIRE(packet.size() == bytes.size());
    std::copy(packet.begin(), packet.end(), bytes.begin());
    return bytes;
}

Bytes frame_of(const Bed& bed, const AnnounceBytes& bytes) {
    return bed.carry(Bytes(bytes.begin(), bytes.end()));
}

/// A bed that runs, of which b has heard nothing, and a's announcement.
struct Unheard {
    explicit Unheard(Bed::Options with = {}) : bed(std::move(with)) {
        bed.start();
        bed.pass(60 * ns_per_ms, [&](const Bytes& frame) {
            genuine = frame;
            return std::vector<Bytes>{};
        });
        REQUIRE(bed.is_announcement(genuine));
        bytes = announce_bytes(bed, genuine);
    }

    /// The genuine one is accepted after all, and the lane works.
    void check_accepted() {
        bed.give({genuine});
        bed.pass(1500 * ns_per_ms);
        CHECK(bed.status_b().announcements.counts[0] == 1);
        bed.check_through(some_frames(20));
    }
    /// What an outsider can make of `changed` who knows the receiver's public key.
    Bytes forged(const AnnounceBytes& changed) const {
        return frame_of(bed, with_mac1(changed, *bed.receiving().keys));
    }
    /// Lets the time pass in which the bucket fills again.
    void wait() {
        bed.time.boot_ns += 100 * ns_per_ms;
        bed.time.unix_ns += 100 * ns_per_ms;
    }

    Bed bed;
    Bytes genuine;
    AnnounceBytes bytes;
};

Bed::Options either_mode() {
    Bed::Options with;
    with.mode = GENERATE(KeyMode::keys, KeyMode::secret);
    return with;
}

}  // namespace

TEST_CASE("an announcement with any bit flipped is refused, and unchanged accepted") {
    Unheard it(either_mode());
    for (std::size_t bit = 0; bit < 8 * wire::announce_bytes; ++bit) {
        const Drop reason = bit < 8           ? Drop::malformed_packet
                            : bit / 8 - 4 < 4 ? Drop::unknown_lane
                                              : Drop::bad_mac;
        // 0x12 and 0x11 are both types, two bits apart; all others are none.
        it.bed.expect({frame_of(it.bed, with_bit_flipped(it.bytes, bit))}, reason);
    }
    it.check_accepted();
}

TEST_CASE("an announcement with a flipped bit and a right mac1 is not opened") {
    Bed::Options with;
    Unheard it(with);
    for (std::size_t bit = 8; bit < 8 * crypto::mac1_covers_bytes; bit += bit < 128 ? 1 : 5) {
        if (bit / 8 >= 4 && bit / 8 < 8) continue;  // another lane
        it.wait();
        it.bed.expect({it.forged(with_bit_flipped(it.bytes, bit))}, Drop::bad_auth);
    }
    it.check_accepted();
}

TEST_CASE("an announcement of any other length is no announcement") {
    Unheard it(either_mode());
    const Bytes packet = it.bed.packet_of(it.genuine);
    std::vector<Bytes> frames;
    for (std::size_t len = 0; len < 300; ++len) {
        if (len == wire::announce_bytes) continue;
        Bytes other = packet;
        other.resize(len);
        frames.push_back(it.bed.carry(other));
    }
    it.bed.expect(frames, Drop::malformed_packet);
    it.check_accepted();
}

TEST_CASE("an announcement with a low-order point is not opened") {
    Unheard it;
    for (const crypto::PublicKey& point : low_order_points()) {
        it.wait();
        it.bed.expect({it.forged(with_ephemeral(it.bytes, point))}, Drop::bad_auth);
    }
    it.check_accepted();
}

TEST_CASE("an announcement whose lane was changed to another one of ours is not opened there") {
    Bed bed;
    LaneSpec more = bed.receiving();
    more.name = "more";
    more.id = 102;
    bed.start_b(lanes_of(bed.receiving(), std::move(more)));
    bed.start_a(bed.sending());
    Bytes genuine;
    bed.pass(20 * ns_per_ms, [&](const Bytes& frame) {
        genuine = frame;
        return std::vector<Bytes>{};
    });
    AnnounceBytes bytes = announce_bytes(bed, genuine);
    engine::store_be(bytes.data() + wire::lane_at, std::uint32_t{102});
    bed.expect({frame_of(bed, bytes)}, Drop::bad_mac);
    bed.expect({frame_of(bed, with_mac1(bytes, *bed.receiving().keys))}, Drop::bad_auth);
    bed.pass(1500 * ns_per_ms);
    CHECK(bed.status_b("in").health.state == LaneState::up);
    CHECK(bed.status_b("more").health.state == LaneState::no_key);
}

TEST_CASE("an announcement by another sender, for another receiver, or under another secret") {
    Bed bed;
    bed.start_b(bed.receiving());
    LaneSpec lane = bed.sending();
    Drop reason{};
    std::string cause;
    switch (GENERATE(0, 1, 2, 3)) {
        case 0:
            lane.keys->own = pair_of(9);
            reason = Drop::bad_auth;
            cause = "compare `sender`";
            break;
        case 1:
            lane.keys->peers = {pair_of(9)->open};
            reason = Drop::bad_mac;
            cause = "compare `receiver`";
            break;
        case 2:  // a pre-shared key that the receiver does not have
            lane.keys->secret = secret_of(9);
            reason = Drop::bad_mac;
            cause = "`secret`";
            break;
        case 3:
            lane.keys->peers.clear();
            lane.keys->own.reset();
            lane.keys->secret = bed.secret;
            reason = Drop::bad_mac;
            break;
    }
    bed.start_a(std::move(lane));
    bed.pass(6 * ns_per_second);
    CHECK(bed.b->drops(reason) >= 7);
    bed.send(some_frames(3));
    bed.expect(bed.take(), Drop::no_session);
    const Health health = bed.status_b().health;
    CHECK(health.state == LaneState::no_key);
    CHECK_THAT(health.cause, Catch::Contains(cause));
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("an announcement of another cipher says so") {
    Bed bed;
    LaneSpec lane = bed.sending();
    lane.cipher = Cipher::chacha20_poly1305;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(4 * ns_per_second);
    CHECK(bed.b->drops(Drop::wrong_terms) >= 5);
    CHECK_THAT(bed.status_b().health.cause, Catch::Contains("make `cipher` the same"));
    bed.send(some_frames(3));
    bed.expect(bed.take(), Drop::no_session);
}

TEST_CASE("the pre-shared key on top of keys must be right at both ends") {
    Bed bed;
    LaneSpec send = bed.sending(), receive = bed.receiving();
    send.keys->secret = secret_of(5);
    receive.keys->secret = secret_of(5);
    const bool wrong = GENERATE(false, true);
    if (wrong) receive.keys->secret = secret_of(6);
    bed.start(std::move(send), std::move(receive));
    bed.pass(400 * ns_per_ms);
    if (wrong) {
        CHECK(bed.b->drops(Drop::bad_mac) == 3);
    } else {
        bed.check_through(some_frames(20));
    }
}

TEST_CASE("old, equal and future stamps: only what is new and of this time is accepted") {
    // The attacker here is the sender himself: the keys are right, the stamp is what it wants.
    Bed bed;
    bed.start_up();
    const std::uint64_t mark = bed.time.unix_ns / stamp_step * stamp_step;
    const auto at = [&](std::uint64_t stamp, std::uint32_t epoch) {
        SeededRandom random(stamp);
        Terms terms;
        terms.epoch = epoch;
        terms.lifetime_ms = 150'000;
        AnnounceBytes bytes;
        REQUIRE(write_announcement(*bed.sending().keys, 0, 101, stamp, terms, session_secret(stamp),
                                   random, bytes));
        return frame_of(bed, bytes);
    };
    const std::uint32_t epoch = bed.status_a().epoch;
    const std::uint64_t hour = 3600 * ns_per_second;
    const std::uint64_t former = bed.status_b().announcements.last_stamp;
    bed.expect({at(former, epoch + 1)}, Drop::stale);
    bed.expect({at(former - stamp_step, epoch + 1)}, Drop::stale);
    bed.expect({at(0, epoch + 1)}, Drop::stale);
    bed.expect({at(mark + hour + ns_per_second, epoch + 1)}, Drop::clock);
    bed.expect({at(~std::uint64_t{0}, epoch + 1)}, Drop::clock);
    bed.check_through(some_frames(10));
    bed.give({at(mark + hour - ns_per_second, epoch + 1)});
    bed.b->control->tick();
    CHECK(bed.status_b().announcements.counts[0] == 2);
    // From now on everything of this hour is stale: what the sender's clock did is remembered.
    bed.expect({at(mark + hour - 2 * ns_per_second, epoch + 2)}, Drop::stale);
    bed.check_through(some_frames(10));  // the session in use goes on
}

TEST_CASE("at first contact a sender's clock may be five minutes away, and no more") {
    const bool ahead = GENERATE(true, false);
    const std::uint64_t seconds = GENERATE(298u, 302u);
    Bed bed;
    bed.start_b(bed.receiving());
    bed.start_a(bed.sending());
    // A frame that a made now reaches b in a world in which it is another time.
    bed.a->clock.moment = bed.time;
    bed.a->control->tick();
    bed.a->run();
    const auto frames = bed.take();
    REQUIRE(frames.size() == 1);
    auto& now = bed.time.unix_ns;
    now = ahead ? now - seconds * ns_per_second : now + seconds * ns_per_second;
    if (seconds > 300) {
        bed.expect(frames, Drop::clock);
        CHECK(bed.status_b().health.state == LaneState::clock);
        CHECK_THAT(bed.status_b().health.cause,
                   Catch::Contains(ahead ? "5 min ahead of" : "5 min behind"));
    } else {
        bed.give(frames);
        bed.b->clock.moment = bed.time;
        bed.b->control->tick();
        CHECK(bed.status_b().announcements.counts[0] == 1);
    }
}
