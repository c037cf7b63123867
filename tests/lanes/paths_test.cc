// Every way through a node: what comes out is what went in, in = out + drops holds after each, and
// the copies are counted: none where ports share memory, one where they do not, one more for each
// further path.
#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

enum Form { ipv4, ipv6, ethernet };

/// Two nodes joined by one or two wires, each with a LAN whose far end the test holds.
//   lan_a == [ a ] == wan (and wan2) == [ b ] == lan_b
struct Pair {
    /// MTUs of different classes give ports that do not share memory.
    explicit Pair(Form form, std::uint32_t lan_mtu = 1500, std::uint32_t wan_mtu = 1500,
                  unsigned paths = 1)
        : form_(form),
          lan_mtu_(lan_mtu),
          wan_mtu_(wan_mtu),
          paths_(paths),
          far_a(lan_wire_a, lan_mtu),
          far_b(lan_wire_b, lan_mtu) {}

    LaneSpec sending() const {
        std::vector<PathSpec> roads;
        const engine::MacAddress b_mac{{2, 0x4c, 0x4e, 0, 0, 2}};
        for (unsigned i = 0; i < paths_; ++i) {
            const auto port = static_cast<PortIndex>(1 + i);
            roads.push_back(form_ == ethernet ? over_ethernet(port, b_mac)
                            : form_ == ipv4   ? over_udp(port, "192.0.2.2:4790", b_mac)
                                              : over_udp(port, "[2001:db8::2]:4790", b_mac));
        }
        return lane_spec("out", 101, Role::send, 0, std::move(roads));
    }

    void start(LaneSpec send) {
        NodeSpec spec = a.spec();
        spec.ports.push_back(port_spec("lan", lan_wire_a, {}, lan_mtu_));
        NodeSpec other = b.spec();
        other.ports.push_back(port_spec("lan", lan_wire_b, {}, lan_mtu_));
        std::vector<PathSpec> roads;
        for (unsigned i = 0; i < paths_; ++i) {
            const std::string name = "wan" + std::to_string(i);
            spec.ports.push_back(
                port_spec(name, wan_wires[i], {"192.0.2.1/24", "2001:db8::1/64"}, wan_mtu_));
            other.ports.push_back(
                port_spec(name, wan_wires[i], {"192.0.2.2/24", "2001:db8::2/64"}, wan_mtu_));
            roads.push_back(over(static_cast<PortIndex>(1 + i)));
        }
        spec.lanes.push_back(std::move(send));
        a.apply(std::move(spec));
        other.lanes.push_back(lane_spec("in", 101, Role::receive, 0, std::move(roads)));
        b.apply(std::move(other));
    }

    void run() {
        a.run();
        b.run();
        REQUIRE(a.control->totals().balanced());
        REQUIRE(b.control->totals().balanced());
    }

    std::string lan_wire_a = fresh_wire(), lan_wire_b = fresh_wire();
    std::string wan_wires[2] = {fresh_wire(), fresh_wire()};
    Form form_;
    std::uint32_t lan_mtu_, wan_mtu_;
    unsigned paths_;
    Far far_a, far_b;
    Node a, b;
};

/// Sends frames of these sizes and compares what comes out at the other end.
void check_delivery(Pair& pair, const std::vector<std::size_t>& sizes) {
    std::vector<Bytes> sent;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        sent.push_back(ethernet_frame(sizes[i], static_cast<std::uint32_t>(i)));
        REQUIRE(pair.far_a.send(sent.back()));
    }
    pair.run();
    REQUIRE(pair.far_b.collect() == sent);
}

std::vector<std::size_t> sizes_up_to(std::size_t max) {
    std::vector<std::size_t> sizes = {14, 15, 16, 17, 31, 32, 33, 45, 46, 47, 59, 60, 63, 64, 65};
    std::mt19937 random(4);
    for (unsigned i = 0; i < 300; ++i) sizes.push_back(14 + random() % (max - 13));
    sizes.push_back(max);
    return sizes;
}

}  // namespace

