// What Control asks of the af_packet driver, and tells it: to open, and why not, what it opened,
// next hops by the kernel's routes and neighbours, and the host's silence.
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/drivers/af_packet_cable.hh"

namespace lanes::test {
namespace {

using engine::load_be;
using engine::parse_ip;

constexpr std::uint8_t icmp = 1;
constexpr std::uint8_t udp = 17;

}  // namespace

TEST_CASE("af_packet says what it opened") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    TwoHosts::run("ip link set near0 address 02:00:00:00:00:11");
    cable.open(2);
    const engine::PortInfo& info = cable.port->info();
    CHECK(info.kind == engine::PortKind::ethernet);
    CHECK(to_string(info.mac) == "02:00:00:00:00:11");
    CHECK(info.mtu == 1500);
    CHECK(to_string(info.addresses.at(0)) == "10.77.0.1/24");
    CHECK(info.note ==
          "TPACKET_V2 on near0, 2 queues, fanout by flow hash, rings of 4096 frames in, 512 out");
    cable.spec.addresses = {*engine::parse_prefix("192.0.2.1/24")};
    cable.open();
    CHECK(cable.port->info().addresses == cable.spec.addresses);
}

TEST_CASE("af_packet refuses to open with the device and a remedy") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    const auto message = [&] {
        const auto opened = drivers::open_af_packet(cable.spec, 1);
        REQUIRE(!opened);
        return opened.error().message;
    };
    cable.spec.mtu = 9000;
    CHECK(
        message() ==
        "port wan: mtu 9000 is more than the 1500 of near0; lower `mtu`, or: ip link set dev near0 "
        "mtu 9000");
    TwoHosts::run("ip link set near0 down");
    CHECK(message() == "port wan: interface near0 is down; set it up: ip link set dev near0 up");
    cable.spec.device = "eth7";
    CHECK(message() ==
          "port wan: no network interface `eth7`; there are: lo, near0; correct `device`");
}

TEST_CASE("af_packet finds next hops by the kernel's routes and neighbours") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    hosts.at_far([] { TwoHosts::run("ip link set far0 address 02:00:00:00:00:22"); });
    TwoHosts::run("ip route add 198.51.100.0/24 via 10.77.0.2");
    cable.open();
    const auto hop = [&](const char* to) {
        const auto mac = cable.port->next_hop(*parse_ip(to));
        return mac ? to_string(*mac) : "none";
    };
    CHECK(hop("198.51.100.7") == "none");
    CHECK(eventually([&] { return hop("198.51.100.7") == "02:00:00:00:00:22"; }));
    CHECK(hop("10.77.0.2") == "02:00:00:00:00:22");
    CHECK(eventually([&] { return hop("fd77::2") == "02:00:00:00:00:22"; }));
    CHECK(hop("255.255.255.255") == "ff:ff:ff:ff:ff:ff");
    CHECK(hop("10.77.0.255") == "ff:ff:ff:ff:ff:ff");
    CHECK(hop("239.129.2.3") == "01:00:5e:01:02:03");
    CHECK(hop("ff02::1:2") == "33:33:00:01:00:02");
    CHECK(hop("10.77.0.1") == "none");
    CHECK(hop("10.77.0.99") == "none");
}

TEST_CASE("af_packet silences the host's answers for the lanes' UDP port and no other") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    REQUIRE(cable.port->silence_host());
    // A later call replaces the former one.
    REQUIRE(cable.port->silence_host());
    engine::Descriptor lane;
    engine::Descriptor other;
    hosts.at_far([&] {
        lane = open_socket(SOCK_DGRAM);
        other = open_socket(SOCK_DGRAM);
    });
    connect_to(lane, "10.77.0.1", 4790);
    connect_to(other, "10.77.0.1", 4791);
    // Answers come in order: one to the first would be there before the one to the last.
    REQUIRE(::send(lane.get(), "lane", 4, 0) == 4);
    REQUIRE(eventually([&] { return with_payload(cable.receive(1), udp).size() <= 1; }));
    std::vector<std::uint16_t> unreachable;
    REQUIRE(eventually([&] {
        [[maybe_unused]] const ssize_t sent = ::send(other.get(), "other", 5, 0);
        for (const Bytes& frame : cable.far.collect(0)) {
            // Ethernet, IPv4, ICMP (8), and the quoted packet: IPv4, UDP ports.
            if (frame.size() < 66 || frame[23] != std::byte{icmp}) continue;
            unreachable.push_back(load_be<std::uint16_t>(&frame[64]));
        }
        return !unreachable.empty();
    }));
    for (const std::uint16_t port : unreachable) CHECK(port == 4791);
}

}  // namespace lanes::test
