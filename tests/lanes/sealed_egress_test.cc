// Where the way out is full, closed or too narrow: every frame that could not leave is counted, no
// sequence number is used up for what found no room, and what comes later is delivered.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

constexpr unsigned ring_frames = 4096;

std::vector<std::uint64_t> numbers_of(const SealedBed& bed, const std::vector<Bytes>& frames) {
    std::vector<std::uint64_t> numbers;
    for (const Bytes& frame : frames) {
        if (!bed.is_data(frame)) continue;
        numbers.push_back(wire::read_header(frame.data() + bed.carrier_bytes()).sequence);
    }
    return numbers;
}

void send_until_full(SealedBed& bed, unsigned count) {
    for (unsigned sent = 0; sent < count; sent += 64) bed.send(some_frames(64, 60, sent));
}

}  // namespace

TEST_CASE("a full queue at the sender is counted and makes no gap in the numbers") {
    SealedBed::Options with;
    with.wan_mtu = GENERATE(1500u, 9000u);  // sealed in place, and into claimed room
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    send_until_full(bed, ring_frames + 640);
    const std::uint64_t full = bed.a->drops(Drop::tx_full);
    CHECK(full >= 640);
    const auto first = bed.take();
    CHECK(first.size() + full == ring_frames + 640);
    CHECK(bed.a->control->totals().balanced());
    CHECK(bed.a->lane("out").dropped == full);
    bed.give(first);
    CHECK(bed.received().size() == first.size());
    bed.check_through(some_frames(100, 80, 9000));
    bed.send({ethernet_frame(60, 1)});
    const auto last = bed.take();
    // The number of the last packet says how many numbers were used: as many as were sent.
    CHECK(numbers_of(bed, last) == std::vector<std::uint64_t>{first.size() + 100});
}

TEST_CASE("with two paths a full one loses what goes over it, and the other delivers") {
    SealedBed::Options with;
    with.paths = 2;
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    // Path 0 is not looked at, path 1 is.
    unsigned delivered = 0;
    for (unsigned sent = 0; sent < ring_frames + 640; sent += 64) {
        bed.send(some_frames(64, 60, sent));
        bed.give(bed.take(1), 1);
        delivered += static_cast<unsigned>(bed.received().size());
    }
    CHECK(delivered == ring_frames + 640);
    CHECK(bed.a->drops(Drop::tx_full) >= 640);
    CHECK(bed.a->lane("out").packets == ring_frames + 640);
    CHECK(bed.a->control->totals().balanced());
}

TEST_CASE("a full queue at the receiver drops before the window: what comes again is delivered") {
    SealedBed::Options with;
    with.lan_mtu = 1500;
    with.wan_mtu = 9000;  // opened into claimed room, which is claimed first
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    send_until_full(bed, ring_frames);
    auto frames = bed.take();
    REQUIRE(frames.size() == ring_frames);
    bed.give(frames);
    bed.send(some_frames(64, 60, 5000));
    const auto more = bed.take();
    bed.give(more);  // b's far end has not been looked at
    CHECK(bed.b->drops(Drop::tx_full) == 64);
    CHECK(bed.received().size() == ring_frames);
    bed.give(more);
    CHECK(bed.received() == some_frames(64, 60, 5000));
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("a lane never makes packets that are longer than its paths take") {
    SealedBed::Options with;
    with.lan_mtu = 9000;
    with.paths = GENERATE(1u, 2u);
    SealedBed bed(with);
    LaneSpec lane = bed.sending();
    lane.mtu = 9000;  // more than the ports have
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    bed.check_through({ethernet_frame(60, 1), ethernet_frame(9014, 2), ethernet_frame(61, 3)});
    CHECK(bed.a->drops(Drop::tx_too_big) == 0);
}

TEST_CASE("a receiver's egress that is too narrow drops by name and delivers what fits") {
    SealedBed::Options with;
    with.lan_mtu = 1500;
    with.wan_mtu = 9000;
    SealedBed bed(with);
    // The sender's lan is wider than the receiver's.
    bed.with.lan_mtu = 9000;
    bed.lan_a.reset();
    bed.lan_wire_a = fresh_wire();
    bed.lan_a = std::make_unique<Far>(bed.lan_wire_a, 9000);
    bed.start_a(bed.sending());
    bed.with.lan_mtu = 1500;
    bed.start_b(bed.receiving());
    bed.pass(300 * ns_per_ms);
    const std::vector<Bytes> small = {ethernet_frame(60, 1), ethernet_frame(1500, 2)};
    bed.send({small[0], ethernet_frame(4000, 3), small[1], ethernet_frame(3000, 4)});
    bed.give(bed.take());
    CHECK(bed.received() == small);
    CHECK(bed.b->drops(Drop::tx_too_big) == 2);
    CHECK(bed.b->control->totals().balanced());
    bed.check_through(some_frames(64));
}

TEST_CASE("a port that cannot be opened again: its frames are counted, the lane is not lost") {
    SealedBed bed;
    bed.start_up();
    bed.check_through(some_frames(10));
    // The wan of a is to change, cannot, and cannot come back either.
    NodeSpec next = bed.spec_a(lanes_of(bed.sending()));
    next.ports[1].source_port = 50'000;
    bed.a->knobs.failing = {"wan0"};
    CHECK_FALSE(bed.a->control->apply(std::move(next)));
    bed.send(some_frames(5));
    CHECK(bed.take().empty());
    CHECK(bed.a->control->totals().balanced());
    CHECK(bed.a->control->totals().dropped() == 5);
    bed.pass(2 * ns_per_second);
    CHECK(bed.a->control->totals().balanced());
    bed.a->knobs.failing.clear();
    bed.a->apply(bed.spec_a(lanes_of(bed.sending())));
    bed.pass(2 * ns_per_second);
    bed.check_through(some_frames(10));
    CHECK(bed.status_b().health.state == LaneState::up);
}

TEST_CASE("a receiver's closed port: what comes is counted, and flows on once it is open again") {
    SealedBed bed;
    bed.start_up();
    NodeSpec next = bed.spec_b(lanes_of(bed.receiving()));
    next.ports[0].source_port = 50'000;
    bed.b->knobs.failing = {"lan"};
    CHECK_FALSE(bed.b->control->apply(std::move(next)));
    bed.send(some_frames(5));
    const auto kept = bed.take();
    bed.give(kept);
    CHECK(bed.received().empty());
    CHECK(bed.b->control->totals().balanced());
    bed.b->knobs.failing.clear();
    bed.b->apply(bed.spec_b(lanes_of(bed.receiving())));
    bed.pass(2 * ns_per_second);
    bed.check_through(some_frames(10));
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("a sealed lane waits for the next hop's address, announcements too") {
    SealedBed bed;
    LaneSpec lane = bed.sending();
    lane.paths[0].has_next_hop_mac = false;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    bed.send(some_frames(5));
    CHECK(bed.take().empty());
    CHECK(bed.a->drops(Drop::no_next_hop) >= 5 + 3);
    CHECK(bed.a->control->totals().balanced());
    bed.a->knobs.neighbours[*engine::parse_ip("192.0.2.2")] = {{2, 0x4c, 0x4e, 0, 0, 2}};
    bed.pass(2 * ns_per_second);
    bed.check_through(some_frames(64));
}
