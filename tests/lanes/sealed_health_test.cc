// What a receiving lane says of itself: the five states with their causes, and loss, which is exact
// once a session has ended.
#include <catch2/catch.hpp>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

void check_state(const SealedBed& bed, LaneState state, const char* cause) {
    const Health health = bed.status_b().health;
    CHECK(name_of(health.state) == name_of(state));
    CHECK_THAT(health.cause, Catch::Contains(cause));
}

const SealedBed::Way nothing = [](const Bytes&) { return std::vector<Bytes>{}; };

}  // namespace

TEST_CASE("no-key, up, silent, up again: as the sender comes, goes and comes") {
    SealedBed bed;
    bed.start_b(bed.receiving());
    bed.pass(ns_per_second);
    check_state(bed, LaneState::no_key, "no announcement has come yet");
    CHECK(bed.status_b().epoch == 0);
    bed.start_a(bed.sending());
    bed.pass(300 * ns_per_ms);
    check_state(bed, LaneState::up, "");
    bed.pass(1700 * ns_per_ms);
    // The age is counted from when the session was made, which the lead precedes at the sender.
    CHECK(bed.status_b().session_age_ns >= 1900 * ns_per_ms);
    CHECK(bed.status_a().session_age_ns >= 1800 * ns_per_ms);
    CHECK(bed.status_a().session_age_ns <= 1950 * ns_per_ms);
    // Without a single heartbeat for 3.5 s it is silent.
    bed.pass(2400 * ns_per_ms, nothing);
    check_state(bed, LaneState::up, "");
    bed.pass(1200 * ns_per_ms, nothing);
    check_state(bed, LaneState::silent, "nothing heard for ");
    bed.pass(1100 * ns_per_ms);
    check_state(bed, LaneState::up, "");
}

TEST_CASE("announcements alone do not make a lane speak, heartbeats do") {
    SealedBed bed;
    bed.start_up();
    bed.pass(5 * ns_per_second, [&](const Bytes& frame) {
        return bed.is_heartbeat(frame) ? std::vector<Bytes>{} : std::vector<Bytes>{frame};
    });
    check_state(bed, LaneState::silent, "the way from it is broken");
}

TEST_CASE("while the first session is being announced a sender says so") {
    SealedBed bed;
    bed.start();
    bed.pass(20 * ns_per_ms);
    CHECK(bed.status_a().health.state == LaneState::no_key);
    CHECK_THAT(bed.status_a().health.cause,
               Catch::Contains("its first session is being announced"));
    bed.pass(300 * ns_per_ms);
    CHECK(bed.status_a().health.state == LaneState::up);
    CHECK(bed.status_a().epoch != 0);
}

TEST_CASE("a flood before the first keys is called one") {
    SealedBed::Options with;
    SealedBed bed(with);
    bed.start();
    Bytes announcement;
    bed.pass(100 * ns_per_ms, [&](const Bytes& frame) {
        announcement = frame;
        return std::vector<Bytes>{};
    });
    bed.stop_a();
    bed.pass(10 * ns_per_second);
    check_state(bed, LaneState::no_key, "no announcement has come yet");
    bed.give({bed.carry(with_bit_flipped(bed.packet_of(announcement), 8 * 140))});
    bed.pass(20 * ns_per_ms);
    check_state(bed, LaneState::no_key, "not for our key");
    bed.pass(12 * ns_per_second);  // it is not for ever that one says something
    check_state(bed, LaneState::silent, "nothing heard for 12 s");
}

TEST_CASE("the log says once when a lane comes up, and once when it falls silent") {
    const Overheard log;
    SealedBed bed;
    bed.start();
    bed.pass(5 * ns_per_second);
    bed.pass(20 * ns_per_second, nothing);
    bed.pass(20 * ns_per_second);
    const std::string text = log.text();
    const auto count = [&](const std::string& what) {
        unsigned n = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
        return n;
    };
    CHECK(count("lane in is up") == 2);
    CHECK(count("lane in is silent") == 1);
    CHECK(count("\n") == 3);
}

TEST_CASE("loss is exact after sessions have ended, and nothing while nothing is lost") {
    SealedBed::Options with;
    with.rekey_seconds = 2;
    with.workers_a = GENERATE(1u, 2u);
    with.workers_b = GENERATE(1u, 2u);
    SealedBed bed(with);
    bed.start_up();
    const unsigned every = GENERATE(0u, 10u, 3u, 1u);
    std::uint64_t lost = 0, seen = 0;
    const SealedBed::Way losing = [&](const Bytes& frame) {
        if (every != 0 && bed.is_data(frame) && ++seen % every == 0) {
            ++lost;
            return std::vector<Bytes>{};
        }
        return std::vector<Bytes>{frame};
    };
    for (unsigned step = 0; step < 1500; ++step) {
        for (unsigned i = 0; i < 6; ++i) bed.lan_a->send(ethernet_frame(60, i), i % with.workers_a);
        bed.pass(10 * ns_per_ms, losing);
        bed.received();
    }
    bed.pass(12 * ns_per_second);  // the sessions of then are over
    CHECK(bed.status_b().lost == lost);
    CHECK((every == 0) == (lost == 0));
    CHECK(bed.b->control->totals().dropped() == 0);
    CHECK(bed.a->lane("out").packets == 9000);
    CHECK(bed.b->lane("in").packets == 9000 - lost);
}

TEST_CASE("a receiver that comes late does not count as lost what was sent before it was there") {
    SealedBed bed;
    bed.start_a(bed.sending());
    bed.pass(300 * ns_per_ms);
    bed.send(some_frames(500));
    bed.take();
    bed.start_b(bed.receiving());
    bed.pass(3 * ns_per_second);
    CHECK(bed.status_b().lost == 0);
    bed.send(some_frames(40));
    auto frames = bed.take();
    frames.resize(30);
    bed.give(frames);
    bed.pass(3 * ns_per_second);
    CHECK(bed.status_b().lost == 10);
}

TEST_CASE("duplicates and replays do not hide a loss") {
    SealedBed bed;
    bed.start_up();
    bed.pass(ns_per_second);
    bed.send(some_frames(100));
    auto frames = bed.take();
    frames.resize(90);
    for (unsigned i = 0; i < 5; ++i) bed.give(frames);
    bed.pass(2 * ns_per_second);
    CHECK(bed.status_b().lost == 10);
}

TEST_CASE("announcements are counted by what became of them") {
    SealedBed bed;
    bed.start_up();
    bed.pass(5 * ns_per_second);
    const auto tally = bed.status_b().announcements;
    CHECK(tally.counts[static_cast<std::size_t>(Acceptor::Verdict::accepted)] == 1);
    // Two of the first three, and one each second.
    CHECK(tally.counts[static_cast<std::size_t>(Acceptor::Verdict::repeat)] == 2 + 5);
    CHECK(bed.b->control->totals().dropped() == 0);
}
