// Lanes, paths and matches: each error with its place, each role's good form, limits at their
// edges. A lane stands behind node_head, so its first line is line 10.
#include <catch2/catch.hpp>

#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

namespace {

config::Loaded load(const std::string& text) {
    return without_unused(parse(std::string(node_head) + text));
}

void expect_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        INFO(one.text);
        expect(load(one.text), one.wants, "node.yaml");
    }
}

/// The lanes of `text`, which must be good.
std::vector<LaneSpec> good(const std::string& text) {
    config::Loaded loaded = load(text);
    INFO(config::report(loaded));
    REQUIRE(loaded.diagnostics.empty());
    return std::move(loaded.spec.lanes);
}

/// A lane that sends from lan, with more keys; they begin at column 12 of line 10.
std::string sending(const std::string& keys) {
    return "  - {name: a, " + keys +
           ", id: 1, send: lan, over: {port: wan, to: 192.0.2.2:1}, cipher: none}\n";
}

/// The same with a match, whose braces open at column 22.
std::string matching(const std::string& match) {
    return sending("match: " + match);
}

/// A lane that sends from lan over the path `over`, whose first byte is column 38.
std::string over(const std::string& path) {
    return "  - {name: a, id: 1, send: lan, over: " + path + ", cipher: none}\n";
}

std::string receiving(const std::string& path) {
    return "  - {name: a, id: 1, receive: lan, over: " + path + ", cipher: none}\n";
}

}  // namespace

TEST_CASE("Errors of a lane's role, name and id") {
    const std::string rest = ", over: {port: wan, to: 192.0.2.2:1}, cipher: none}\n";
    expect_all({
        {"  - {name: a, id: 1" + rest, {{"10:5: error: ", "lane `a` does nothing"}}},
        {"  - {name: a, id: 1, send: lan, receive: lan" + rest,
         {{"10:42: error: ", "found `receive` beside `send`"}}},
        {"  - {name: a, id: 1, send: lan, relay: wan, patch: {from: lan, to: cap}" + rest,
         {{"10:40: error: ", "`relay` beside `send`"}, {"10:45: error: ", "`patch` beside"}}},
        {"  - {id: 1, send: lan" + rest, {{"10:5: error: ", "this lane has no `name`"}}},
        {"  - {name: a, send: lan" + rest, {{"10:5: error: ", "lane `a` has no `id`"}}},
        {"  - {name: a, id: 0, send: lan" + rest, {{"10:19: error: ", "the least is 1"}}},
        {"  - {name: a, id: 4294967296, send: lan" + rest,
         {{"10:19: error: ", "the most is 4294967295"}}},
        {"  - {name: a, id: one, send: lan" + rest, {{"10:19: error: ", "decimal digits"}}},
        {"  - {name: \"a b\", id: 1, send: lan" + rest, {{"10:12: error: ", "take out the blank"}}},
        {"  - {name: a, id: 1, send: lam" + rest,
         {{"10:28: error: ", "names port `lam`, which does not exist"}}},
        {"  - {name: a, id: 1, send: [lan]" + rest, {{"10:28: error: ", "found a list"}}},
        {"  - {name: a, id: 1, send: far" + rest,
         {{"10:28: error: ", "carries lane packets, not frames"}}},
        {"  - {name: a, id: 1, sent: lan" + rest,
         {{"10:5: error: ", "does nothing"}, {"10:22: error: ", "did you mean `send`?"}}},
        {"  - {name: a, id: 1, patch.from: lan, send: lan" + rest,
         {{"10:22: error: ", "unknown key `patch.from` in lane `a`"}}},
    });
}

TEST_CASE("Errors of keys that a lane's role does not take") {
    expect_all({
        {sending("window: 64"), {{"10:23: error: ", "`window` in lane `a`, which sends"}}},
        {"  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none, mtu: 256}\n",
         {{"10:74: error: ", "only in lanes that send; remove it"}}},
        {"  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none, bundle: true}\n",
         {{"10:77: error: ", "`bundle`"}}},
        {"  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none, match: {vlan: 1}}\n",
         {{"10:69: error: ", "`match` in lane `a`, which receives"}}},
        {"  - {name: a, id: 1, relay: wan, over: {port: far, to: 192.0.2.9:1}, cipher: none}\n",
         {{"10:78: error: ", "`cipher` in lane `a`, which relays"}}},
        {"  - {name: a, id: 1, patch: {from: lan, to: wan}}\n",
         {{"10:19: error: ", "`id` in lane `a`, which patches"}}},
        {"  - {name: a, patch: {from: lan, to: wan}, over: {port: far}}\n",
         {{"10:44: error: ", "`over` in lane `a`, which patches"}}},
    });
}

