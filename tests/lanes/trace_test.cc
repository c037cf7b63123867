// What a trace says of frames: as they came and as they left, what they were dropped for; that it
// takes one frame of a run and leaves the others as they are; and that it ends with its lane.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "lanes/tracing.hh"
#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

Bytes bytes_of(const Trace::Picture& picture) {
    return {picture.bytes().begin(), picture.bytes().end()};
}

/// lan == [ node ] == wan: frames of lan go into `out`, packets of `in` come out at lan.
struct Bed {
    Bed() {
        node.knobs.neighbours[*engine::parse_ip("192.0.2.1")] = wan.mac();
        apply(1);
    }

    void apply(std::uint32_t out_id) {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1], {"192.0.2.2/24"})};
        spec.lanes =
            lanes_of(lane_spec("out", out_id, Role::send, 0, {over_resolved(1, "192.0.2.1:4790")}),
                     lane_spec("in", 7, Role::receive, 0, {over(1)}));
        node.apply(std::move(spec));
    }

    std::unique_ptr<Tracing> trace(const std::string& lane, unsigned frames) {
        auto tracing = Tracing::begin(*node.control, lane, frames);
        REQUIRE(tracing);
        return std::move(tracing.value());
    }

    /// A packet of lane `in`.
    void arrive(std::uint64_t sequence, const Bytes& inner) {
        REQUIRE(wan.send(
            carry_ipv4(lane_packet(7, sequence, inner), wan_mac(), "192.0.2.1", "192.0.2.2")));
    }
    engine::MacAddress wan_mac() { return node.control->ports().at(1).port->info().mac; }

    std::array<std::string, 2> wires = {fresh_wire(), fresh_wire()};
    Far lan{wires[0]};
    Far wan{wires[1]};
    Node node;
};

}  // namespace

TEST_CASE("a trace shows a frame as it came and the packet that left with it") {
    Bed bed;
    const auto tracing = bed.trace("out", 2);
    const Bytes first = ethernet_frame(100, 1);
    const Bytes second = ethernet_frame(200, 2);
    bed.lan.send(first);
    bed.node.run();
    CHECK(tracing->goes_on());
    bed.lan.send(second);
    bed.node.run();
    CHECK_FALSE(tracing->goes_on());
    const auto sent = bed.wan.collect();
    REQUIRE(sent.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        const Trace::Entry& entry = tracing->trace().entries()[i];
        REQUIRE(entry.done);
        CHECK(bytes_of(entry.in) == (i == 0 ? first : second));
        CHECK(entry.from == 0);
        CHECK(entry.burst == 1);
        CHECK(entry.drop_count == 0);
        REQUIRE(entry.out_count == 1);
        CHECK(entry.outs[0].queue == &bed.node.control->ports().at(1).port->tx(0));
        CHECK(bytes_of(entry.outs[0].picture) == sent[i]);
        CHECK(entry.transform_clocks > 0);
        CHECK(entry.transmit_clocks > 0);
    }
}

