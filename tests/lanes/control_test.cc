// Control::apply: what changes, what stays, and that an error leaves everything as it was.
#include <catch2/catch.hpp>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

/// lan == [ node ] == wan, wan2; a sending lane, a receiving one, a patch from `lan2` to `wan2`.
struct Bed {
    NodeSpec spec() const {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1], {"192.0.2.2/24"}),
                      port_spec("lan2", wires[2]),
                      port_spec("wan2", wires[3], {"198.51.100.2/24"})};
        spec.lanes =
            lanes_of(lane_spec("out", 1, Role::send, 0, {over_resolved(1, "192.0.2.1:4790")}),
                     lane_spec("in", 2, Role::receive, 0, {over(1)}), patch_spec("p", 2, 3));
        return spec;
    }

    Bed() {
        node.knobs.neighbours[*engine::parse_ip("192.0.2.1")] = wan.mac();
        node.knobs.neighbours[*engine::parse_ip("198.51.100.1")] = wan2.mac();
        node.apply(spec());
    }

    /// Whether all three lanes of spec() do their work.
    void check_service() {
        const std::uint64_t out = node.lane("out").packets;
        REQUIRE(lan.send(ethernet_frame(100, 1)));
        REQUIRE(wan.send(
            carry_ethernet(lane_packet(2, sequence++, inner_packet(3, ethernet_frame(80, 2))),
                           {{2, 0x4c, 0x4e, 0, 0, 2}})));
        REQUIRE(lan2.send(ethernet_frame(90, 3)));
        node.run();
        REQUIRE(wan.collect().size() == 1);
        REQUIRE(lan.collect() == std::vector<Bytes>{ethernet_frame(80, 2)});
        REQUIRE(wan2.collect() == std::vector<Bytes>{ethernet_frame(90, 3)});
        REQUIRE(node.lane("out").packets == out + 1);
        REQUIRE(node.control->totals().balanced());
    }

    std::string wires[4] = {fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire()};
    Far lan{wires[0]}, wan{wires[1]}, lan2{wires[2]}, wan2{wires[3]};
    Node node;
    std::uint64_t sequence = 1000;
};

}  // namespace

TEST_CASE("the same spec again changes nothing, as often as it is applied") {
    Bed bed;
    bed.check_service();
    const Lane* out = bed.node.control->fleet().lane("out");
    for (unsigned i = 0; i < 5; ++i) {
        const auto tally = bed.node.apply(bed.spec());
        CHECK(tally.kept == 3);
        CHECK(tally.added + tally.removed + tally.renewed + tally.replaced == 0);
        bed.check_service();
        bed.node.pass(Control::tick_ns);
        bed.check_service();
    }
    CHECK(bed.node.control->fleet().lane("out") == out);
    CHECK(bed.node.knobs.opened["wan"] == 1);
    CHECK(bed.node.lane("out").packets == 11);
    CHECK(bed.node.knobs.silenced == std::set<std::string>{"wan"});
}

TEST_CASE("lanes are added, changed, replaced and removed; the others keep their counters") {
    Bed bed;
    bed.check_service();
    NodeSpec next = bed.spec();
    next.lanes.push_back(
        lane_spec("more", 9, Role::relay, 1, {over_resolved(3, "198.51.100.1:4790")}));
    auto tally = bed.node.apply(std::move(next));
    CHECK(tally.kept == 3);
    CHECK(tally.added == 1);
    bed.check_service();
    REQUIRE(bed.wan.send(carry_ethernet(lane_packet(9, 1, Bytes(40)), {{2, 0x4c, 0x4e, 0, 0, 2}})));
    bed.node.run();
    CHECK(bed.wan2.collect().size() == 1);

    next = bed.spec();
    next.lanes[0].mtu = 600;     // renewed: the same object with a new plan
    next.lanes[1].window = 128;  // replaced: its window means something else now
    tally = bed.node.apply(std::move(next));
    CHECK(tally.kept == 1);
    CHECK(tally.renewed == 1);
    CHECK(tally.replaced == 1);
    CHECK(tally.removed == 1);
    CHECK(bed.node.control->fleet().lane("more") == nullptr);
    CHECK(bed.node.lane("out").packets == 2);
    CHECK(bed.node.lane("in").packets == 0);
    CHECK(bed.node.lane("p").packets == 2);
    bed.check_service();
    REQUIRE(bed.wan.send(carry_ethernet(lane_packet(9, 2, Bytes(40)), {{2, 0x4c, 0x4e, 0, 0, 2}})));
    bed.node.run();
    CHECK(bed.node.drops(Drop::unknown_lane) == 1);

    next = bed.spec();
    next.lanes.clear();
    tally = bed.node.apply(std::move(next));
    CHECK(tally.removed == 3);
    REQUIRE(bed.lan.send(ethernet_frame(60, 1)));
    bed.node.run();
    bed.node.apply(bed.spec());
    bed.node.run();
    bed.wan.collect();
    bed.check_service();
}

