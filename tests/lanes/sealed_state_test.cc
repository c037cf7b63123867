// What either end remembers, and what becomes of a lane when it does not: lost, damaged or
// unwritable state, restarts in order and not; each said in words, each recovered from.
#include <catch2/catch.hpp>

#include "lanes/records.hh"
#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

SealedBed::Options every_four_seconds() {
    SealedBed::Options with;
    with.rekey_seconds = 4;
    return with;
}

}  // namespace

TEST_CASE("a receiver that stopped in order goes on at the next announcement, where it was") {
    SealedBed bed;
    bed.start_up();
    bed.check_through(some_frames(200));
    bed.send(some_frames(10, 60, 500));
    const auto under_way = bed.take();  // will arrive after the restart
    const std::uint32_t epoch = bed.status_b().epoch;
    bed.stop_b(true);
    CHECK_THAT(bed.memory_b.texts.at("receive-101"), Catch::Contains("resume "));
    bed.start_b(bed.receiving());
    // Taken up: what can be resumed can be resumed once.
    bed.pass(1010 * ns_per_ms);
    CHECK(bed.status_b().health.state == LaneState::up);
    CHECK(bed.status_b().epoch == epoch);
    CHECK(bed.memory_b.texts.at("receive-101").find("resume") == std::string::npos);
    bed.give(under_way);
    CHECK(bed.received() == some_frames(10, 60, 500));
    bed.check_through(some_frames(100));
    CHECK(bed.status_b().lost == 0);
}

TEST_CASE("a receiver that crashed waits for the next session, and says so") {
    SealedBed bed(every_four_seconds());
    bed.start_up();
    bed.check_through(some_frames(20));
    bed.stop_b(false);
    bed.start_b(bed.receiving());
    bed.pass(1010 * ns_per_ms);
    const Health health = bed.status_b().health;
    CHECK(health.state == LaneState::no_key);
    CHECK_THAT(health.cause, Catch::Contains("waits for the sender's next session"));
    bed.send(some_frames(3));
    bed.expect(bed.take(), Drop::no_session);
    bed.pass(4 * ns_per_second);
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.check_through(some_frames(20));
}

TEST_CASE("a receiver that lost its memory accepts the session in use") {
    SealedBed bed;
    bed.start_up();
    bed.check_through(some_frames(20));
    bed.stop_b(false);
    bed.memory_b.texts.clear();
    bed.start_b(bed.receiving());
    bed.pass(1010 * ns_per_ms);
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.check_through(some_frames(20));
}

TEST_CASE("a sender that starts again is heard within 200 ms, whatever it remembers") {
    const bool lost = GENERATE(false, true);
    SealedBed bed;
    bed.start_up();
    for (unsigned life = 0; life < 10; ++life) {
        bed.check_through(some_frames(20, 60, life));
        bed.stop_a();
        if (lost) bed.memory_a.texts.clear();
        bed.pass(20 * ns_per_ms);
        bed.start_a(bed.sending());
        bed.pass(200 * ns_per_ms);
        CHECK(bed.status_b().health.state == LaneState::up);
        CHECK(bed.status_b().epoch == bed.status_a().epoch);
    }
    bed.check_through(some_frames(20));
}

TEST_CASE("a sender whose clock was set back is ahead of itself, if it remembers") {
    SealedBed bed;
    bed.start_up();
    bed.stop_a();
    const bool lost = GENERATE(false, true);
    if (lost) bed.memory_a.texts.clear();
    bed.time.unix_ns -= 200 * ns_per_second;
    bed.start_a(bed.sending());
    bed.pass(300 * ns_per_ms);
    if (lost) {
        CHECK(bed.b->drops(Drop::stale) == 3);
        // The former session still lives at the receiver, for its time.
        bed.pass(150 * ns_per_second);
        CHECK(bed.status_b().health.state == LaneState::stale_sender);
        CHECK_THAT(bed.status_b().health.cause, Catch::Contains("its clock was set back"));
        bed.pass(95 * ns_per_second);
    }
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.check_through(some_frames(20));
}

