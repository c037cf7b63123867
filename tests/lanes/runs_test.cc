// The grouping of a burst into runs, against the naive way.
#include "lanes/runs.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace lanes;

namespace {

using Runs = std::vector<std::pair<Lane*, std::vector<unsigned>>>;

Runs naive(const std::vector<Lane*>& of) {
    Runs runs;
    for (unsigned i = 0; i < of.size(); ++i) {
        if (of[i] == nullptr) continue;
        const auto at =
            std::find_if(runs.begin(), runs.end(), [&](auto& run) { return run.first == of[i]; });
        if (at == runs.end()) {
            runs.push_back({of[i], {i}});
        } else {
            at->second.push_back(i);
        }
    }
    return runs;
}

Runs grouped(const std::vector<Lane*>& of) {
    Runs runs;
    for_each_run({of.data(), of.size()}, [&](Lane& lane, std::span<const std::uint8_t> members) {
        runs.push_back({&lane, {members.begin(), members.end()}});
    });
    return runs;
}

}  // namespace

TEST_CASE("runs keep the order within a lane and of the lanes") {
    std::mt19937 random(1);
    std::vector<Lane> lanes(4096);
    for (unsigned round = 0; round < 20'000; ++round) {
        const std::size_t n = random() % (engine::burst_max + 1);
        const std::size_t kinds = 1 + random() % (round % 3 == 0 ? 4096 : 5);
        const std::size_t stride = round % 5 == 0 ? 64 : 1;  // addresses that collide
        std::vector<Lane*> of(n);
        for (auto& lane : of) {
            lane = random() % 6 == 0 ? nullptr : &lanes[random() % kinds * stride % lanes.size()];
        }
        REQUIRE(grouped(of) == naive(of));
    }
}

TEST_CASE("bursts of one lane, of none, and of 64 different ones are grouped") {
    std::vector<Lane> lanes(64);
    CHECK(grouped({}).empty());
    CHECK(grouped(std::vector<Lane*>(64, nullptr)).empty());
    const Runs one = grouped(std::vector<Lane*>(64, &lanes[0]));
    REQUIRE(one.size() == 1);
    CHECK(one[0].second.size() == 64);
    std::vector<Lane*> all;
    for (Lane& lane : lanes) all.push_back(&lane);
    CHECK(grouped(all) == naive(all));
}
