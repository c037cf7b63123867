// The packet limit of a key: at half of it there is a new session and nothing is lost; at the limit
// without a new one the lane stops; and never is a number used twice under one key.
#include <catch2/catch.hpp>

#include <set>
#include <tuple>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

struct Limit {
    Cipher cipher;
    std::uint32_t mtu;
    unsigned bits;
};

Limit any_limit() {
    return GENERATE(Limit{Cipher::aes_256_gcm, 1500, 28}, Limit{Cipher::aes_256_gcm, 9000, 25},
                    Limit{Cipher::aes_256_gcm, 20'000, 23},
                    Limit{Cipher::chacha20_poly1305, 1500, 60});
}

SealedBed::Options with_limit(const Limit& limit) {
    SealedBed::Options with;
    with.cipher = limit.cipher;
    with.lan_mtu = with.wan_mtu = limit.mtu;
    return with;
}

/// Which (key, nonce) have been on the wire.
struct Numbers {
    void see(const SealedBed& bed, const Bytes& frame) {
        if (bed.is_announcement(frame)) return;
        const wire::Header header = wire::read_header(frame.data() + bed.carrier_bytes());
        const bool first = seen.emplace(header.epoch, header.subspace, header.sequence).second;
        REQUIRE(first);
        if (header.subspace != wire::control_subspace) highest = header.sequence;
    }
    SealedBed::Way way(SealedBed& bed) {
        return [&](const Bytes& frame) {
            see(bed, frame);
            return std::vector<Bytes>{frame};
        };
    }

    std::set<std::tuple<unsigned, unsigned, std::uint64_t>> seen;
    std::uint64_t highest = 0;
};

/// As if so many packets had been sent.
void count_to(SealedBed& bed, std::uint64_t next) {
    bed.sealing().keys[0].next.set(next);
}

}  // namespace

TEST_CASE("keys have the limit of their suite and of the lane's longest packet") {
    const Limit limit = any_limit();
    SealedBed bed(with_limit(limit));
    bed.start_up();
    CHECK(bed.sealing().keys[0].limit == std::uint64_t{1} << limit.bits);
    CHECK(bed.sealing().control.limit == std::uint64_t{1} << limit.bits);
}

TEST_CASE("just below half of the limit: a new session comes, and no packet is lost") {
    const Limit limit = any_limit();
    SealedBed bed(with_limit(limit));
    bed.start_up();
    bed.pass(2 * ns_per_second);
    const std::uint32_t epoch = bed.status_a().epoch;
    count_to(bed, (std::uint64_t{1} << (limit.bits - 1)) - 50);
    Numbers numbers;
    unsigned sent = 0, delivered = 0;
    for (unsigned step = 0; step < 1300; ++step) {
        bed.lan_a->send(ethernet_frame(60, sent++));
        bed.pass(10 * ns_per_ms, numbers.way(bed));
        delivered += static_cast<unsigned>(bed.received().size());
    }
    CHECK(bed.status_a().epoch == epoch + 1);
    CHECK(delivered == sent);
    CHECK(bed.a->control->totals().dropped() == 0);
    CHECK(bed.b->control->totals().dropped() == 0);
}