TEST_CASE("Errors of a lane's values") {
    const std::string head = "  - {name: a, id: 1, send: lan, over: {port: wan, to: 192.0.2.2:1}";
    expect_all({
        {head + ", cipher: ~}\n", {{"10:69: error: ", "found nothing"}}},
        {sending("bundle: on"), {{"10:23: error: ", "write true"}}},
        {sending("mtu: 255"), {{"10:20: error: ", "the least is 256"}}},
        {sending("mtu: 65536"), {{"10:20: error: ", "the most is 65535"}}},
        {"  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none, window: 32}\n",
         {{"10:77: error: ", "the least is 64"}}},
        {"  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none, window: 100}\n",
         {{"10:77: error: ", "a power of two"}}},
        {"  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none, window: 2097152}\n",
         {{"10:77: error: ", "the most is 1048576"}}},
    });
}

TEST_CASE("Errors of patch and relay") {
    expect_all({
        {"  - {name: a, patch: lan}\n", {{"10:22: error: ", "expected a map for `patch`"}}},
        {"  - {name: a, patch: {from: lan}}\n", {{"10:15: error: ", "has no `patch.to`"}}},
        {"  - {name: a, patch: {from: lan, too: wan}}\n",
         {{"10:15: error: ", "has no `patch.to`"},
          {"10:34: error: ",
           "unknown key `too` in `patch` of lane `a`; expected one of from, to"}}},
        {"  - {name: a, patch: {from: lan, to: lan}}\n", {{"10:38: error: ", "are both `lan`"}}},
        {"  - {name: a, patch: {from: lan, to: tun}}\n",
         {{"10:38: error: ", "choose ports of one kind"}}},
        {"  - {name: a, patch: {from: far, to: far}}\n", {{"10:38: error: ", "are both"}}},
        {"  - {name: a, id: 1, relay: tun, over: {port: far, to: 192.0.2.9:1}}\n",
         {{"10:29: error: ", "carries no lane packets"}}},
        {"  - {name: a, id: 1, relay: wan}\n", {{"10:5: error: ", "has no `over`"}}},
        {"  - {name: a, id: 1, relay: wan, over: {port: far}}\n",
         {{"10:40: error: ", "has no `to`"}}},
    });
}

