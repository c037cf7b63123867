// Scenario files: each mistake with its place and its remedy, all of them in one run, each good
// form with its value, and what can only be known when ports and nodes are there.
#include "bench/traffic/scenario.hh"

#include <catch2/catch.hpp>
#include <limits>
#include <stdexcept>

#include "bench/traffic/open_bed.hh"
#include "bench/traffic/replay.hh"
#include "tests/bench/folder.hh"

namespace lanes::bench {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// One expected diagnostic: "LINE:COLUMN: error: " begins it, and `fragment` is somewhere in it.
struct Want {
    std::string begins;
    std::string fragment;
};
struct Case {
    std::string text;
    std::vector<Want> wants;
};

/// Ports, and `traffic` with from, to and `keys`, which are line 4 and column 27 on.
std::string traffic_with(const std::string& keys) {
    return "ports:\n"
           "  a: {driver: memory, device: w}\n"
           "  b: {driver: memory, device: w}\n"
           "traffic: {from: a, to: b, " +
           keys + "}\n";
}

void expect_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        const LoadedScenario loaded = parse_scenario(one.text, "bed.yaml");
        const auto found = loaded.diagnostics.sorted();
        INFO(one.text << "reported:\n" << to_text(loaded.diagnostics));
        CHECK(found.size() == one.wants.size());
        for (std::size_t i = 0; i < std::min(found.size(), one.wants.size()); ++i) {
            const std::string line = config::to_string(found[i]);
            CHECK_THAT(line, StartsWith("bed.yaml:" + one.wants[i].begins));
            CHECK_THAT(line, Contains(one.wants[i].fragment));
        }
    }
}

Scenario good(const std::string& keys) {
    const LoadedScenario loaded = parse_scenario(traffic_with(keys), "folder/bed.yaml");
    INFO(keys << "\n" << to_text(loaded.diagnostics));
    REQUIRE(loaded.good());
    return loaded.scenario;
}

std::string failure_of(const std::string& file) {
    try {
        open_bed(file);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    FAIL("opened");
    return "";
}

/// A classic pcap file with nanoseconds, frames of `lens` bytes, 1 ms apart.
std::string capture_of(const std::vector<std::uint32_t>& lens, std::uint32_t link_type = 1) {
    std::string file;
    const auto put = [&](std::uint32_t value) {
        for (unsigned shift = 0; shift < 32; shift += 8) {
            file += static_cast<char>(value >> shift & 0xff);
        }
    };
    for (const std::uint32_t value : {0xa1b23c4du, 0x00040002u, 0u, 0u, 65535u, link_type}) {
        put(value);
    }
    std::uint32_t time_ns = 0;
    for (const std::uint32_t len : lens) {
        for (const std::uint32_t value : {1u, time_ns, len, len}) put(value);
        file += std::string(len, static_cast<char>(len & 0xff));
        time_ns += 1'000'000;
    }
    return file;
}

}  // namespace

TEST_CASE("A scenario file that is wrong at its top says where and what to do") {
    expect_all({
        {"", {{"1:1: error: ", ""}}},
        {"- a\n", {{"1:1: error: ", "expected a map of keys, found a list"}}},
        {"trafic: {}\n",
         {{"1:1: error: ", "did you mean `traffic`?"},
          {"1:1: error: ", "has no `ports`"},
          {"1:1: error: ", "has no `traffic`"}}},
        {"ports: {}\n" + std::string("traffic: {from: a, to: b}\n"),
         {{"1:8: error: ", "an empty map"}}},
        {"ports: {a: {driver: memory, device: w}}\ntraffic: [a]\n",
         {{"2:10: error: ", "expected a map of keys for `traffic`, found a list"}}},
        {"ports: {a: {driver: memory, device: w}}\ntraffic:\n",
         {{"2:1: error: ", "found nothing"}}},
        {"nodes: a.yaml\n" + traffic_with("flows: 1"),
         {{"1:8: error: ", "expected a list of 1 to 16 node files"}}},
        {"nodes: []\n" + traffic_with("flows: 1"), {{"1:8: error: ", "found a list of 0"}}},
        {"nodes: [a.yaml, ./a.yaml]\n" + traffic_with("flows: 1"),
         {{"1:17: error: ", "is in `nodes` already"}}},
        {"nodes: [[a]]\n" + traffic_with("flows: 1"), {{"1:9: error: ", "found a list"}}},
    });
}

