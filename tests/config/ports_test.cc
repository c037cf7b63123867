// The top of a node file and its ports: each error with its place, each driver's good form, and
// limits at their edges.
#include <catch2/catch.hpp>

#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

namespace {

/// A node whose one port is `port`; the port is line 3.
std::string node_with(const std::string& port) {
    return "node: n\nports:\n  p: " + port + "\n";
}

void expect_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        INFO(one.text);
        expect(without_unused(parse(one.text)), one.wants, "node.yaml");
    }
}

engine::PortSpec good_port(const std::string& port) {
    const config::Loaded loaded = without_unused(parse(node_with(port)));
    INFO(config::report(loaded));
    REQUIRE(loaded.diagnostics.empty());
    REQUIRE(loaded.spec.ports.size() == 1);
    return loaded.spec.ports[0];
}

}  // namespace

TEST_CASE("Errors at the top of a node file") {
    const std::string ports = "ports: {p: {driver: tap, device: a}}\n";
    expect_all({
        {"- a\n", {{"1:1: error: ", "expected a map of keys, found a list"}}},
        {"text\n", {{"1:1: error: ", "found `text`"}}},
        {"nod: x\n" + ports,
         {{"1:1: error: ", "did you mean `node`?"}, {"1:1: error: ", "has no `node`"}}},
        {"node: n\nlanes: []\n", {{"1:1: error: ", "has no `ports`"}}},
        {"node: n\nports: []\n", {{"2:8: error: ", "found a list"}}},
        {"node: n\nports: {}\n", {{"2:8: error: ", "an empty map"}}},
        {"node: n\nports:\n", {{"2:1: error: ", "found nothing"}}},
        {"node: [n]\n" + ports, {{"1:7: error: ", "found a list"}}},
        {"node: \"\"\n" + ports, {{"1:7: error: ", "an empty text"}}},
        {"node: a/b\n" + ports, {{"1:7: error: ", "take out `/`"}}},
        {"node: " + std::string(65, 'a') + "\n" + ports, {{"1:7: error: ", "it has 65 letters"}}},
        {"node: n\nworkers: 0\n" + ports, {{"2:10: error: ", "the least is 1"}}},
        {"node: n\nworkers: 65\n" + ports, {{"2:10: error: ", "the most is 64"}}},
        {"node: n\nworkers: [1, 1]\n" + ports, {{"2:14: error: ", "core 1 is in `workers`"}}},
        {"node: n\nworkers: [1024]\n" + ports, {{"2:11: error: ", "the most is 1023"}}},
        {"node: n\nworkers: []\n" + ports, {{"2:10: error: ", "a list of 0"}}},
        {"node: n\npoll: bussy\n" + ports, {{"2:7: error: ", "did you mean `busy`?"}}},
        {"node: n\nstate: \"\"\n" + ports, {{"2:8: error: ", "a path of 1 to 4095 bytes"}}},
        {"node: n\nlanes: a\n" + ports, {{"2:8: error: ", "expected a list for `lanes`"}}},
        {"node: n\nlanes:\n" + ports, {{"2:1: error: ", "found nothing"}}},
        {"node: n\nlanes: [a]\n" + ports, {{"2:9: error: ", "a map of keys for a lane"}}},
        {"node: n\ntables: a.csv\n" + ports, {{"2:9: error: ", "expected a list for `tables`"}}},
        {"node: n\ntables: [a.csv]\n" + ports,
         {{"2:10: error: ", "cannot open the lane table `a.csv`: a.csv: No such file"}}},
    });
}

