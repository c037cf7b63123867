// What `show` says, in text and in JSON, against counters that the test knows.
#include "manage/views.hh"

#include "tests/manage/views_bed.hh"

using namespace lanes;
using namespace lanes::test;
using Catch::Contains;

TEST_CASE("show lanes says what each lane does and has done") {
    ClearBed bed;
    for (unsigned i = 0; i < 3; ++i) bed.lan.send(ethernet_frame(100, i));
    bed.node.run();
    bed.give(7);
    bed.give(7);
    const Json said = ask_json(manage::show_lanes, bed.seen);
    CHECK(said["node"] == "bed");
    CHECK(said["uptime_ns"].get<std::uint64_t>() > 10 * ns_per_second);
    CHECK(said["lanes_total"] == 2);
    CHECK(said["states"] == Json({{"up", 2}}));
    REQUIRE(said["lanes"].size() == 2);
    const Json& in = said["lanes"][0];
    const Json& out = said["lanes"][1];
    CHECK(in["name"] == "in");
    CHECK(in["role"] == "receive");
    CHECK(in["packets"] == 1);
    CHECK(in["bytes"] == 60);
    CHECK(in["dropped_packets"] == 1);
    CHECK(in["duplicate_packets"] == 1);
    CHECK(out["name"] == "out");
    CHECK(out["id"] == 101);
    CHECK(out["cipher"] == "none");
    CHECK(out["port"] == "lan");
    CHECK(out["over"] == Json({"wan"}));
    CHECK(out["packets"] == 3);
    CHECK(out["bytes"] == 300);

    const std::string text = ask(manage::show_lanes, bed.seen).text;
    CHECK_THAT(text, Contains("in    102  receive  wan -> lan  none    up           1   60 B"));
    CHECK_THAT(text, Contains("out   101  send     lan -> wan  none    up           3  300 B"));
    CHECK_THAT(text, Contains("2 lanes: 2 up\n"));
}

TEST_CASE("show lanes of names and patterns shows those lanes") {
    ClearBed bed;
    CHECK(ask_json(manage::show_lanes, bed.seen, {"out"})["lanes"].size() == 1);
    CHECK(ask_json(manage::show_lanes, bed.seen, {"o*"})["lanes"][0]["name"] == "out");
    CHECK(ask_json(manage::show_lanes, bed.seen, {"in", "out"})["lanes"].size() == 2);
    CHECK(ask_json(manage::show_lanes, bed.seen, {"x*"})["lanes"].empty());
    CHECK(ask(manage::show_lanes, bed.seen, {"x*"}).text == "no lanes\n");
}

TEST_CASE("a name that no lane has is answered with the nearest ones") {
    ClearBed bed;
    for (const View view : {manage::show_lanes, manage::show_lane, manage::why}) {
        const auto answer = ask(view, bed.seen, {"ou"});
        CHECK(answer.status == 1);
        CHECK(answer.text == "there is no lane `ou`; did you mean `out`?\n");
        CHECK(ask_json(view, bed.seen, {"zzzzzzzz"}, 1)["error"] ==
              "there is no lane `zzzzzzzz`; `show lanes` lists them");
    }
    for (const View view : {manage::show_lane, manage::why}) {
        CHECK(ask(view, bed.seen).status == 2);
    }
}

TEST_CASE("a lane that was taken out of service is shown as down, and how to bring it back") {
    ClearBed bed;
    bed.seen.down = {"resting"};
    const Json said = ask_json(manage::show_lanes, bed.seen);
    CHECK(said["states"] == Json({{"down", 1}, {"up", 2}}));
    CHECK(said["lanes"][2]["state"] == "down");
    CHECK_THAT(ask(manage::show_lanes, bed.seen).text, Contains("`why resting` says"));
    CHECK_THAT(ask(manage::why, bed.seen, {"resting"}).text, Contains("`lane up resting`"));
    CHECK(ask_json(manage::show_lane, bed.seen, {"resting"})["state"] == "down");
}

