// A sealed lane from its first second: nothing leaves before there are keys, and then everything.
#include <catch2/catch.hpp>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

TEST_CASE("a sealed lane carries frames after three announcements, and none before") {
    SealedBed::Options with;
    with.mode = GENERATE(KeyMode::keys, KeyMode::secret);
    SealedBed bed(with);
    bed.start();
    bed.send(some_frames(3));
    CHECK(bed.a->drops(Drop::no_key) == 3);
    CHECK(bed.take().empty());
    unsigned announcements = 0, heartbeats = 0;
    bed.pass(200 * ns_per_ms, [&](const Bytes& frame) {
        announcements += bed.is_announcement(frame) ? 1u : 0u;
        heartbeats += bed.is_heartbeat(frame) ? 1u : 0u;
        return std::vector<Bytes>{frame};
    });
    CHECK(announcements == 3);
    CHECK(heartbeats == 1);
    CHECK(bed.status_a().health.state == LaneState::up);
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.check_through(some_frames(100));
    bed.check_through(some_frames(20, 1000));
}

TEST_CASE("a receiver that starts within a lane's life hears of its keys within a second") {
    SealedBed bed;
    bed.start_a(bed.sending());
    bed.pass(7 * ns_per_second + 500 * ns_per_ms);
    bed.start_b(bed.receiving());
    bed.pass(1010 * ns_per_ms);
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.check_through(some_frames(50));
}
