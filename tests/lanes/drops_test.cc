// Every reason for a drop that the domain knows, provoked by name: the one counter goes up, no
// other does, and in = out + drops holds.
#include <catch2/catch.hpp>

#include "engine/clock.hh"
#include "lanes/forward.hh"
#include "lanes/send.hh"
#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

const engine::MacAddress near_mac{{2, 0x4c, 0x4e, 0, 0, 2}};

/// A node that receives lane 1 and relays lane 2 from `wan` and knows lanes 3 (send) and 4 (over
/// `other` only). Lane 1 delivers to `lan`, which also sends into lane 3 what has EtherType 0x0801.
struct Bed {
    Bed() {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", lan_wire), port_spec("wan", wan_wire, addresses),
                      port_spec("other", other_wire, addresses)};
        LaneSpec receive = lane_spec("in", 1, Role::receive, 0, {over(1)});
        receive.window = 64;
        LaneSpec send = lane_spec("out", 3, Role::send, 0, {over_resolved(1, "192.0.2.1:4790")});
        send.match = std::make_unique<MatchSpec>();
        send.match->ether_type = 0x0801;
        spec.lanes = lanes_of(
            std::move(receive),
            lane_spec("relay", 2, Role::relay, 1, {over_udp(2, "192.0.2.77:4790", wan.mac())}),
            std::move(send), lane_spec("elsewhere", 4, Role::receive, 0, {over(2)}));
        node.apply(std::move(spec));
    }

    /// Sends one frame into the node and demands that it ends as this drop.
    void expect(Far& from, const Bytes& frame, Drop reason) {
        const auto before = node.control->totals();
        REQUIRE(from.send(frame));
        node.run();
        const auto after = node.control->totals();
        for (std::size_t i = 0; i < engine::drop_count; ++i) {
            INFO(engine::drop_texts[i].name);
            REQUIRE(after.drops[i] - before.drops[i] == (i == std::size_t(reason) ? 1u : 0u));
        }
        REQUIRE(after.balanced());
        REQUIRE(lan.collect().empty());
    }
    void expect_packet(const Bytes& packet, Drop reason) {
        expect(wan, carry_ipv4(packet, near_mac, "192.0.2.1", "192.0.2.2"), reason);
    }
    /// A good lane packet of lane 1 around `inner`.
    Bytes next(const Bytes& inner) { return lane_packet(1, sequence++, inner); }

    const std::vector<std::string> addresses = {"192.0.2.2/24", "2001:db8::2/64"};
    std::string lan_wire = fresh_wire(), wan_wire = fresh_wire(), other_wire = fresh_wire();
    Far lan{lan_wire}, wan{wan_wire}, other{other_wire};
    Node node;
    std::uint64_t sequence = 1'000'000;
};

const Bytes good_inner = inner_packet(3, ethernet_frame(60, 1));

}  // namespace

TEST_CASE("a good packet is delivered, so that the drops below mean something") {
    Bed bed;
    REQUIRE(bed.wan.send(carry_ipv4(bed.next(good_inner), near_mac, "192.0.2.1", "192.0.2.2")));
    REQUIRE(bed.wan.send(carry_ipv6(bed.next(good_inner), near_mac, "2001:db8::1", "2001:db8::2")));
    REQUIRE(bed.wan.send(carry_ethernet(bed.next(good_inner), near_mac)));
    bed.node.run();
    CHECK(bed.lan.collect() == std::vector<Bytes>(3, ethernet_frame(60, 1)));
    CHECK(bed.node.control->totals().dropped() == 0);
}

