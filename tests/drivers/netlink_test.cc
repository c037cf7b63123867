// Netlink against the real kernel, in namespaces of the test's own (two_hosts.hh).
#include "drivers/netlink/netlink.hh"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>

#include "tests/drivers/two_hosts.hh"

namespace lanes::test {
namespace {

using drivers::Interface;
using drivers::Netlink;
using drivers::Route;
using engine::parse_ip;
using engine::parse_prefix;

Netlink open_netlink() {
    auto opened = Netlink::open();
    REQUIRE(opened);
    return std::move(*opened);
}

bool has(const Interface& interface, const char* prefix) {
    const auto& all = interface.addresses;
    return std::find(all.begin(), all.end(), *parse_prefix(prefix)) != all.end();
}

}  // namespace

TEST_CASE("netlink tells an interface's index, mac, mtu and addresses by its name") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Netlink netlink = open_netlink();
    TwoHosts::run("ip link set near0 address 02:00:00:00:00:11 mtu 1480");
    auto found = netlink.interface("near0");
    REQUIRE(found);
    CHECK(found->index > 0);
    CHECK(to_string(found->mac) == "02:00:00:00:00:11");
    CHECK(found->mtu == 1480);
    CHECK(found->up);
    CHECK(has(*found, "10.77.0.1/24"));
    CHECK(has(*found, "fd77::1/64"));
}

TEST_CASE("netlink names the interfaces that exist when one does not") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Netlink netlink = open_netlink();
    const auto found = netlink.interface("near1");
    REQUIRE(!found);
    CHECK(found.error().code == ENODEV);
    CHECK(found.error().message == "no network interface `near1`; there are: lo, near0");
}

TEST_CASE("netlink sets links up and down, their mtu and their addresses, and deletes") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Netlink netlink = open_netlink();
    const int index = netlink.interface("near0")->index;
    REQUIRE(netlink.set_mtu(index, 1400));
    REQUIRE(netlink.add_address(index, *parse_prefix("192.0.2.9/28")));
    REQUIRE(netlink.add_address(index, *parse_prefix("192.0.2.9/28")));
    REQUIRE(netlink.delete_address(index, *parse_prefix("10.77.0.1/24")));
    auto changed = netlink.interface("near0");
    REQUIRE(changed);
    CHECK(changed->mtu == 1400);
    CHECK(has(*changed, "192.0.2.9/28"));
    CHECK(!has(*changed, "10.77.0.1/24"));
    REQUIRE(netlink.set_down(index));
    CHECK(!netlink.interface("near0")->up);
    REQUIRE(netlink.set_up(index));
    CHECK(netlink.interface("near0")->up);
    REQUIRE(netlink.delete_interface(index));
    CHECK(!netlink.interface("near0"));
}

TEST_CASE("netlink passes on the kernel's refusal with its errno") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Netlink netlink = open_netlink();
    const int index = netlink.interface("near0")->index;
    const auto refused = netlink.set_mtu(index, 10);
    REQUIRE(!refused);
    CHECK(refused.error().code == EINVAL);
    CHECK(refused.error().message.find("mtu less than device minimum") != std::string::npos);
    // The socket is in step again afterwards.
    CHECK(netlink.interface("near0"));
}

TEST_CASE("netlink finds gateways and on-link destinations of both families") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Netlink netlink = open_netlink();
    const int index = netlink.interface("near0")->index;
    TwoHosts::run("ip route add 198.51.100.0/24 via 10.77.0.2");
    TwoHosts::run("ip route add 2001:db8::/32 via fd77::2");
    TwoHosts::run("ip route add 203.0.113.0/24 via inet6 fd77::2 dev near0");
    const auto next = [&](const char* to) { return netlink.route(index, *parse_ip(to)); };
    CHECK(next("10.77.0.9")->next_hop == *parse_ip("10.77.0.9"));
    CHECK(next("198.51.100.7")->next_hop == *parse_ip("10.77.0.2"));
    CHECK(next("203.0.113.7")->next_hop == *parse_ip("fd77::2"));
    CHECK(next("fd77::9")->next_hop == *parse_ip("fd77::9"));
    CHECK(next("2001:db8::7")->next_hop == *parse_ip("fd77::2"));
    CHECK(next("10.77.0.255")->type == Route::Type::broadcast);
    CHECK(next("224.0.0.5")->type == Route::Type::multicast);
}

TEST_CASE("netlink has the kernel resolve a neighbour without waiting for it") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Netlink netlink = open_netlink();
    const int index = netlink.interface("near0")->index;
    std::string far_mac;
    hosts.at_far([&] { far_mac = to_string(open_netlink().interface("far0")->mac); });
    for (const char* address : {"10.77.0.2", "fd77::2"}) {
        const auto ip = *parse_ip(address);
        INFO(address);
        REQUIRE(netlink.neighbour(index, ip));
        CHECK(!netlink.neighbour(index, ip)->known);
        REQUIRE(netlink.probe(index, ip));
        CHECK(eventually([&] { return netlink.neighbour(index, ip)->known; }));
        CHECK(to_string(netlink.neighbour(index, ip)->mac) == far_mac);
    }
    const auto nobody = *parse_ip("10.77.0.77");
    REQUIRE(netlink.probe(index, nobody));
    CHECK(!netlink.neighbour(index, nobody)->known);
}

}  // namespace lanes::test