TEST_CASE("a patch hands every frame on as it is, without a copy") {
    const std::string in = fresh_wire(), out = fresh_wire();
    Far source(in), sink(out);
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in), port_spec("out", out)};
    spec.lanes = lanes_of(patch_spec("p", 0, 1));
    node.apply(std::move(spec));
    std::vector<Bytes> sent;
    for (const std::size_t size : sizes_up_to(1514)) {
        sent.push_back(ethernet_frame(size, static_cast<std::uint32_t>(sent.size())));
        REQUIRE(source.send(sent.back()));
    }
    node.run();
    CHECK(sink.collect() == sent);
    const auto totals = node.control->totals();
    CHECK(totals.balanced());
    CHECK(totals.received == sent.size());
    CHECK(totals.sent == sent.size());
    CHECK(totals.copies == 0);
    CHECK(node.lane("p").packets == sent.size());
}

TEST_CASE("a patch between memories copies each frame exactly once") {
    const std::string in = fresh_wire(), out = fresh_wire();
    Far source(in, 1500), sink(out, 9000);
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in, {}, 1500), port_spec("out", out, {}, 9000)};
    spec.lanes = lanes_of(patch_spec("p", 0, 1));
    node.apply(std::move(spec));
    std::vector<Bytes> sent;
    for (const std::size_t size : sizes_up_to(1514)) {
        sent.push_back(ethernet_frame(size, static_cast<std::uint32_t>(sent.size())));
        REQUIRE(source.send(sent.back()));
    }
    node.run();
    CHECK(sink.collect() == sent);
    CHECK(node.control->totals().copies == sent.size());
    CHECK(node.control->totals().balanced());
}

TEST_CASE("a lane delivers what it took, in order, over every carrier, without a copy") {
    const Form form = GENERATE(ipv4, ipv6, ethernet);
    Pair pair(form);
    pair.start(pair.sending());
    const auto sizes = sizes_up_to(1400);
    check_delivery(pair, sizes);
    CHECK(pair.a.control->totals().copies == 0);
    CHECK(pair.b.control->totals().copies == 0);
    CHECK(pair.a.lane("out").packets == sizes.size());
    CHECK(pair.b.lane("in").packets == sizes.size());
    CHECK(pair.a.lane("out").bytes == pair.b.lane("in").bytes);
    CHECK(pair.a.control->totals().dropped() == 0);
    CHECK(pair.b.control->totals().dropped() == 0);
}

TEST_CASE("a lane between ports of different memories copies exactly once at each end") {
    Pair pair(GENERATE(ipv4, ipv6, ethernet), 1500, 9000);
    pair.start(pair.sending());
    const auto sizes = sizes_up_to(1514);
    check_delivery(pair, sizes);
    CHECK(pair.a.control->totals().copies == sizes.size());
    CHECK(pair.b.control->totals().copies == sizes.size());
}

TEST_CASE("a lane over two paths delivers each frame once and copies once for the second path") {
    Pair pair(GENERATE(ipv4, ipv6, ethernet), 1500, 1500, 2);
    pair.start(pair.sending());
    const auto sizes = sizes_up_to(1400);
    check_delivery(pair, sizes);
    CHECK(pair.a.control->totals().copies == sizes.size());
    CHECK(pair.a.control->totals().sent == 2 * sizes.size());
    CHECK(pair.b.control->totals().copies == 0);
    CHECK(pair.b.drops(Drop::replay_duplicate) == sizes.size());
    CHECK(pair.b.lane("in").duplicates == sizes.size());
    CHECK(pair.b.lane("in").packets == sizes.size());
}

TEST_CASE("frames that do not fit the lane's mtu are cut and put together again") {
    Pair pair(GENERATE(ipv4, ipv6, ethernet));
    LaneSpec lane = pair.sending();
    lane.mtu = GENERATE(std::uint16_t{256}, std::uint16_t{300}, std::uint16_t{1000});
    const std::size_t whole_max = lane.mtu - 20u;
    pair.start(std::move(lane));
    const auto sizes = sizes_up_to(1514);
    const auto cut = static_cast<std::uint64_t>(std::count_if(
        sizes.begin(), sizes.end(), [&](std::size_t size) { return size > whole_max; }));
    check_delivery(pair, sizes);
    CHECK(cut > 0);
    const auto sent = pair.a.control->totals();
    const auto got = pair.b.control->totals();
    CHECK(sent.absorbed == cut);
    CHECK(got.made == cut);
    CHECK(got.absorbed == sent.made);
    CHECK(sent.copies == sent.made);  // each piece, once
}

