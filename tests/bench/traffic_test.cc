// The harness against known truth: a wire that drops, delays, duplicates, reorders and limits
// exactly as told must be reported exactly so (what is damaged: damage_test.cc). All in virtual
// time.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstdint>
#include <random>

#include "tests/bench/known_truth.hh"

using namespace lanes;
using namespace lanes::test;
using bench::Profile;
using bench::Trial;

namespace {

constexpr std::uint64_t spacing_ns = 10'000;

bool near_histogram(std::uint64_t value, std::uint64_t truth) {
    const auto error = std::abs(static_cast<double>(value) - static_cast<double>(truth));
    return error <= static_cast<double>(truth) * 0.001;
}

}  // namespace

TEST_CASE("a perfect wire is reported as perfect") {
    for (const auto& [name, profile] : all_profiles()) {
        DYNAMIC_SECTION(name) {
            SimulatedBed bed({}, profile);
            const Trial trial = bed.testbed->run(rate, seconds);
            check_books(trial);
            CHECK(trial.sent == frames);
            CHECK(trial.received == frames);
            CHECK(trial.duplicates == 0);
            CHECK(trial.reordered == 0);
            CHECK(trial.reorder_extent == 0);
            CHECK(trial.latency_ns.max() == 0);
            CHECK(trial.lateness_ns.count() == frames / profile.burst);
            CHECK(trial.lateness_ns.max() == 0);
            CHECK(trial.sent_bits == trial.received_bits);
            CHECK(trial.seconds == Approx(seconds));
            CHECK(trial.offered_pps() == Approx(rate));
        }
    }
}