TEST_CASE("of very many lanes show lanes shows a bounded number, those in trouble first") {
    ClearBed bed;
    NodeSpec spec = bed.node.spec();
    spec.ports = {port_spec("lan", bed.lan_wire), port_spec("wan", bed.wan_wire, {"192.0.2.1/24"})};
    for (std::uint32_t i = 0; i < 12'000; ++i) {
        spec.lanes.push_back(lane_spec("l" + std::to_string(100'000 + i), 1 + i, Role::send, 0,
                                       {over_resolved(1, "192.0.2.2:4790")}));
    }
    spec.lanes.push_back(
        lane_spec("lost", 20'000, Role::send, 0, {over_resolved(1, "192.0.2.9:4790")}));
    bed.node.apply(std::move(spec));
    const Json said = ask_json(manage::show_lanes, bed.seen);
    CHECK(said["lanes_total"] == 12'001);
    CHECK(said["lanes_shown"] == 10'000);
    CHECK(said["lanes"].size() == 10'000);
    CHECK(said["states"] == Json({{"no-hop", 1}, {"up", 12'000}}));
    CHECK(said["lanes"][0]["name"] == "lost");
    CHECK(said["lanes"][1]["name"] == "l100000");
    const std::string text = ask(manage::show_lanes, bed.seen).text;
    CHECK(std::count(text.begin(), text.end(), '\n') == 1 + 1'000 + 3);
    CHECK_THAT(text, Contains("and 11,001 more lanes: narrow by a name"));
}

TEST_CASE("show lane tells all of a lane") {
    ClearBed bed;
    bed.lan.send(ethernet_frame(100, 1));
    bed.node.run();
    const Json said = ask_json(manage::show_lane, bed.seen, {"out"})["lane"];
    CHECK(said["state"] == "up");
    CHECK(said["match"] == "every frame");
    REQUIRE(said["paths"].size() == 1);
    CHECK(said["paths"][0]["to"] == "192.0.2.2:4790");
    CHECK(said["paths"][0]["next_hop"] == "192.0.2.2");
    CHECK(said["paths"][0]["next_hop_mac"] == to_string(bed.wan.mac()));
    CHECK(said["packets"] == 1);
    CHECK(said["workers"][0]["packets"] == 1);
    const std::string text = ask(manage::show_lane, bed.seen, {"out"}).text;
    CHECK_THAT(text, Contains("lane out is up\n"));
    CHECK_THAT(
        text, Contains("wan to 192.0.2.2:4790, next hop 192.0.2.2 at " + to_string(bed.wan.mac())));
}

TEST_CASE("show ports counts what came and went, and names what is wrong with a link") {
    ClearBed bed;
    bed.lan.send(ethernet_frame(100, 1));
    bed.node.run();
    bed.node.knobs.links["wan"] = {engine::Link::State::down, "eth9 has no carrier"};
    bed.node.knobs.links["lan"] = {engine::Link::State::up, ""};
    const Json said = ask_json(manage::show_ports, bed.seen);
    REQUIRE(said["ports"].size() == 2);
    const Json& lan = said["ports"][0];
    const Json& wan = said["ports"][1];
    CHECK(lan["rx_frames"] == 1);
    CHECK(lan["rx_bytes"] == 100);
    CHECK(lan["link"] == "up");
    CHECK(wan["tx_frames"] == 1);
    CHECK(wan["link"] == "down");
    CHECK(wan["link_cause"] == "eth9 has no carrier");
    CHECK(wan["addresses"] == Json({"192.0.2.1/24"}));
    CHECK_THAT(ask(manage::show_ports, bed.seen).text,
               Contains("wan: link down: eth9 has no carrier\n"));
    // Lanes on it cannot work.
    CHECK(ask_json(manage::show_lanes, bed.seen)["states"] == Json({{"link-down", 2}}));
}

TEST_CASE("show workers counts rounds and frames, and clocks while phases are timed") {
    ClearBed bed;
    const Json before = ask_json(manage::show_workers, bed.seen)["workers"][0];
    CHECK(before["phases_timed"] == false);
    CHECK(before["phase_clocks"]["transform"] == 0);
    bed.node.control->workers()[0]->time_phases(engine::Worker::Phases::timed);
    for (unsigned i = 0; i < 5; ++i) bed.lan.send(ethernet_frame(100, i));
    bed.node.run();
    const Json after = ask_json(manage::show_workers, bed.seen)["workers"][0];
    CHECK(after["received_frames"] == 5);
    CHECK(after["sent_frames"] == 5);
    CHECK(after["phases_timed"] == true);
    CHECK(after["phase_clocks"]["transform"] > 0);
    CHECK_THAT(ask(manage::show_workers, bed.seen).text,
               Contains("phases are timed; `set phases off` ends it"));
}

TEST_CASE("show drops names each reason with its remedy, and the books balance") {
    ClearBed bed;
    CHECK_THAT(ask(manage::show_drops, bed.seen).text, Contains("nothing was dropped\n"));
    bed.give(7);
    bed.give(7);
    bed.give(7);
    const Json said = ask_json(manage::show_drops, bed.seen);
    CHECK(said["drops"].size() == engine::drop_count);
    for (const Json& drop : said["drops"]) {
        CHECK(drop["frames"] == (drop["reason"] == "replay_duplicate" ? 2 : 0));
        CHECK(!drop["remedy"].get<std::string>().empty());
    }
    CHECK(said["received_frames"].get<int>() + said["made_frames"].get<int>() ==
          said["sent_frames"].get<int>() + said["absorbed_frames"].get<int>() +
              said["dropped_frames"].get<int>());
    const std::string text = ask(manage::show_drops, bed.seen).text;
    CHECK_THAT(text, Contains("2  replay_duplicate  seen before: normal for a lane"));
    CHECK_THAT(text, !Contains("bad_tag"));
}

TEST_CASE("show tables counts lanes and match rules") {
    ClearBed bed;
    bed.seen.down = {"resting"};
    const Json said = ask_json(manage::show_tables, bed.seen);
    CHECK(said["lanes"] == 2);
    CHECK(said["sealed_lanes"] == 0);
    CHECK(said["down_lanes"] == 1);
    CHECK(said["match_rules"] == 1);
    CHECK(said["lane_table_slots"].get<std::uint64_t>() >= 2);
    CHECK(said["resident_bytes"].get<std::uint64_t>() > 1'000'000);
    CHECK(said["ports"][0]["name"] == "lan");
    CHECK_THAT(ask(manage::show_tables, bed.seen).text, Contains("lanes: 2 in service"));
}

TEST_CASE("show version names the program, the node and its file") {
    ClearBed bed;
    const Json said = ask_json(manage::show_version, bed.seen);
    CHECK(said["node"] == "bed");
    CHECK(said["file"] == "bed.yaml");
    CHECK(said["workers"] == 1);
    CHECK(said["uptime_ns"].get<std::uint64_t>() > 10 * ns_per_second);
    CHECK_THAT(ask(manage::show_version, bed.seen).text,
               Contains(said["version"].get<std::string>() + ", node bed, running for 10 s"));
}