TEST_CASE("both ends start again at once") {
    const bool in_order = GENERATE(false, true), lost = GENERATE(false, true);
    SealedBed bed;
    bed.start_up();
    bed.check_through(some_frames(20));
    bed.stop_a();
    bed.stop_b(in_order);
    if (lost) bed.memory_a.texts.clear();
    bed.pass(50 * ns_per_ms);
    bed.start();
    bed.pass(300 * ns_per_ms);
    bed.check_through(some_frames(100));
}

TEST_CASE("a sender whose state cannot be written announces nothing, says why, and recovers") {
    SealedBed bed;
    bed.memory_a.failing = true;
    bed.start();
    const Overheard log;
    bed.pass(5 * ns_per_second, [](const Bytes&) -> std::vector<Bytes> {
        FAIL("something was sent");
        return {};
    });
    CHECK(bed.status_a().health.state == LaneState::no_key);
    CHECK_THAT(bed.status_a().health.cause, Catch::Contains("told to fail"));
    // Said once, not at each try.
    const std::string text = log.text();
    const auto first = text.find("cannot be written");
    CHECK(first != std::string::npos);
    CHECK(text.find("cannot be written", first + 1) == std::string::npos);
    bed.memory_a.failing = false;
    bed.pass(1300 * ns_per_ms);
    CHECK(bed.status_a().health.state == LaneState::up);
    bed.check_through(some_frames(20));
}

TEST_CASE("a receiver whose state cannot be written accepts nothing, says why, and recovers") {
    SealedBed bed;
    bed.memory_b.failing = true;
    bed.start();
    bed.pass(2 * ns_per_second);
    CHECK(bed.status_b().health.state == LaneState::no_key);
    CHECK_THAT(bed.status_b().health.cause, Catch::Contains("told to fail"));
    bed.send(some_frames(3));
    bed.expect(bed.take(), Drop::no_session);
    bed.memory_b.failing = false;
    bed.pass(1100 * ns_per_ms);
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.check_through(some_frames(20));
}

TEST_CASE("a store that fails for a while in the middle costs no packet") {
    SealedBed bed(every_four_seconds());
    bed.start_up();
    const bool at_a = GENERATE(false, true);
    for (unsigned second = 0; second < 40; ++second) {
        // Never as long as what a session lives on for.
        (at_a ? bed.memory_a : bed.memory_b).failing = second % 20 >= 5 && second % 20 < 15;
        for (unsigned step = 0; step < 10; ++step) {
            bed.pass(100 * ns_per_ms);
            if (at_a || second % 20 < 5 || second % 20 >= 19) {
                bed.check_through(some_frames(5));
            } else {
                bed.give(bed.take());
                bed.send(some_frames(5));
                bed.give(bed.take());
                bed.received();
            }
        }
    }
    bed.pass(5 * ns_per_second);
    bed.check_through(some_frames(20));
    CHECK(bed.status_a().health.state == LaneState::up);
    CHECK(bed.status_b().health.state == LaneState::up);
}

TEST_CASE("a damaged record is named, counts as lost, and is written anew") {
    const char* damage = GENERATE("", "nonsense\n", "mark 12", "stamp 1\nepoch x\n", "\n\n");
    SealedBed bed;
    bed.memory_a.texts["send-101"] = damage;
    bed.memory_b.texts["receive-101"] = damage;
    const Overheard log;
    bed.start();
    CHECK_THAT(log.text(), Catch::Contains("lane out: state send-101:"));
    CHECK_THAT(log.text(), Catch::Contains("lane in: state receive-101:"));
    bed.pass(300 * ns_per_ms);
    bed.check_through(some_frames(20));
    CHECK(parse_sender_record(bed.memory_a.texts["send-101"]));
    CHECK(parse_receiver_record(bed.memory_b.texts["receive-101"]));
}

TEST_CASE("a store that fails when the receiver stops makes it wait, and nothing worse") {
    SealedBed bed(every_four_seconds());
    bed.start_up();
    bed.check_through(some_frames(20));
    {
        const Overheard log;
        bed.memory_b.failing = true;
        bed.stop_b(true);
        CHECK_THAT(log.text(), Catch::Contains("will wait for their senders' next sessions"));
    }
    bed.memory_b.failing = false;
    bed.start_b(bed.receiving());
    bed.pass(1010 * ns_per_ms);
    CHECK(bed.status_b().health.state == LaneState::no_key);
    bed.pass(4 * ns_per_second);
    bed.check_through(some_frames(20));
}
