// The carrier: golden bytes of every template, checksums computed by the test itself, what was
// written is read back, and each broken header field ends as the drop that names it.
#include "lanes/carrier.hh"

#include <catch2/catch.hpp>

#include <memory>
#include <random>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

engine::PortInfo near_info() {
    engine::PortInfo info;
    info.name = "wan";
    info.mac = *engine::parse_mac("02:00:00:00:00:01");
    info.addresses = {*engine::parse_prefix("fe80::1/64"), *engine::parse_prefix("192.0.2.1/24"),
                      *engine::parse_prefix("2001:db8::1/64")};
    return info;
}

engine::PortInfo far_info() {
    engine::PortInfo info = near_info();
    info.mac = *engine::parse_mac("02:00:00:00:00:02");
    info.addresses = {*engine::parse_prefix("192.0.2.2/24"),
                      *engine::parse_prefix("2001:db8::2/64")};
    return info;
}

PathPlan plan_for(const PathSpec& path) {
    PathPlan plan;
    REQUIRE(prepare_path(path, near_info(), 0x01020304, wire::Kind::ethernet, plan));
    return plan;
}

PathSpec path_of(unsigned form) {
    const engine::MacAddress mac = *engine::parse_mac("02:00:00:00:00:02");
    return form == 0   ? over_udp(0, "192.0.2.2:4790", mac)
           : form == 1 ? over_udp(0, "[2001:db8::2]:4790", mac)
                       : over_ethernet(0, mac);
}

/// A whole frame around `body` in memory of exactly its size.
Bytes written(const PathPlan& plan, unsigned worker, std::uint64_t sequence, const Bytes& body) {
    const Carrier carrier(plan, worker);
    const auto len = static_cast<std::uint32_t>(body.size());
    const std::uint32_t before = carrier.head_bytes() + 20;
    Bytes frame(carrier.frame_bytes(len + 20), std::byte{0xee});
    carrier.write_data(frame.data(), sequence, len);
    if (len != 0) std::memcpy(frame.data() + before, body.data(), len);
    REQUIRE(carrier.finish(frame.data(), len + 20) == frame.size());
    return frame;
}

Arrival parse(Bytes& frame, engine::Checksum checksum = engine::Checksum::unknown) {
    static const Listener listener(far_info());
    engine::Frame descriptor;
    descriptor.data = frame.data();
    descriptor.len = static_cast<std::uint32_t>(frame.size());
    descriptor.checksum = checksum;
    return parse_carrier(descriptor, listener);
}

}  // namespace

TEST_CASE("a lane packet in UDP over IPv4 is this, byte for byte") {
    const Bytes expected = text_bytes(
        "020000000002 020000000001 0800"
        "4500 0033 0000 4000 4011 b6b6 c0000201 c0000202"  // 51 bytes, don't fragment, TTL 64
        "f003 12b6 001f 0000"                              // 61443 to 4790, no checksum
        "1100 0003 01020304 0000000000000405"
        "0300 0003 616263");
    Bytes got = written(plan_for(path_of(0)), 3, 0x405, text_bytes("616263"));
    CHECK(got == expected);
    CHECK(naive_checksum(Bytes(got.begin() + 14, got.begin() + 34)) == 0);
}

TEST_CASE("a lane packet in UDP over IPv6 is this, byte for byte") {
    Bytes expected = text_bytes(
        "020000000002 020000000001 86dd"
        "60000000 001f 1140 20010db8000000000000000000000001 20010db8000000000000000000000002"
        "f003 12b6 001f 0000"
        "1100 0003 01020304 0000000000000405"
        "0300 0003 616263");
    Bytes covered = text_bytes(
        "20010db8000000000000000000000001 20010db8000000000000000000000002 0000001f 00000011");
    append(covered, Bytes(expected.begin() + 54, expected.end()));
    engine::store_be(expected.data() + 60, naive_checksum(covered));
    CHECK(written(plan_for(path_of(1)), 3, 0x405, text_bytes("616263")) == expected);
}

