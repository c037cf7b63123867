// LaneTable against std::map; a million ids; readers while Control changes things. What happens
// under many threads is in tests/stress.
#include "lanes/lane_table.hh"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <thread>

using namespace lanes;

namespace {

std::unique_ptr<LaneTable> make(std::uint32_t max, unsigned workers, engine::Quiescent& quiescent) {
    auto table = LaneTable::create(max, workers, quiescent);
    REQUIRE(table);
    return std::move(*table);
}

Lane* add(LaneTable& table, std::uint32_t id) {
    auto lane = table.add(id);
    REQUIRE(lane);
    return *lane;
}

}  // namespace

TEST_CASE("a lane is found from publish to retire, with zeroed shares of its own") {
    engine::Quiescent quiescent;
    const auto table = make(16, 3, quiescent);
    Lane* lane = add(*table, 7);
    CHECK(LaneTable::Reader(*table).find(7) == nullptr);
    table->publish(*lane);
    CHECK(LaneTable::Reader(*table).find(7) == lane);
    CHECK(lane->id == 7);
    lane->shares[2].packets.add(5);
    Lane* other = add(*table, 0xffffffff);
    table->publish(*other);
    CHECK(LaneTable::Reader(*table).find(0xffffffff) == other);
    CHECK(other->shares[0].packets.get() == 0);
    CHECK(table->lane_at(other->index) == other);
    table->retire(*lane);
    CHECK(LaneTable::Reader(*table).find(7) == nullptr);
    CHECK(LaneTable::Reader(*table).find(0xffffffff) == other);
    table->free(*lane);
    Lane* again = add(*table, 9);
    CHECK(again == lane);  // the place is used again, clean
    CHECK(again->shares[2].packets.get() == 0);
    CHECK(again->plan.load() == nullptr);
    table->publish(*again);
    CHECK(LaneTable::Reader(*table).find(7) == nullptr);
    CHECK(LaneTable::Reader(*table).find(9) == again);
}

TEST_CASE("the id that a tombstone looks like is one like any other") {
    engine::Quiescent quiescent;
    const auto table = make(64, 1, quiescent);
    CHECK(LaneTable::Reader(*table).find(0xffffffff) == nullptr);
    Lane* first = add(*table, 5);
    table->publish(*first);
    table->retire(*first);
    CHECK(LaneTable::Reader(*table).find(0xffffffff) == nullptr);
    CHECK(LaneTable::Reader(*table).find(5) == nullptr);
}

TEST_CASE("a full table says so and goes on") {
    engine::Quiescent quiescent;
    const auto table = make(2, 1, quiescent);
    Lane* a = add(*table, 1);
    table->publish(*a);
    Lane* b = add(*table, 2);
    const auto refused = table->add(3);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("2 lanes") != std::string::npos);
    table->unreserve();
    table->free(*b);
    CHECK(add(*table, 3) == b);
}

TEST_CASE("the table agrees with a map over insertions, removals, growth and tombstones") {
    const auto seed = GENERATE(1u, 2u, 3u);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    engine::Quiescent quiescent;
    const auto table = make(1 << 16, 1, quiescent);
    std::map<std::uint32_t, Lane*> twin;
    // Small steps collide in the table, large ones spread.
    const std::uint32_t step = seed == 1 ? 1 : seed == 2 ? 0x10000 : 0x9e3779b1;
    const std::size_t most = seed == 3 ? 20'000 : 700;
    for (unsigned round = 0; round < 100'000; ++round) {
        const auto id = static_cast<std::uint32_t>(1 + random() % (2 * most)) * step;
        if (id == 0) continue;
        const auto at = twin.find(id);
        REQUIRE(LaneTable::Reader(*table).find(id) == (at == twin.end() ? nullptr : at->second));
        if (at == twin.end() && twin.size() < most) {
            Lane* lane = add(*table, id);
            if (random() % 20 == 0) {  // a change that was given up
                table->unreserve();
                table->free(*lane);
                continue;
            }
            table->publish(*lane);
            twin[id] = lane;
        } else if (at != twin.end() && random() % 2 == 0) {
            table->retire(*at->second);
            table->free(*at->second);
            twin.erase(at);
        }
    }
    for (const auto& [id, lane] : twin) REQUIRE(LaneTable::Reader(*table).find(id) == lane);
}

TEST_CASE("several lanes may be added before the first is published") {
    engine::Quiescent quiescent;
    const auto table = make(1 << 16, 1, quiescent);
    std::vector<Lane*> lanes;
    for (std::uint32_t id = 1; id <= 30'000; ++id) lanes.push_back(add(*table, id));
    for (Lane* lane : lanes) table->publish(*lane);
    const LaneTable::Reader reader(*table);
    for (Lane* lane : lanes) REQUIRE(reader.find(lane->id) == lane);
    REQUIRE(reader.find(30'001) == nullptr);
}

TEST_CASE("a million lanes are all found, and nothing else is") {
    constexpr std::uint32_t million = 1'000'000;
    engine::Quiescent quiescent;
    const auto table = make(million, 1, quiescent);
    for (std::uint32_t i = 0; i < million; ++i) {
        auto lane = table->add(i * 4001 + 1);
        if (!lane) FAIL(lane.error().message);
        table->publish(**lane);
    }
    const LaneTable::Reader reader(*table);
    std::size_t wrong = 0;
    for (std::uint32_t i = 0; i < million; ++i) {
        const Lane* lane = reader.find(i * 4001 + 1);
        wrong += lane == nullptr || lane->id != i * 4001 + 1;
        wrong += reader.find(i * 4001 + 2) != nullptr;
    }
    CHECK(wrong == 0);
}

TEST_CASE("a reader finds a lane that stays, whatever happens around it") {
    engine::Quiescent quiescent;
    const auto table = make(1 << 17, 1, quiescent);
    Lane* stays = add(*table, 77);
    table->publish(*stays);
    std::atomic<bool> stop{false};
    std::atomic<unsigned> missed{0};
    std::thread reader([&] {
        quiescent.online(0);
        while (!stop) {
            const LaneTable::Reader look(*table);
            if (look.find(77) != stays) missed.fetch_add(1);
            const Lane* other = look.find(1000);
            if (other != nullptr && other->id != 1000) missed.fetch_add(1);
            quiescent.announce(0);
        }
        quiescent.offline(0);
    });
    std::vector<Lane*> lanes;
    for (std::uint32_t id = 1000; id < 12'000; ++id) {
        lanes.push_back(add(*table, id));
        table->publish(*lanes.back());
        if (id % 50 != 0) continue;
        table->retire(*lanes.back());
        quiescent.wait();
        table->free(*lanes.back());
    }
    stop = true;
    reader.join();
    CHECK(missed == 0);
}