TEST_CASE("of a run only the first is traced, and all leave in their order") {
    Bed bed;
    const auto tracing = bed.trace("out", 10);
    for (std::uint32_t i = 0; i < 20; ++i) bed.lan.send(ethernet_frame(60 + i, i));
    bed.node.run();
    const auto entries = tracing->trace().entries();
    CHECK(entries[0].burst == 20);
    CHECK(entries[0].out_count == 1);
    CHECK_FALSE(entries[1].done);
    const auto sent = bed.wan.collect();
    REQUIRE(sent.size() == 20);
    for (std::size_t i = 0; i < 20; ++i) CHECK(sent[i].size() == 14 + 20 + 8 + 20 + 60 + i);
    CHECK(bed.node.lane("out").packets == 20);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("a trace says why a packet was dropped, and that a fragment waits") {
    Bed bed;
    const auto tracing = bed.trace("in", 4);
    const Bytes good = inner_packet(3, ethernet_frame(80, 5));
    const Bytes pieces = inner_packet(6, fragment_body(1, 0, 2, 40, Bytes(40)));
    bed.arrive(5, good);
    bed.node.run();
    bed.arrive(5, good);
    bed.node.run();
    bed.arrive(6, inner_packet(9, Bytes(40)));
    bed.node.run();
    bed.arrive(7, pieces);
    bed.node.run();
    const auto entries = tracing->trace().entries();
    REQUIRE(tracing->trace().complete());
    CHECK(bytes_of(entries[0].outs[0].picture) == ethernet_frame(80, 5));
    CHECK(entries[0].from == 1);
    REQUIRE(entries[1].drop_count == 1);
    CHECK(entries[1].drops[0].reason == Drop::replay_duplicate);
    CHECK(entries[1].drops[0].count == 1);
    CHECK(entries[1].out_count == 0);
    REQUIRE(entries[2].drop_count == 1);
    CHECK(entries[2].drops[0].reason == Drop::unknown_kind);
    CHECK(entries[3].drop_count == 0);
    CHECK(entries[3].out_count == 0);
    CHECK(entries[3].absorbed == 1);
}

TEST_CASE("a frame that leaves in many pieces is counted whole and shown in part") {
    Bed bed;
    const auto tracing = bed.trace("in", 1);
    Bytes bundle;
    for (std::uint32_t i = 0; i < 9; ++i) append(bundle, inner_packet(3, ethernet_frame(60, i)));
    bed.arrive(1, inner_packet(7, bundle));
    bed.node.run();
    const Trace::Entry& entry = tracing->trace().entries()[0];
    CHECK(entry.out_count == 9);
    CHECK(bytes_of(entry.outs[3].picture) == ethernet_frame(60, 3));
    CHECK(bed.lan.collect().size() == 9);
}

TEST_CASE("what is longer than a trace keeps is cut, and its length told") {
    Bed bed;
    NodeSpec spec = bed.node.spec();
    const std::string wires[] = {fresh_wire(), fresh_wire()};
    spec.ports = {port_spec("a", wires[0], {}, 9000), port_spec("b", wires[1], {}, 9000)};
    spec.lanes = lanes_of(patch_spec("through", 0, 1));
    bed.node.apply(std::move(spec));
    Far a(wires[0], 9000);
    Far b(wires[1], 9000);
    const auto tracing = bed.trace("through", 1);
    const Bytes frame = ethernet_frame(5000, 3);
    a.send(frame);
    bed.node.run();
    const Trace::Entry& entry = tracing->trace().entries()[0];
    CHECK(entry.in.len == 5000);
    CHECK(bytes_of(entry.in) == Bytes(frame.begin(), frame.begin() + Trace::kept_bytes_max));
    CHECK(entry.outs[0].picture.len == 5000);
    CHECK(b.collect() == std::vector<Bytes>{frame});
}

TEST_CASE(
    "one trace of a lane at a time; it ends when the lane goes and never outlives its maker") {
    Bed bed;
    auto tracing = bed.trace("out", 5);
    CHECK_FALSE(Tracing::begin(*bed.node.control, "out", 1));
    CHECK_FALSE(Tracing::begin(*bed.node.control, "nothing", 1));
    const auto other = bed.trace("in", 5);

    SECTION("another may begin when it is gone") {
        tracing.reset();
        tracing = bed.trace("out", 1);
        bed.lan.send(ethernet_frame(60, 1));
        bed.node.run();
        CHECK(tracing->trace().complete());
    }
    SECTION("a lane that is made anew has no trace") {
        bed.apply(2);
        CHECK_FALSE(tracing->goes_on());
        bed.lan.send(ethernet_frame(60, 1));
        bed.node.run();
        CHECK_FALSE(tracing->trace().entries()[0].done);
        CHECK(bed.wan.collect().size() == 1);
    }
    SECTION("a lane that stays keeps it while others change") {
        bed.apply(1);
        CHECK(tracing->goes_on());
        CHECK(other->goes_on());
        bed.lan.send(ethernet_frame(60, 1));
        bed.node.run();
        CHECK(tracing->trace().entries()[0].done);
    }
    SECTION("workers that count clocks go on counting") {
        bed.node.control->workers()[0]->time_phases(engine::Worker::Phases::timed);
        bed.lan.send(ethernet_frame(60, 1));
        bed.node.run();
        CHECK(tracing->trace().entries()[0].transform_clocks > 0);
        const auto& ticks = bed.node.control->workers()[0]->counters().ticks;
        CHECK(ticks[static_cast<std::size_t>(engine::Phase::transform)].get() >=
              tracing->trace().entries()[0].transform_clocks);
    }
}

TEST_CASE("frames are traced by workers that run, while traces come and go") {
    Node node(2, Control::Threads::run);
    const std::string wires[] = {fresh_wire(), fresh_wire()};
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("a", wires[0]), port_spec("b", wires[1])};
    spec.lanes = lanes_of(patch_spec("through", 0, 1));
    node.apply(std::move(spec));
    Far a(wires[0], 1500, 2);
    Far b(wires[1], 1500, 2);
    unsigned whole = 0;
    // Workers may wait for their cores for a while.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (int i = 0; i < 50 || (whole == 0 && std::chrono::steady_clock::now() < deadline); ++i) {
        auto tracing = Tracing::begin(*node.control, "through", 3);
        REQUIRE(tracing);
        for (unsigned n = 0; n < 20; ++n) {
            if (!a.send(ethernet_frame(64, n), n % 2)) std::this_thread::yield();
        }
        (void)b.collect();
        for (const Trace::Entry& entry : tracing.value()->trace().entries()) {
            if (!entry.done.load(std::memory_order_acquire)) continue;
            ++whole;
            CHECK(entry.in.len == 64);
        }
    }
    CHECK(whole > 0);
    node.control->stop();
}