TEST_CASE("where the device finishes checksums over IPv6, it finds the pseudo header's sum") {
    engine::PortInfo info;
    info.addresses = {*engine::parse_prefix("2001:db8::1/64")};
    PathPlan plan;
    REQUIRE(prepare_path(path_of(1), info, 0x01020304, wire::Kind::ethernet, plan));
    CHECK(plan.endpoint == 0);
    info.finishes_udp6 = true;
    REQUIRE(prepare_path(path_of(1), info, 0x01020304, wire::Kind::ethernet, plan));
    CHECK(plan.endpoint == engine::udp6_by_device);
    const Bytes covered = text_bytes(
        "20010db8000000000000000000000001 20010db8000000000000000000000002 0000001f 00000011");
    const Bytes frame = written(plan, 3, 0x405, text_bytes("616263"));
    CHECK(engine::load_be<std::uint16_t>(frame.data() + 60) == 0xffff - naive_checksum(covered));
    // Over IPv4 there is none to finish.
    info.addresses = {*engine::parse_prefix("192.0.2.1/24")};
    PathPlan other;
    REQUIRE(prepare_path(path_of(0), info, 0x01020304, wire::Kind::ethernet, other));
    CHECK(other.endpoint == 0);
}

TEST_CASE("a lane packet on bare Ethernet is this, byte for byte, padding included") {
    Bytes expected = text_bytes(
        "020000000002 020000000001 88b5"
        "1100 0003 01020304 0000000000000405"
        "0300 0003 616263");
    expected.resize(60);
    CHECK(written(plan_for(path_of(2)), 3, 0x405, text_bytes("616263")) == expected);
}

TEST_CASE("what was written is read back, at every length") {
    const unsigned form = GENERATE(0u, 1u, 2u);
    const PathPlan plan = plan_for(path_of(form));
    std::mt19937 random(form);
    for (std::size_t len = 0; len < 1500; len += len < 100 ? 1 : 7) {
        Bytes body(len);
        for (auto& byte : body) byte = static_cast<std::byte>(random());
        Bytes frame = written(plan, 63, random(), body);
        const Arrival arrival = parse(frame);
        REQUIRE(arrival.packet != nullptr);
        REQUIRE(arrival.len >= len + 20);
        const wire::Header header = wire::read_header(arrival.packet);
        REQUIRE(header.type == 0x11);
        REQUIRE(header.lane == 0x01020304);
        REQUIRE(header.subspace == 63);
        REQUIRE(wire::read_inner(arrival.packet + 16).length == len);
        REQUIRE((len == 0 || std::memcmp(arrival.packet + 20, body.data(), len) == 0));
        REQUIRE(wire::all_zero(arrival.packet + 20 + len, arrival.len - 20 - len));
    }
}

TEST_CASE("a UDP checksum that comes to zero over IPv6 is written as all ones") {
    const PathPlan plan = plan_for(path_of(1));
    // Two body bytes that make the sum come out: try all of them.
    unsigned zeros = 0;
    for (unsigned value = 0; value < 65536; ++value) {
        Bytes body(2);
        engine::store_be(body.data(), static_cast<std::uint16_t>(value));
        Bytes frame = written(plan, 0, 1, body);
        const auto sum = engine::load_be<std::uint16_t>(frame.data() + 60);
        REQUIRE(sum != 0);
        if (sum == 0xffff) {
            ++zeros;
            REQUIRE(parse(frame).packet != nullptr);
        }
    }
    CHECK(zeros > 0);
}

TEST_CASE("head and body may be written apart, as relays do") {
    const unsigned form = GENERATE(0u, 1u, 2u);
    const PathPlan plan = plan_for(path_of(form));
    const Carrier carrier(plan, 9);
    const Bytes packet = lane_packet(77, 5, inner_packet(3, ethernet_frame(60, 1)), 12);
    const auto len = static_cast<std::uint32_t>(packet.size());
    Bytes frame(carrier.frame_bytes(len));
    carrier.write_head(frame.data(), len);
    std::memcpy(frame.data() + carrier.head_bytes(), packet.data(), len);
    REQUIRE(carrier.finish(frame.data(), len) == frame.size());
    const Arrival arrival = parse(frame);
    REQUIRE(arrival.packet != nullptr);
    CHECK(Bytes(arrival.packet, arrival.packet + len) == packet);
}

