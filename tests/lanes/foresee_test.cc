// What Control foresees of a change is what it then does, and foreseeing changes nothing. And what
// management needs besides: lanes as they are, who stands behind whom, equal matches refused.
#include <catch2/catch.hpp>

#include <random>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

LaneSpec takes(const std::string& name, std::uint32_t id, const std::string& prefix,
               PortIndex port = 0) {
    LaneSpec lane = lane_spec(name, id, Role::send, port, {over_resolved(1, "192.0.2.1:4790")});
    if (prefix.empty()) return lane;
    lane.match = std::make_unique<MatchSpec>();
    lane.match->has_destination = true;
    lane.match->destination = *engine::parse_prefix(prefix);
    return lane;
}

struct Bed {
    NodeSpec spec(std::vector<LaneSpec> lanes) const {
        NodeSpec made = node.spec();
        made.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1], {"192.0.2.2/24"}),
                      port_spec("spare", wires[2])};
        made.lanes = std::move(lanes);
        return made;
    }
    std::string refused(LaneChange change) {
        const auto changed = node.control->change(std::move(change));
        return changed ? "it was not refused" : changed.error().message;
    }

    std::string wires[5] = {fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire()};
    Node node;
};

using Names = std::vector<std::string>;

/// One of many node specs: lanes that are there or not, changed or not; ports likewise.
NodeSpec any_spec(const Bed& bed, std::mt19937& random) {
    NodeSpec spec = bed.spec({});
    const auto coin = [&] { return random() % 2 == 0; };
    if (coin()) spec.ports[2].mtu = 1400;
    if (coin()) spec.ports[0].mtu = 1300;
    if (coin()) spec.ports[2].name = "renamed";
    if (coin()) spec.ports.push_back(port_spec("more", bed.wires[3]));
    if (coin()) spec.ports.erase(spec.ports.begin() + 2);
    for (std::uint32_t id = 1; id <= 8; ++id) {
        if (coin()) continue;
        LaneSpec lane = takes("lane" + std::to_string(id), coin() ? id : id + 100,
                              "10." + std::to_string(id) + ".0.0/16");
        if (coin()) lane.mtu = 600;
        if (spec.ports.size() > 2 && coin()) lane.port = 2;
        if (spec.ports.size() > 3 && coin()) lane.port = 3;
        spec.lanes.push_back(std::move(lane));
    }
    std::shuffle(spec.lanes.begin(), spec.lanes.end(), random);
    return spec;
}

NodeSpec copy_of_spec(const NodeSpec& from) {
    NodeSpec to;
    to.node = from.node;
    to.cores = from.cores;
    to.poll = from.poll;
    to.state = from.state;
    to.backend = from.backend;
    to.ports = from.ports;
    for (const LaneSpec& lane : from.lanes) to.lanes.push_back(copy_of(lane));
    return to;
}

}  // namespace

TEST_CASE("what is foreseen is what is done, for any node after any other") {
    for (unsigned seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        Bed bed;
        bed.node.apply(any_spec(bed, random));
        for (int step = 0; step < 30; ++step) {
            NodeSpec next = any_spec(bed, random);
            const auto opened = bed.node.knobs.opened;
            const auto foreseen = bed.node.control->foresee(copy_of_spec(next));
            REQUIRE(foreseen);
            CHECK(bed.node.knobs.opened == opened);
            Difference told;
            const auto tally = bed.node.control->apply(std::move(next), &told);
            REQUIRE(tally);
            const Difference& plan = foreseen.value();
            CHECK(plan.add == told.add);
            CHECK(plan.change == told.change);
            CHECK(plan.remove == told.remove);
            CHECK(plan.keep == told.keep);
            CHECK(plan.ports == told.ports);
            CHECK(plan.restart.empty());
            CHECK(tally.value().added == told.add.size());
            CHECK(tally.value().renewed + tally.value().replaced == told.change.size());
            CHECK(tally.value().removed == told.remove.size());
            CHECK(tally.value().kept == told.keep);
        }
    }
}