TEST_CASE("an id may move from one lane to another in one change") {
    Bed bed;
    NodeSpec next = bed.spec();
    next.lanes[1].name = "in-again";
    auto tally = bed.node.apply(std::move(next));
    CHECK(tally.added == 1);
    CHECK(tally.removed == 1);
    bed.check_service();
    next = bed.spec();
    next.lanes[0].id = 2;
    next.lanes[1].id = 1;
    next.lanes[1].name = "in-again";
    tally = bed.node.apply(std::move(next));
    CHECK(tally.replaced == 2);
    REQUIRE(bed.wan.send(carry_ethernet(lane_packet(1, 5, inner_packet(3, ethernet_frame(80, 2))),
                                        {{2, 0x4c, 0x4e, 0, 0, 2}})));
    bed.node.run();
    CHECK(bed.lan.collect().size() == 1);
}

TEST_CASE("a changed order of match rules takes effect though no lane changed") {
    Bed bed;
    const auto spec = [&](bool swapped) {
        NodeSpec next = bed.spec();
        next.lanes.clear();
        LaneSpec a = patch_spec("a", 2, 3);
        a.match = std::make_unique<MatchSpec>();
        a.match->vlan = MatchSpec::vlan_none;
        LaneSpec b = patch_spec("b", 2, 1);
        b.match = std::make_unique<MatchSpec>();
        b.match->ether_type = 0x0801;
        next.lanes =
            swapped ? lanes_of(std::move(b), std::move(a)) : lanes_of(std::move(a), std::move(b));
        return next;
    };
    bed.node.apply(spec(false));
    REQUIRE(bed.lan2.send(ethernet_frame(60, 1)));
    bed.node.run();
    CHECK(bed.wan2.collect().size() == 1);
    const auto tally = bed.node.apply(spec(true));
    CHECK(tally.kept == 2);
    REQUIRE(bed.lan2.send(ethernet_frame(60, 1)));
    bed.node.run();
    CHECK(bed.wan2.collect().empty());
    CHECK(bed.wan.collect().size() == 1);
}

TEST_CASE("ports are added, changed and removed") {
    Bed bed;
    bed.check_service();
    NodeSpec next = bed.spec();
    next.ports[1].source_port = 50'000;
    auto tally = bed.node.apply(std::move(next));
    CHECK(bed.node.knobs.opened["wan"] == 2);
    CHECK(bed.node.knobs.opened["lan"] == 1);
    CHECK(tally.renewed == 2);
    CHECK(tally.kept == 1);
    CHECK(bed.node.lane("out").packets == 1);
    CHECK(bed.node.lane("in").packets == 1);
    REQUIRE(bed.lan.send(ethernet_frame(100, 1)));
    bed.node.run();
    const auto got = bed.wan.collect();
    REQUIRE(got.size() == 1);
    CHECK(engine::load_be<std::uint16_t>(got[0].data() + 34) == 50'000);

    next = bed.spec();
    next.ports.erase(next.ports.begin() + 2, next.ports.end());
    next.lanes.pop_back();
    bed.node.apply(std::move(next));
    REQUIRE(bed.lan2.send(ethernet_frame(60, 1)));
    bed.node.run();
    bed.node.apply(bed.spec());
    bed.node.run();  // what waited on the wire meanwhile
    bed.wan2.collect();
    bed.check_service();
}

// The wire has no third end: the former port must be closed before the renamed one opens.
TEST_CASE("a port may change its name and keep its device") {
    Bed bed;
    NodeSpec next = bed.spec();
    next.ports[0].name = "renamed";
    const auto applied = bed.node.control->apply(std::move(next));
    REQUIRE(applied);
    bed.check_service();
}

TEST_CASE("ports may stand in any order in the file") {
    Bed bed;
    bed.check_service();
    NodeSpec next = bed.spec();
    std::swap(next.ports[0], next.ports[3]);
    for (LaneSpec& lane : next.lanes) {
        const auto turn = [](PortIndex port) {
            return static_cast<PortIndex>(port == 0 ? 3 : port == 3 ? 0 : port);
        };
        lane.port = turn(lane.port);
        if (lane.patch_to != no_port) lane.patch_to = turn(lane.patch_to);
    }
    const auto tally = bed.node.apply(std::move(next));
    CHECK(tally.kept == 3);
    CHECK(bed.node.knobs.opened["lan"] == 1);
    bed.check_service();
}

TEST_CASE("a port that cannot be opened leaves everything as it was") {
    Bed bed;
    bed.check_service();
    const auto opened = bed.node.knobs.opened;
    NodeSpec next = bed.spec();
    next.ports.push_back(port_spec("fifth", fresh_wire()));
    next.ports.push_back(port_spec("sixth", fresh_wire()));
    next.lanes.pop_back();
    bed.node.knobs.failing = {"sixth"};
    auto applied = bed.node.control->apply(std::move(next));
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message == "port sixth: told to fail");
    bed.check_service();
    // The slots are free again: nothing remembers the ports that were given up.
    bed.node.knobs.failing.clear();
    for (unsigned i = 0; i < 3; ++i) {
        NodeSpec many = bed.spec();
        for (unsigned p = 0; p < 55; ++p) {
            many.ports.push_back(port_spec("x" + std::to_string(i * 100 + p), fresh_wire()));
        }
        many.ports.push_back(port_spec("bad", fresh_wire()));
        bed.node.knobs.failing = {"bad"};
        REQUIRE_FALSE(bed.node.control->apply(std::move(many)));
    }
    bed.check_service();
    CHECK(bed.node.knobs.opened["wan"] == opened.at("wan"));
    CHECK(bed.node.apply(bed.spec()).kept == 3);
    bed.check_service();
}