TEST_CASE("Errors of paths") {
    expect_all({
        {over("wan"), {{"10:39: error: ", "expected a map for `over` of lane `a`, found `wan`"}}},
        {over("[]"), {{"10:39: error: ", "expected 1 to 16 paths"}}},
        {over("[{port: wan, to: 192.0.2.2:1}, wan]"), {{"10:70: error: ", "found `wan`"}}},
        {over("{to: 192.0.2.2:1}"), {{"10:39: error: ", "has no `port`"}}},
        {over("{port: wan}"), {{"10:39: error: ", "has no `to`"}}},
        {over("{port: wan, too: 1.2.3.4:5}"),
         {{"10:39: error: ", "has no `to`"}, {"10:51: error: ", "did you mean `to`?"}}},
        {over("{port: wam, to: 192.0.2.2:1}"), {{"10:46: error: ", "did you mean `wan`?"}}},
        {over("{port: wan, to: 192.0.2.2}"), {{"10:55: error: ", "UDP port: 192.0.2.2:4790"}}},
        {over("{port: wan, to: \"2001:db8::2\"}"),
         {{"10:55: error: ", "add the UDP port: \"[2001:db8::2]:4790\""}}},
        {over("{port: wan, to: 192.0.2.2/24}"), {{"10:55: error: ", "has no prefix length"}}},
        {over("{port: wan, to: 192.0.2.2:0}"), {{"10:55: error: ", "ADDRESS:PORT"}}},
        {over("{port: wan, to: example.org:4790}"), {{"10:55: error: ", "ADDRESS:PORT"}}},
        {over("{port: wan, to: 0.0.0.0:4790}"), {{"10:55: error: ", "sent to zero"}}},
        {over("{port: tun, to: 192.0.2.2:1}"),
         {{"10:46: error: ", "driver tun cannot carry lane packets"}}},
        {over("{port: far, to: \"02:00:00:00:00:02\"}"),
         {{"10:55: error: ", "the ethernet carrier cannot travel over port `far` of driver udp"}}},
        {receiving("{port: far, carrier: ethernet}"),
         {{"10:63: error: ", "expected the udp carrier"}}},
        {over("{port: cap, to: 192.0.2.2:1}"),
         {{"10:55: error: ", "driver pcap has no address to send UDP from"}}},
        {over("{port: mem, to: \"[2001:db8::2]:1\"}"),
         {{"10:55: error: ", "port `mem` has no IPv6 address"}}},
        {over("{port: far, to: \"[2001:db8::2]:1\"}"),
         {{"10:55: error: ", "port `far` has no IPv6 address"}}},
        {over("{port: wan, to: 192.0.2.2:1, carrier: ethernet}"),
         {{"10:77: error: ", "expected a MAC address with the ethernet carrier"}}},
        {over("{port: wan, to: \"02:00:00:00:00:02\", carrier: udp}"),
         {{"10:85: error: ", "expected ADDRESS:PORT with the udp carrier"}}},
        {over("{port: wan, to: 192.0.2.2:1, carrier: upd}"), {{"10:77: error: ", "`udp`?"}}},
        {receiving("{port: wan, to: 192.0.2.2:1}"), {{"10:58: error: ", "which receives"}}},
        {receiving("{port: wan, next_hop: 192.0.2.2}"), {{"10:64: error: ", "has no `over.to`"}}},
        {over("{port: far, to: 192.0.2.2:1, next_hop: 192.0.2.3}"),
         {{"10:78: error: ", "only on ports of Ethernet frames"}}},
        {over("{port: wan, to: \"02:00:00:00:00:02\", next_hop: 192.0.2.3}"),
         {{"10:86: error: ", "only with the udp carrier"}}},
        {over("{port: wan, to: 192.0.2.2:1, next_hop: \"2001:db8::1\"}"),
         {{"10:78: error: ", "expected an IPv4 address"}}},
        {over("{port: wan, to: 192.0.2.2:1, next_hop: router}"),
         {{"10:78: error: ", "expected a MAC or IP address"}}},
        {receiving("[{port: wan}, {port: wan}]"), {{"10:56: warning: ", "the same path twice"}}},
    });
    std::string paths = "[";
    for (int i = 0; i < 16; ++i) {
        paths += "{port: wan, to: 192.0.2." + std::to_string(i + 1) + ":1}, ";
    }
    CHECK(good(over(paths + "]")).at(0).paths.size() == 16);
    expect(load(over(paths + "{port: wan, to: 192.0.2.99:1}]")), {{"10:39: error: ", "found 17"}},
           "node.yaml");
}

TEST_CASE("Errors of matches") {
    expect_all({
        {matching("all"), {{"10:22: error: ", "expected a map for `match` of lane `a`"}}},
        {matching("{}"), {{"10:22: error: ", "an empty map"}}},
        {matching("{vlna: 1}"), {{"10:23: error: ", "did you mean `vlan`?"}}},
        {matching("{vlan: 4096}"), {{"10:29: error: ", "the most is 4095"}}},
        {matching("{vlan: nine}"), {{"10:29: error: ", "did you mean `none`?"}}},
        {matching("{vlan: 0x10}"), {{"10:29: error: ", "write it in decimal: 16"}}},
        {matching("{ether_type: 800}"), {{"10:35: error: ", "write 0x800 if it is hex"}}},
        {matching("{ether_type: 0800}"), {{"10:35: error: ", "or 0x0800 if it is hex"}}},
        {matching("{ether_type: 0x10000}"), {{"10:35: error: ", "the most is 65535"}}},
        {matching("{ether_type: ipv5}"), {{"10:35: error: ", "did you mean `ipv4`?"}}},
        {matching("{source_mac: 2:0:0:0:0:1}"), {{"10:35: error: ", "expected a MAC address"}}},
        {matching("{source: 10.0.0.0/33}"), {{"10:31: error: ", "or a prefix as ADDRESS/LEN"}}},
        {matching("{source: 10.0.0.1:80}"), {{"10:31: error: ", "leave out the UDP port"}}},
        {matching("{source: 10.0.0.1/8}"), {{"10:31: warning: ", "it means 10.0.0.0/8"}}},
        {matching("{source: 10.0.0.0/8, destination: \"fd00::/8\"}"),
         {{"10:56: error: ", "is of another family than `match.source`"}}},
        {matching("{protocol: 256}"), {{"10:33: error: ", "the most is 255"}}},
        {matching("{protocol: tpc}"), {{"10:33: error: ", "did you mean `tcp`?"}}},
        {matching("{protocol: icmp, source_port: 1}"),
         {{"10:52: error: ", "beside `match.protocol: icmp`, which has no ports"}}},
        {matching("{source_port: 65536}"), {{"10:36: error: ", "the most is 65535"}}},
        {matching("{source_port: 2000-1000}"), {{"10:36: error: ", "the lower port first"}}},
        {matching("{source_port: 1-65536}"), {{"10:36: error: ", "FIRST-LAST"}}},
        {matching("{source_port: 1-}"), {{"10:36: error: ", "FIRST-LAST"}}},
        {matching("{source_port: -1}"), {{"10:36: error: ", "without a sign"}}},
        {matching("{dscp: 64}"), {{"10:29: error: ", "the most is 63"}}},
        {matching("{dscp: af44}"), {{"10:29: error: ", "did you mean `af"}}},
        {matching("{ether_type: arp, protocol: tcp}"), {{"10:50: error: ", "no frame has both"}}},
        {matching("{ether_type: ipv6, source: 10.0.0.0/8}"),
         {{"10:49: error: ", "beside `match.ether_type: ipv6`"}}},
        {"  - {name: a, id: 1, send: tun, over: {port: wan, to: 192.0.2.2:1}, cipher: none, "
         "match: {vlan: 1, source_mac: \"02:00:00:00:00:01\"}}\n",
         {{"10:97: error: ", "`match.vlan` of lane `a` asks for an Ethernet header"},
          {"10:112: error: ", "`match.source_mac`"}}},
    });
}