TEST_CASE("The ports of a scenario are read as those of a node file, and both must be of use") {
    const std::string traffic = "traffic: {from: a, to: a}\n";
    expect_all({
        {"ports: {a: {driver: memroy, device: w}}\n" + traffic,
         {{"1:21: error: ", "did you mean `memory`?"}}},
        {"ports: {a: {driver: memory, devise: w}}\n" + traffic,
         {{"1:9: error: ", "has no `device`"}, {"1:29: error: ", "did you mean `device`?"}}},
        {"ports: {a: {driver: udp, address: 192.0.2.1}}\n" + traffic,
         {{"1:9: error: ", "carries lane packets only"}}},
        {"ports: {a: {driver: memory, device: w}, b: {driver: memory, device: w}}\n" + traffic,
         {{"1:41: error: ", "neither `from` nor `to`"}}},
        {"ports: {a: {driver: memory, device: w}}\ntraffic: {from: a}\n",
         {{"2:1: error: ", "`traffic` has no `to`; expected one of a"}}},
        {"ports: {left: {driver: memory, device: w}}\ntraffic: {from: left, to: lfet}\n",
         {{"2:27: error: ",
           "no port `lfet` for `traffic.to`; expected one of left; did you mean "
           "`left`?"}}},
        {"ports: {a: {driver: memory, device: w}}\ntraffic: {from: [a], to: a}\n",
         {{"2:17: error: ", "found a list"}}},
    });
}

TEST_CASE("Each value of `traffic` that is wrong is refused with its place and what is right") {
    const auto wrong = [](const std::string& keys, const std::string& place,
                          const std::string& fragment) {
        return Case{traffic_with(keys), {{"4:" + place + ": error: ", fragment}}};
    };
    expect_all({
        wrong("flow: 2", "27", "did you mean `flows`?"),
        wrong("flows: 0", "34", "the least is 1"),
        wrong("flows: 100000000", "34", "the most is"),
        wrong("flows: 010", "34", "a leading zero means octal"),
        wrong("burst: -1", "34", "without a sign"),
        wrong("size: 63", "33", "the least is 64"),
        wrong("size: 65536", "33", "the most is 65535"),
        wrong("size: imixx", "33", "imix"),
        wrong("size: []", "33", "a list of 0"),
        wrong("size: [64, 512, 64]", "43", "is in `traffic.size` already"),
        wrong("size: {}", "33", "a map of 0"),
        wrong("size: {64: 0}", "38", "the least is 1"),
        wrong("size: {63: 1}", "34", "the least is 64"),
        wrong("size: {64: 65535, 65: 65536}", "33", "expected at most 65536"),
        wrong("rate: 100 kpsp", "33", "did you mean `kpps`?"),
        wrong("rate: 100 Mbps", "33", "expected one of pps, kpps, Mpps, Gpps, bit/s"),
        wrong("rate: fast", "33", "expected a rate"),
        wrong("rate: maxx", "33", "did you mean `max`?"),
        wrong("rate: 0", "33", "more than 0"),
        wrong("rate: 1000 Gpps", "33", "at most 10 Gpps"),
        wrong("rate: -5", "33", "expected a rate"),
        wrong("rate: 1.2.3 kpps", "33", "expected a rate"),
        wrong("rate: \"\"", "33", "an empty text"),
        wrong("rate: [1]", "33", "found a list"),
        wrong("rate: recorded", "33", "without a `replay`"),
        wrong("seconds: 0", "36", "the least is 0.001"),
        wrong("seconds: 1e9", "36", "with a point before a fraction"),
        wrong("seconds: 99999999", "36", "the most is 2592000"),
        wrong("cores: 1", "34", "expected two cores"),
        wrong("cores: [1]", "34", "a list of 1"),
        wrong("cores: [1, 1]", "38", "expected another one for the sink"),
        wrong("cores: [0, 1024]", "38", "the most is 1023"),
        wrong("source: 198.18.0.1/24", "35", "leave out the length"),
        wrong("source: 198.18.0.300", "35", "expected an IP address"),
        wrong("source: \"fd00::1\"", "35", "`traffic.destination` is 198.19.0.1"),
        wrong("source_mac: 02:00:00:00:00", "39", "a MAC address"),
        wrong("source_port: 0", "40", "the least is 1"),
        wrong("destination_port: 65536", "45", "the most is 65535"),
        wrong("replay: a.pcap, size: 64", "43", "`replay` and `size`"),
        wrong("source: \"fd00::1\", destination: \"fd00::2\", size: 64", "76",
              "too short for IPv6"),
    });
}