TEST_CASE("fragments over two paths make every frame once") {
    Pair pair(ipv4, 1500, 1500, 2);
    LaneSpec lane = pair.sending();
    lane.mtu = 400;
    pair.start(std::move(lane));
    check_delivery(pair, sizes_up_to(1514));
}

TEST_CASE("a frame of exactly the lane's mtu goes whole, and one byte more in two pieces") {
    Pair pair(ipv4);
    LaneSpec lane = pair.sending();
    lane.mtu = 500;
    pair.start(std::move(lane));
    check_delivery(pair, {480});
    CHECK(pair.a.control->totals().sent == 1);
    check_delivery(pair, {481});
    CHECK(pair.a.control->totals().sent == 3);
}

TEST_CASE("small frames of one burst travel together in a bundle") {
    const Form form = GENERATE(ipv4, ipv6, ethernet);
    const unsigned paths = GENERATE(1u, 2u);
    Pair pair(form, 1500, 1500, paths);
    LaneSpec lane = pair.sending();
    lane.bundle = true;
    pair.start(std::move(lane));
    check_delivery(pair, std::vector<std::size_t>(64, 60));
    // 64 * (60 + 4) bytes need three packets of at most 1500.
    CHECK(pair.a.control->totals().sent == 3 * paths);
    CHECK(pair.a.control->totals().copies == 64 * paths);
    CHECK(pair.a.lane("out").packets == 3);
    check_delivery(pair, {60});  // a bundle of one is no bundle
    CHECK(pair.a.control->totals().sent == 4 * paths);
    check_delivery(pair, sizes_up_to(1514));
}

TEST_CASE("a bundle never exceeds the lane's mtu") {
    const std::string in = fresh_wire(), wan = fresh_wire();
    Far source(in), sink(wan);
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in), port_spec("wan", wan, {"192.0.2.1/24"})};
    LaneSpec lane = lane_spec("out", 1, Role::send, 0, {over_ethernet(1, sink.mac())});
    lane.bundle = true;
    lane.mtu = 300;
    spec.lanes = lanes_of(std::move(lane));
    node.apply(std::move(spec));
    std::mt19937 random(8);
    for (unsigned round = 0; round < 200; ++round) {
        const unsigned n = 1 + random() % 64;
        for (unsigned i = 0; i < n; ++i) {
            REQUIRE(source.send(ethernet_frame(14 + random() % 267, i)));
        }
        node.run();
        for (const Bytes& frame : sink.collect()) REQUIRE(frame.size() <= 14 + 300);
    }
    CHECK(node.control->totals().balanced());
}

TEST_CASE("ip lanes carry IPv4 and IPv6 side by side") {
    const std::string wires[4] = {fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire()};
    Far source(wires[0]), sink(wires[3]);
    Node node;
    node.knobs.kinds = {{"in", engine::PortKind::ip}, {"out", engine::PortKind::ip}};
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", wires[0]), port_spec("wan", wires[1], {"192.0.2.1/24"}),
                  port_spec("back", wires[1], {"192.0.2.2/24"}), port_spec("out", wires[3])};
    LaneSpec send = lane_spec("send", 1, Role::send, 0,
                              {over_udp(1, "192.0.2.2:4790", {{2, 0x4c, 0x4e, 0, 0, 2}})});
    send.bundle = GENERATE(false, true);
    send.mtu = GENERATE(std::uint16_t{0}, std::uint16_t{256});
    spec.lanes = lanes_of(std::move(send), lane_spec("receive", 1, Role::receive, 3, {over(2)}));
    // One id for both ends of a loop through one node is not what config allows: two nodes.
    Node other;
    other.knobs.kinds = node.knobs.kinds;
    NodeSpec there = other.spec();
    there.ports = {spec.ports[2], spec.ports[3]};
    there.lanes = lanes_of(lane_spec("receive", 1, Role::receive, 1, {over(0)}));
    spec.ports.resize(2);
    spec.lanes.pop_back();
    node.apply(std::move(spec));
    other.apply(std::move(there));
    std::vector<Bytes> sent;
    for (unsigned i = 0; i < 200; ++i) {
        sent.push_back(ip_packet(20 + i * 5, i));
        if (i % 2 == 1) sent.back()[0] = std::byte{0x60};
        REQUIRE(source.send(sent.back()));
    }
    node.run();
    other.run();
    CHECK(sink.collect() == sent);
    REQUIRE(source.send(text_bytes("10203040")));
    REQUIRE(source.send({}));
    node.run();
    CHECK(node.drops(Drop::kind_mismatch) == 2);
    CHECK(node.control->totals().balanced());
    CHECK(other.control->totals().balanced());
}