TEST_CASE("A lane of each role is read as written") {
    const auto lanes = good(
        "  - name: out\n"
        "    id: 4294967295\n"
        "    send: lan\n"
        "    over:\n"
        "      - {port: wan, to: \"192.0.2.2:4790\", next_hop: 192.0.2.254}\n"
        "      - {port: wan, to: \"[2001:db8::2]:1\", next_hop: \"02:00:00:00:00:09\"}\n"
        "      - {port: cap, to: \"02:00:00:00:00:02\"}\n"
        "      - {port: far, to: 192.0.2.9:65535, carrier: udp}\n"
        "    cipher: none\n"
        "    bundle: true\n"
        "    mtu: 65535\n"
        "  - {name: in, id: 1, receive: tun, over: {port: far}, cipher: none, window: 1048576}\n"
        "  - {name: raw, id: 2, receive: lan, over: {port: mem, carrier: ethernet}, cipher: none}\n"
        "  - {name: p, patch: {from: wan, to: lan}}\n"
        "  - {name: r, id: 3, relay: far, over: {port: mem, to: 192.0.2.77:1}}\n");
    REQUIRE(lanes.size() == 5);
    const LaneSpec& out = lanes[0];
    CHECK(out.name == "out");
    CHECK(out.id == 4294967295);
    CHECK(out.role == Role::send);
    CHECK(out.cipher == Cipher::none);
    CHECK(out.bundle);
    CHECK(out.mtu == 65535);
    CHECK(out.port == 0);
    CHECK_FALSE(out.match);
    REQUIRE(out.paths.size() == 4);
    CHECK(engine::to_string(out.paths[0].to) == "192.0.2.2:4790");
    CHECK(out.paths[0].has_next_hop_ip);
    CHECK(engine::to_string(out.paths[0].next_hop_ip) == "192.0.2.254");
    CHECK(out.paths[1].has_next_hop_mac);
    CHECK(out.paths[1].to.address.v6);
    CHECK(out.paths[2].carrier == CarrierKind::ethernet);
    CHECK(engine::to_string(out.paths[2].to_mac) == "02:00:00:00:00:02");
    CHECK(out.paths[3].port == 3);
    CHECK(lanes[1].role == Role::receive);
    CHECK(lanes[1].window == 1048576);
    CHECK(lanes[1].port == 2);
    CHECK(lanes[1].paths.at(0).carrier == CarrierKind::udp);
    CHECK(lanes[2].window == 8192);
    CHECK(lanes[2].paths.at(0).carrier == CarrierKind::ethernet);
    CHECK(lanes[3].role == Role::patch);
    CHECK(lanes[3].id == 0);
    CHECK(lanes[3].port == 1);
    CHECK(lanes[3].patch_to == 0);
    CHECK(lanes[4].role == Role::relay);
    CHECK(lanes[4].port == 3);
}

