// The harness against a wire that damages frames exactly as told: every changed bit and every cut
// is found, counted once, and told apart from all other faults. All in virtual time.
#include <catch2/catch.hpp>

#include <cstdint>

#include "tests/bench/known_truth.hh"

using namespace lanes;
using namespace lanes::test;
using bench::Profile;
using bench::Trial;

TEST_CASE("one bit that changed anywhere behind the Ethernet header is corruption") {
    // The first 8 bytes of IPv6 have no checksum of their own, and hop limit, traffic class and
    // flow label may change.
    struct Case {
        const char* name;
        bool v6;
        std::uint32_t size;
        std::int32_t bit_min;
        std::int32_t step;
    };
    const Case which =
        GENERATE(Case{"IPv4 64", false, 64, 112, 1}, Case{"IPv4 301", false, 301, 112, 13},
                 Case{"IPv6 84", true, 84, 112 + 64, 1}, Case{"IPv6 301", true, 301, 112 + 64, 13});
    Profile profile;
    profile.sizes = {{which.size, 1}};
    if (which.v6) {
        profile.source = *engine::parse_ip("2001:db8::1");
        profile.destination = *engine::parse_ip("2001:db8::2");
    }
    const auto bits = static_cast<std::int32_t>((which.size - 4) * 8);
    const auto keeper = test::open_wire_end("keeper");  // frame memory is not made anew each time
    for (std::int32_t bit = which.bit_min; bit < bits; bit += which.step) {
        Impairments impairments;
        impairments.flip_every = 4;
        impairments.flip_bit = bit;
        SimulatedBed bed(impairments, profile);
        const Trial trial = bed.testbed->run(rate, 16.0 / rate);
        INFO(which.name << ", bit " << bit);
        REQUIRE(trial.sent == 16);
        REQUIRE(trial.corrupt == 4);
        REQUIRE(trial.received == 12);
        REQUIRE(trial.lost == 0);
        REQUIRE(trial.foreign == 0);
    }
}

TEST_CASE("a frame cut to any length is corrupt or, without its UDP header, lost and foreign") {
    const bool v6 = GENERATE(false, true);
    Profile profile;
    profile.sizes = {{124, 1}};
    if (v6) {
        profile.source = *engine::parse_ip("2001:db8::1");
        profile.destination = *engine::parse_ip("2001:db8::2");
    }
    const std::uint32_t headers = v6 ? 62 : 42;
    const auto keeper = test::open_wire_end("keeper");
    for (std::uint32_t len = 0; len < 120; ++len) {
        Impairments impairments;
        impairments.truncate_every = 2;
        impairments.truncate_to = len;
        SimulatedBed bed(impairments, profile);
        const Trial trial = bed.testbed->run(rate, 10.0 / rate);
        INFO("cut to " << len);
        REQUIRE(trial.sent == 10);
        REQUIRE(trial.received == 5);
        REQUIRE(trial.corrupt == (len < headers ? 0u : 5u));
        REQUIRE(trial.lost == (len < headers ? 5u : 0u));
        REQUIRE(trial.foreign == (len < headers ? 5u : 0u));
    }
}

TEST_CASE("all faults at once are told apart") {
    for (const auto& [name, profile] : all_profiles()) {
        DYNAMIC_SECTION(name) {
            Impairments impairments;
            impairments.drop_every = 100;
            impairments.duplicate_every = 30;
            impairments.flip_every = 70;
            impairments.flip_bit = -40;  // in the stamp
            impairments.truncate_every = 110;
            impairments.truncate_to = profile.source.v6 ? 70 : 50;  // shorter than every frame
            impairments.hold_every = 130;
            impairments.hold_for = 3;
            impairments.delay_ns = 5'000;
            SimulatedBed bed(impairments, profile);
            const Trial trial = bed.testbed->run(rate, seconds);

            // What impaired_port.hh says it does.
            std::uint64_t dropped = 0;
            std::uint64_t duplicated = 0;
            std::uint64_t corrupt = 0;
            std::uint64_t held = 0;
            for (std::uint64_t i = 1; i <= frames; ++i) {
                if (i % 100 == 0) {
                    ++dropped;
                } else if (i % 30 == 0) {
                    ++duplicated;
                } else if (i % 70 == 0 || i % 110 == 0) {
                    ++corrupt;
                } else if (i % 130 == 0) {
                    ++held;
                }
            }
            check_books(trial);
            CHECK(trial.sent == frames);
            CHECK(trial.lost == dropped);
            CHECK(trial.duplicates == duplicated);
            CHECK(trial.corrupt == corrupt);
            // With several flows, three frames are of three others.
            CHECK(trial.reordered == (profile.flows == 1 ? held : 0));
            CHECK(trial.reorder_extent == (profile.flows == 1 ? 3 : 0));
            CHECK(trial.latency_ns.min() == 5'000);
        }
    }
}

TEST_CASE("copies of damaged frames do not count twice") {
    // Behind a wire that damages some, one that copies all.
    const std::int32_t bit = GENERATE(50 * 8, -1);  // in the payload, in the stamp
    Profile profile;
    profile.sizes = {{128, 1}};
    Impairments impairments;
    impairments.flip_every = 10;
    impairments.flip_bit = bit;
    SimulatedBed bed(impairments, profile);
    Impairments copies;
    copies.duplicate_every = 1;
    test::ImpairedPort copier(bed.impaired, bed.time, copies);
    bed.time.watch(copier);
    bench::PortTestbed testbed(*bed.from, copier, profile, bed.time);
    const Trial trial = testbed.run(rate, 1000 / rate);
    check_books(trial);
    CHECK(trial.sent == 1000);
    CHECK(trial.received == 900);
    CHECK(trial.corrupt == 100);
    CHECK(trial.lost == 0);
    CHECK(trial.duplicates == 1000);
}