TEST_CASE("frames have the sizes of the profile in exact shares") {
    Profile profile;
    profile.sizes = bench::imix();
    SimulatedBed bed({}, profile);
    // 200 cycles of 48 frames.
    const Trial trial = bed.testbed->run(96'000, 0.1);
    CHECK(trial.sent == 9600);
    CHECK(trial.sent_bits == 200 * (28 * 64 + 16 * 570 + 4 * 1518) * 8);
    CHECK(trial.received_bits == trial.sent_bits);
    CHECK(bed.testbed->frame_bits() * 9600 == Approx(static_cast<double>(trial.sent_bits)));
}

TEST_CASE("every hundredth frame dropped is one in a hundred lost") {
    for (const auto& [name, profile] : all_profiles()) {
        DYNAMIC_SECTION(name) {
            Impairments impairments;
            impairments.drop_every = 100;
            SimulatedBed bed(impairments, profile);
            const Trial trial = bed.testbed->run(rate, seconds);
            check_books(trial);
            CHECK(trial.sent == frames);
            CHECK(trial.lost == frames / 100);
            CHECK(trial.corrupt == 0);
            CHECK(trial.duplicates == 0);
            CHECK(trial.reordered == 0);
            CHECK(trial.loss_ratio() == Approx(0.01));
        }
    }
}

TEST_CASE("a delay is the latency of every frame and there is no variation") {
    for (const auto& [name, profile] : all_profiles()) {
        for (const std::uint64_t delay_ns : {1ull, 1'234ull, 777'777ull, 90'000'000ull}) {
            DYNAMIC_SECTION(name << ", " << delay_ns << " ns") {
                Impairments impairments;
                impairments.delay_ns = delay_ns;
                SimulatedBed bed(impairments, profile);
                const Trial trial = bed.testbed->run(rate, seconds);
                check_books(trial);
                CHECK(trial.received == frames);
                CHECK(trial.latency_ns.min() == delay_ns);
                CHECK(trial.latency_ns.max() == delay_ns);
                CHECK(near_histogram(trial.latency_ns.percentile(50), delay_ns));
                CHECK(trial.variation_ns.count() == frames - profile.flows);
                CHECK(trial.variation_ns.max() == 0);
            }
        }
    }
}

TEST_CASE("a delay longer than the wait for stragglers is loss, and foreign to the next trial") {
    Impairments impairments;
    impairments.delay_ns = 150'000'000;
    SimulatedBed bed(impairments);
    const Trial first = bed.testbed->run(1000, 0.01);
    CHECK(first.sent == 10);
    CHECK(first.received == 0);
    CHECK(first.lost == 10);
    const Trial second = bed.testbed->run(1000, 1);
    CHECK(second.foreign == 10);
    CHECK(second.sent == 1000);
    // The last 50 ms and a straggler's wait: what is sent until then comes out.
    CHECK(second.received == 1000);
    CHECK(second.latency_ns.min() == 150'000'000);
}

TEST_CASE("copies are duplicates and are received once") {
    for (const auto& [name, profile] : all_profiles()) {
        DYNAMIC_SECTION(name) {
            Impairments impairments;
            impairments.duplicate_every = 10;
            SimulatedBed bed(impairments, profile);
            const Trial trial = bed.testbed->run(rate, seconds);
            check_books(trial);
            CHECK(trial.received == frames);
            CHECK(trial.duplicates == frames / 10);
            CHECK(trial.reordered == 0);
            CHECK(trial.received_bits == trial.sent_bits);
        }
    }
}

TEST_CASE("a frame that others overtake is reordered, by as many as overtook it") {
    const std::uint32_t hold_for = GENERATE(1u, 2u, 9u, 50u);
    Impairments impairments;
    impairments.hold_every = 100;
    impairments.hold_for = hold_for;
    SimulatedBed bed(impairments);
    const Trial trial = bed.testbed->run(rate, 0.10050);
    check_books(trial);
    CHECK(trial.sent == 10'050);
    CHECK(trial.received == 10'050);
    CHECK(trial.reordered == 100);
    CHECK(trial.reorder_extent == hold_for);
    CHECK(trial.latency_ns.max() == hold_for * spacing_ns);
    // Each held frame differs from the one before it and from the one behind it.
    CHECK(trial.variation_ns.percentile(100) == hold_for * spacing_ns);
}

TEST_CASE("reordering counts within a flow, not between flows") {
    Profile profile;
    profile.flows = 10;
    Impairments impairments;
    impairments.hold_every = 997;
    impairments.hold_for = GENERATE(9u, 10u, 25u);
    SimulatedBed bed(impairments, profile);
    const Trial trial = bed.testbed->run(rate, seconds);
    check_books(trial);
    CHECK(trial.received == frames);
    CHECK(trial.reordered == (impairments.hold_for < 10 ? 0 : frames / 997));
    CHECK(trial.reorder_extent == impairments.hold_for / 10);
}

TEST_CASE("a device of a known rate loses what is above it") {
    Impairments impairments;
    impairments.rate_pps = 123'456;
    impairments.buffer = 100;
    SimulatedBed bed(impairments);
    SECTION("nothing below its rate, without delay") {
        const Trial trial = bed.testbed->run(123'000, 1);
        check_books(trial);
        CHECK(trial.lost == 0);
        CHECK(trial.latency_ns.max() < 20'000);
    }
    SECTION("the difference above it, but for what the buffer holds") {
        const Trial trial = bed.testbed->run(150'000, 1);
        check_books(trial);
        CHECK(trial.lost == bed.impaired.truth().limited);
        CHECK(static_cast<double>(trial.received) == Approx(123'456 + 100).margin(2));
        CHECK(trial.latency_ns.max() == Approx(100 * 1e9 / 123'456).epsilon(0.02));
    }
    SECTION("a burst at full speed, but for what the buffer holds") {
        const Trial trial = bed.testbed->burst(64);
        check_books(trial);
        CHECK(trial.sent == 64);
        CHECK(trial.lost == 0);
        const Trial longer = bed.testbed->burst(6400);
        check_books(longer);
        CHECK(longer.sent == 6400);
        CHECK(longer.lost == bed.impaired.truth().limited);
        CHECK(longer.lost > 6000);
    }
}

TEST_CASE("frames of a burst leave together and bursts keep the rate") {
    Profile profile;
    profile.burst = GENERATE(2u, 64u, 100u);
    Impairments impairments;
    impairments.rate_pps = 1'000'000;
    impairments.buffer = 1000;
    SimulatedBed bed(impairments, profile);
    const Trial trial = bed.testbed->run(100'000, 0.1);
    check_books(trial);
    // Whole bursts only: 156 of 64.
    const std::uint64_t bursts = 10'000 / profile.burst;
    CHECK(trial.sent == bursts * profile.burst);
    CHECK(trial.lateness_ns.count() == bursts);
    CHECK(trial.lateness_ns.max() == 0);
    // Frame n of a burst waits for the n before it.
    CHECK(trial.latency_ns.max() == (profile.burst - 1) * 1000);
    CHECK(trial.offered_pps() == Approx(100'000));
}

TEST_CASE("a wire that is full makes frames late, and without room in the end refused") {
    // Nobody empties the wire: the sink listens elsewhere.
    test::VirtualTime time;
    auto from = test::open_wire_end("full", 1, 256);
    auto far = test::open_wire_end("full", 1, 256);
    auto to = test::open_wire_end("other");
    bench::PortTestbed testbed(*from, *to, Profile{}, time);
    SECTION("at a rate") {
        const Trial trial = testbed.run(1000, 1);
        CHECK(trial.sent == 256);
        CHECK(trial.refused == 744);
        CHECK(trial.lost == 256);
    }
    SECTION("at full speed, for a time") {
        const Trial trial = testbed.run(0, 0.01);
        CHECK(trial.sent == 256);
        CHECK(trial.lost == 256);
    }
    SECTION("a number of frames") {
        const Trial trial = testbed.burst(1000);
        CHECK(trial.sent == 256);
        CHECK(trial.refused == 744);
    }
}

TEST_CASE("the generator's own ceiling is measured") {
    // 64 frames per tick of 64 us: a million frames per second.
    SimulatedBed bed({}, Profile{}, 64'000);
    const bench::Calibration calibration = bed.testbed->calibrate();
    CHECK(calibration.ceiling_pps == Approx(1e6).epsilon(0.001));
    CHECK(calibration.lateness_max_ns == 0);
}

TEST_CASE("other traffic on the wire is foreign, whatever it is made of") {
    SimulatedBed bed({});
    engine::WorkerCounters worker;
    std::mt19937_64 random(1);
    std::uint64_t others = 0;
    for (std::uint32_t len = 0; len < 200; ++len) {
        engine::Frame room;
        REQUIRE(bed.from->tx(0).claim({&room, 1}, 2000) == 1);
        room.len = len;
        for (std::byte& byte : room.bytes()) byte = static_cast<std::byte>(random() & 0xff);
        bed.from->tx(0).send({&room, 1}, worker);
        ++others;
    }
    bed.from->tx(0).flush(worker);
    const Trial trial = bed.testbed->run(1000, 0.1);
    CHECK(trial.sent == 100);
    CHECK(trial.received == 100);
    CHECK(trial.corrupt == 0);
    CHECK(trial.foreign == others);
}
