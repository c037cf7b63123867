// The rates of `lanes top`, against samples whose difference is known.
#include "tools/top_sample.hh"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

using namespace lanes::tools;
using Catch::Contains;

namespace {

std::string lanes_at(std::uint64_t uptime_ns, std::uint64_t packets, std::uint64_t lost) {
    const std::string many = std::to_string(packets);
    return R"({"schema":"lanes/1","node":"n","uptime_ns":)" + std::to_string(uptime_ns) +
           R"(,"lanes_total":2,"lanes":[{"name":"a","state":"up","role":"receive","packets":)" +
           many + R"(,"bytes":)" + std::to_string(packets * 1000) +
           R"(,"dropped_packets":0,"lost_packets":)" + std::to_string(lost) +
           R"(,"delay_variation_ns":2500},{"name":"b","state":"no-hop","role":"send","packets":5}]})";
}

std::string workers_at(std::uint64_t received, std::uint64_t rounds, std::uint64_t clocks) {
    return R"({"schema":"lanes/1","workers":[{"worker":0,"core":3,"rounds":)" +
           std::to_string(rounds) + R"(,"idle_rounds":)" + std::to_string(rounds / 2) +
           R"(,"received_frames":)" + std::to_string(received) +
           R"(,"phases_timed":true,"phase_clocks":{"receive":0,"classify":0,"transform":)" +
           std::to_string(clocks) + R"(,"transmit":0}}]})";
}

Sample sample(std::uint64_t uptime_ns, std::uint64_t packets, std::uint64_t lost) {
    Sample made;
    REQUIRE(read_sample(lanes_at(uptime_ns, packets, lost),
                        workers_at(packets, 2 * packets, 100 * packets), made));
    return made;
}

}  // namespace

TEST_CASE("rates are what was counted between two looks, by the node's own clock") {
    const auto said = nlohmann::json::parse(
        json_of(sample(1'000'000'000, 1000, 0), sample(3'000'000'000, 2900, 100)));
    CHECK(said["interval_ns"] == 2'000'000'000);
    const auto& a = said["lanes"][0];
    CHECK(a["name"] == "a");
    CHECK(a["packets_per_second"] == 950);
    CHECK(a["bits_per_second"] == 950u * 8000);
    CHECK(a["lost_ppm"] == 50'000);
    CHECK(a["delay_variation_ns"] == 2500);
    CHECK(said["lanes"][1]["packets_per_second"] == 0);
    CHECK(!said["lanes"][1].contains("lost_ppm"));
    const auto& worker = said["workers"][0];
    CHECK(worker["core"] == 3);
    CHECK(worker["busy_rounds_ppm"] == 500'000);
    CHECK(worker["packets_per_second"] == 950);
    CHECK(worker["phase_clocks_per_packet"]["transform"] == 100);
    CHECK(worker["clocks_per_packet"] == 100);
}

TEST_CASE("a node that was restarted counts anew, and no rate is absurd") {
    const auto said = nlohmann::json::parse(
        json_of(sample(9'000'000'000, 100'000, 50), sample(1'000'000'000, 700, 0)));
    CHECK(said["interval_ns"] == 1'000'000'000);
    CHECK(said["lanes"][0]["packets_per_second"] == 700);
    CHECK(said["lanes"][0]["lost_ppm"] == 0);
}

TEST_CASE("a screen is never larger than the terminal, and the busiest lane is first") {
    const Sample before = sample(1'000'000'000, 1000, 0);
    const Sample now = sample(2'000'000'000, 2000, 0);
    for (const std::size_t rows : {1u, 3u, 6u, 7u, 8u, 24u}) {
        for (const std::size_t columns : {1u, 20u, 200u}) {
            const auto lines = screen_of(before, now, columns, rows);
            CHECK(lines.size() <= rows);
            for (const std::string& line : lines) CHECK(line.size() <= columns);
        }
    }
    std::string text;
    for (const std::string& line : screen_of(before, now, 200, 24)) text += line + "\n";
    CHECK_THAT(text, Contains("node n: 2 lanes; q quits\n"));
    CHECK_THAT(text,
               Contains("a     receive  up          1,000  8.0 Mbit/s        0  0.00%    2.5 us"));
    CHECK(text.find("\na ") < text.find("\nb "));
    CHECK_THAT(text, Contains("CLOCKS/PACKET"));
}

TEST_CASE("what is no answer is no sample") {
    Sample made;
    for (const char* text :
         {"", "x", "[]", "{}", R"({"lanes":[1],"workers":[1]})", R"({"lanes":{},"workers":{}})"}) {
        CHECK(!read_sample(text, workers_at(1, 1, 1), made));
        CHECK(!read_sample(lanes_at(1, 1, 1), text, made));
    }
}