TEST_CASE("every truncation is a drop, and nothing is read beyond its end") {
    const unsigned form = GENERATE(0u, 1u, 2u);
    const Bytes frame = written(plan_for(path_of(form)), 0, 1, Bytes(40));
    for (std::size_t len = 0; len < frame.size(); ++len) {
        const std::unique_ptr<std::byte[]> exact(new std::byte[len]);
        std::memcpy(exact.get(), frame.data(), len);
        engine::Frame descriptor;
        descriptor.data = exact.get();
        descriptor.len = static_cast<std::uint32_t>(len);
        const Arrival arrival = parse_carrier(descriptor, Listener(far_info()));
        // On bare Ethernet nothing tells the length; the inner header will.
        if (form == 2 && len >= 14) {
            REQUIRE(arrival.len == len - 14);
        } else {
            REQUIRE(arrival.packet == nullptr);
            REQUIRE(arrival.drop == Drop::malformed_carrier);
        }
    }
}

TEST_CASE("each broken field of a carrier header is a drop that names it") {
    struct Row {
        unsigned form;
        std::size_t at;
        unsigned value;
        Drop drop;
    };
    const Row row = GENERATE(
        Row{0, 0, 0x04, Drop::not_for_us}, Row{0, 5, 0x03, Drop::not_for_us},
        Row{0, 12, 0x09, Drop::not_for_us}, Row{0, 14, 0x55, Drop::malformed_carrier},
        Row{0, 14, 0x44, Drop::malformed_carrier}, Row{0, 14, 0x46, Drop::bad_checksum},
        Row{0, 16, 0xff, Drop::malformed_carrier}, Row{0, 17, 0x13, Drop::malformed_carrier},
        Row{0, 15, 0x01, Drop::bad_checksum}, Row{0, 22, 0x3f, Drop::bad_checksum},
        Row{0, 23, 0x06, Drop::not_for_us}, Row{0, 24, 0x00, Drop::bad_checksum},
        Row{0, 29, 0x09, Drop::bad_checksum}, Row{0, 33, 0x03, Drop::not_for_us},
        Row{0, 37, 0xb7, Drop::not_for_us}, Row{0, 38, 0xff, Drop::malformed_carrier},
        Row{0, 39, 0x07, Drop::malformed_carrier}, Row{0, 40, 0x01, Drop::bad_checksum},
        Row{1, 0, 0x04, Drop::not_for_us}, Row{1, 14, 0x70, Drop::malformed_carrier},
        Row{1, 18, 0xff, Drop::malformed_carrier}, Row{1, 20, 0x06, Drop::not_for_us},
        Row{1, 20, 0x2c, Drop::ip_fragment}, Row{1, 20, 0x00, Drop::not_for_us},
        Row{1, 30, 0x01, Drop::bad_checksum}, Row{1, 53, 0x03, Drop::not_for_us},
        Row{1, 57, 0xb7, Drop::not_for_us}, Row{1, 58, 0xff, Drop::malformed_carrier},
        Row{1, 59, 0x07, Drop::malformed_carrier}, Row{1, 60, 0xaa, Drop::bad_checksum},
        Row{1, 75, 0xaa, Drop::bad_checksum}, Row{2, 12, 0x89, Drop::not_for_us},
        Row{2, 0, 0x04, Drop::not_for_us});
    INFO("form " << row.form << ", byte " << row.at << " = " << row.value);
    Bytes frame = written(plan_for(path_of(row.form)), 0, 1, Bytes(40));
    frame[row.at] = static_cast<std::byte>(row.value);
    const Arrival arrival = parse(frame);
    REQUIRE(arrival.packet == nullptr);
    CHECK(engine::text_of(arrival.drop).name == engine::text_of(row.drop).name);
}

