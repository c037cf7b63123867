// Control::change: some lanes become others, the rest goes on; all or nothing; and the order of
// matches is what the operator's list would be.
#include <catch2/catch.hpp>

#include <random>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

/// A lane from port 0 over port 1 that takes `prefix`; empty: every frame.
LaneSpec takes(const std::string& name, std::uint32_t id, const std::string& prefix) {
    LaneSpec lane = lane_spec(name, id, Role::send, 0, {over_resolved(1, "192.0.2.1:4790")});
    if (prefix.empty()) return lane;
    lane.match = std::make_unique<MatchSpec>();
    lane.match->has_destination = true;
    lane.match->destination = *engine::parse_prefix(prefix);
    return lane;
}

/// The same lane with a match of its own, which takes the same of those frames that frame_to()
/// makes: no two lanes of a port may have equal ones. 528 of them differ.
LaneSpec varied(LaneSpec lane, unsigned number) {
    if (!lane.match) return lane;
    const unsigned asks = number / 33;
    lane.match->has_source = true;
    lane.match->source = *engine::parse_prefix("0.0.0.0/" + std::to_string(number % 33));
    if ((asks & 1) != 0) lane.match->dscp = 0;
    if ((asks & 2) != 0) lane.match->vlan = MatchSpec::vlan_none;
    if ((asks & 4) != 0) lane.match->ether_type = 0x0800;
    if ((asks & 8) != 0) lane.match->protocol = 0;
    return lane;
}

LaneSpec copy(const LaneSpec& from) {
    LaneSpec to = lane_spec(from.name, from.id, from.role, from.port, from.paths);
    to.mtu = from.mtu;
    to.window = from.window;
    to.patch_to = from.patch_to;
    if (from.match) to.match = std::make_unique<MatchSpec>(*from.match);
    return to;
}

Bytes frame_to(const std::array<std::uint8_t, 4>& address) {
    Bytes frame = ethernet_frame(64, 1);
    std::fill(frame.begin() + 14, frame.end(), std::byte{0});
    frame[12] = std::byte{0x08};
    frame[13] = std::byte{0x00};
    frame[14] = std::byte{0x45};
    for (std::size_t i = 0; i < 4; ++i) frame[30 + i] = std::byte{address[i]};
    return frame;
}

/// lan == [ node ] == wan, wan2; lanes from lan over wan.
struct Bed {
    Bed() {
        node.knobs.neighbours[*engine::parse_ip("192.0.2.1")] = wan.mac();
        node.knobs.neighbours[*engine::parse_ip("198.51.100.1")] = wan2.mac();
    }

    void apply(std::vector<LaneSpec> lanes) {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1], {"192.0.2.2/24"}),
                      port_spec("wan2", wires[2], {"198.51.100.2/24"})};
        spec.lanes = std::move(lanes);
        node.apply(std::move(spec));
    }

    Fleet::Tally change(LaneChange change) {
        auto changed = node.control->change(std::move(change));
        if (!changed) FAIL(changed.error().message);
        return *changed;
    }
    Fleet::Tally put(LaneSpec lane, const std::string& before = "") {
        return change({lanes_of(std::move(lane)), {}, before});
    }
    Fleet::Tally remove(const std::string& name) { return change({{}, {name}, {}}); }
    /// Why the change was refused.
    std::string refused(LaneChange change) {
        const auto changed = node.control->change(std::move(change));
        return changed ? "it was not refused" : changed.error().message;
    }

    const Lane* lane(const std::string& name) const { return node.control->fleet().lane(name); }

    /// The id of the lane that a frame to this address went into; 0: none.
    std::uint32_t lane_of(const std::array<std::uint8_t, 4>& address) {
        REQUIRE(lan.send(frame_to(address)));
        node.run();
        const auto packets = wan.collect();
        if (packets.empty()) return 0;
        REQUIRE(packets.size() == 1);
        return wire::read_header(packets[0].data() + 14 + 20 + 8).lane;
    }

    std::string wires[3] = {fresh_wire(), fresh_wire(), fresh_wire()};
    Far lan{wires[0]}, wan{wires[1]}, wan2{wires[2]};
    Node node;
};

}  // namespace

