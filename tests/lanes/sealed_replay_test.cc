// Somebody records everything and plays it again: within a session, after it, across every way in
// which either end may stop and start. Nothing is delivered twice.
#include <catch2/catch.hpp>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

/// A bed whose wire is recorded, with numbered frames.
struct Recorded {
    explicit Recorded(SealedBed::Options with = {}) : bed(std::move(with)) {}

    void pass(std::uint64_t ns) {
        bed.pass(ns, [&](const Bytes& frame) {
            tape.push_back(frame);
            return std::vector<Bytes>{frame};
        });
    }
    /// Sends `count` new frames and demands that each comes out once.
    void traffic(unsigned count) {
        const auto frames = some_frames(count, 60, number);
        number += count;
        bed.send(frames);
        const auto out = bed.take();
        tape.insert(tape.end(), out.begin(), out.end());
        bed.give(out);
        const bool same = bed.received() == frames;
        REQUIRE(same);
    }
    /// Plays the whole tape as fast as it goes, slowly the announcements: nothing comes out.
    void play() {
        const std::vector<Bytes> all = tape;
        for (unsigned round = 0; round < 2; ++round) {
            bed.give(all);
            bed.b->clock.moment = bed.time;
            bed.b->control->tick();
            bed.b->run();
        }
        for (const Bytes& frame : all) {
            if (!bed.is_announcement(frame)) continue;
            bed.give({frame});
            pass(150 * ns_per_ms);
        }
        bed.give(all);
        bed.b->control->tick();
        REQUIRE(bed.received().empty());
        REQUIRE(bed.b->control->totals().balanced());
    }

    SealedBed bed;
    std::vector<Bytes> tape;
    std::uint32_t number = 0;
};

/// Three sessions of two seconds, with traffic in each, on tape.
void record(Recorded& it) {
    it.bed.start();
    it.pass(300 * ns_per_ms);
    for (unsigned i = 0; i < 6; ++i) {
        it.traffic(100);
        it.pass(ns_per_second);
    }
    it.traffic(100);
}

SealedBed::Options quick() {
    SealedBed::Options with;
    with.rekey_seconds = 2;
    with.mode = GENERATE(KeyMode::keys, KeyMode::secret);
    return with;
}

}  // namespace

TEST_CASE("data that is played again in its session is a duplicate, or too old for the window") {
    Recorded it;
    LaneSpec lane = it.bed.receiving();
    lane.window = 1024;
    it.bed.start(it.bed.sending(), std::move(lane));
    it.bed.pass(300 * ns_per_ms);
    it.traffic(1000);
    it.bed.expect(it.tape, Drop::replay_duplicate);
    it.traffic(1100);
    const std::vector<Bytes> first(it.tape.begin(), it.tape.begin() + 1000);
    it.bed.expect(first, Drop::replay_old);
    it.play();
    it.traffic(100);
}

TEST_CASE("a frame twice in one burst is delivered once") {
    SealedBed::Options with;
    with.wan_mtu = GENERATE(1500u, 9000u);
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    bed.send(some_frames(20));
    std::vector<Bytes> twice;
    for (const Bytes& frame : bed.take()) twice.insert(twice.end(), 3, frame);
    bed.queue(twice);
    bed.b->run();
    CHECK(bed.received() == some_frames(20));
    CHECK(bed.b->drops(Drop::replay_duplicate) == 40);
    CHECK(bed.b->lane("in").duplicates == 40);
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("heartbeats that are played again say nothing") {
    SealedBed bed;
    bed.start_up();
    std::vector<Bytes> heartbeats;
    bed.pass(3 * ns_per_second, [&](const Bytes& frame) {
        if (bed.is_heartbeat(frame)) heartbeats.push_back(frame);
        return std::vector<Bytes>{frame};
    });
    REQUIRE(heartbeats.size() == 3);
    bed.expect(heartbeats, Drop::replay_duplicate);
    // And they do not make a silent lane seem alive.
    bed.stop_a();
    for (unsigned i = 0; i < 5; ++i) {
        bed.pass(ns_per_second);
        bed.give(heartbeats);
    }
    CHECK(bed.status_b().health.state == LaneState::silent);
}

TEST_CASE("sessions that are over are not taken up again") {
    Recorded it(quick());
    record(it);
    it.play();
    it.traffic(100);
    CHECK(it.bed.status_b().health.state == LaneState::up);
}

TEST_CASE("everything is played again after the receiver stopped in order and started") {
    Recorded it(quick());
    record(it);
    it.bed.stop_b(true);
    it.bed.start_b(it.bed.receiving());
    const bool early = GENERATE(true, false);
    if (early) it.play();
    it.pass(4 * ns_per_second);
    it.traffic(100);
    it.play();
    it.traffic(100);
}

TEST_CASE("everything is played again after the receiver crashed and started") {
    Recorded it(quick());
    record(it);
    it.bed.stop_b(false);
    it.bed.start_b(it.bed.receiving());
    it.play();
    CHECK(it.bed.b->drops(Drop::no_session) > 600);
    CHECK(it.bed.b->drops(Drop::stale) > 10);
    it.pass(4 * ns_per_second);
    it.traffic(100);
    it.play();
}

TEST_CASE("everything is played again after the sender started again, with or without its memory") {
    Recorded it(quick());
    record(it);
    const bool lost = GENERATE(false, true);
    it.bed.stop_a();
    if (lost) it.bed.memory_a.texts.clear();
    it.pass(ns_per_second);
    it.play();
    it.bed.start_a(it.bed.sending());
    it.pass(4 * ns_per_second);
    it.traffic(100);
    it.play();
    it.traffic(100);
    CHECK(it.bed.status_b().health.state == LaneState::up);
}

TEST_CASE("everything is played again after both ends went, in every combination") {
    Recorded it(quick());
    record(it);
    const bool sender_lost = GENERATE(false, true), in_order = GENERATE(false, true);
    it.bed.stop_a();
    it.bed.stop_b(in_order);
    if (sender_lost) it.bed.memory_a.texts.clear();
    it.bed.start_b(it.bed.receiving());
    it.play();
    it.bed.start_a(it.bed.sending());
    it.pass(4 * ns_per_second);
    it.traffic(100);
    it.play();
    it.traffic(100);
}

TEST_CASE("a receiver that stops and starts over and over delivers everything at most once") {
    Recorded it(quick());
    record(it);
    for (unsigned life = 0; life < 6; ++life) {
        it.bed.stop_b(life % 3 != 2);
        it.bed.start_b(it.bed.receiving());
        it.play();
        it.pass(4 * ns_per_second);
        it.traffic(20);
    }
}

TEST_CASE("what was held back is delivered after a restart in order, once, and not a year later") {
    // A packet that never reached the former receiver is not a replay.
    SealedBed bed;
    bed.start_up();
    bed.take();
    const auto frames = some_frames(30);
    bed.send(frames);
    const auto held = bed.take();
    std::vector<Bytes> announcement;
    bed.pass(ns_per_second, [&](const Bytes& frame) {
        if (bed.is_announcement(frame)) announcement = {frame};
        return std::vector<Bytes>{};
    });
    REQUIRE(announcement.size() == 1);
    bed.stop_b(true);
    const bool late = GENERATE(false, true);
    if (late) bed.time.unix_ns += 3'700 * ns_per_second;
    bed.start_b(bed.receiving());
    if (late) {
        bed.expect(announcement, Drop::stale);
        bed.expect(held, Drop::no_session);
        return;
    }
    bed.give(announcement);
    bed.b->control->tick();
    bed.give(held);
    CHECK(bed.received() == frames);
    bed.expect(held, Drop::replay_duplicate);
}