TEST_CASE("more ports than a node can have are refused") {
    Bed bed;
    NodeSpec next = bed.spec();
    for (unsigned p = 0; p < 61; ++p) {
        next.ports.push_back(port_spec("x" + std::to_string(p), fresh_wire()));
    }
    auto applied = bed.node.control->apply(std::move(next));
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message.find("64 ports") != std::string::npos);
    bed.check_service();
}

TEST_CASE("a lane that cannot be built leaves everything as it was") {
    Bed bed;
    bed.check_service();
    NodeSpec next = bed.spec();
    const unsigned how = GENERATE(0u, 1u, 2u, 3u);
    const bool change_port = GENERATE(false, true);
    next.ports.push_back(port_spec("new", fresh_wire()));
    if (change_port) next.ports[1].source_port = 50'000;
    LaneSpec bad = lane_spec("bad", 50, Role::send, 2, {over_resolved(3, "198.51.100.1:4790")});
    if (how == 0) bad.paths[0].to = *engine::parse_endpoint("[2001:db8::1]:4790");
    if (how == 1) bad.mtu = 91;
    if (how == 2) bad.paths.push_back(over_resolved(0, "192.0.2.1:4790"));  // lan has no address
    if (how == 3) {
        bad.mtu = 91;
        for (unsigned i = 0; i < 100; ++i) {  // others have been made before it is found out
            next.lanes.push_back(
                lane_spec("new" + std::to_string(i), 100 + i, Role::receive, 0, {over(1)}));
        }
    }
    next.lanes.push_back(std::move(bad));
    next.lanes.erase(next.lanes.begin() + 1);
    auto applied = bed.node.control->apply(std::move(next));
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message.substr(0, 9) == "lane bad:");
    CHECK(bed.node.control->fleet().entries().size() == 3);
    CHECK(bed.node.lane("out").packets == 1);
    bed.check_service();
    CHECK(bed.node.apply(bed.spec()).added == 0);
    bed.check_service();
}

TEST_CASE("a changed port that cannot be opened comes back as it was") {
    Bed bed;
    bed.check_service();
    NodeSpec next = bed.spec();
    next.ports[0].mtu = 1400;
    next.ports[1].device = fresh_wire();
    next.ports.push_back(port_spec("new", fresh_wire()));
    // Only the third end of a wire cannot be opened, so "wan" fails as itself and comes back.
    Far one(next.ports[1].device);
    Far two(next.ports[1].device);
    auto applied = bed.node.control->apply(std::move(next));
    REQUIRE_FALSE(applied);
    CHECK(applied.error().message.find("port wan") != std::string::npos);
    CHECK(bed.node.lane("out").packets == 1);
    CHECK(bed.node.lane("in").packets == 1);
    bed.check_service();
    CHECK(bed.node.apply(bed.spec()).kept == 3);
    bed.check_service();
}

TEST_CASE("a port that could not even come back is opened by the next good spec") {
    Bed bed;
    bed.check_service();
    NodeSpec next = bed.spec();
    next.ports[1].source_port = 50'000;
    bed.node.knobs.failing = {"wan"};
    REQUIRE_FALSE(bed.node.control->apply(std::move(next)));
    // The lanes that have nothing to do with it go on meanwhile.
    REQUIRE(bed.lan2.send(ethernet_frame(90, 3)));
    REQUIRE(bed.lan.send(ethernet_frame(90, 3)));
    bed.node.run();
    CHECK(bed.wan2.collect().size() == 1);
    CHECK(bed.node.control->totals().balanced());
    bed.node.knobs.failing.clear();
    bed.node.apply(bed.spec());
    bed.node.run();
    bed.wan.collect();
    bed.check_service();
}