TEST_CASE("lanes are put and removed one by one; the others keep object and counters") {
    Bed bed;
    bed.apply(lanes_of(takes("a", 1, "10.0.1.0/24"), takes("b", 2, "10.0.2.0/24")));
    const Lane* a = bed.lane("a");
    CHECK(bed.lane_of({10, 0, 1, 1}) == 1);
    CHECK(bed.lane_of({10, 0, 3, 1}) == 0);

    auto tally = bed.put(takes("c", 3, "10.0.3.0/24"));
    CHECK(tally.added == 1);
    CHECK(tally.kept == 2);
    CHECK(bed.lane_of({10, 0, 3, 1}) == 3);

    LaneSpec renewed = takes("b", 2, "10.0.2.0/24");
    renewed.mtu = 500;
    const Lane* b = bed.lane("b");
    tally = bed.put(std::move(renewed));
    CHECK(tally.renewed == 1);
    CHECK(bed.lane("b") == b);
    CHECK(bed.lane_of({10, 0, 2, 1}) == 2);

    tally = bed.put(takes("b", 22, "10.0.22.0/24"));
    CHECK(tally.replaced == 1);
    CHECK(bed.lane("b") != b);
    CHECK(bed.lane_of({10, 0, 2, 1}) == 0);
    CHECK(bed.lane_of({10, 0, 22, 1}) == 22);

    tally = bed.put(takes("b", 22, "10.0.22.0/24"));
    CHECK(tally.kept == 3);
    tally = bed.remove("c");
    CHECK(tally.removed == 1);
    CHECK(tally.kept == 2);
    CHECK(bed.lane_of({10, 0, 3, 1}) == 0);
    CHECK(bed.lane("c") == nullptr);

    CHECK(bed.lane_of({10, 0, 1, 1}) == 1);
    CHECK(bed.lane("a") == a);
    CHECK(bed.node.lane("a").packets == 2);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("ports begin and cease to serve as lanes come and go") {
    Bed bed;
    bed.apply({});
    bed.put(takes("all", 1, ""));
    CHECK(bed.lane_of({10, 0, 1, 1}) == 1);
    CHECK(bed.node.knobs.silenced.empty());

    const Bytes packet = carry_ethernet(lane_packet(5, 9, inner_packet(3, ethernet_frame(80, 2))),
                                        {{2, 0x4c, 0x4e, 0, 0, 2}});
    bed.put(lane_spec("in", 5, Role::receive, 0, {over(1)}));
    CHECK(bed.node.knobs.silenced == std::set<std::string>{"wan"});
    REQUIRE(bed.wan.send(packet));
    bed.node.run();
    CHECK(bed.lan.collect() == std::vector<Bytes>{ethernet_frame(80, 2)});

    bed.put(patch_spec("patch", 2, 0));
    REQUIRE(bed.wan2.send(ethernet_frame(70, 3)));
    bed.node.run();
    CHECK(bed.lan.collect() == std::vector<Bytes>{ethernet_frame(70, 3)});

    bed.change({{}, {"all", "in", "patch"}, ""});
    CHECK(bed.node.control->fleet().entries().empty());
    CHECK(bed.lane_of({10, 0, 1, 1}) == 0);
    REQUIRE(bed.wan.send(packet));
    bed.node.run();
    CHECK(bed.lan.collect().empty());
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("ids move between lanes within one change") {
    Bed bed;
    bed.apply(lanes_of(takes("a", 1, "10.0.1.0/24"), takes("b", 2, "10.0.2.0/24")));
    bed.change({lanes_of(takes("a", 2, "10.0.1.0/24"), takes("b", 1, "10.0.2.0/24")), {}, ""});
    CHECK(bed.lane_of({10, 0, 1, 1}) == 2);
    CHECK(bed.lane_of({10, 0, 2, 1}) == 1);
    bed.change({lanes_of(takes("c", 2, "10.0.1.0/24")), {"a"}, ""});
    CHECK(bed.lane_of({10, 0, 1, 1}) == 2);
    CHECK(bed.lane_of({10, 0, 2, 1}) == 1);
}

TEST_CASE("a change that cannot be made changes nothing and says why") {
    Bed bed;
    bed.apply(lanes_of(takes("a", 1, "10.0.1.0/24"), takes("b", 2, "10.0.2.0/24")));
    const auto with = [](LaneSpec bad, std::vector<std::string> remove = {}) {
        return LaneChange{lanes_of(takes("good", 7, "10.0.7.0/24"), std::move(bad)),
                          std::move(remove), ""};
    };
    CHECK(bed.refused(with(takes("c", 2, "10.0.3.0/24"))) ==
          "lane c: lane id 2 is already lane b's; expected an id of its own for each lane");
    CHECK(bed.refused(with(takes("c", 7, "10.0.3.0/24"))) ==
          "lane c: lane id 7 is already lane good's; expected an id of its own for each lane");
    CHECK(bed.refused(with(takes("c", 0, "10.0.3.0/24"))) ==
          "lane c: lane id 0; expected one from 1 on, and 0 for a patch");
    CHECK(bed.refused(with(takes("good", 8, "10.0.3.0/24"))) == "lane good is named twice");
    CHECK(bed.refused(with(takes("a", 1, "10.0.3.0/24"), {"a"})) == "lane a is named twice");
    CHECK(bed.refused(with(takes("c", 3, "10.0.3.0/24"), {"nobody"})) ==
          "lane nobody: there is no lane of this name");
    LaneSpec elsewhere = takes("c", 3, "10.0.3.0/24");
    elsewhere.port = 9;
    CHECK(bed.refused(with(std::move(elsewhere))) ==
          "lane c: it names a port that is not there, or too few");
    LaneSpec narrow = takes("c", 3, "10.0.3.0/24");
    narrow.mtu = 60;
    CHECK(bed.refused(with(std::move(narrow))).find("lane c: an mtu of 60 bytes") == 0);
    LaneChange misplaced = with(takes("c", 3, "10.0.3.0/24"), {"b"});
    misplaced.before = "b";
    CHECK(bed.refused(std::move(misplaced)) ==
          "lane b: no lane of this name takes frames, so that others could stand before it");

    CHECK(bed.node.control->fleet().entries().size() == 2);
    CHECK(bed.lane_of({10, 0, 1, 1}) == 1);
    CHECK(bed.lane_of({10, 0, 2, 1}) == 2);
    CHECK(bed.lane_of({10, 0, 7, 1}) == 0);
    // Nothing of it stayed behind: the same lanes can come now.
    bed.change({lanes_of(takes("good", 7, "10.0.7.0/24"), takes("c", 3, "10.0.3.0/24")), {}, ""});
    CHECK(bed.lane_of({10, 0, 7, 1}) == 7);
    CHECK(bed.lane_of({10, 0, 3, 1}) == 3);
}

TEST_CASE("an added lane stands behind all others, or where it is told to") {
    Bed bed;
    bed.apply(lanes_of(takes("all", 1, ""), takes("wide", 2, "10.0.0.0/8")));
    bed.put(takes("late", 3, "10.0.0.0/16"));
    CHECK(bed.lane_of({10, 0, 0, 1}) == 2);
    bed.put(takes("early", 4, "10.0.0.0/24"), "wide");
    CHECK(bed.lane_of({10, 0, 0, 1}) == 4);
    CHECK(bed.lane_of({10, 0, 1, 1}) == 2);
    CHECK(bed.lane_of({11, 0, 0, 1}) == 1);
    // A lane that changes keeps its place.
    bed.put(takes("wide", 2, "10.0.0.0/9"));
    CHECK(bed.lane_of({10, 0, 0, 1}) == 4);
    CHECK(bed.lane_of({10, 0, 1, 1}) == 2);
    CHECK(bed.lane_of({10, 128, 0, 1}) == 1);
    bed.put(takes("early", 4, "10.0.0.0/12"));
    CHECK(bed.lane_of({10, 0, 1, 1}) == 4);
    CHECK(bed.lane_of({10, 16, 1, 1}) == 2);
    bed.remove("wide");
    CHECK(bed.lane_of({10, 16, 1, 1}) == 1);
    bed.remove("early");
    CHECK(bed.lane_of({10, 0, 1, 1}) == 3);
}

TEST_CASE("room between two lanes does not run out") {
    Bed bed;
    bed.apply(lanes_of(takes("first", 1, "10.255.0.0/16"), takes("last", 2, "10.0.0.0/8")));
    // Each takes a part of what the one before it takes, and stands between that one and `last`.
    for (unsigned i = 0; i < 200; ++i) {
        const std::string name = "n" + std::to_string(i);
        bed.change({lanes_of(varied(takes(name, 10 + i, "10.0.0.0/16"), i)), {}, "last"});
        // The first of them wins for ever.
        REQUIRE(bed.lane_of({10, 0, 0, 1}) == 10);
    }
    for (unsigned i = 0; i < 200; ++i) {
        const std::string name = "m" + std::to_string(i);
        bed.change({lanes_of(varied(takes(name, 300 + i, "10.0.0.0/24"), i)), {}, "first"});
        REQUIRE(bed.lane_of({10, 0, 0, 1}) == 300);
        REQUIRE(bed.lane_of({10, 255, 0, 1}) == 1);
        REQUIRE(bed.lane_of({10, 3, 0, 1}) == 2);
    }
    CHECK(bed.node.control->fleet().entries().size() == 402);
}

TEST_CASE("after any row of changes frames go where a list of all lanes would send them") {
    const auto seed = GENERATE(1u, 2u, 3u, 4u);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return random() % n; };
    Bed bed;
    std::vector<LaneSpec> twin;  // in the operator's order
    std::uint32_t next_id = 1;
    // One that stays, so that the port is served throughout: frames do not wait for a later lane.
    twin.push_back(takes("stays", next_id++, "192.168.0.0/16"));
    bed.apply(lanes_of(copy(twin[0])));
    // Of lanes without a match there is at most one.
    bool without = false;
    const auto some = [&](const std::string& name, std::uint32_t id) {
        const char* prefixes[] = {"10.0.0.0/8",  "10.0.0.0/16", "10.1.0.0/16",
                                  "10.0.1.0/24", "10.0.0.1/32", "10.1.0.1/32",
                                  "10.1.1.0/24", "0.0.0.0/0",   ""};
        const std::string prefix = prefixes[below(without ? 8 : 9)];
        without = without || prefix.empty();
        return varied(takes(name, id, prefix), id % 528);
    };
    for (unsigned round = 0; round < 120; ++round) {
        LaneChange change;
        std::vector<LaneSpec> next;
        without =
            std::any_of(twin.begin(), twin.end(), [](const auto& lane) { return !lane.match; });
        for (const LaneSpec& lane : twin) {
            const auto kind = lane.name == "stays" ? 9 : below(10);
            if (kind == 0) {
                change.remove.push_back(lane.name);
                continue;
            }
            LaneSpec stays = copy(lane);
            if (kind == 1) stays = some(lane.name, lane.id);
            if (kind == 2) stays = some(lane.name, next_id++);
            if (kind == 1 || kind == 2) change.put.push_back(copy(stays));
            next.push_back(std::move(stays));
        }
        auto at = next.end();
        if (!next.empty() && below(2) == 0) {
            at = next.begin() + static_cast<std::ptrdiff_t>(below(next.size()));
            change.before = at->name;
        }
        std::vector<LaneSpec> added;
        for (std::size_t i = below(4); i-- > 0;) {
            const std::uint32_t id = next_id++;
            added.push_back(some("lane-" + std::to_string(id), id));
            change.put.push_back(copy(added.back()));
        }
        next.insert(at, std::make_move_iterator(added.begin()),
                    std::make_move_iterator(added.end()));
        twin = std::move(next);
        bed.change(std::move(change));
        if (round % 40 == 39) {  // the same list as a whole is no change
            std::vector<LaneSpec> all;
            for (const LaneSpec& lane : twin) all.push_back(copy(lane));
            bed.apply(std::move(all));
        }
        for (unsigned i = 0; i < 8; ++i) {
            const std::array<std::uint8_t, 4> address = {10, static_cast<std::uint8_t>(below(3)),
                                                         static_cast<std::uint8_t>(below(2)),
                                                         static_cast<std::uint8_t>(below(2))};
            const LaneSpec* expected = nullptr;
            for (const LaneSpec& lane : twin) {
                const unsigned len = lane.match ? lane.match->destination.len : 0;
                bool inside = true;
                for (unsigned byte = 0; byte < len / 8; ++byte) {
                    inside &= lane.match->destination.address.bytes[byte] == address[byte];
                }
                const bool better = expected == nullptr || (!expected->match && lane.match);
                if (inside && better) expected = &lane;
            }
            REQUIRE(bed.lane_of(address) == (expected == nullptr ? 0 : expected->id));
        }
    }
    CHECK(bed.node.control->totals().balanced());
}
