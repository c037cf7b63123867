// FlowKey: what is read of a frame, field by field, and that nothing is ever read beyond its end
// (each frame lies in memory of exactly its length, under ASan).
#include "lanes/flow_key.hh"

#include <catch2/catch.hpp>

#include <memory>
#include <random>

#include "engine/bytes.hh"
#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

FlowKey key_of(const Bytes& frame, engine::PortKind kind = engine::PortKind::ethernet) {
    const std::unique_ptr<std::byte[]> exact(new std::byte[frame.size()]);
    if (!frame.empty()) std::memcpy(exact.get(), frame.data(), frame.size());
    return read_flow_key(exact.get(), static_cast<std::uint32_t>(frame.size()), kind);
}

const std::string macs = "0200000000aa 0200000000bb ";
// DSCP 46; protocol 17; 10.1.2.3 to 192.0.2.9; ports 1000 and 2000.
const std::string ipv4 = "45b8 001c 0000 4000 4011 0000 0a010203 c0000209 03e8 07d0 0008 0000";
const std::string ipv6_head = "6b8a bcde 0008 ";
const std::string ipv6_addresses =
    "40 20010db8000000000000000000000001 20010db8000000000000000000000002 ";
const std::string udp = "03e8 07d0 0008 0000";

/// An IPv6 packet in a frame, its length as it is.
Bytes ipv6_frame(const std::string& behind_length) {
    Bytes frame = text_bytes(macs + "86dd" + ipv6_head + behind_length);
    engine::store_be(&frame[18], static_cast<std::uint16_t>(frame.size() - 54));
    return frame;
}

}  // namespace

TEST_CASE("an IPv4 frame gives all of its fields") {
    const FlowKey key = key_of(text_bytes(macs + "0800" + ipv4));
    CHECK(key.destination_mac == std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 0xaa});
    CHECK(key.source_mac == std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 0xbb});
    CHECK(key.vlan == 0);
    CHECK(key.ether_type == 0x0800);
    CHECK(key.version == 4);
    CHECK(key.dscp == 46);
    CHECK(key.protocol == 17);
    CHECK(key.source[0] == 10);
    CHECK(key.source[3] == 3);
    CHECK(key.source[4] == 0);
    CHECK(key.destination[0] == 192);
    CHECK(key.source_port == 1000);
    CHECK(key.destination_port == 2000);
    CHECK(key.known == (FlowKey::has_ip | FlowKey::has_ports));
}

TEST_CASE("a VLAN tag is read and looked behind; of two tags the outer one counts") {
    const FlowKey tagged = key_of(text_bytes(macs + "8100 e064 0800" + ipv4));
    CHECK(tagged.vlan == (FlowKey::tagged | 100));
    CHECK(tagged.ether_type == 0x0800);
    CHECK(tagged.destination_port == 2000);
    const FlowKey qinq = key_of(text_bytes(macs + "88a8 0007 8100 0064 0800" + ipv4));
    CHECK(qinq.vlan == (FlowKey::tagged | 7));
    CHECK(qinq.ether_type == 0x8100);
    CHECK(qinq.known == 0);
    const FlowKey priority = key_of(text_bytes(macs + "8100 e000 0806 0001"));
    CHECK(priority.vlan == FlowKey::tagged);
    CHECK(priority.ether_type == 0x0806);
    const FlowKey cut = key_of(text_bytes(macs + "8100 00"));
    CHECK(cut.vlan == 0);
    CHECK(cut.ether_type == 0x8100);
}

TEST_CASE("IP ports read packets without an Ethernet header") {
    const FlowKey four = key_of(text_bytes(ipv4), engine::PortKind::ip);
    CHECK(four.ether_type == 0x0800);
    CHECK(four.source_port == 1000);
    const FlowKey six =
        key_of(text_bytes(ipv6_head + "11" + ipv6_addresses + udp), engine::PortKind::ip);
    CHECK(six.ether_type == 0x86dd);
    CHECK(six.version == 6);
    CHECK(six.destination_port == 2000);
    CHECK(key_of(text_bytes("10"), engine::PortKind::ip).ether_type == 0);
    CHECK(key_of({}, engine::PortKind::ip).known == 0);
}

TEST_CASE("IPv6 extension headers are skipped to the ports") {
    struct Row {
        std::string first;  ///< next header of the IPv6 header
        std::string chain;
        unsigned protocol;
        bool ports;
    };
    const std::string eight = "00 01 04 00000000";  // length 0 (8 bytes) and padding
    const Row row = GENERATE_COPY(
        Row{"11", "", 17, true}, Row{"00", "11" + eight, 17, true},
        Row{"00", "2b" + eight + "3c" + eight + "06" + eight, 6, true},
        Row{"3c", "11 01 " + std::string(28, '0'), 17, true},  // 16 bytes
        Row{"2c", "11 00 0000 00000001", 17, true},            // atomic fragment
        Row{"2c", "11 00 0001 00000001", 17, true},            // the first of several
        Row{"2c", "11 00 0008 00000001", 17, false},           // a later one
        Row{"87", "84" + eight, 132, true}, Row{"3b", "", 59, false}, Row{"32", "", 50, false},
        Row{"3a", "", 58, false}, Row{"00", "11 ff 04 00000000 00", 17, false});
    INFO(row.first << " " << row.chain);
    const FlowKey key = key_of(ipv6_frame(row.first + ipv6_addresses + row.chain + udp));
    CHECK(key.version == 6);
    CHECK(key.dscp == 0x2e);
    CHECK(key.protocol == row.protocol);
    CHECK(((key.known & FlowKey::has_ports) != 0) == row.ports);
    CHECK(key.source_port == (row.ports ? 1000 : 0));
    CHECK(key.source[15] == 1);
    CHECK(key.destination[15] == 2);
}