TEST_CASE("a relay changes the carrier and nothing of the packet") {
    const unsigned paths = GENERATE(1u, 2u);
    const std::string in = fresh_wire(), out[2] = {fresh_wire(), fresh_wire()};
    Far source(in);
    std::vector<std::unique_ptr<Far>> sinks;
    for (unsigned i = 0; i < paths; ++i) sinks.push_back(std::make_unique<Far>(out[i]));
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in, {"192.0.2.2/24"})};
    std::vector<PathSpec> roads;
    for (unsigned i = 0; i < paths; ++i) {
        spec.ports.push_back(port_spec("out" + std::to_string(i), out[i], {"2001:db8::1/64"}));
        const auto port = static_cast<PortIndex>(1 + i);
        roads.push_back(i == 0 ? over_ethernet(port, sinks[i]->mac())
                               : over_udp(port, "[2001:db8::9]:4790", sinks[i]->mac()));
    }
    spec.lanes = lanes_of(lane_spec("r", 7, Role::relay, 0, std::move(roads)));
    node.apply(std::move(spec));
    const engine::MacAddress near{{2, 0x4c, 0x4e, 0, 0, 2}};
    std::vector<Bytes> packets;
    for (unsigned i = 0; i < 150; ++i) {
        // Whatever is inside: a relay does not look. Subspaces beyond ours included.
        packets.push_back(
            lane_packet(7, i, ethernet_frame(60 + i * 8, i), static_cast<std::uint16_t>(i * 997)));
        REQUIRE(source.send(carry_ipv4(packets.back(), near, "192.0.2.1", "192.0.2.2")));
    }
    node.run();
    for (unsigned i = 0; i < paths; ++i) {
        const auto got = sinks[i]->collect();
        REQUIRE(got.size() == packets.size());
        const long head = i == 0 ? 14 : 62;
        for (std::size_t n = 0; n < got.size(); ++n) {
            REQUIRE(Bytes(got[n].begin() + head, got[n].end()) == packets[n]);
        }
    }
    const auto totals = node.control->totals();
    CHECK(totals.balanced());
    CHECK(totals.copies == 150 * (paths - 1));
    CHECK(totals.made == 150 * (paths - 1));
    CHECK(node.lane("r").packets == 150);
    REQUIRE(
        source.send(carry_ipv4(lane_packet(7, 1, Bytes(1460)), near, "192.0.2.1", "192.0.2.2")));
    node.run();
    CHECK(node.control->totals().balanced());
    CHECK(node.drops(Drop::tx_too_big) == (paths == 1 ? 0u : 1u));
}

TEST_CASE("match sends each frame into its lane and the rest into the lane without one") {
    const std::string in = fresh_wire(), out[3] = {fresh_wire(), fresh_wire(), fresh_wire()};
    Far source(in), a(out[0]), b(out[1]), rest(out[2]);
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in), port_spec("a", out[0]), port_spec("b", out[1]),
                  port_spec("rest", out[2])};
    LaneSpec catch_all = patch_spec("rest", 0, 3);
    LaneSpec first = patch_spec("a", 0, 1);
    first.match = std::make_unique<MatchSpec>();
    first.match->ether_type = 0x0801;
    first.match->has_source_mac = true;
    first.match->source_mac = {{2, 0, 0, 0, 0, 0xcc}};
    LaneSpec second = patch_spec("b", 0, 2);
    second.match = std::make_unique<MatchSpec>();
    second.match->vlan = 9;
    // The lane without a match comes first in the file and takes what is left all the same.
    spec.lanes = lanes_of(std::move(catch_all), std::move(first), std::move(second));
    node.apply(std::move(spec));
    std::vector<Bytes> expected[3];
    std::mt19937 random(2);
    for (unsigned i = 0; i < 500; ++i) {
        Bytes frame = ethernet_frame(60, i);
        const auto which = static_cast<unsigned>(random() % 3);
        if (which == 0) frame[11] = std::byte{0xcc};
        if (which == 1) std::memcpy(frame.data() + 12, text_bytes("8100 0009").data(), 4);
        expected[which].push_back(frame);
        REQUIRE(source.send(frame));
        if (i % 50 == 49) node.run();
    }
    node.run();
    CHECK(a.collect() == expected[0]);
    CHECK(b.collect() == expected[1]);
    CHECK(rest.collect() == expected[2]);
    CHECK(node.control->totals().balanced());
}