TEST_CASE("Errors of ports") {
    expect_all({
        {node_with("tap"), {{"3:6: error: ", "a map of keys for port `p`, found `tap`"}}},
        {node_with("{device: a}"),
         {{"3:3: error: ", "has no `driver`; expected one of af_packet"}}},
        {node_with("{driver: tpa, device: a}"), {{"3:15: error: ", "did you mean `tap`?"}}},
        {node_with("{driver: tap}"), {{"3:3: error: ", "has no `device`"}}},
        {node_with("{driver: udp}"), {{"3:3: error: ", "has no `address`"}}},
        {node_with("{driver: pcap}"), {{"3:3: error: ", "neither `read` nor `write`"}}},
        {node_with("{driver: tap, device: a, adress: 1}"),
         {{"3:31: error: ",
           "unknown key `adress` in port `p`; expected one of address, device, driver, mtu "
           "(driver tap); did you mean `address`?"}}},
        {node_with("{driver: tap, device: a, listen: 1}"),
         {{"3:31: error: ", "only af_packet, af_xdp, dpdk, memory, udp take it: remove it"}}},
        {node_with("{driver: tap, device: abcdefghijklmnop}"), {{"3:28: error: ", "16 bytes"}}},
        {node_with("{driver: tap, device: a/b}"), {{"3:28: error: ", "an interface name"}}},
        {node_with("{driver: tap, device: ..}"), {{"3:28: error: ", "an interface name"}}},
        {node_with("{driver: memory, device: a b}"), {{"3:31: error: ", "take out the blank"}}},
        {node_with("{driver: tap, device: a, mtu: 67}"), {{"3:36: error: ", "the least is 68"}}},
        {node_with("{driver: tap, device: a, mtu: 65536}"),
         {{"3:36: error: ", "the most is 65535"}}},
        {node_with("{driver: tap, device: a, mtu: 99999999999999999999}"),
         {{"3:36: error: ", "the most is 65535"}}},
        {node_with("{driver: tap, device: a, mtu: 010}"), {{"3:36: error: ", "write 10"}}},
        {node_with("{driver: tap, device: a, mtu: 0x578}"),
         {{"3:36: error: ", "write it in decimal: 1400"}}},
        {node_with("{driver: tap, device: a, mtu: 1_400}"), {{"3:36: error: ", "digits only"}}},
        {node_with("{driver: tap, device: a, mtu: +1400}"), {{"3:36: error: ", "without a sign"}}},
        {node_with("{driver: tap, device: a, mtu: 1400.0}"), {{"3:36: error: ", "decimal digits"}}},
        {node_with("{driver: tap, device: a, mtu: \"1400\"}"),
         {{"3:36: error: ", "the quoted text `1400`; remove the quotes"}}},
        {node_with("{driver: tap, device: a, mtu: }"), {{"3:31: error: ", "found nothing"}}},
        {node_with("{driver: tap, device: a, address: 10.0.0.1}"),
         {{"3:40: error: ", "add the length of its network: 10.0.0.1/24"}}},
        {node_with("{driver: tap, device: a, address: 10.0.0.256/8}"),
         {{"3:40: error: ", "ADDRESS/LEN"}}},
        {node_with("{driver: tap, device: a, address: [10.0.0.1/8, 10.0.0.1/9]}"),
         {{"3:53: error: ", "is there already"}}},
        {node_with("{driver: tap, device: a, address: 224.0.0.1/8}"),
         {{"3:40: error: ", "an address of one host"}}},
        {node_with("{driver: tap, device: a, address: []}"), {{"3:40: error: ", "a list of 0"}}},
        {node_with("{driver: udp, address: [0.0.0.0, \"::\"]}"),
         {{"3:29: error: ", "make a port for each address"}}},
        {node_with("{driver: udp, address: 0.0.0.0, listen: 0}"),
         {{"3:46: error: ", "the least is 1"}}},
        {"workers: 2\nnode: n\nports:\n  p: {driver: udp, address: 0.0.0.0, source_port: 65535}\n",
         {{"4:51: error: ", "expected at most 65534"}}},
        {node_with("{driver: af_packet, device: a, promiscuous: yes}"),
         {{"3:50: error: ", "found `yes`; write true"}}},
        {node_with("{driver: af_packet, device: a, promiscuous: 2}"),
         {{"3:50: error: ", "write one of the two"}}},
        {node_with("{driver: af_packet, device: a, ring_frames: 100}"),
         {{"3:50: error: ", "the nearest are 64 and 128"}}},
        {node_with("{driver: af_packet, device: a, ring_frames: 32}"),
         {{"3:50: error: ", "the least is 64"}}},
        {node_with("{driver: pcap, read: a, pace: fats}"), {{"3:36: error: ", "`fast`?"}}},
        {node_with("{driver: pcap, read: a, repeat: 4294967296}"),
         {{"3:38: error: ", "the most is 4294967295"}}},
        {node_with("{driver: pcap, read: \"\"}"), {{"3:27: error: ", "a path"}}},
        {"node: n\nports: {a b: {driver: tap, device: a}}\n",
         {{"2:9: error: ", "take out the blank"}}},
    });
}

TEST_CASE("No name of a file or an interface says anything to a terminal") {
    const std::string ports = "ports: {p: {driver: tap, device: a}}\n";
    // Escape, CSI as one character, a bell, an end of line.
    for (const std::string control : {"\\x1b[2J", "\\u009b2J", "\\a", "\\r", "\\n", "\\t"}) {
        const std::string name = "\"a" + control + "b\"";
        const Want path{"2:", "a path without control characters"};
        INFO(name);
        expect_all({
            {"node: n\nstate: " + name + "\n" + ports, {path}},
            {"node: n\ntables: [" + name + "]\n" + ports, {path}},
            {"node: n\nmanage: {socket: " + name + "}\n" + ports, {path}},
            {node_with("{driver: pcap, read: " + name + "}"), {{"3:", path.fragment}}},
            {node_with("{driver: tap, device: " + name + "}"),
             {{"3:28: error: ", "an interface name"}}},
        });
        for (const auto& diagnostic :
             parse("node: n\ntables: [" + name + "]\n" + ports).diagnostics) {
            CHECK(diagnostic.message.find_first_of("\x1b\xc2\a\r\n\t") == std::string::npos);
        }
    }
}