TEST_CASE("a chain of extension headers longer than the limit has no ports") {
    std::string chain;
    for (unsigned i = 0; i < 20; ++i) chain += "3c 00 01 04 00000000";
    const FlowKey key = key_of(ipv6_frame("3c" + ipv6_addresses + chain + udp));
    CHECK(key.protocol == 60);
    CHECK(key.known == FlowKey::has_ip);
}

TEST_CASE("only the first fragment of an IPv4 packet has ports") {
    Bytes frame = text_bytes(macs + "0800" + ipv4);
    frame[20] = std::byte{0x20};  // more fragments, offset 0
    CHECK(key_of(frame).known == (FlowKey::has_ip | FlowKey::has_ports));
    frame[21] = std::byte{0x01};
    const FlowKey later = key_of(frame);
    CHECK(later.known == FlowKey::has_ip);
    CHECK(later.protocol == 17);
    CHECK(later.source_port == 0);
}

TEST_CASE("IPv4 options are skipped, and a header that lies about its length is no IP") {
    Bytes frame = text_bytes(macs +
                             "0800 46b8 0020 0000 4000 4006 0000 0a010203 c0000209 01010101"
                             "03e8 07d0 0000 0000");
    const FlowKey key = key_of(frame);
    CHECK(key.source_port == 1000);
    frame[14] = std::byte{0x4f};  // 60 bytes, which the frame does not have
    CHECK(key_of(frame).known == 0);
    frame[14] = std::byte{0x44};
    CHECK(key_of(frame).known == 0);
}

TEST_CASE("an IP version that is not that of the EtherType is no IP") {
    Bytes four = text_bytes(macs + "0800" + ipv4);
    four[14] = std::byte{0x65};
    CHECK(key_of(four).known == 0);
    CHECK(key_of(four).version == 0);
    Bytes six = text_bytes(macs + "86dd" + ipv6_head + "11" + ipv6_addresses + udp);
    six[14] = std::byte{0x4b};
    CHECK(key_of(six).known == 0);
}

TEST_CASE("every truncation of every kind of frame is read without a step beyond it") {
    const std::vector<Bytes> frames = {
        text_bytes(macs + "0800" + ipv4), text_bytes(macs + "8100 0064 0800" + ipv4),
        ipv6_frame("11" + ipv6_addresses + udp),
        ipv6_frame("00" + ipv6_addresses + "2b00010400000000" + "3c00010400000000" +
                   "2c00010400000000" + "1100000000000001" + udp)};
    for (const Bytes& frame : frames) {
        const FlowKey whole = key_of(frame);
        for (std::size_t len = 0; len <= frame.size(); ++len) {
            const FlowKey key =
                key_of(Bytes(frame.begin(), frame.begin() + static_cast<long>(len)));
            // What is there is what was there; ports need all four of their bytes.
            if ((key.known & FlowKey::has_ports) != 0) {
                REQUIRE(key.source_port == whole.source_port);
                REQUIRE(key.destination_port == whole.destination_port);
                REQUIRE(len + 4 >= frame.size());
            }
            if (len < 14) REQUIRE(key.ether_type == 0);
            if (key.version != 0) REQUIRE(key.source == whole.source);
        }
        for (std::size_t cut = 14; cut < frame.size(); ++cut) {
            key_of(Bytes(frame.begin() + static_cast<long>(cut), frame.end()),
                   engine::PortKind::ip);
        }
    }
}

TEST_CASE("random frames are read without a step beyond them") {
    std::mt19937 random(3);
    const std::string types[] = {"0800", "86dd", "8100", "88a8", "0806"};
    for (unsigned round = 0; round < 50'000; ++round) {
        Bytes frame = text_bytes(macs + types[random() % 5]);
        frame.resize(random() % 140);
        for (std::size_t i = 14; i < frame.size(); ++i) {
            frame[i] = static_cast<std::byte>(random() % 4 == 0 ? random() % 64 : random());
        }
        if (frame.size() > 20 && random() % 2 == 0) frame[14] = std::byte{0x60};
        if (frame.size() > 20 && random() % 2 == 0) frame[20] = std::byte{0};
        key_of(frame);
        key_of(frame, engine::PortKind::ip);
    }
}

TEST_CASE("what lies behind an IPv6 packet is padding and no ports") {
    const auto ports_of = [&](const std::string& length, const std::string& rest) {
        return key_of(text_bytes(macs + "86dd 6b8abcde " + length + rest)).known;
    };
    const std::string plain = "11" + ipv6_addresses + udp;
    CHECK((ports_of("0008 ", plain) & FlowKey::has_ports) != 0);
    CHECK((ports_of("0004 ", plain) & FlowKey::has_ports) != 0);
    CHECK((ports_of("0003 ", plain) & FlowKey::has_ports) == 0);
    CHECK((ports_of("0000 ", plain) & FlowKey::has_ports) == 0);
    // A jumbogram says its length in an option.
    const std::string jumbo = "00" + ipv6_addresses + "1100 c204 00000010 " + udp;
    CHECK((ports_of("0000 ", jumbo) & FlowKey::has_ports) != 0);
}
