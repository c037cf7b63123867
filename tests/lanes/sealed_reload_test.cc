// Reloads under a sealed lane that carries traffic: what stays loses nothing and keeps its keys,
// what changes gets new ones, and nothing is ever accepted twice for it.
#include <catch2/catch.hpp>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

/// Traffic for `ns`; returns how many frames were lost.
std::uint64_t lost_in(SealedBed& bed, std::uint64_t ns) {
    std::uint64_t lost = 0;
    for (std::uint64_t passed = 0; passed < ns; passed += 10 * ns_per_ms) {
        bed.send(some_frames(5));
        bed.give(bed.take());
        lost += 5 - bed.received().size();
        bed.pass(10 * ns_per_ms);
    }
    return lost;
}

Fleet::Tally reload_a(SealedBed& bed, LaneSpec lane) {
    return bed.a->apply(bed.spec_a(lanes_of(std::move(lane))));
}

Fleet::Tally reload_b(SealedBed& bed, LaneSpec lane) {
    return bed.b->apply(bed.spec_b(lanes_of(std::move(lane))));
}

}  // namespace

TEST_CASE("a lane that stays as it is keeps its session and loses nothing, however often") {
    SealedBed bed;
    bed.start_up();
    const SealSession* session = &bed.sealing();
    for (unsigned i = 0; i < 20; ++i) {
        // With packets under way and notes unread.
        bed.lan_a->send(ethernet_frame(60, i));
        CHECK(reload_a(bed, bed.sending()).kept == 1);
        bed.a->run();
        bed.queue(bed.take());
        CHECK(reload_b(bed, bed.receiving()).kept == 1);
        bed.b->run();
        CHECK(bed.received() == std::vector<Bytes>{ethernet_frame(60, i)});
        bed.pass(100 * ns_per_ms);
    }
    CHECK(session == &bed.sealing());
    CHECK(bed.b->control->totals().dropped() == 0);
    CHECK(lost_in(bed, ns_per_second) == 0);
}

TEST_CASE("changes that leave the numbering alone keep the session: bundle, match, a smaller mtu") {
    SealedBed bed;
    bed.start_up();
    LaneSpec lane = bed.sending();
    switch (GENERATE(0, 1, 2)) {
        case 0:
            lane.bundle = true;
            break;
        case 1:
            lane.match = std::make_unique<MatchSpec>();
            lane.match->ether_type = 0x0801;
            break;
        case 2:
            lane.mtu = 700;
            break;
    }
    const SealSession* session = &bed.sealing();
    CHECK(reload_a(bed, std::move(lane)).renewed == 1);
    CHECK(session == &bed.sealing());
    CHECK(lost_in(bed, 2 * ns_per_second) == 0);
    bed.check_through({ethernet_frame(60, 1), ethernet_frame(1400, 2)});
}

TEST_CASE("an mtu of another class has another packet limit, and so a session of its own") {
    SealedBed::Options with;
    with.lan_mtu = with.wan_mtu = 9000;
    SealedBed bed(with);
    const bool up = GENERATE(false, true);
    const auto lane = [&](bool long_packets) {
        LaneSpec made = bed.sending();
        if (!long_packets) made.mtu = 1500;
        return made;
    };
    bed.start(lane(!up), bed.receiving());
    bed.pass(300 * ns_per_ms);
    bed.check_through(some_frames(100));
    const std::uint32_t epoch = bed.status_a().epoch;
    CHECK(bed.sealing().keys[0].limit == std::uint64_t{1} << (up ? 28 : 25));
    CHECK(reload_a(bed, lane(up)).replaced == 1);
    bed.pass(300 * ns_per_ms);
    CHECK(bed.status_a().epoch == epoch + 1);
    CHECK(bed.sealing().keys[0].limit == std::uint64_t{1} << (up ? 25 : 28));
    CHECK(lost_in(bed, ns_per_second) == 0);
}

TEST_CASE("another cipher at both ends: new keys within a second, and nothing of before") {
    SealedBed bed;
    bed.start_up();
    bed.take();
    bed.send(some_frames(10));
    const auto held = bed.take();
    LaneSpec send = bed.sending(), receive = bed.receiving();
    send.cipher = receive.cipher = Cipher::chacha20_poly1305;
    CHECK(reload_b(bed, std::move(receive)).replaced == 1);
    bed.expect(held, Drop::no_session);
    CHECK(reload_a(bed, std::move(send)).replaced == 1);
    bed.pass(ns_per_second);
    CHECK(lost_in(bed, ns_per_second) == 0);
    bed.expect(held, Drop::no_session);
}

