// What Control does about devices under its ports: takes up those that were made anew, tries again
// what could not be opened, and leaves everybody else alone.
#include "lanes/port_watch.hh"

#include <catch2/catch.hpp>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

const engine::Link anew{engine::Link::State::down, "it was deleted and made anew; so it is", true};

/// lan == [ node ] == wan, and beside it a == [ node ] == b.
struct Bed {
    Bed() {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1]),
                      port_spec("a", wires[2]), port_spec("b", wires[3])};
        spec.lanes =
            lanes_of(lane_spec("out", 1, Role::send, 0, {over_ethernet(1, {{2, 0, 0, 0, 0, 9}})}),
                     patch_spec("beside", 2, 3));
        node.apply(std::move(spec));
    }
    /// What the lane `out` makes of a frame.
    std::vector<Bytes> through() {
        REQUIRE(lan.send(ethernet_frame(100, 1)));
        node.run();
        return wan.collect();
    }
    bool beside() {
        REQUIRE(a.send(ethernet_frame(90, 2)));
        node.run();
        return b.collect() == std::vector<Bytes>{ethernet_frame(90, 2)};
    }

    std::string wires[4] = {fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire()};
    Far lan{wires[0]}, wan{wires[1]}, a{wires[2]}, b{wires[3]};
    Node node;
};

std::byte last_of_source(const Bytes& frame) {
    return frame.at(11);
}

}  // namespace

TEST_CASE("a port whose device was made anew goes on with it, and its lanes speak as it does") {
    Bed bed;
    const auto before = bed.through();
    REQUIRE(before.size() == 1);
    bed.node.knobs.links["wan"] = anew;
    bed.node.pass(2 * ns_per_second);
    CHECK(bed.node.knobs.renewed["wan"] == 1);
    CHECK(bed.node.knobs.opened["wan"] == 1);
    const auto after = bed.through();
    REQUIRE(after.size() == 1);
    CHECK(last_of_source(after[0]) == (last_of_source(before[0]) ^ std::byte{0x10}));
    CHECK(bed.beside());
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("a device that cannot be taken up is tried again now and then, and nobody else notices") {
    Bed bed;
    bed.node.knobs.stuck = {"wan"};
    bed.node.knobs.failing = {"wan"};
    bed.node.knobs.links["wan"] = anew;
    bed.node.pass(25 * ns_per_second);
    CHECK(bed.node.knobs.opened["wan"] >= 3);  // the first time was at the start
    CHECK(bed.node.knobs.opened["wan"] <= 5);
    CHECK(bed.beside());
    CHECK(bed.through().size() == 1);  // as far as the former device still lets it
    bed.node.knobs.stuck.clear();
    bed.node.pass(12 * ns_per_second);
    CHECK(bed.node.knobs.renewed["wan"] == 1);
    CHECK(bed.through().size() == 1);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("a device that may not be opened again is not opened") {
    Bed bed;
    bed.node.control->ports().admit_by([](const engine::PortSpec& spec) -> engine::Result<void> {
        return engine::Error{0, "port " + spec.name + ": needs restart"};
    });
    bed.node.knobs.stuck = {"wan"};
    bed.node.knobs.links["wan"] = anew;
    bed.node.pass(5 * ns_per_second);
    CHECK(bed.node.knobs.opened["wan"] == 1);
    CHECK(bed.beside());
}