TEST_CASE("Ports that cannot both have what they ask for") {
    expect_all({
        {"node: n\nports:\n  a: {driver: tap, device: x}\n  b: {driver: tun, device: x}\n",
         {{"4:3: error: ", "claims the same device as port `a` at node.yaml:3:3"}}},
        {"node: n\nports:\n  a: {driver: udp, address: 0.0.0.0}\n"
         "  b: {driver: udp, address: 0.0.0.0}\n",
         {{"4:3: error: ", "claims the same address and UDP port as port `a`"}}},
        {"node: n\nports:\n  a: {driver: memory, device: w}\n  b: {driver: memory, device: w}\n"
         "  c: {driver: memory, device: w}\n",
         {{"5:3: error: ", "this is the third"}}},
    });
}

TEST_CASE("A node takes 64 ports and not one more") {
    std::string text = "node: n\nports:\n";
    for (int i = 0; i < 64; ++i) {
        const std::string name = "p" + std::to_string(i);
        text += "  " + name + ": {driver: tap, device: " + name + "}\n";
    }
    CHECK(without_unused(parse(text)).diagnostics.empty());
    text += "  one: {driver: tap, device: one}\n";
    expect(without_unused(parse(text)), {{"67:3: error: ", "found 65 ports"}}, "node.yaml");
}

TEST_CASE("A port of each driver is read as written") {
    engine::PortSpec port = good_port("{driver: tap, device: abcdefghijklmno, mtu: 68}");
    CHECK(port.name == "p");
    CHECK(port.driver == "tap");
    CHECK(port.device == "abcdefghijklmno");
    CHECK(port.mtu == 68);
    port =
        good_port("{driver: tun, device: a, address: [10.8.0.1/24, \"fd08::1/64\"], mtu: 65535}");
    REQUIRE(port.addresses.size() == 2);
    CHECK(engine::to_string(port.addresses[1]) == "fd08::1/64");
    CHECK(port.mtu == 65535);
    port = good_port(
        "{driver: af_packet, device: eth0, address: 192.0.2.1/24, listen: 65535, "
        "source_port: 65535, promiscuous: false, ring_frames: 65536}");
    CHECK(port.listen == 65535);
    CHECK(port.source_port == 65535);
    CHECK(port.promiscuous == engine::PortSpec::Promiscuous::no);
    CHECK(port.ring_frames == 65536);
    port = good_port("{driver: udp, address: 0.0.0.0}");
    CHECK(port.addresses.at(0).address.unspecified());
    CHECK(port.addresses.at(0).len == 32);
    CHECK(port.listen == 4790);
    port = good_port("{driver: udp, address: \"::1/128\"}");
    CHECK(port.addresses.at(0).address.v6);
    port = good_port("{driver: memory, device: the-wire_between.two, ring_frames: 64}");
    CHECK(port.device == "the-wire_between.two");
    CHECK(port.ring_frames == 64);
    port = good_port("{driver: pcap, read: in.pcap, write: out.pcap, repeat: 0, pace: fast}");
    CHECK(port.read == "in.pcap");
    CHECK(port.write == "out.pcap");
    CHECK(port.repeat == 0);
    CHECK(port.pace == engine::PortSpec::Pace::fast);
}

TEST_CASE("The top of a node file is read as written") {
    const std::string ports = "ports: {p: {driver: tap, device: a}}\n";
    config::Loaded loaded = parse("node: a.B_c-9\n" + ports);
    CHECK(loaded.good());
    CHECK(loaded.spec.node == "a.B_c-9");
    CHECK(loaded.spec.cores == std::vector<unsigned>{0});
    CHECK(loaded.spec.poll == engine::PollMode::adaptive);
    CHECK(loaded.spec.state.empty());
    loaded = parse("node: n\nworkers: [3, 1023]\npoll: sleep\nstate: /var/lib/lanes\n" + ports);
    CHECK(loaded.spec.cores == std::vector<unsigned>{3, 1023});
    CHECK(loaded.spec.poll == engine::PollMode::sleep);
    CHECK(loaded.spec.state == "/var/lib/lanes");
    CHECK(loaded.spec.backend == "auto");
    CHECK_FALSE(loaded.spec.keys);
    loaded = parse("node: n\nstate: ./s\ncrypto: {backend: libsodium}\n" + ports);
    CHECK(loaded.spec.state == "s");
    CHECK(loaded.spec.backend == "libsodium");
    CHECK(parse("node: n\nworkers: 64\n" + ports).spec.cores.size() == 64);
}