TEST_CASE("other keys, a secret added, or shared secrets instead: new sessions, as if new") {
    SealedBed bed;
    bed.start_up();
    LaneSpec send = bed.sending(), receive = bed.receiving();
    switch (GENERATE(0, 1, 2)) {
        case 0:
            send.keys->own = pair_of(8);
            receive.keys->peers = {send.keys->own->open};
            break;
        case 1:
            send.keys->secret = receive.keys->secret = secret_of(8);
            break;
        case 2:
            send.keys = std::make_unique<KeySpec>();
            receive.keys = std::make_unique<KeySpec>();
            send.keys->secret = receive.keys->secret = secret_of(8);
            break;
    }
    CHECK(reload_a(bed, std::move(send)).replaced == 1);
    CHECK(reload_b(bed, std::move(receive)).replaced == 1);
    bed.pass(300 * ns_per_ms);
    CHECK(lost_in(bed, 2 * ns_per_second) == 0);
}

TEST_CASE("another window: the receiver takes its session up again and accepts nothing twice") {
    SealedBed bed;
    bed.start_up();
    bed.take();
    bed.send(some_frames(300));
    const auto held = bed.take();
    bed.give(held);
    CHECK(bed.received().size() == 300);
    LaneSpec lane = bed.receiving();
    lane.window = GENERATE(64u, 1024u, 65'536u);
    CHECK(reload_b(bed, std::move(lane)).replaced == 1);
    bed.pass(1010 * ns_per_ms);
    CHECK(bed.status_b().health.state == LaneState::up);
    bed.give(held);
    CHECK(bed.received().empty());
    CHECK(bed.b->drops(Drop::no_session) <= 1);  // a heartbeat, before the announcement
    CHECK(lost_in(bed, ns_per_second) == 0);
}

TEST_CASE("a lane that is removed and comes again starts with a new session") {
    SealedBed bed;
    bed.start_up();
    bed.check_through(some_frames(10));
    bed.send(some_frames(10));
    const auto held = bed.take();
    const std::uint32_t epoch = bed.status_a().epoch;
    bed.a->apply(bed.spec_a({}));
    bed.b->apply(bed.spec_b({}));
    bed.give(held);  // nobody looks at the port
    CHECK(bed.received().empty());
    bed.pass(500 * ns_per_ms);
    reload_a(bed, bed.sending());
    reload_b(bed, bed.receiving());
    bed.pass(300 * ns_per_ms);
    CHECK(bed.status_a().epoch == epoch + 1);
    CHECK(lost_in(bed, ns_per_second) == 0);
    bed.give(held);
    CHECK(bed.received().empty());
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("a port that is opened anew under a lane leaves its session as it is") {
    SealedBed bed;
    bed.start_up();
    const SealSession* session = &bed.sealing();
    NodeSpec next = bed.spec_a(lanes_of(bed.sending()));
    next.ports[1].source_port = 50'000;
    CHECK(bed.a->apply(std::move(next)).renewed == 1);
    next = bed.spec_b(lanes_of(bed.receiving()));
    next.ports[1].source_port = 50'000;
    CHECK(bed.b->apply(std::move(next)).renewed == 1);
    CHECK(session == &bed.sealing());
    bed.check_through(some_frames(10));
    bed.send({ethernet_frame(60, 1)});
    CHECK(engine::load_be<std::uint16_t>(bed.take()[0].data() + 34) == 50'000);
}

TEST_CASE("a lane of another name and the same id: the receiver goes on, the sender is ahead") {
    SealedBed bed;
    bed.start_up();
    bed.take();
    bed.send(some_frames(50));
    const auto held = bed.take();
    bed.give(held);
    CHECK(bed.received().size() == 50);
    const std::uint32_t epoch = bed.status_b().epoch;
    LaneSpec receive = bed.receiving();
    receive.name = "in again";
    CHECK(reload_b(bed, std::move(receive)).added == 1);
    bed.pass(1010 * ns_per_ms);
    CHECK(bed.status_b("in again").epoch == epoch);
    bed.give(held);
    CHECK(bed.received().empty());
    CHECK(lost_in(bed, ns_per_second) == 0);
    LaneSpec send = bed.sending();
    send.name = "out again";
    CHECK(reload_a(bed, std::move(send)).added == 1);
    bed.pass(300 * ns_per_ms);
    CHECK(bed.status_b("in again").epoch == epoch + 1);
    CHECK(lost_in(bed, ns_per_second) == 0);
    bed.give(held);
    CHECK(bed.received().empty());
}

TEST_CASE("announcements under way when their lane goes are counted") {
    SealedBed bed;
    bed.start_b(bed.receiving());
    bed.start_a(bed.sending());
    bed.a->clock.moment = bed.time;
    bed.a->control->tick();
    bed.a->run();
    bed.give(bed.take());  // unread by Control
    bed.b->apply(bed.spec_b({}));
    CHECK(bed.b->control->totals().balanced());
    CHECK(bed.b->drops(Drop::unknown_lane) == 1);
}

TEST_CASE("two lanes have nothing to do with each other: keys, numbers, failures, reloads") {
    SealedBed bed;
    const auto lanes_a = [&](bool second) {
        std::vector<LaneSpec> lanes;
        lanes.push_back(bed.sending());
        if (!second) return lanes;
        LaneSpec more = bed.sending();
        more.name = "out2";
        more.id = 102;
        more.cipher = Cipher::chacha20_poly1305;
        more.keys->rekey_seconds = 1;
        more.match = std::make_unique<MatchSpec>();
        more.match->ether_type = 0x0806;
        lanes.push_back(std::move(more));
        return lanes;
    };
    LaneSpec other = bed.receiving();
    other.name = "in2";
    other.id = 102;
    other.cipher = Cipher::chacha20_poly1305;
    bed.start_b(lanes_of(bed.receiving(), std::move(other)));
    bed.start_a(lanes_a(true));
    bed.pass(300 * ns_per_ms);
    Bytes arp = ethernet_frame(60, 1);
    arp[13] = std::byte{6};
    const SealSession* session = &bed.sealing();
    for (unsigned i = 0; i < 500; ++i) {
        std::vector<Bytes> frames = some_frames(4, 60, i);
        frames.insert(frames.begin() + i % 4, arp);
        bed.send(frames);
        bed.give(bed.take());
        REQUIRE(sorted(bed.received()) == sorted(frames));
        bed.pass(10 * ns_per_ms);
    }
    CHECK(bed.b->lane("in2").packets == 500);
    CHECK(bed.b->lane("in").packets == 2000);
    CHECK(session == &bed.sealing());
    // The second goes: the first does not notice.
    CHECK(bed.a->apply(bed.spec_a(lanes_a(false))).removed == 1);
    CHECK(session == &bed.sealing());
    CHECK(lost_in(bed, ns_per_second) == 0);
    CHECK(bed.status_b("in").health.state == LaneState::up);
    bed.pass(5 * ns_per_second);
    CHECK(bed.status_b("in2").health.state == LaneState::silent);
    CHECK(bed.b->control->totals().dropped() == 0);
}

TEST_CASE("an announcement that a worker sees before Control has taken its lane up is not lost") {
    SealedBed bed;
    bed.start_b(std::vector<LaneSpec>{});
    bed.start_a(bed.sending());
    std::vector<Bytes> announcements;
    bed.pass(300 * ns_per_ms, [&](const Bytes& frame) {
        if (bed.is_announcement(frame)) announcements.push_back(frame);
        return std::vector<Bytes>{};
    });
    REQUIRE_FALSE(announcements.empty());
    bed.queue({announcements.front()});
    // The worker runs whenever Control asks for the time: also between the programs that serve the
    // lane and the lane's keys.
    bed.b->clock.asked = [&] { bed.b->control->workers()[0]->round(); };
    reload_b(bed, bed.receiving());
    bed.b->clock.asked = nullptr;
    CHECK(bed.b->drops(Drop::unknown_lane) == 0);
    bed.b->pass(20 * ns_per_ms);
    CHECK(bed.b->control->totals().absorbed == 1);
    CHECK(bed.status_b().has_session);
    CHECK(bed.b->control->totals().balanced());
}
