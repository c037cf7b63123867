// `why` for lanes that do not work, each for one reason, and for some that do: it must name the
// reason and what to do.
#include "manage/views.hh"
#include "tests/lanes/sealed_bed.hh"
#include "tests/manage/views_bed.hh"

using namespace lanes;
using namespace lanes::test;
using Catch::Contains;

namespace {

std::string why(Control& control, const std::string& lane) {
    SeenNode seen(control);
    const auto answer = ask(manage::why, seen, {lane});
    CHECK(answer.status == 0);
    return answer.text;
}

Json why_json(Control& control, const std::string& lane) {
    SeenNode seen(control);
    return ask_json(manage::why, seen, {lane});
}

/// How many packets `why` says were refused for a reason, and whose.
std::pair<int, std::string> refused(const Json& said, const std::string& reason) {
    for (const Json& one : said["refused"]) {
        if (one["reason"] == reason) return {one["packets"], one["scope"]};
    }
    return {0, ""};
}

const SealedBed::Way nothing = [](const Bytes&) { return std::vector<Bytes>{}; };

}  // namespace

TEST_CASE("why: a clear lane that works") {
    ClearBed bed;
    bed.lan.send(ethernet_frame(100, 1));
    bed.node.run();
    bed.give(1);
    bed.node.pass(1200 * ns_per_ms);
    const std::string out = why(*bed.node.control, "out");
    CHECK_THAT(out, Contains("lane out sends frames of port lan, clear\nit is up\n"));
    CHECK_THAT(out, Contains("1 frame came; the lane takes every frame"));
    CHECK_THAT(out, Contains("the next hop 192.0.2.2 has answered"));
    CHECK_THAT(out, Contains("a lane of id 101 that receives over that port; cipher none"));
    CHECK_THAT(out, Contains("what to do\n  nothing: the lane works\n"));
    const std::string in = why(*bed.node.control, "in");
    CHECK_THAT(in, Contains("1 packet (60 B), the last sign of life "));
    CHECK_THAT(in, Contains("`to: 192.0.2.1:4790`"));
    CHECK_THAT(in, Contains("what to do\n  nothing: the lane works\n"));
    CHECK_THAT(in, !Contains("!!"));
}

TEST_CASE("why: nothing has come yet") {
    ClearBed bed;
    CHECK_THAT(why(*bed.node.control, "out"),
               Contains("no frame has come in there") && Contains("bring frames to port lan"));
    CHECK_THAT(why(*bed.node.control, "in"),
               Contains("!!  received    nothing has been accepted yet") &&
                   Contains("look for a firewall on the way"));
}

TEST_CASE("why: the next hop does not answer") {
    ClearBed bed(false);
    for (unsigned i = 0; i < 4; ++i) bed.lan.send(ethernet_frame(100, i));
    bed.node.run();
    const Json said = why_json(*bed.node.control, "out");
    CHECK(said["state"] == "no-hop");
    CHECK(said["cause"] == "nobody answers for the next hop 192.0.2.2");
    CHECK(refused(said, "no_next_hop") == std::pair(4, std::string("node")));
    CHECK_THAT(why(*bed.node.control, "out"),
               Contains("!!             nobody answers for the next hop 192.0.2.2") &&
                   Contains("`next_hop`"));
    // The lane that receives on the same port is none the worse.
    CHECK(why_json(*bed.node.control, "in")["state"] == "up");
    CHECK(refused(why_json(*bed.node.control, "in"), "no_next_hop").first == 0);
}

TEST_CASE("why: the link is down, or a port is closed") {
    ClearBed bed;
    bed.node.knobs.links["wan"] = {engine::Link::State::down, "eth9 has no carrier: look there"};
    for (const char* lane : {"in", "out"}) {
        const Json said = why_json(*bed.node.control, lane);
        CHECK(said["state"] == "link-down");
        CHECK(said["to_do"][0] == "port wan: eth9 has no carrier: look there");
    }
}