TEST_CASE("at the hard limit without a new session a lane stops, and goes on when there is one") {
    const Limit limit = any_limit();
    SealedBed::Options with = with_limit(limit);
    with.paths = GENERATE(1u, 2u);
    const bool apart = GENERATE(false, true);
    if (apart) with.lan_mtu = limit.mtu == 1500 ? 9000 : 1500;
    SealedBed bed(with);
    bed.start_up();
    bed.pass(2 * ns_per_second);
    bed.memory_a.failing = true;
    const std::uint64_t end = std::uint64_t{1} << limit.bits;
    count_to(bed, end - 100);
    Numbers numbers;
    bed.take();
    const auto frames = some_frames(150);
    bed.send(frames);
    const auto out = bed.take(0);
    REQUIRE(out.size() == 100);
    for (const Bytes& frame : out) numbers.see(bed, frame);
    CHECK(numbers.highest == end - 1);
    CHECK(bed.a->drops(Drop::exhausted) == 50);
    CHECK(bed.a->lane("out").dropped == 50);
    bed.give(out);
    CHECK(bed.received() == std::vector<Bytes>(frames.begin(), frames.begin() + 100));
    bed.take();
    // Stopped is stopped: not one more, not under any number.
    for (unsigned i = 0; i < 5; ++i) {
        bed.pass(2 * ns_per_second, [&](const Bytes& frame) {
            if (bed.is_data(frame)) FAIL("a packet beyond the limit");
            return std::vector<Bytes>{frame};
        });
        bed.send(some_frames(10));
        CHECK(bed.take().empty());
    }
    CHECK(bed.a->drops(Drop::exhausted) == 100);
    CHECK(bed.sealing().keys[0].next.get() == end);
    CHECK(bed.a->control->totals().balanced());
    bed.memory_a.failing = false;
    bed.pass(1500 * ns_per_ms);
    bed.check_through(some_frames(100));
    CHECK(bed.a->drops(Drop::exhausted) == 100);
}

TEST_CASE("a burst that runs into the limit sends what still may go, in whatever way it goes") {
    SealedBed::Options with;
    with.paths = GENERATE(1u, 2u);
    with.wan_mtu = GENERATE(1500u, 9000u);
    const bool bundle = GENERATE(false, true);
    SealedBed bed(with);
    LaneSpec lane = bed.sending();
    lane.bundle = bundle;
    lane.mtu = 1000;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    bed.memory_a.failing = true;
    const std::uint64_t limit = bed.sealing().keys[0].limit;
    for (const unsigned left : {1u, 4u, 5u, 41u, 62u, 0u}) {
        count_to(bed, limit - left);
        const std::uint64_t stopped = bed.a->drops(Drop::exhausted);
        // Alone, together and in pieces.
        auto frames = some_frames(64, 500);
        frames[3] = ethernet_frame(1500, 3);
        frames[40] = ethernet_frame(60, 4);
        frames[41] = ethernet_frame(60, 5);
        bed.send(frames);
        const auto out = bed.take(0);
        bed.take();
        CHECK(out.size() == left);
        CHECK(bed.a->drops(Drop::exhausted) > stopped);
        CHECK(bed.sealing().keys[0].next.get() == limit);
        CHECK(bed.a->control->totals().balanced());
    }
}

TEST_CASE("each worker has a key of its own and stops alone") {
    SealedBed::Options with;
    with.workers_a = 2;
    SealedBed bed(with);
    bed.start_up();
    bed.memory_a.failing = true;
    bed.sealing().keys[1].next.set(bed.sealing().keys[1].limit);
    bed.take();
    bed.send(some_frames(20));  // one by one to each worker
    CHECK(bed.take().size() == 10);
    CHECK(bed.a->drops(Drop::exhausted) == 10);
    // And the lane rekeys for the one that has come furthest.
    bed.memory_a.failing = false;
    bed.pass(1500 * ns_per_ms);
    bed.check_through(some_frames(20));
}

TEST_CASE("at a rate that uses a key up in seconds the new session comes early enough") {
    SealedBed bed;
    bed.start_up();
    bed.pass(ns_per_second);
    // As if a tenth of the limit went by in each second.
    const std::uint64_t limit = bed.sealing().keys[0].limit;
    std::uint32_t epoch = bed.status_a().epoch, changes = 0;
    unsigned sent = 0, delivered = 0;
    for (unsigned step = 0; step < 6000; ++step) {
        engine::Counter& next = bed.sealing().keys[0].next;
        next.set(next.get() + limit / 1000);
        bed.lan_a->send(ethernet_frame(60, sent++));
        bed.pass(10 * ns_per_ms);
        delivered += static_cast<unsigned>(bed.received().size());
        if (bed.status_a().epoch != epoch) {
            ++changes;
            epoch = bed.status_a().epoch;
        }
    }
    CHECK(changes >= 5);
    CHECK(delivered == sent);
    CHECK(bed.a->drops(Drop::exhausted) == 0);
}