TEST_CASE("A match is read as written") {
    const auto match_of = [](const std::string& text) {
        return *good(matching("{" + text + "}")).at(0).match;
    };
    CHECK(match_of("vlan: 0").vlan == 0);
    CHECK(match_of("vlan: 4095").vlan == 4095);
    CHECK(match_of("vlan: none").vlan == MatchSpec::vlan_none);
    CHECK(match_of("ether_type: 0x88B5").ether_type == 0x88b5);
    CHECK(match_of("ether_type: 2048").ether_type == 0x0800);
    CHECK(match_of("ether_type: arp").ether_type == 0x0806);
    CHECK(match_of("protocol: 0").protocol == 0);
    CHECK(match_of("protocol: icmpv6").protocol == 58);
    CHECK(match_of("protocol: sctp, source_port: 9").protocol == 132);
    CHECK(match_of("dscp: cs7").dscp == 56);
    CHECK(match_of("dscp: af41").dscp == 34);
    CHECK(match_of("dscp: ef").dscp == 46);
    CHECK(match_of("dscp: 63").dscp == 63);
    CHECK(match_of("source_port: 443").source_port == MatchSpec::Range{443, 443});
    CHECK(match_of("destination_port: \"1000-2000\"").destination_port ==
          MatchSpec::Range{1000, 2000});
    CHECK(match_of("source_port: 0-65535").source_port.any());
    const MatchSpec addresses = match_of("source: 10.1.0.0/16, destination: 192.0.2.1");
    CHECK(engine::to_string(addresses.source) == "10.1.0.0/16");
    CHECK(engine::to_string(addresses.destination) == "192.0.2.1/32");
    const MatchSpec macs =
        match_of("source_mac: \"02:00:00:00:00:01\", destination_mac: FF:ff:ff:ff:ff:ff");
    CHECK(macs.has_source_mac);
    CHECK(macs.destination_mac.multicast());
}

TEST_CASE("Lanes that stand in each other's way are reported with both places") {
    const auto lane = [](const std::string& name, int id, const std::string& more) {
        return "  - {name: " + name + ", id: " + std::to_string(id) +
               ", send: lan, over: {port: wan, to: 192.0.2.2:1}, cipher: none" + more + "}\n";
    };
    expect_all({
        {lane("a", 1, "") + lane("a", 2, ", match: {vlan: 1}"),
         {{"11:12: error: ", "lane name `a` is already taken at node.yaml:10:12"}}},
        {lane("a", 1, "") + lane("b", 1, ", match: {vlan: 1}"),
         {{"11:19: error: ", "lane id 1 is already lane `a`'s at node.yaml:10:19"}}},
        {lane("a", 1, "") + lane("b", 2, ""),
         {{"11:28: error: ", "as does lane `a` at node.yaml:10:28"}}},
        {lane("a", 1, "") + "  - {name: b, patch: {from: lan, to: wan}}\n",
         {{"11:15: error: ", "takes all frames of port `lan`"}}},
        {lane("a", 1, ", match: {source: 10.0.0.0/8}") +
             lane("b", 2, ", match: {source: 10.0.0.0/8}"),
         {{"11:83: error: ", "equals that of lane `a` at node.yaml:10:83"}}},
        {lane("a", 1, ", match: {protocol: tcp}") + lane("b", 2, ", match: {protocol: 6}"),
         {{"11:83: error: ", "equals that of lane `a`"}}},
        {lane("a", 1, ", match: {vlan: 1}") + lane("b", 2, ", match: {vlan: 2}") + lane("c", 3, ""),
         {}},
    });
}

TEST_CASE("A port that no lane uses is a warning, unless a lane's port is misspelt") {
    const std::string head =
        "node: n\nports:\n  lan: {driver: tap, device: a}\n"
        "  wan: {driver: udp, address: 0.0.0.0}\n"
        "  spare: {driver: tap, device: b}\nlanes:\n";
    const config::Loaded loaded =
        parse(head + "  - {name: a, id: 1, receive: lan, over: {port: wan}, cipher: none}\n");
    expect(loaded, {{"5:3: warning: ", "port `spare` is used by no lane"}}, "node.yaml");
    CHECK(loaded.good());
    expect(parse(head + "  - {name: a, id: 1, receive: lam, over: {port: wan}, cipher: none}\n"),
           {{"7:31: error: ", "did you mean `lan`?"}}, "node.yaml");
}