TEST_CASE("All mistakes of a scenario come in one run, in the order of their places") {
    expect_all(
        {{"nodes: 7\n"
          "ports:\n"
          "  a: {driver: memory, device: w, mtu: 1}\n"
          "  a: {driver: memory, device: w}\n"
          "traffic:\n"
          "  from: a\n"
          "  too: a\n"
          "  rate: 5 kpp\n"
          "  rate: 5 kpps\n",
          {{"1:8: error: ", "`nodes`"},
           {"3:39: error: ", "the least is 68"},
           {"4:3: error: ", "`a`"},
           {"5:1: error: ", "has no `to`"},
           {"7:3: error: ", "did you mean `to`?"},
           {"8:9: error: ", "did you mean `kpps`?"},
           {"9:3: error: ", "`rate`"}}}});
}

TEST_CASE("Good values of `traffic` mean what they say") {
    const Scenario plain = good("rate: max");
    CHECK(plain.name == "bed");
    CHECK(plain.from == 0);
    CHECK(plain.to == 1);
    CHECK(plain.rate == Rate{Rate::Unit::max, 0});
    CHECK(plain.seconds == 10);
    CHECK(plain.profile.flows == 1);
    CHECK(plain.profile.sizes == std::vector<SizeShare>{{64, 1}});
    CHECK_FALSE(plain.cores.generator.has_value());

    CHECK(good("rate: 5000").rate == Rate{Rate::Unit::frames, 5000});
    CHECK(good("rate: 100 kpps").rate == Rate{Rate::Unit::frames, 100e3});
    CHECK(good("rate: 1.5Mpps").rate == Rate{Rate::Unit::frames, 1.5e6});
    CHECK(good("rate: 500 Mbit/s").rate == Rate{Rate::Unit::bits, 500e6});
    CHECK(good("rate: 1 Gbit/s").rate.in_frames(512) == Approx(1e9 / 512));
    CHECK(good("seconds: 0.25").seconds == 0.25);
    CHECK(good("flows: 1000").profile.flows == 1000);
    CHECK(good("burst: 32").profile.burst == 32);
    CHECK(good("cores: [1, 0]").cores.generator == 1u);
    CHECK(good("cores: [1, 0]").cores.sink == 0u);
    CHECK(good("replay: a.pcap, rate: recorded").replay == "folder/a.pcap");
    CHECK(good("source: \"fd00::1\", destination: \"fd00::2\"").profile.sizes[0].size == 84);

    const Scenario list = good("size: [64, 1518, imix]");
    REQUIRE(list.sizes.size() == 3);
    CHECK(list.sizes[1].name == "1518");
    CHECK(list.sizes[2].shares == imix());
    const Scenario mix = good("size: {64: 28, 570: 16}");
    REQUIRE(mix.sizes.size() == 1);
    CHECK(mix.sizes[0].name == "64 x 28 + 570 x 16");
    CHECK(mix.profile.sizes == std::vector<SizeShare>{{64, 28}, {570, 16}});
}