TEST_CASE("what cannot change while lanes runs is refused by name") {
    Bed bed;
    const auto refused = [&](auto&& change, const std::string& word) {
        NodeSpec next = bed.spec();
        change(next);
        next.lanes.clear();
        const auto applied = bed.node.control->apply(std::move(next));
        REQUIRE_FALSE(applied);
        CHECK(applied.error().message.find("`" + word + "`") != std::string::npos);
        bed.check_service();
    };
    refused([](NodeSpec& next) { next.cores.push_back(1); }, "workers");
    refused([](NodeSpec& next) { next.cores[0] = 1; }, "workers");
    refused([](NodeSpec& next) { next.poll = engine::PollMode::busy; }, "poll");
    refused([](NodeSpec& next) { next.node = "other"; }, "node");
}

TEST_CASE("a clear lane's window starts afresh when all that comes is too old") {
    Bed bed;
    const engine::MacAddress mac{{2, 0x4c, 0x4e, 0, 0, 2}};
    const auto receive = [&](std::uint64_t sequence, std::uint16_t subspace = 0) {
        REQUIRE(bed.wan.send(carry_ethernet(
            lane_packet(2, sequence, inner_packet(3, ethernet_frame(60, 1)), subspace), mac)));
        bed.node.run();
        return bed.lan.collect().size();
    };
    const auto second = [&] { bed.node.pass(ns_per_second); };
    const auto restarted = [&] { return bed.node.control->fleet().windows_restarted(); };
    const std::uint64_t far = std::uint64_t{1} << 61;  // slot 0 of the window
    REQUIRE(receive(far) == 1);
    REQUIRE(receive(far, 5) == 1);
    second();
    // Old and new together: the sender is well, something else is late.
    for (unsigned i = 1; i <= 3; ++i) {
        REQUIRE(receive(5) == 0);
        REQUIRE(receive(far + i) == 1);
        second();
    }
    // One straggler on a lane that is idle otherwise proves nothing.
    REQUIRE(receive(5) == 0);
    second();
    second();
    second();
    REQUIRE(restarted() == 0);
    REQUIRE(receive(5) == 0);
    second();
    REQUIRE(restarted() == 0);
    REQUIRE(receive(5) == 0);
    second();
    CHECK(restarted() == 1);
    CHECK(receive(5) == 1);
    CHECK(receive(5) == 0);
    CHECK(receive(7, 5) == 1);  // every subspace
    CHECK(bed.node.drops(Drop::replay_duplicate) == 1);
    second();
    second();
    second();
    CHECK(restarted() == 1);
}

// What the former numbers left in some slots of the ring must not cost a part of all that follows:
// not everything is too old then, but nothing is new either.
TEST_CASE("a sender whose clock was set back after a few packets gets through whole again") {
    Bed bed;
    const engine::MacAddress mac{{2, 0x4c, 0x4e, 0, 0, 2}};
    const auto receive = [&](std::uint64_t first, unsigned count) {
        std::size_t got = 0;
        for (unsigned i = 0; i < count; ++i) {
            REQUIRE(bed.wan.send(carry_ethernet(
                lane_packet(2, first + i, inner_packet(3, ethernet_frame(60, 1))), mac)));
            if (i % 256 == 255 || i + 1 == count) {
                bed.node.run();
                got += bed.lan.collect().size();
            }
        }
        return got;
    };
    REQUIRE(receive(std::uint64_t{1} << 61, 1000) == 1000);
    // Hours behind, and thousands of packets every two seconds.
    std::uint64_t sequence = std::uint64_t{1} << 60;
    for (unsigned look = 0; look < 4; ++look) {
        receive(sequence, 9000);
        sequence += 9000;
        bed.node.pass(ns_per_second);
    }
    CHECK(receive(sequence, 9000) == 9000);
}

TEST_CASE("a removed and added lane numbers its packets ahead of its former self") {
    Bed bed;
    REQUIRE(bed.lan.send(ethernet_frame(60, 1)));
    bed.node.run();
    const auto sequence_of = [](const Bytes& frame) {
        return engine::load_be<std::uint64_t>(frame.data() + 42 + 8);
    };
    const std::uint64_t before = sequence_of(bed.wan.collect().at(0));
    NodeSpec none = bed.spec();
    none.lanes.clear();
    bed.node.apply(std::move(none));
    bed.node.apply(bed.spec());
    REQUIRE(bed.lan.send(ethernet_frame(60, 1)));
    bed.node.run();
    CHECK(sequence_of(bed.wan.collect().at(0)) > before);
}

TEST_CASE("counters stay readable after stop") {
    Bed bed;
    bed.check_service();
    bed.node.control->stop();
    CHECK(bed.node.control->totals().received == 3);
    CHECK(bed.node.lane("out").packets == 1);
    bed.node.control->stop();
}