TEST_CASE("foreseeing changes nothing, also when it finds an error") {
    Bed bed;
    bed.node.apply(bed.spec(lanes_of(takes("a", 1, "10.1.0.0/16"))));
    const Lane* a = bed.node.control->fleet().lane("a");
    LaneSpec bad = takes("b", 2, "10.2.0.0/16");
    bad.paths = {over_resolved(1, "[2001:db8::1]:4790")};
    const auto refused = bed.node.control->foresee(bed.spec(lanes_of(std::move(bad))));
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, Catch::Contains("lane b"));
    CHECK(bed.node.control->fleet().lane("a") == a);
    CHECK(bed.node.control->fleet().entries().size() == 1);
    const auto plan = bed.node.control->foresee(bed.spec({}));
    REQUIRE(plan);
    CHECK(plan.value().remove == Names{"a"});
    const auto same = bed.node.control->foresee(bed.spec(lanes_of(takes("a", 1, "10.1.0.0/16"))));
    REQUIRE(same);
    CHECK(same.value().keep == 1);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("what is fixed for the life of a node is foreseen as a restart, and refused") {
    Bed bed;
    bed.node.apply(bed.spec({}));
    const auto with = [&](auto&& change) {
        NodeSpec next = bed.spec({});
        change(next);
        return next;
    };
    struct Case {
        std::string what;
        std::function<void(NodeSpec&)> change;
    };
    const std::vector<Case> cases = {
        {"`workers`", [](NodeSpec& next) { next.cores.push_back(1); }},
        {"`poll`", [](NodeSpec& next) { next.poll = engine::PollMode::sleep; }},
        {"`node`", [](NodeSpec& next) { next.node += "x"; }},
        {"`state`", [](NodeSpec& next) { next.state = "/nowhere"; }},
        {"`crypto.backend`", [](NodeSpec& next) { next.backend = "libsodium"; }},
        {"`manage`", [](NodeSpec& next) { next.manage.kind = ManageSpec::Socket::none; }},
    };
    for (const Case& one : cases) {
        INFO(one.what);
        const auto plan = bed.node.control->foresee(with(one.change));
        REQUIRE(plan);
        REQUIRE(plan.value().restart.size() == 1);
        CHECK(plan.value().restart[0].starts_with(one.what + " cannot change"));
        const auto applied = bed.node.control->apply(with(one.change));
        REQUIRE_FALSE(applied);
        CHECK_THAT(applied.error().message, Catch::Contains(plan.value().restart[0]));
    }
}

TEST_CASE("a lane whose match equals that of another is refused by that one's name") {
    Bed bed;
    bed.node.apply(bed.spec(lanes_of(takes("a", 1, "10.1.0.0/16"), takes("all", 2, ""))));
    CHECK_THAT(bed.refused({lanes_of(takes("b", 3, "10.1.0.0/16")), {}, {}}),
               Catch::Contains("lane b: its match equals that of lane a"));
    CHECK_THAT(bed.refused({lanes_of(takes("b", 3, "")), {}, {}}),
               Catch::Contains("lane b takes all frames of port lan, as does lane all"));
    CHECK_THAT(
        bed.refused({lanes_of(takes("b", 3, "10.3.0.0/16"), takes("c", 4, "10.3.0.0/16")), {}, {}}),
        Catch::Contains("lane c: its match equals that of lane b"));
    CHECK(bed.node.control->fleet().entries().size() == 2);

    // Another port, other words for it, or the other one leaving: these are no repeats.
    LaneChange good;
    good.put = lanes_of(takes("b", 3, "10.1.0.0/16", 2), takes("c", 4, "10.1.0.0/17"),
                        takes("d", 5, "10.1.0.0/16"), takes("all", 2, ""));
    good.put[2].match->source_port = {1, 1023};
    REQUIRE(bed.node.control->change(std::move(good)));
    LaneChange swap;
    swap.put = lanes_of(takes("e", 6, "10.1.0.0/16"));
    swap.remove = {"a"};
    REQUIRE(bed.node.control->change(std::move(swap)));
    LaneChange trade;
    trade.put = lanes_of(takes("c", 4, "10.1.0.0/16"), takes("e", 6, "10.1.0.0/17"));
    REQUIRE(bed.node.control->change(std::move(trade)));
    CHECK_THAT(bed.refused({lanes_of(takes("f", 7, "10.1.0.0/16")), {}, {}}),
               Catch::Contains("that of lane c"));
}

TEST_CASE("a lane as it is can be put again, whatever slots its ports lie in") {
    Bed bed;
    bed.node.apply(bed.spec(lanes_of(takes("a", 1, "10.1.0.0/16"))));
    // The ports are listed in another order now, and keep their slots.
    NodeSpec turned = bed.spec({});
    std::swap(turned.ports[0], turned.ports[2]);
    turned.lanes = lanes_of(takes("a", 1, "10.1.0.0/16", 2), takes("b", 2, "10.2.0.0/16", 2));
    turned.lanes.push_back(patch_spec("p", 0, 2));
    bed.node.apply(std::move(turned));
    for (const std::string name : {"a", "b", "p"}) {
        auto lane = bed.node.control->spec_of(name);
        REQUIRE(lane);
        CHECK(lane->port == (name == "p" ? 0 : 2));
        LaneChange change;
        change.put.push_back(std::move(*lane));
        const auto tally = bed.node.control->change(std::move(change));
        REQUIRE(tally);
        CHECK(tally.value().kept == 3);
    }
    CHECK_FALSE(bed.node.control->spec_of("c"));
}

TEST_CASE("each lane that takes frames knows who stands behind it") {
    Bed bed;
    bed.node.apply(bed.spec(lanes_of(takes("a", 1, "10.1.0.0/16"), takes("b", 2, ""),
                                     lane_spec("in", 9, Role::receive, 0, {over(1)}),
                                     takes("c", 3, "10.3.0.0/16"))));
    const Fleet& fleet = bed.node.control->fleet();
    CHECK(fleet.behind("a") == "b");
    CHECK(fleet.behind("b") == "c");
    CHECK(fleet.behind("c").empty());
    CHECK(fleet.behind("in").empty());
    CHECK(fleet.behind("nobody").empty());
}
