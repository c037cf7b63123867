// Parsing and writing of addresses, table driven: what is taken, what is refused, and that text of
// ours is read back as the same value.
#include "engine/address.hh"

#include <catch2/catch.hpp>

#include <random>

using namespace lanes::engine;

TEST_CASE("MAC addresses are read in either case and written in lower case") {
    const auto mac = parse_mac("02:aB:5e:10:00:fF");
    REQUIRE(mac);
    CHECK(mac->bytes == std::array<std::uint8_t, 6>{0x02, 0xab, 0x5e, 0x10, 0x00, 0xff});
    CHECK(to_string(*mac) == "02:ab:5e:10:00:ff");
    CHECK_FALSE(mac->multicast());
    CHECK(parse_mac("ff:ff:ff:ff:ff:ff")->multicast());
    CHECK(parse_mac("33:33:00:00:00:01")->multicast());
}

TEST_CASE("what is no MAC address is refused") {
    const char* const text =
        GENERATE("", "02", "02:00:00:00:00", "02:00:00:00:00:01:02", "02-00-00-00-00-01",
                 "0200.0000.0001", "2:0:0:0:0:1", "02:00:00:00:00:0g", "02:00:00:00:00: 1",
                 " 2:00:00:00:00:01", "+2:00:00:00:00:01", "02:00:00:00:00:-1", "02:00:00:00:00:0",
                 "02:00:00:00:00:011", "0x:00:00:00:00:01", "02:00:00:00:00;01");
    INFO(text);
    CHECK_FALSE(parse_mac(text));
}

TEST_CASE("IP addresses are read and written in their canonical form") {
    struct Row {
        const char* text;
        const char* canonical;
        bool v6;
    };
    const Row row =
        GENERATE(Row{"192.0.2.1", "192.0.2.1", false}, Row{"0.0.0.0", "0.0.0.0", false},
                 Row{"255.255.255.255", "255.255.255.255", false}, Row{"::", "::", true},
                 Row{"::1", "::1", true}, Row{"2001:DB8::1", "2001:db8::1", true},
                 Row{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", true},
                 Row{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", true},
                 Row{"0001:0002:0003:0004:0005:0006:0007:0008", "1:2:3:4:5:6:7:8", true},
                 Row{"::ffff:192.0.2.1", "::ffff:192.0.2.1", true}, Row{"fe80::", "fe80::", true});
    INFO(row.text);
    const auto address = parse_ip(row.text);
    REQUIRE(address);
    CHECK(address->v6 == row.v6);
    CHECK(address->bits() == (row.v6 ? 128u : 32u));
    CHECK(to_string(*address) == row.canonical);
}

TEST_CASE("what is no IP address is refused") {
    const char* const text = GENERATE(
        "", " ", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "256.0.0.1", "1.2.3.-4",
        "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4", "1.2.3.4/24", ":", ":::", "1::2::3", "fe80::1%eth0",
        "[::1]", "12345::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::g", "::1.2.3",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa");
    INFO(text);
    CHECK_FALSE(parse_ip(text));
    CHECK_FALSE(parse_ip(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("prefixes keep their host bits and limit their length") {
    const auto v4 = parse_prefix("10.8.0.1/24");
    REQUIRE(v4);
    CHECK(to_string(*v4) == "10.8.0.1/24");
    CHECK(to_string(*parse_prefix("0.0.0.0/0")) == "0.0.0.0/0");
    CHECK(to_string(*parse_prefix("fd08::1/128")) == "fd08::1/128");
    const char* const text =
        GENERATE("10.0.0.0", "10.0.0.0/", "/24", "10.0.0.0/33", "::/129", "10.0.0.0/024",
                 "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.0/0x8",
                 "10.0.0.0/99999999999999999999");
    INFO(text);
    CHECK_FALSE(parse_prefix(text));
}

TEST_CASE("endpoints need a port, and brackets exactly around IPv6") {
    CHECK(to_string(*parse_endpoint("192.0.2.1:4790")) == "192.0.2.1:4790");
    CHECK(to_string(*parse_endpoint("[2001:db8::1]:65535")) == "[2001:db8::1]:65535");
    CHECK(parse_endpoint("192.0.2.1:1")->port == 1);
    const char* const text =
        GENERATE("192.0.2.1", "192.0.2.1:", ":4790", "192.0.2.1:0", "192.0.2.1:65536",
                 "192.0.2.1:04790", "192.0.2.1:+1", "[192.0.2.1]:4790", "2001:db8::1:4790",
                 "[2001:db8::1]", "[2001:db8::1]4790", "[2001:db8::1:4790", "2001:db8::1]:4790",
                 "[]:4790", "[[::1]]:4790", "192.0.2.1:4790:4790", "[::1]:4790 ");
    INFO(text);
    CHECK_FALSE(parse_endpoint(text));
}

TEST_CASE("a prefix contains what shares its first bits") {
    std::mt19937 random(7);
    for (unsigned round = 0; round < 20000; ++round) {
        IpPrefix prefix;
        prefix.address.v6 = random() % 2 == 0;
        const unsigned bits = prefix.address.bits();
        for (unsigned i = 0; i < bits / 8; ++i) {
            prefix.address.bytes[i] = static_cast<std::uint8_t>(random());
        }
        prefix.len = static_cast<std::uint8_t>(random() % (bits + 1));
        IpAddress other = prefix.address;
        const unsigned flipped = static_cast<unsigned>(random()) % bits;
        other.bytes[flipped / 8] =
            static_cast<std::uint8_t>(other.bytes[flipped / 8] ^ 0x80u >> flipped % 8);
        REQUIRE(prefix.contains(prefix.address));
        REQUIRE(prefix.contains(other) == (flipped >= prefix.len));
        other.v6 = !other.v6;
        REQUIRE_FALSE(prefix.contains(other));
        REQUIRE(parse_prefix(to_string(prefix)) == prefix);
    }
}
