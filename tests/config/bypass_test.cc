// Keys of ports past the kernel, and of workers that receive: each good form, each error text.
#include <catch2/catch.hpp>

#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

namespace {

/// A node of four workers whose one port is `port`, on line 4; the port's text begins at 4:6.
std::string node_with(const std::string& port) {
    return "node: n\nworkers: 4\nports:\n  p: " + port + "\n";
}

/// An af_xdp port with `keys`, which begin at column 34.
std::string xdp(const std::string& keys) {
    return node_with("{driver: af_xdp, device: eth, " + keys + "}");
}

engine::PortSpec good(const std::string& text) {
    const config::Loaded loaded = without_unused(parse(text));
    INFO(text << config::report(loaded));
    REQUIRE(loaded.diagnostics.empty());
    REQUIRE(loaded.spec.ports.size() == 1);
    return loaded.spec.ports[0];
}

void expect_one(const std::string& text, const std::string& place, const std::string& fragment) {
    INFO(text);
    expect(without_unused(parse(text)), {{place + ": error: ", fragment}}, "node.yaml");
}

const std::string addressed = "address: [192.0.2.1/24, \"2001:db8::1/64\"], take: all, ";

}  // namespace

TEST_CASE("Keys of ports past the kernel are read as written") {
    using engine::PortSpec;
    PortSpec port = good(xdp("workers: 3, mode: zero-copy, take: all, busy_poll: 50"));
    CHECK(port.workers == std::vector<unsigned>{3});
    CHECK(port.mode == PortSpec::XdpMode::zero_copy);
    CHECK(port.take == PortSpec::Take::all);
    CHECK(port.busy_poll_us == 50);
    port = good(xdp("workers: [1, 3, 0], mode: auto, take: lanes, busy_poll: 1000000"));
    CHECK(port.workers == std::vector<unsigned>{1, 3, 0});
    CHECK(port.mode == PortSpec::XdpMode::automatic);
    CHECK(port.take == PortSpec::Take::lanes);
    CHECK(good(xdp("mode: copy")).mode == PortSpec::XdpMode::copy);
    CHECK(good(xdp("mode: generic")).mode == PortSpec::XdpMode::generic);
    CHECK(good(node_with("{driver: af_packet, device: a, workers: 2}")).workers.size() == 1);
    port = good(xdp(addressed + "gateway: [\"2001:db8::fe\", 192.0.2.254]"));
    REQUIRE(port.gateways.size() == 2);
    CHECK(to_string(port.gateways[0]) == "2001:db8::fe");
    CHECK(good(xdp(addressed + "gateway: 192.0.2.254")).gateways.size() == 1);
    CHECK(good(xdp(addressed + "gateway: \"fe80::1\"")).gateways.size() == 1);
    // The interface's own addresses are not known here.
    CHECK(good(xdp("take: all, gateway: 192.0.2.254")).gateways.size() == 1);
}

TEST_CASE("Errors of workers, mode, take and busy_poll") {
    expect_one(xdp("workers: 4"), "4:45",
               "worker 4 of `workers` of port `p` is not there: the node has 4, and they are "
               "counted from 0; expected at most 3; lower it, or raise the node's `workers`");
    expect_one(xdp("workers: 64"), "4:45", "the most is 63");
    expect_one(xdp("workers: one"), "4:45", "found `one`; write decimal digits");
    expect_one(xdp("workers: [1, 1]"), "4:49",
               "worker 1 is in `workers` of port `p` already; expected each worker once; remove "
               "one of them");
    expect_one(xdp("workers: []"), "4:45",
               "expected 1 to 4 workers for `workers` of port `p`, "
               "found a list of 0");
    expect_one(xdp("workers: [0, 1, 2, 3, 0]"), "4:45", "found a list of 5");
    expect_one(xdp("workers: [[0]]"), "4:46", "found a list; write a single value");
    expect_one(node_with("{driver: tap, device: a, workers: 0}"), "4:31",
               "only af_packet, af_xdp, dpdk take it: remove it");
    expect_one(xdp("mode: zerocopy"), "4:42", "did you mean `zero-copy`?");
    expect_one(xdp("mode: [copy]"), "4:42", "expected one of auto, zero-copy, copy, generic");
    expect_one(xdp("take: lane"), "4:42", "did you mean `lanes`?");
    expect_one(node_with("{driver: dpdk, device: net_null0, take: all}"), "4:40",
               "only af_xdp takes it: remove it");
    expect_one(xdp("busy_poll: 0"), "4:47", "the least is 1");
    expect_one(xdp("busy_poll: 1000001"), "4:47", "the most is 1000000");
    expect_one(xdp("busy_poll: 50us"), "4:47", "write decimal digits");
}

