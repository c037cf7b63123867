// The acceptor's sessions: how long they live, how they overlap, and whose place they take. The
// clock is the test's own.
#include "lanes/acceptor.hh"

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/lanes/acceptor_bed.hh"

using namespace lanes;
using namespace lanes::test;

TEST_CASE("a session lives its lifetime, and is then wiped") {
    Receiver receiver;
    const AnnounceBytes bytes = receiver.announced(1, stamp_at(0));
    REQUIRE(receiver.take(bytes, at(7)) == Verdict::accepted);
    const std::uint64_t end = at(7).boot_ns + 150 * ns_per_second;
    CHECK(receiver.acceptor.step(at(8), receiver.owner) == end);
    Moment last = at(0);
    last.boot_ns = end - 1;
    CHECK(receiver.acceptor.step(last, receiver.owner) == end);
    CHECK(receiver.owner.at.size() == 1);
    CHECK(receiver.acceptor.offer(bytes, last) == Verdict::repeat);
    last.boot_ns = end;
    CHECK(receiver.acceptor.step(last, receiver.owner) == ~std::uint64_t{0});
    CHECK(receiver.owner.at.empty());
    CHECK(receiver.acceptor.newest() == nullptr);
    CHECK(receiver.acceptor.offer(bytes, last) == Verdict::stale);
}

TEST_CASE("a session overlaps its successor by five seconds after the switch") {
    Receiver receiver;
    REQUIRE(receiver.take(receiver.announced(1, stamp_at(0)), at(0)) == Verdict::accepted);
    const std::uint64_t announced = 100 * ns_per_second;
    const AnnounceBytes next = receiver.announced(2, stamp_at(announced));
    REQUIRE(receiver.take(next, at(announced)) == Verdict::accepted);
    CHECK(receiver.acceptor.newest()->epoch == 2);
    const std::uint64_t end = announced + 10 * ns_per_second + Acceptor::overlap_ns;
    CHECK(receiver.acceptor.step(at(end - 1), receiver.owner) == at(end).boot_ns);
    CHECK(receiver.owner.at.size() == 2);
    CHECK(receiver.acceptor.step(at(end), receiver.owner) ==
          at(announced + 150 * ns_per_second).boot_ns);
    CHECK(receiver.owner.at.size() == 1);
    CHECK(receiver.owner.at.count(2) == 1);
    // A successor late in its life does not prolong it.
    Receiver late;
    REQUIRE(late.take(late.announced(1, stamp_at(0)), at(0)) == Verdict::accepted);
    REQUIRE(late.take(late.announced(2, stamp_at(140 * ns_per_second)), at(140 * ns_per_second)) ==
            Verdict::accepted);
    CHECK(late.acceptor.step(at(140 * ns_per_second), late.owner) ==
          at(150 * ns_per_second).boot_ns);
}

TEST_CASE("sessions take the place of their epoch modulo four, across the end of 32 bits too") {
    Receiver receiver;
    std::uint32_t epoch = 0xfffffffd;
    for (unsigned i = 0; i < 8; ++i, ++epoch) {
        const std::uint64_t when = i * ns_per_second;
        REQUIRE(receiver.take(receiver.announced(epoch, stamp_at(when)), at(when)) ==
                Verdict::accepted);
        CHECK(receiver.owner.at[epoch % 4].terms.epoch == epoch);
        CHECK(receiver.acceptor.newest()->epoch == epoch);
        CHECK(receiver.acceptor.newest_since_boot_ns() == at(when).boot_ns);
        const auto live = receiver.acceptor.live();
        CHECK(live.size() == std::min(i + 1, 4u));
        for (const auto& one : live) {
            CHECK(one.place == one.epoch % 4);
            CHECK(receiver.owner.at[one.place].terms.epoch == one.epoch);
        }
    }
}