// The far end may still hold a piece of what the former sender cut; ids that start anew would meet
// it and make one frame of two.
TEST_CASE("a restarted sender's fragments do not mix with what its former self left") {
    const std::string lan_a = fresh_wire(), wan_a = fresh_wire();
    const std::string lan_b = fresh_wire(), wan_b = fresh_wire();
    Node b;
    NodeSpec there = b.spec();
    there.ports = {port_spec("lan", lan_b), port_spec("wan", wan_b, {"192.0.2.2/24"})};
    there.lanes = lanes_of(lane_spec("in", 1, Role::receive, 0, {over(1)}));
    b.apply(std::move(there));
    Far out_b(lan_b), in_b(wan_b);
    const auto send = [&](std::uint32_t number, std::size_t lost) {
        Node a;
        NodeSpec spec = a.spec();
        spec.ports = {port_spec("lan", lan_a), port_spec("wan", wan_a, {"192.0.2.1/24"})};
        LaneSpec lane = lane_spec("out", 1, Role::send, 0,
                                  {over_udp(1, "192.0.2.2:4790", {{2, 0x4c, 0x4e, 0, 0, 1}})});
        lane.mtu = 600;
        spec.lanes = lanes_of(std::move(lane));
        a.apply(std::move(spec));
        Far in_a(lan_a), out_a(wan_a);
        REQUIRE(in_a.send(ethernet_frame(1200, number)));
        a.run();
        const auto pieces = out_a.collect();
        REQUIRE(pieces.size() == 3);
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            if (i != lost) REQUIRE(in_b.send(pieces[i]));
        }
        b.run();
    };
    send(1, 1);  // the piece in the middle is lost
    REQUIRE(out_b.collect().empty());
    // No process starts again within the millisecond that the numbering counts in.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    send(2, 3);  // nothing is lost
    const bool right = out_b.collect() == std::vector<Bytes>{ethernet_frame(1200, 2)};
    CHECK(right);
}

TEST_CASE(
    "a lane over two paths goes on over one, whichever the other is, and counts its packets") {
    const unsigned dead = GENERATE(0u, 1u);
    const std::string in = fresh_wire(), out[2] = {fresh_wire(), fresh_wire()};
    Far source(in), first(out[0]), second(out[1]);
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in), port_spec("one", out[0], {"192.0.2.1/24"}),
                  port_spec("two", out[1], {"192.0.2.1/24"})};
    std::vector<PathSpec> roads = {over_udp(1, "192.0.2.2:4790", first.mac()),
                                   over_udp(2, "192.0.2.2:4790", second.mac())};
    roads[dead].has_next_hop_mac = false;  // and nobody answers
    spec.lanes = lanes_of(lane_spec("out", 1, Role::send, 0, std::move(roads)));
    node.apply(std::move(spec));
    for (unsigned i = 0; i < 10; ++i) REQUIRE(source.send(ethernet_frame(100, i)));
    node.run();
    CHECK(first.collect().size() == (dead == 0 ? 0u : 10u));
    CHECK(second.collect().size() == (dead == 1 ? 0u : 10u));
    CHECK(node.drops(Drop::no_next_hop) == 10);
    CHECK(node.lane("out").dropped == 10);
    CHECK(node.lane("out").packets == 10);
    CHECK(node.control->totals().balanced());
}