TEST_CASE("why: packets that were seen before") {
    ClearBed bed;
    bed.give(5);
    for (unsigned i = 0; i < 3; ++i) bed.give(5);
    const Json said = why_json(*bed.node.control, "in");
    CHECK(refused(said, "replay_duplicate") == std::pair(3, std::string("lane")));
    CHECK_THAT(why(*bed.node.control, "in"),
               Contains("3 of this lane as replay_duplicate: seen before: normal"));
    // Reasons of the whole node are not told of a lane that dropped for known ones only.
    CHECK(said["refused"].size() == 1);
}

TEST_CASE("why: a sealed lane from its first second to its silence") {
    SealedBed bed;
    bed.start_b(bed.receiving());
    bed.pass(ns_per_second);
    Json said = why_json(*bed.b->control, "in");
    CHECK(said["state"] == "no-key");
    CHECK_THAT(why(*bed.b->control, "in"),
               Contains("!!  announced   never") &&
                   Contains("no announcement has come yet: check the sender, its `to`") &&
                   Contains("`receiver: " + to_text(bed.keys_b->open) + "`"));
    bed.start_a(bed.sending());
    bed.pass(300 * ns_per_ms);
    bed.check_through(some_frames(10));
    bed.pass(1100 * ns_per_ms);
    said = why_json(*bed.b->control, "in");
    CHECK(said["state"] == "up");
    CHECK(said["to_do"] == Json({"nothing: the lane works"}));
    CHECK_THAT(why(*bed.b->control, "in"), Contains("10 packets (") &&
                                               Contains("sessions accepted 1") &&
                                               Contains("lost 0, the delay varies by "));
    CHECK_THAT(why(*bed.a->control, "out"),
               Contains("sealed with aes-256-gcm") && Contains("epoch ") &&
                   Contains("`sender: " + to_text(bed.keys_a->open) + "`") &&
                   Contains("nothing: the lane works"));
    bed.pass(5 * ns_per_second, nothing);
    said = why_json(*bed.b->control, "in");
    CHECK(said["state"] == "silent");
    CHECK_THAT(said["to_do"][0].get<std::string>(),
               Contains("the sender stopped, or the way from it is broken"));
}

TEST_CASE("why: the keys of the two ends do not belong together") {
    SealedBed bed;
    LaneSpec receive = bed.receiving();
    receive.keys->peers = {pair_of(99)->open};
    bed.start(bed.sending(), std::move(receive));
    bed.pass(3 * ns_per_second);
    const Json said = why_json(*bed.b->control, "in");
    CHECK(said["state"] == "no-key");
    CHECK_THAT(said["cause"].get<std::string>(), Contains("our `sender` did not make"));
    CHECK(refused(said, "bad_auth").first > 0);
    CHECK(refused(said, "bad_auth").second == "lane");
    // What the sender should say is to be read there.
    CHECK(said["other_end"][2] == "`receiver: " + to_text(bed.keys_b->open) + "`");
}

TEST_CASE("why: a patch and a relay") {
    test::Node node;
    const std::string a = fresh_wire(), b = fresh_wire();
    Far left(a), right(b);
    NodeSpec spec = node.spec();
    spec.ports = {port_spec("left", a, {"192.0.2.1/24"}),
                  port_spec("right", b, {"198.51.100.1/24"})};
    spec.lanes = lanes_of(
        patch_spec("through", 1, 0),
        lane_spec("on", 103, Role::relay, 0, {over_udp(1, "198.51.100.2:4790", right.mac())}));
    node.apply(std::move(spec));
    right.send(ethernet_frame(100, 1));
    node.run();
    CHECK_THAT(why(*node.control, "through"),
               Contains("passes frames of port right to port left") && Contains("passed 1, 100 B"));
    CHECK_THAT(why(*node.control, "on"),
               Contains("packets of id 103 on, which arrive on port left") &&
                   Contains("no packet of id 103 comes") && Contains("to 198.51.100.2:4790"));
    left.send(carry_ipv4(lane_packet(103, 1, inner_packet(3, ethernet_frame(60, 1))),
                         node.control->ports().at(0).port->info().mac, "192.0.2.2", "192.0.2.1"));
    node.run();
    CHECK_THAT(why(*node.control, "on"), Contains("nothing: the lane works"));
}
