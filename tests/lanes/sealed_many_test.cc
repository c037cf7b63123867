// Many sealed lanes of one node: they come up together, rekey together, and each carries its own.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

constexpr unsigned lanes_count = 1000;

std::vector<LaneSpec> many(const SealedBed& bed, Role role) {
    std::vector<LaneSpec> lanes;
    for (unsigned i = 0; i < lanes_count; ++i) {
        LaneSpec lane = role == Role::send ? bed.sending() : bed.receiving();
        lane.name = "lane" + std::to_string(i);
        lane.id = 1000 + i;
        if (role == Role::send) {
            lane.match = std::make_unique<MatchSpec>();
            lane.match->vlan = i;
        }
        lanes.push_back(std::move(lane));
    }
    return lanes;
}

/// A tagged frame for each lane.
std::vector<Bytes> one_for_each(std::uint32_t number) {
    std::vector<Bytes> frames;
    for (unsigned i = 0; i < lanes_count; ++i) {
        Bytes frame = ethernet_frame(100, number + i);
        engine::store_be(frame.data() + 12, std::uint16_t{0x8100});
        engine::store_be(frame.data() + 14, static_cast<std::uint16_t>(i));
        frames.push_back(std::move(frame));
    }
    return frames;
}

unsigned count_up(const SealedBed& bed) {
    unsigned up = 0;
    for (unsigned i = 0; i < lanes_count; ++i) {
        up += bed.status_b("lane" + std::to_string(i)).health.state == LaneState::up ? 1u : 0u;
    }
    return up;
}

}  // namespace

TEST_CASE("a thousand sealed lanes are up in two seconds and stay so through their rekeys") {
    SealedBed::Options with;
    with.rekey_seconds = 10;
    SealedBed bed(with);
    const Overheard log;  // of which each says that it is up
    engine::LogSettings settings;
    settings.to = {engine::LogPlace::standard_error};
    REQUIRE(engine::open_log("b", settings));
    bed.start_b(many(bed, Role::receive));
    bed.start_a(many(bed, Role::send));
    bed.pass(2 * ns_per_second);
    REQUIRE(count_up(bed) == lanes_count);
    for (unsigned second = 0; second < 15; ++second) {
        bed.check_through(one_for_each(second));
        bed.pass(ns_per_second);
    }
    CHECK(count_up(bed) == lanes_count);
    CHECK(bed.a->control->totals().dropped() == 0);
    CHECK(bed.b->control->totals().dropped() == 0);
    // The receiver may know the next session, which the sender does not use yet.
    CHECK(bed.status_b("lane999").epoch - bed.status_a("lane999").epoch <= 1);
    CHECK(bed.b->lane("lane500").packets == 15);
    // In order down and up again: all go on where they were.
    bed.stop_b(true);
    bed.start_b(many(bed, Role::receive));
    bed.pass(1100 * ns_per_ms);
    CHECK(count_up(bed) == lanes_count);
    bed.check_through(one_for_each(99));
    // The log is not flooded by a thousand lanes that do the same.
    engine::close_log();
    engine::log_only(engine::Severity::debug);
    const std::string text = log.text();
    CHECK(std::count(text.begin(), text.end(), '\n') < 200);
    CHECK_THAT(text, Catch::Contains("more messages of the kind lane_state were left out"));
}