TEST_CASE("frames that are no lane packets for this port") {
    Bed bed;
    const Bytes packet = bed.next(good_inner);
    const Bytes v4 = carry_ipv4(packet, near_mac, "192.0.2.1", "192.0.2.2");
    const Bytes v6 = carry_ipv6(packet, near_mac, "2001:db8::1", "2001:db8::2");
    const engine::MacAddress stranger{{2, 0, 0, 0, 0, 1}};
    bed.expect(bed.wan, carry_ipv4(packet, stranger, "192.0.2.1", "192.0.2.2"), Drop::not_for_us);
    bed.expect(bed.wan, carry_ipv4(packet, near_mac, "192.0.2.1", "192.0.2.3"), Drop::not_for_us);
    bed.expect(bed.wan, carry_ipv4(packet, near_mac, "192.0.2.1", "192.0.2.2", 4791),
               Drop::not_for_us);
    bed.expect(bed.wan, carry_ipv6(packet, near_mac, "2001:db8::1", "2001:db8::3"),
               Drop::not_for_us);
    Bytes tcp = v4;
    tcp[23] = std::byte{6};
    bed.expect(bed.wan, tcp, Drop::not_for_us);
    Bytes arp = v4;
    arp[13] = std::byte{6};
    bed.expect(bed.wan, arp, Drop::not_for_us);
    bed.expect(bed.wan, Bytes(v4.begin(), v4.begin() + 13), Drop::malformed_carrier);
    bed.expect(bed.wan, {}, Drop::malformed_carrier);
    bed.expect(bed.wan, Bytes(v4.begin(), v4.begin() + 30), Drop::malformed_carrier);
    bed.expect(bed.wan, Bytes(v4.begin(), v4.end() - 1), Drop::malformed_carrier);
    bed.expect(bed.wan, Bytes(v6.begin(), v6.end() - 1), Drop::malformed_carrier);
    Bytes sum = v4;
    sum.back() ^= std::byte{1};
    bed.expect(bed.wan, sum, Drop::bad_checksum);
    sum = v4;
    sum[24] ^= std::byte{1};
    bed.expect(bed.wan, sum, Drop::bad_checksum);
    sum = v6;
    sum.back() ^= std::byte{1};
    bed.expect(bed.wan, sum, Drop::bad_checksum);
    sum = v6;
    sum[60] = sum[61] = std::byte{0};
    bed.expect(bed.wan, sum, Drop::bad_checksum);
    Bytes piece = v4;
    piece[20] = std::byte{0x20};  // more fragments; the checksum stays right
    piece[24] ^= std::byte{0x60};
    engine::store_be(piece.data() + 24, std::uint16_t{0});
    engine::store_be(piece.data() + 24,
                     naive_checksum(Bytes(piece.begin() + 14, piece.begin() + 34)));
    bed.expect(bed.wan, piece, Drop::ip_fragment);
    piece = v6;
    piece[20] = std::byte{44};
    bed.expect(bed.wan, piece, Drop::ip_fragment);
}

TEST_CASE("an IPv4 packet without a UDP checksum is taken") {
    Bed bed;
    Bytes frame = carry_ipv4(bed.next(good_inner), near_mac, "192.0.2.1", "192.0.2.2");
    frame[40] = frame[41] = std::byte{0};
    REQUIRE(bed.wan.send(frame));
    bed.node.run();
    CHECK(bed.lan.collect().size() == 1);
}

TEST_CASE("lane packets that have no lane here") {
    Bed bed;
    const Bytes packet = bed.next(good_inner);
    bed.expect_packet(Bytes(packet.begin(), packet.begin() + 15), Drop::malformed_packet);
    bed.expect_packet({}, Drop::malformed_packet);
    for (const int type : {0x00, 0x10, 0x12, 0x13, 0x21, 0xff}) {
        bed.expect_packet(lane_packet(1, 5, good_inner, 0, static_cast<std::uint8_t>(type)),
                          Drop::malformed_packet);
    }
    bed.expect_packet(lane_packet(5, 1, good_inner), Drop::unknown_lane);
    bed.expect_packet(lane_packet(0, 1, good_inner), Drop::unknown_lane);
    bed.expect_packet(lane_packet(0xffffffff, 1, good_inner), Drop::unknown_lane);
    bed.expect_packet(lane_packet(3, 1, good_inner), Drop::not_receiving);
    bed.expect_packet(lane_packet(4, 1, good_inner), Drop::wrong_port);
    bed.expect(bed.other,
               carry_ipv4(lane_packet(2, 1, good_inner), near_mac, "192.0.2.1", "192.0.2.2"),
               Drop::wrong_port);
}