TEST_CASE("Errors of gateways") {
    expect_one(xdp("gateway: 192.0.2.254"), "4:36",
               "found `gateway` in port `p`, where the kernel's routes say which way leads where; "
               "expected it only with `take: all`; remove it, or add `take: all`");
    const std::string at = "4:" + std::to_string(45 + addressed.size());
    expect_one(
        xdp(addressed + "gateway: 192.0.2.1"), at,
        "gateway `192.0.2.1` of port `p` is the port's own address; expected another host's");
    expect_one(xdp(addressed + "gateway: 198.51.100.1"), at,
               "gateway `198.51.100.1` of port `p` is not on the link");
    expect_one(xdp("take: all, address: 192.0.2.1/24, gateway: \"2001:db8::1\""), "4:79",
               "is not on the link");
    expect_one(node_with("{driver: dpdk, device: net_null0, gateway: 192.0.2.254}"), "4:49",
               "is not on the link");
    expect_one(xdp(addressed + "gateway: 192.0.2.254/24"), at,
               "write it without the length of a network");
    expect_one(xdp(addressed + "gateway: router"), at, "expected the IP address of a router");
    expect_one(xdp(addressed + "gateway: 224.0.0.1"), at, "found `224.0.0.1`");
    expect_one(xdp(addressed + "gateway: 0.0.0.0"), at, "found `0.0.0.0`");
    expect_one(xdp(addressed + "gateway: []"), at, "expected 1 to 2 gateways");
    expect_one(xdp(addressed + "gateway: [192.0.2.3, 192.0.2.4]"),
               "4:" + std::to_string(57 + addressed.size()),
               "gateway `192.0.2.4` of port `p` is the second for IPv4");
    // Who has been told of a wrong address is not told of the gateway, too.
    expect_one(node_with("{driver: dpdk, device: net_null0, address: 1, gateway: 192.0.2.254}"),
               "4:49", "ADDRESS/LEN");
}

TEST_CASE("A dpdk port takes PCI addresses and virtual devices, and no other text") {
    const auto node = [](const std::string& device) {
        return node_with("{driver: dpdk, device: \"" + device + "\"}");
    };
    for (const std::string device :
         {"0000:03:00.0", "03:1f.7", "0000:AF:00.1", "10000:01:00.0", "net_null0",
          "net_null0,size=64,copy=0", "net_af_packet7,iface=veth0", "net_tap,iface=d0,mac=fixed",
          "virtio_user0,path=/dev/vhost-net", "eth_ring0", "0000:03:00.0,arg=1"}) {
        CHECK(good(node(device)).device == device);
    }
    for (const std::string device : {"eth0", "03:00", "3:00.0", "0000:03:20.0", "0000:03:00.8",
                                     "0000:03:00.0x", "net_", "net null", "", "0000.03.00.0"}) {
        expect_one(node(device), "4:29", "expected a device of DPDK's for `device` of port `p`");
    }
    expect_one(node("eth0"), "4:29", "or a virtual device such as net_null0; see `lanes ports`");
    expect_one(node("3:00.0"), "4:29", "as `lspci -D` shows it, such as 0000:03:00.0");
    expect_one(node("net_null0,size"), "4:29", "found `size` among its arguments");
    expect_one(node("net_null0,"), "4:29", "write each as key=value");
    expect_one(node("net_null0,=1"), "4:29", "write each as key=value");
    expect_one(node("net_null0,a=b c"), "4:29", "take out the blank");
    expect_one(node("net_null0,a=" + std::string(1100, 'x')), "4:29", "bytes: shorten it");
}

