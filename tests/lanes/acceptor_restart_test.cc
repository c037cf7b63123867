// The acceptor after a restart: what its record keeps out, and which sessions it takes up again,
// from where they were and exactly once.
#include "lanes/acceptor.hh"

#include <catch2/catch.hpp>

#include "tests/lanes/acceptor_bed.hh"

using namespace lanes;
using namespace lanes::test;

TEST_CASE("a session is not accepted twice after a restart with the record kept") {
    Receiver before;
    const AnnounceBytes bytes = before.announced(1, stamp_at(0));
    CHECK(before.acceptor.mark() == 0);
    REQUIRE(before.take(bytes, at(0)) == Verdict::accepted);
    Receiver after(Trust::keys, before.on_disk);
    CHECK(after.acceptor.record().resumable.empty());
    CHECK(after.take(bytes, at(1)) == Verdict::stale);
    CHECK(after.owner.installs == 0);
    // It waits for the next session.
    CHECK(after.take(after.announced(2, stamp_at(minute_ns)), at(minute_ns)) == Verdict::accepted);
    CHECK(after.owner.at[2].floors.empty());
    CHECK(after.take(bytes, at(minute_ns)) == Verdict::stale);
}

TEST_CASE("a session is resumed from its floors, exactly once") {
    const Floors floors = {700, 0, 12};
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    const AnnounceBytes two = first.announced(2, stamp_at(ns_per_second));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    REQUIRE(first.take(two, at(ns_per_second)) == Verdict::accepted);
    Receiver second(Trust::keys, first.stopped(floors));
    CHECK_FALSE(second.acceptor.record().resumable.empty());
    const Moment later = at(10 * ns_per_second);
    CHECK(second.take(two, later) == Verdict::accepted);
    CHECK(second.take(two, later) == Verdict::repeat);
    CHECK(second.take(one, later) == Verdict::accepted);
    CHECK(second.owner.at[1].floors == floors);
    CHECK(second.owner.at[2].floors == floors);
    CHECK((second.owner.at[1].secret == session_secret(1)));
    CHECK(second.acceptor.mark() == stamp_at(ns_per_second));
    // When both have ended, neither comes back.
    second.acceptor.step(at(10 * minute_ns), second.owner);
    CHECK(second.owner.at.empty());
    CHECK(second.take(one, at(10 * minute_ns)) == Verdict::stale);
    CHECK(second.take(two, at(10 * minute_ns)) == Verdict::stale);
    // Nor after a third start, that was not in good order.
    Receiver third(Trust::keys, second.on_disk);
    CHECK(third.take(one, later) == Verdict::stale);
    CHECK(third.take(two, later) == Verdict::stale);
    CHECK(third.acceptor.record().resumable.empty());
}

TEST_CASE("a crash between saving and installing a resumption does not resume twice") {
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    Receiver second(Trust::keys, first.stopped({5, 5, 5}));
    REQUIRE(second.acceptor.offer(one, at(1)) == Verdict::accepted);
    CHECK(second.acceptor.record() == ReceiverRecord{stamp_at(0), {}});
    Receiver third(Trust::keys, second.acceptor.record());
    CHECK(third.take(one, at(2)) == Verdict::stale);
}

TEST_CASE("a session that is not the one remembered is not resumed") {
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    const ReceiverRecord::Resumable good = {stamp_at(0), 1, {1, 2, 3}};
    const ReceiverRecord::Resumable others[] = {{stamp_at(0), 5, {1, 2, 3}},
                                                {stamp_at(0), 1, {1, 2}},
                                                {stamp_at(0), 1, {1, 2, 3, 4}},
                                                {stamp_at(0) - stamp_step, 1, {1, 2, 3}}};
    for (const auto& other : others) {
        Receiver second(Trust::keys, ReceiverRecord{stamp_at(0), {other}});
        CHECK(second.take(one, at(1)) == Verdict::stale);
        CHECK(second.take(one, at(2)) == Verdict::stale);
        CHECK(second.owner.installs == 0);
    }
    Receiver second(Trust::keys, ReceiverRecord{stamp_at(0), {good}});
    CHECK(second.take(one, at(1)) == Verdict::accepted);
}

TEST_CASE("forgeries with a remembered stamp do not use a resumption up") {
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    Receiver second(Trust::keys, first.stopped({5, 5, 5}));
    KeySpec stranger = first.lane.sender;
    stranger.own = key_pair(77);
    CHECK(second.take(announcement(stranger, stamp_at(0), terms_of(1), 9), at(0)) ==
          Verdict::bad_auth);
    CHECK(second.take(with_bit_flipped(one, 1000), at(0)) == Verdict::bad_mac);
    CHECK(second.take(one, at(1)) == Verdict::accepted);
    CHECK(second.owner.at[1].floors == Floors{5, 5, 5});
}

TEST_CASE("a session that was held back for longer than any lives is not resumed") {
    const std::uint64_t most_ns = Acceptor::lifetime_ms_max * ns_per_ms;
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    const ReceiverRecord record = first.stopped({5, 5, 5});
    Receiver late(Trust::keys, record);
    CHECK(late.take(one, {at(0).boot_ns, stamp_at(0) + most_ns + 1}) == Verdict::stale);
    Receiver early(Trust::keys, record);
    CHECK(early.take(one, {at(0).boot_ns, stamp_at(0) + most_ns}) == Verdict::accepted);
}

TEST_CASE("a resumption replayed late does not take a newer session's place") {
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    const bool saved = GENERATE(true, false);  // the newer one may still wait for the disk
    Receiver second(Trust::keys, first.stopped({5, 5, 5}));
    const AnnounceBytes newer = second.announced(5, stamp_at(minute_ns));
    if (saved) {
        REQUIRE(second.take(newer, at(minute_ns)) == Verdict::accepted);
    } else {
        REQUIRE(second.acceptor.offer(newer, at(minute_ns)) == Verdict::accepted);
    }
    CHECK(second.acceptor.offer(one, at(minute_ns)) == Verdict::stale);
    second.acceptor.saved(at(minute_ns), second.owner);
    CHECK(second.owner.at[1].terms.epoch == 5);
    CHECK(second.owner.at.size() == 1);
}

TEST_CASE("a session that is resumed after its successor came does not outlive the overlap") {
    Receiver first;
    const AnnounceBytes one = first.announced(1, stamp_at(0));
    REQUIRE(first.take(one, at(0)) == Verdict::accepted);
    Receiver second(Trust::keys, first.stopped({5, 5, 5}));
    const AnnounceBytes next = second.announced(2, stamp_at(minute_ns));  // its lead is 10 s
    REQUIRE(second.take(next, at(minute_ns)) == Verdict::accepted);
    REQUIRE(second.take(one, at(minute_ns + ns_per_second)) == Verdict::accepted);
    const std::uint64_t end = minute_ns + 15 * ns_per_second;
    second.acceptor.step(at(end - 1), second.owner);
    CHECK(second.owner.at.size() == 2);
    second.acceptor.step(at(end), second.owner);
    CHECK(second.owner.at.size() == 1);
    CHECK(second.owner.at.count(2) == 1);
}
