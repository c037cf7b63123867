// One sender, three receivers with keys of their own: each opens what the others open, takes its
// own announcements, and a member that comes late is in within a second.
#include <catch2/catch.hpp>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

//                    .-- first.b
//   first.a == wire <--- more[0].b
//                    `-- more[1].b
struct Members {
    Members() {
        for (unsigned i = 0; i < 2; ++i) {
            more.push_back(std::make_unique<SealedBed>(with()));
            more[i]->keys_b = pair_of(20 + i);
        }
    }

    static SealedBed::Options with() {
        SealedBed::Options with;
        with.rekey_seconds = 2;
        return with;
    }
    LaneSpec sending() const {
        LaneSpec lane = first.sending();
        for (const auto& bed : more) lane.keys->peers.push_back(bed->keys_b->open);
        return lane;
    }
    void start(SealedBed& bed) {
        bed.time = first.time;
        bed.start_b(bed.receiving());
    }
    void pass(std::uint64_t ns) {
        for (std::uint64_t passed = 0; passed < ns; passed += 10 * ns_per_ms) {
            std::vector<Bytes> copies;
            first.pass(10 * ns_per_ms, [&](const Bytes& frame) {
                copies.push_back(frame);
                return std::vector<Bytes>{frame};
            });
            for (auto& bed : more) {
                if (!bed->b) continue;
                bed->give(copies);
                bed->pass(10 * ns_per_ms);
            }
        }
    }
    /// Whether each of those that run gets just these frames.
    void check_through(const std::vector<Bytes>& frames) {
        first.send(frames);
        const auto packets = first.take();
        first.give(packets);
        CHECK(first.received() == frames);
        for (auto& bed : more) {
            if (!bed->b) continue;
            bed->give(packets);
            CHECK(bed->received() == frames);
            CHECK(bed->b->control->totals().balanced());
        }
    }

    SealedBed first{with()};
    std::vector<std::unique_ptr<SealedBed>> more;
};

}  // namespace

TEST_CASE("three receivers open the same packets, and each refuses the others' announcements") {
    Members it;
    it.first.start_b(it.first.receiving());
    for (auto& bed : it.more) it.start(*bed);
    it.first.start_a(it.sending());
    it.pass(300 * ns_per_ms);
    for (unsigned i = 0; i < 100; ++i) {
        it.check_through(some_frames(10, 60, i));
        it.pass(50 * ns_per_ms);
    }
    const auto others = it.first.b->drops(Drop::bad_mac);
    const auto own = it.first.status_b().announcements;
    CHECK(others > 10);
    CHECK(own.counts[0] >= 3);
    CHECK(own.counts[static_cast<std::size_t>(Acceptor::Verdict::bad_mac)] == others);
    // Of three announcements one is ours, be it new or a repeat.
    CHECK(2 * (own.counts[0] + own.counts[1]) == others);
    for (auto& bed : it.more) {
        CHECK(bed->b->drops(Drop::bad_mac) == others);
        CHECK(bed->b->control->totals().dropped() == others);
        CHECK(bed->status_b().epoch == it.first.status_b().epoch);
        CHECK(bed->status_b().lost == 0);
    }
}

TEST_CASE("a member that comes late hears of the session in use within a second of its start") {
    Members it;
    it.first.start_b(it.first.receiving());
    it.first.start_a(it.sending());
    it.pass(1370 * ns_per_ms);  // amid the lead of a next session
    for (auto& bed : it.more) {
        it.start(*bed);
        unsigned waited = 0;
        while (bed->status_b().health.state != LaneState::up && waited < 200) {
            it.pass(10 * ns_per_ms);
            ++waited;
        }
        CHECK(waited <= 101);
        it.check_through(some_frames(20));
        it.pass(730 * ns_per_ms);
    }
}

TEST_CASE("a member that is replaced by another key is out, and the others stay in") {
    Members it;
    it.first.start_b(it.first.receiving());
    for (auto& bed : it.more) it.start(*bed);
    it.first.start_a(it.sending());
    it.pass(300 * ns_per_ms);
    it.check_through(some_frames(10));
    LaneSpec less = it.sending();
    less.keys->peers.pop_back();
    it.first.a->apply(it.first.spec_a(lanes_of(std::move(less))));
    it.pass(300 * ns_per_ms);
    it.first.send(some_frames(10));
    const auto packets = it.first.take();
    it.more[1]->expect(packets, Drop::no_session);
    it.more[0]->give(packets);
    CHECK(it.more[0]->received().size() == 10);
    // And it says that what comes is not for it.
    it.pass(40 * ns_per_second);
    const Health health = it.more[1]->status_b().health;
    CHECK(health.state == LaneState::no_key);
    CHECK_THAT(health.cause, Catch::Contains("not for our key"));
    CHECK(it.more[0]->status_b().health.state == LaneState::up);
}