TEST_CASE("Arguments of the EAL reach each dpdk port") {
    const std::string ports =
        "ports:\n  a: {driver: dpdk, device: net_null0}\n  b: {driver: dpdk, device: net_null1}\n"
        "  c: {driver: tap, device: t}\n";
    const config::Loaded loaded =
        without_unused(parse("node: n\ndpdk: {eal: [\"-m\", 512, --no-huge]}\n" + ports));
    REQUIRE(loaded.diagnostics.empty());
    const std::vector<std::string> wanted = {"-m", "512", "--no-huge"};
    CHECK(loaded.spec.ports[0].eal == wanted);
    CHECK(loaded.spec.ports[1].eal == wanted);
    CHECK(loaded.spec.ports[2].eal.empty());
    const auto expect_eal = [&](const std::string& value, const std::string& place,
                                const std::string& fragment) {
        expect_one("node: n\ndpdk: " + value + "\n" + ports, place, fragment);
    };
    expect_eal("[]", "2:7", "expected a map for `dpdk`, found a list");
    expect_eal("{}", "2:7", "found an empty map");
    expect_eal("{eals: []}", "2:8", "did you mean `eal`?");
    expect_eal("{eal: -m 512}", "2:13", "write each word by itself: [\"-m\", \"512\"]");
    expect_eal("{eal: []}", "2:13", "expected 1 to 64 arguments");
    expect_eal("{eal: [\"\"]}", "2:14", "expected an argument of 1 to 1024 bytes");
    expect_eal("{eal: [[a]]}", "2:14", "found a list");
    expect(
        without_unused(parse("node: n\ndpdk: {eal: [a]}\nports: {c: {driver: tap, device: t}}\n")),
        {{"2:1: warning: ", "no port has `driver: dpdk`"}}, "node.yaml");
}

TEST_CASE("Two ports do not share a device of af_xdp or dpdk") {
    const auto both = [](const std::string& a, const std::string& b) {
        return "node: n\nports:\n  a: " + a + "\n  b: " + b + "\n";
    };
    expect_one(both("{driver: af_xdp, device: x}", "{driver: af_xdp, device: x}"), "4:3",
               "claims the same device as port `a`");
    expect_one(
        both("{driver: dpdk, device: \"af:00.0\"}", "{driver: dpdk, device: \"0000:AF:00.0,x=1\"}"),
        "4:3", "claims the same device as port `a`");
    expect_one(
        both("{driver: dpdk, device: net_null0}", "{driver: dpdk, device: \"net_null0,a=b\"}"),
        "4:3", "claims the same device as port `a`");
}

TEST_CASE("A lane does not take frames of a port that leaves them to the kernel") {
    const auto node = [](const std::string& keys, const std::string& lanes) {
        return "node: n\nports:\n  x: {driver: af_xdp, device: e" + keys +
               "}\n  t: {driver: tap, device: t}\nlanes:\n" + lanes;
    };
    const std::string patch = "  - {name: a, patch: {from: x, to: t}}\n";
    const std::string send =
        "  - {name: a, id: 1, send: x, cipher: none, match: {vlan: 1}, over: {port: t, to: "
        "\"02:00:00:00:00:02\"}}\n";
    CHECK(parse(node(", take: all", patch)).good());
    CHECK(parse(node(", take: all", send)).good());
    CHECK(parse(node("", "  - {name: a, patch: {from: t, to: x}}\n")).good());
    expect_one(node("", patch), "6:15",
               "lane `a` is to take frames of port `x`, which leaves all but lane packets to the "
               "kernel; expected a port that takes all; add `take: all` to the port");
    const config::Loaded loaded = parse(node("", send));
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].message.find("add `take: all`") != std::string::npos);
}