TEST_CASE("What a scenario names and is not there is reported with its place, all at once") {
    const test::Folder folder;
    const std::string missing = folder / "none.yaml";
    CHECK_THAT(failure_of(missing),
               StartsWith(missing + ": error: cannot be read: No such file or directory"));

    const std::string bed =
        folder.write("bed.yaml", "nodes: [none.yaml, bad.yaml]\n" + traffic_with("flows: 0"));
    folder.write("bad.yaml", "node: bad\nport: {}\n");
    const std::string text = failure_of(bed);
    CHECK_THAT(text, Contains(bed + ":1:9: error: node file"));
    CHECK_THAT(text, Contains("cannot be read"));
    CHECK_THAT(text, Contains(bed + ":5:34: error: "));
    CHECK_THAT(text, Contains((folder / "bad.yaml") + ":2:1: error: unknown key `port`"));
}

TEST_CASE("A memory wire without its other end is reported, with the wires that lack one") {
    const test::Folder folder;
    const std::string bed = folder.write("bed.yaml",
                                         "nodes: [node.yaml]\n"
                                         "ports:\n"
                                         "  a: {driver: memory, device: lan-x}\n"
                                         "  b: {driver: memory, device: lan-b}\n"
                                         "traffic: {from: a, to: b}\n");
    folder.write("node.yaml",
                 "node: n\nports:\n"
                 "  a: {driver: memory, device: lan-a}\n"
                 "  b: {driver: memory, device: lan-b}\n"
                 "lanes: [{name: p, patch: {from: a, to: b}}]\n");
    CHECK_THAT(failure_of(bed), StartsWith(bed + ":3:3: error: memory wire `lan-x`"));
    CHECK_THAT(failure_of(bed), Contains("did you mean `lan-a`?"));
}

TEST_CASE("Sizes that do not fit a port are all reported when it is open") {
    const test::Folder folder;
    const std::string bed = folder.write("bed.yaml", traffic_with("size: [64, 1518, 1519, 9018]"));
    const std::string text = failure_of(bed);
    CHECK_THAT(text, StartsWith(bed + ":4:44: error: size 1519 does not fit port `a`"));
    CHECK_THAT(text, Contains("expected at most 1518"));
    CHECK_THAT(text, Contains(bed + ":4:50: error: size 9018"));
}

TEST_CASE("A capture is loaded in its order and with its gaps, what cannot be stamped is counted") {
    const test::Folder folder;
    const auto replay =
        read_replay(folder.write("a.pcap", capture_of({60, 20, 1514, replay_len_min, 31})));
    REQUIRE(replay->frames.size() == 3);
    CHECK(replay->left_out == 2);
    CHECK(replay->longest == 1514);
    CHECK(replay->frames[0].due_ns == 0);
    CHECK(replay->frames[1].due_ns == 2'000'000);
    CHECK(replay->frames[2].due_ns == 3'000'000);
    CHECK(replay->round_ns == 4'500'001);
    CHECK(replay->data(replay->frames[2]).size() == replay_len_min);
    CHECK(replay->data(replay->frames[0])[0] == std::byte{60});

    const auto reason = [](const std::string& path) -> std::string {
        try {
            read_replay(path);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    };
    const std::string cut = capture_of({60, 60});
    CHECK_THAT(reason(folder.write("cut.pcap", cut.substr(0, cut.size() - 5))),
               Contains("cut.pcap") && Contains("cut or damaged"));
    CHECK_THAT(reason(folder.write("raw.pcap", capture_of({60}, 101))), Contains("not EN10MB"));
    CHECK_THAT(reason(folder.write("short.pcap", capture_of({20}))),
               Contains("1 are shorter than 32 bytes"));
    CHECK_THAT(reason(folder / "none.pcap"), Contains("none.pcap"));
    CHECK_THAT(reason(folder.write("text.pcap", "no capture")), Contains("text.pcap"));
}

TEST_CASE("The frames of a capture that do not fit the port are reported") {
    const test::Folder folder;
    folder.write("a.pcap", capture_of({60, 1600}));
    const std::string bed = folder.write("bed.yaml", traffic_with("replay: a.pcap"));
    CHECK_THAT(failure_of(bed),
               StartsWith(bed + ":4:35: error: a frame of 1600 bytes does not fit port `a`"));
}

}  // namespace lanes::bench