TEST_CASE("packets that the window refuses") {
    Bed bed;
    bed.expect_packet(lane_packet(1, 1, good_inner, 64), Drop::bad_subspace);
    bed.expect_packet(lane_packet(1, 1, good_inner, 0xfffe), Drop::bad_subspace);
    const Bytes packet = lane_packet(1, 640, good_inner, 63);
    REQUIRE(bed.wan.send(carry_ethernet(packet, near_mac)));
    bed.node.run();
    CHECK(bed.lan.collect().size() == 1);
    bed.expect_packet(packet, Drop::replay_duplicate);
    bed.expect_packet(lane_packet(1, 639, good_inner, 63), Drop::replay_old);
    CHECK(bed.node.lane("in").duplicates == 1);
    CHECK(bed.node.lane("in").old == 1);
    CHECK(bed.node.lane("in").dropped == 4);
    // The same number in another subspace is another packet.
    REQUIRE(bed.wan.send(carry_ethernet(lane_packet(1, 640, good_inner, 62), near_mac)));
    bed.node.run();
    CHECK(bed.lan.collect().size() == 1);
}

TEST_CASE("copies that come in one burst are delivered once") {
    Bed bed;
    const Bytes first = carry_ethernet(bed.next(good_inner), near_mac);
    const Bytes second = carry_ethernet(bed.next(good_inner), near_mac);
    for (const Bytes& frame : {first, first, second, first, second}) REQUIRE(bed.wan.send(frame));
    bed.node.run();
    CHECK(bed.lan.collect().size() == 2);
    CHECK(bed.node.drops(Drop::replay_duplicate) == 3);
    CHECK(bed.node.lane("in").packets == 2);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("inner packets that are broken") {
    Bed bed;
    bed.expect_packet(bed.next({}), Drop::malformed_inner);
    bed.expect_packet(bed.next(text_bytes("030000")), Drop::malformed_inner);
    Bytes inner = good_inner;
    inner.pop_back();
    bed.expect_packet(bed.next(inner), Drop::malformed_inner);
    inner = good_inner;
    inner.push_back(std::byte{0});
    inner.push_back(std::byte{1});
    bed.expect_packet(bed.next(inner), Drop::bad_padding);
    for (const int kind : {1, 2, 4, 5, 8, 9, 128, 255}) {
        inner = good_inner;
        inner[0] = static_cast<std::byte>(kind);
        bed.expect_packet(bed.next(inner), Drop::unknown_kind);
    }
    bed.expect_packet(bed.next(inner_packet(3, Bytes(13))), Drop::unknown_kind);
}

TEST_CASE("a heartbeat is absorbed and not delivered") {
    Bed bed;
    REQUIRE(bed.wan.send(carry_ethernet(bed.next(inner_packet(0, Bytes(12))), near_mac)));
    bed.node.run();
    CHECK(bed.node.control->totals().absorbed == 1);
    CHECK(bed.node.control->totals().balanced());
    CHECK(bed.lan.collect().empty());
}

TEST_CASE("bundles that are broken lose only their broken rest") {
    Bed bed;
    Bytes body = inner_packet(3, ethernet_frame(60, 1));
    append(body, inner_packet(3, ethernet_frame(70, 2)));
    Bytes rest = inner_packet(3, ethernet_frame(80, 3));
    rest.pop_back();
    append(body, rest);
    REQUIRE(bed.wan.send(carry_ethernet(bed.next(inner_packet(7, body)), near_mac)));
    bed.node.run();
    CHECK(bed.lan.collect() == std::vector<Bytes>{ethernet_frame(60, 1), ethernet_frame(70, 2)});
    CHECK(bed.node.drops(Drop::malformed_inner) == 1);
    CHECK(bed.node.control->totals().balanced());
    // No bundles, fragments or heartbeats within a bundle.
    for (const int kind : {0, 6, 7}) {
        const Bytes member = inner_packet(static_cast<std::uint8_t>(kind), Bytes(20));
        bed.expect_packet(bed.next(inner_packet(7, member)), Drop::unknown_kind);
    }
    bed.expect_packet(bed.next(inner_packet(7, text_bytes("030000"))), Drop::malformed_inner);
    // An empty bundle is nothing, and neither lost nor delivered.
    REQUIRE(bed.wan.send(
        carry_ipv4(bed.next(inner_packet(7, {})), near_mac, "192.0.2.1", "192.0.2.2")));
    bed.node.run();
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("a bundle of more frames than a burst holds is delivered whole") {
    Bed bed;
    Bytes body;
    for (unsigned i = 0; i < 75; ++i) append(body, inner_packet(3, ethernet_frame(14, i)));
    REQUIRE(bed.wan.send(carry_ethernet(bed.next(inner_packet(7, body)), near_mac)));
    bed.node.run();
    CHECK(bed.lan.collect().size() == 75);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("fragments that do not fit, and packets that they make that are no good") {
    Bed bed;
    const Bytes sixteen(16);
    const auto fragment = [&](unsigned index, unsigned count, unsigned stride, const Bytes& bytes) {
        return bed.next(inner_packet(6, fragment_body(9, index, count, stride, bytes)));
    };
    bed.expect_packet(bed.next(inner_packet(6, Bytes(7))), Drop::malformed_fragment);
    bed.expect_packet(fragment(0, 0, 16, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(0, 1, 16, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(0, 65, 16, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(2, 2, 16, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(0, 2, 0, {}), Drop::malformed_fragment);
    bed.expect_packet(fragment(0, 2, 15, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(0, 2, 17, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(1, 2, 16, {}), Drop::malformed_fragment);
    bed.expect_packet(fragment(1, 2, 15, sixteen), Drop::malformed_fragment);
    bed.expect_packet(fragment(63, 64, 1100, Bytes(1100)), Drop::malformed_fragment);
    // A whole whose own header does not fit it.
    const auto whole = [&](std::uint32_t id, const Bytes& inner, Drop reason) {
        const auto stride = static_cast<unsigned>(inner.size() / 2 + 1);
        const long cut = static_cast<long>(stride);
        REQUIRE(bed.wan.send(carry_ethernet(
            bed.next(inner_packet(
                6, fragment_body(id, 0, 2, stride, Bytes(inner.begin(), inner.begin() + cut)))),
            near_mac)));
        bed.node.run();
        bed.expect_packet(
            bed.next(inner_packet(
                6, fragment_body(id, 1, 2, stride, Bytes(inner.begin() + cut, inner.end())))),
            reason);
    };
    Bytes longer = good_inner;
    longer.push_back(std::byte{0});
    whole(100, longer, Drop::malformed_inner);
    Bytes other = good_inner;
    other[0] = std::byte{7};
    whole(101, other, Drop::unknown_kind);
    other[0] = std::byte{6};
    whole(102, other, Drop::unknown_kind);
}

TEST_CASE("a fragment whose companion never comes is dropped by the clock") {
    Bed bed;
    REQUIRE(bed.wan.send(carry_ethernet(
        bed.next(inner_packet(6, fragment_body(9, 0, 3, 16, Bytes(16)))), near_mac)));
    bed.node.run();
    CHECK(bed.node.control->totals().balanced());
    bed.node.pass(Control::tick_ns);
    CHECK(bed.node.drops(Drop::reassembly_timeout) == 0);
    const std::uint64_t start = engine::monotonic_ns();
    while (engine::monotonic_ns() - start <= Reassembly::timeout_ns + 5'000'000) {
    }
    bed.node.pass(Control::tick_ns);
    CHECK(bed.node.drops(Drop::reassembly_timeout) == 1);
    CHECK(bed.node.control->totals().balanced());
}

TEST_CASE("a slot that a young packet holds is not given to another") {
    Bed bed;
    const auto fragment = [&](std::uint32_t id) {
        return bed.next(inner_packet(6, fragment_body(id, 0, 3, 16, Bytes(16))));
    };
    REQUIRE(bed.wan.send(carry_ethernet(fragment(5), near_mac)));
    bed.node.run();
    bed.expect_packet(fragment(5 + Reassembly::slot_count), Drop::reassembly_full);
    const std::uint64_t start = engine::monotonic_ns();
    while (engine::monotonic_ns() - start <= Reassembly::evict_ns + 5'000'000) {
    }
    bed.expect_packet(fragment(5 + Reassembly::slot_count), Drop::reassembly_timeout);
}

TEST_CASE("frames that no lane takes, and a next hop that nobody knows") {
    Bed bed;
    Bytes frame = ethernet_frame(60, 1);
    bed.expect(bed.lan, frame, Drop::no_next_hop);
    frame[13] = std::byte{2};
    bed.expect(bed.lan, frame, Drop::no_lane);
    bed.node.knobs.neighbours[*engine::parse_ip("192.0.2.1")] = bed.wan.mac();
    bed.node.pass(Control::tick_ns);
    REQUIRE(bed.lan.send(ethernet_frame(60, 1)));
    bed.node.run();
    const auto got = bed.wan.collect();
    REQUIRE(got.size() == 1);
    CHECK(std::memcmp(got[0].data(), bed.wan.mac().bytes.data(), 6) == 0);
    // What was known stays in use when nobody answers any more.
    bed.node.knobs.neighbours.clear();
    bed.node.pass(30 * Control::tick_ns);
    REQUIRE(bed.lan.send(ethernet_frame(60, 1)));
    bed.node.run();
    CHECK(bed.wan.collect().size() == 1);
}

TEST_CASE("a transmit queue that is full drops what does not fit, by name, on every way") {
    // 0: patch shared, 1: patch copied, 2: send shared, 3: send copied, 4: bundle, 5: fragments
    const unsigned way = GENERATE(0u, 1u, 2u, 3u, 4u, 5u);
    INFO("way " << way);
    const std::uint32_t mtu = way == 1 || way == 3 ? 9000 : 1500;
    const std::string in = fresh_wire(), out = fresh_wire();
    engine::PortSpec narrow = port_spec("out", out, {"192.0.2.2/24"}, mtu);
    narrow.ring_frames = 64;
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in), narrow};
    LaneSpec lane = way < 2 ? patch_spec("l", 0, 1)
                            : lane_spec("l", 1, Role::send, 0, {over_ethernet(1, near_mac)});
    lane.bundle = way == 4;
    lane.mtu = way == 5 ? 256 : way == 4 ? 300 : 0;
    spec.lanes = lanes_of(std::move(lane));
    node.apply(std::move(spec));
    Far source(in), sink(out, mtu);
    for (unsigned i = 0; i < 500; ++i) {
        REQUIRE(source.send(ethernet_frame(way == 5 ? 1000 : 100, i)));
    }
    node.run();
    const auto totals = node.control->totals();
    CHECK(totals.balanced());
    CHECK(totals.sent == 64);
    CHECK(sink.collect().size() == 64);
    CHECK(node.drops(Drop::tx_full) > 0);
    CHECK(totals.dropped() == node.drops(Drop::tx_full));
    // And the queue works again once there is room.
    REQUIRE(source.send(ethernet_frame(100, 1)));
    node.run();
    CHECK(sink.collect().size() == 1);
}

TEST_CASE("frames that are too big for the egress port or even for fragments") {
    const std::string in = fresh_wire(), out = fresh_wire();
    Far source(in, 65535), sink(out, 1500);
    Node node;
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("in", in, {}, 65535), port_spec("out", out, {"192.0.2.2/24"}, 1500)};
    SECTION("a patch") {
        spec.lanes = lanes_of(patch_spec("l", 0, 1));
        node.apply(std::move(spec));
        REQUIRE(source.send(ethernet_frame(60, 0)));
        REQUIRE(source.send(ethernet_frame(9000, 0)));
        REQUIRE(source.send(ethernet_frame(60, 1)));
        node.run();
        CHECK(node.drops(Drop::tx_too_big) == 1);
        CHECK(sink.collect() == std::vector<Bytes>{ethernet_frame(60, 0), ethernet_frame(60, 1)});
        CHECK(node.lane("l").dropped == 1);
        CHECK(node.lane("l").packets == 2);
    }
    SECTION("a lane") {
        LaneSpec lane = lane_spec("l", 1, Role::send, 0, {over_ethernet(1, sink.mac())});
        lane.mtu = 256;
        spec.lanes = lanes_of(std::move(lane));
        node.apply(std::move(spec));
        constexpr std::size_t most = 64 * (256 - 28) - 4;  // 64 pieces
        REQUIRE(source.send(ethernet_frame(most + 1, 0)));
        node.run();
        CHECK(node.drops(Drop::too_big) == 1);
        CHECK(sink.collect().empty());
        REQUIRE(source.send(ethernet_frame(most, 0)));
        node.run();
        CHECK(node.drops(Drop::too_big) == 1);
        CHECK(sink.collect().size() == 64);
    }
    SECTION("more than 65535 bytes") {
        LaneSpec lane = lane_spec("l", 1, Role::send, 0, {over_ethernet(1, sink.mac())});
        spec.lanes = lanes_of(std::move(lane));
        node.apply(std::move(spec));
        REQUIRE(source.send(ethernet_frame(65536, 0)));
        node.run();
        CHECK(node.drops(Drop::too_big) == 1);
        REQUIRE(source.send(ethernet_frame(65535, 0)));
        node.run();
        CHECK(sink.collect().size() == 45);  // 65539 bytes in pieces of 1472
    }
    CHECK(node.control->totals().balanced());
}

// The port of a path or of a delivery is closed while the plan is still in service, as during a
// change that fails half-way: the run is refused as a whole, by name.
TEST_CASE("frames whose egress port is closed are refused by name, on every way") {
    PortSlot closed;
    const PlanPtr sending(new_plan(2));
    auto* plan = const_cast<Plan*>(sending.get());
    plan->packet_max = 1000;
    plan->out = &closed;
    for (const PathPlan& path : plan->paths()) const_cast<PathPlan&>(path).slot = &closed;
    LaneShare share;
    alignas(16) Window::Word words[clear_subspaces];
    Lane lane;
    lane.shares = &share;
    lane.windows = words;
    lane.window_words = 1;
    engine::WorkerCounters counters;
    engine::WorkerContext worker{0, counters, 1};
    const auto refused = [&] {
        return counters.drops[static_cast<std::size_t>(Drop::tx_refused)].get();
    };
    Bytes bytes = lane_packet(1, 5, inner_packet(3, ethernet_frame(60, 1)));
    engine::Frame frame;
    frame.data = bytes.data();
    frame.len = static_cast<std::uint32_t>(bytes.size());
    engine::Frame* frames[] = {&frame};
    const LanePacket packet{&frame, bytes.data(), frame.len, wire::Type::data, 0, 0, 5};
    Workshop workshop;
    send_run(worker, workshop, nullptr, lane, *plan, frames);
    CHECK(refused() == 2);  // on both paths
    plan->bundle = true;
    engine::Frame* two[] = {&frame, &frame};
    send_run(worker, workshop, nullptr, lane, *plan, two);
    CHECK(refused() == 4);  // one bundle on both
    plan->packet_max = 40 + 28;
    Bytes with_headroom(200);
    frame.data = with_headroom.data() + 100;
    frame.headroom = 100;
    send_run(worker, workshop, nullptr, lane, *plan, frames);
    CHECK(refused() == 4 + 2 * 3);  // 4 + 80 bytes in pieces of 40
    plan->packet_max = 1000;
    relay_run(worker, nullptr, lane, *plan, {&packet, 1});
    CHECK(refused() == 12);
    patch_run(worker, nullptr, lane, *plan, frames);
    CHECK(refused() == 13);
    auto reassembly = Reassembly::create();
    REQUIRE(reassembly);
    receive_run(worker, workshop, nullptr, lane, *plan, {&packet, 1}, **reassembly);
    CHECK(refused() == 14);
    CHECK(counters.sent.get() == 0);
    // received = what was given: 1 + 2 + 1 + 1 + 1 + 1
    CHECK(7 + counters.made.get() == counters.absorbed.get() + refused());
}
