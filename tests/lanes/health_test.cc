// LinkMeter and the sentences of health: arithmetic, so with numbers made by hand.
#include <catch2/catch.hpp>

#include <cmath>
#include <random>

#include "lanes/health.hh"

using namespace lanes;

namespace {

/// A way that takes `delay(i)` for the heartbeat of second i.
template <typename Delay>
LinkMeter heard(unsigned heartbeats, Delay delay) {
    LinkMeter meter;
    meter.open(0, LinkMeter::Start::follows);
    for (unsigned i = 0; i < heartbeats; ++i) {
        const std::uint64_t sent = 1'000'000 * ns_per_second + i * ns_per_second;
        // The two clocks have nothing to do with each other.
        meter.heard(0, {sent, i, i, 0}, 77 * ns_per_second + i * ns_per_second + delay(i),
                    5 * ns_per_second + i);
    }
    return meter;
}

}  // namespace

TEST_CASE("the variation of the delay is nothing on an even way, however long it is") {
    CHECK(heard(100, [](unsigned) { return std::uint64_t{0}; }).delay_variation_ns() == 0);
    CHECK(heard(100, [](unsigned) { return 250 * ns_per_ms; }).delay_variation_ns() == 0);
}

TEST_CASE("the variation of the delay is that of RFC 3550: a sixteenth of each difference") {
    const auto jump = [](unsigned at) {
        return [at](unsigned i) { return i >= at ? 16 * ns_per_ms : 0; };
    };
    CHECK(heard(11, jump(10)).delay_variation_ns() == ns_per_ms);
    CHECK(heard(12, jump(10)).delay_variation_ns() == ns_per_ms - ns_per_ms / 16);
    // A way that swings by d forever comes to d, a way with jitter to the mean difference.
    const auto swing = heard(500, [](unsigned i) { return i % 2 * 8 * ns_per_ms; });
    CHECK(std::abs(static_cast<double>(swing.delay_variation_ns()) - 8e6) < 1e3);
    std::mt19937 random(3);
    const auto jitter = heard(5000, [&](unsigned) { return random() % (6 * ns_per_ms); });
    // The mean distance of two equally distributed values is a third of their range.
    CHECK(jitter.delay_variation_ns() > ns_per_ms);
    CHECK(jitter.delay_variation_ns() < 4 * ns_per_ms);
}

TEST_CASE("a heartbeat that comes again, or late over another path, does not count for the delay") {
    LinkMeter meter;
    meter.open(0, LinkMeter::Start::follows);
    meter.heard(0, {10 * ns_per_second, 5, 5, 0}, 1 * ns_per_second, 1);
    meter.heard(0, {11 * ns_per_second, 6, 6, 0}, 2 * ns_per_second, 2);
    meter.heard(0, {11 * ns_per_second, 6, 6, 0}, 3 * ns_per_second, 3);
    meter.heard(0, {10 * ns_per_second, 5, 5, 0}, 4 * ns_per_second, 4);
    CHECK(meter.delay_variation_ns() == 0);
    CHECK(meter.lost() == 0);
    CHECK(meter.heard_boot_ns() == 4);
}

TEST_CASE("loss: what was sent less what was accepted, session by session") {
    LinkMeter meter;
    CHECK(meter.lost() == 0);
    meter.open(0, LinkMeter::Start::follows);
    meter.heard(0, {ns_per_second, 100, 100, 0}, 1, 1);
    CHECK(meter.lost() == 0);
    meter.heard(0, {2 * ns_per_second, 200, 190, 0}, 2, 2);
    CHECK(meter.lost() == 10);
    // What was late has come after all by the next heartbeat.
    meter.heard(0, {3 * ns_per_second, 300, 297, 0}, 3, 3);
    CHECK(meter.lost() == 3);
    meter.open(1, LinkMeter::Start::follows);
    meter.heard(1, {4 * ns_per_second, 50, 45, 1}, 4, 4);
    CHECK(meter.lost() == 8);
    meter.close(0, 299);  // two more came before it ended
    CHECK(meter.lost() == 6);
    meter.close(1, 50);
    CHECK(meter.lost() == 1);
    meter.open(0, LinkMeter::Start::follows);
    CHECK(meter.lost() == 1);
    meter.close(0, 0);
    meter.close(0, 0);
    CHECK(meter.lost() == 1);
}

TEST_CASE("loss: what the last heartbeat of a session overtook is not lost when it comes") {
    LinkMeter meter;
    meter.open(0, LinkMeter::Start::follows);
    meter.heard(0, {ns_per_second, 100, 78, 0}, 1, 1);
    CHECK(meter.lost() == 22);
    // It may be in use still, and then more than these 22 may have come since.
    CHECK_FALSE(meter.awaits(0));
    meter.came(0, 100);
    CHECK(meter.lost() == 22);
    meter.open(1, LinkMeter::Start::follows);
    CHECK_FALSE(meter.awaits(0));
    meter.heard(1, {2 * ns_per_second, 5, 5, 0}, 2, 2);
    CHECK(meter.awaits(0));
    CHECK_FALSE(meter.awaits(1));
    meter.came(0, 98);
    CHECK(meter.lost() == 2);
    meter.came(0, 100);
    CHECK(meter.lost() == 0);
    CHECK_FALSE(meter.awaits(0));
    meter.close(0, 100);
    CHECK(meter.lost() == 0);
}

TEST_CASE("a session that was joined late counts from the first heartbeat on") {
    LinkMeter meter;
    meter.open(2, LinkMeter::Start::late);
    meter.heard(2, {ns_per_second, 1000, 30, 2}, 1, 1);
    CHECK(meter.lost() == 0);
    meter.heard(2, {2 * ns_per_second, 1100, 125, 2}, 2, 2);
    CHECK(meter.lost() == 5);
    meter.close(2, 130);
    CHECK(meter.lost() == 0);
}

TEST_CASE("packets accepted beyond what the last heartbeat counted are no negative loss") {
    LinkMeter meter;
    meter.open(0, LinkMeter::Start::follows);
    meter.heard(0, {ns_per_second, 100, 100, 0}, 1, 1);
    meter.close(0, 150);
    CHECK(meter.lost() == 0);
}

TEST_CASE("spans are said in the unit that a person would choose") {
    CHECK(span_text(0) == "0 s");
    CHECK(span_text(119 * ns_per_second) == "119 s");
    CHECK(span_text(120 * ns_per_second) == "2 min");
    CHECK(span_text(7199 * ns_per_second) == "119 min");
    CHECK(span_text(7200 * ns_per_second) == "2 h");
    CHECK(span_text(2 * 86'400 * ns_per_second - 1) == "47 h");
    CHECK(span_text(2 * 86'400 * ns_per_second) == "2 days");
}

TEST_CASE("states are named as operators read them") {
    CHECK(name_of(LaneState::up) == "up");
    CHECK(name_of(LaneState::silent) == "silent");
    CHECK(name_of(LaneState::no_key) == "no-key");
    CHECK(name_of(LaneState::stale_sender) == "stale-sender");
    CHECK(name_of(LaneState::clock) == "clock");
}