TEST_CASE("no single wrong bit of an IPv6 datagram passes, unless the device vouches for it") {
    Bytes frame = written(plan_for(path_of(1)), 0, 1, Bytes(33, std::byte{5}));
    for (std::size_t bit = 54 * 8; bit < frame.size() * 8; ++bit) {
        frame[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
        REQUIRE(parse(frame).packet == nullptr);
        frame[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    }
    frame.back() ^= std::byte{1};
    CHECK(parse(frame, engine::Checksum::valid).packet != nullptr);
}

TEST_CASE("group addresses are ours, other hosts' are not") {
    Bytes frame = written(plan_for(path_of(2)), 0, 1, Bytes(40));
    frame[0] = std::byte{0x01};
    CHECK(parse(frame).packet != nullptr);
    const engine::MacAddress group{{1, 0, 0x5e, 0, 0, 1}};
    const Bytes packet = lane_packet(1, 1, inner_packet(0, {}));
    Bytes multicast = carry_ipv4(packet, group, "192.0.2.1", "239.1.2.3");
    CHECK(parse(multicast).packet != nullptr);
    multicast = carry_ipv6(packet, group, "2001:db8::1", "ff05::1");
    CHECK(parse(multicast).packet != nullptr);
    Bytes other = carry_ipv4(packet, far_info().mac, "192.0.2.1", "192.0.2.200");
    CHECK(parse(other).drop == Drop::not_for_us);
}

TEST_CASE("IPv4 options before UDP are skipped, and trailing Ethernet padding ignored") {
    const Bytes packet = lane_packet(1, 1, inner_packet(0, {}));
    Bytes frame = carry_ipv4(packet, far_info().mac, "192.0.2.1", "192.0.2.2");
    const Bytes options = text_bytes("01010100");
    frame.insert(frame.begin() + 34, options.begin(), options.end());
    frame[14] = std::byte{0x46};
    engine::store_be(frame.data() + 16, static_cast<std::uint16_t>(frame.size() - 14));
    engine::store_be(frame.data() + 24, std::uint16_t{0});
    engine::store_be(frame.data() + 24,
                     naive_checksum(Bytes(frame.begin() + 14, frame.begin() + 38)));
    frame.resize(frame.size() + 9, std::byte{0x77});
    const Arrival arrival = parse(frame);
    REQUIRE(arrival.packet != nullptr);
    CHECK(Bytes(arrival.packet, arrival.packet + arrival.len) == packet);
}

TEST_CASE("a source address fits its destination, or the error says what is missing") {
    PathPlan plan;
    auto info = near_info();
    REQUIRE(prepare_path(path_of(1), info, 1, wire::Kind::ethernet, plan));
    CHECK(Bytes(plan.bytes.begin() + 22, plan.bytes.begin() + 38) ==
          text_bytes("20010db8000000000000000000000001"));  // not the link-local one
    info.addresses.pop_back();
    const auto failed = prepare_path(path_of(1), info, 1, wire::Kind::ethernet, plan);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("wan has no IPv6 address") != std::string::npos);
    REQUIRE(prepare_path(over_resolved(0, "[fe80::9]:4790"), info, 1, wire::Kind::ethernet, plan));
    info.addresses = {*engine::parse_prefix("0.0.0.0/0")};
    CHECK_FALSE(prepare_path(path_of(0), info, 1, wire::Kind::ethernet, plan));
}

TEST_CASE("the longest lane packet is what the port's MTU leaves") {
    auto info = near_info();
    CHECK(packet_max(path_of(0), info) == 1472);
    CHECK(packet_max(path_of(1), info) == 1452);
    CHECK(packet_max(path_of(2), info) == 1500);
    info.mtu = 20;
    CHECK(packet_max(path_of(0), info) == 0);
}
