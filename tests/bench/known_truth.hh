// What the tests of the harness against known truth share (traffic_test.cc, damage_test.cc): how
// much is sent, with which profiles, and sums that hold for every trial.
#pragma once

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/wire.hh"

namespace lanes::test {

inline constexpr double rate = 100'000;  ///< frames per second
inline constexpr double seconds = 0.1;
inline constexpr std::uint64_t frames = 10'000;

inline void check_books(const bench::Trial& trial) {
    CHECK(trial.sent == trial.received + trial.corrupt + trial.lost);
    CHECK(trial.latency_ns.count() == trial.received);
    CHECK(trial.foreign == 0);
    CHECK(trial.refused == 0);
    CHECK(trial.sink_lost == 0);
}

/// Profiles that differ in all that the counting could depend on.
inline std::vector<std::pair<std::string, bench::Profile>> all_profiles() {
    std::vector<std::pair<std::string, bench::Profile>> all;
    bench::Profile profile;
    all.emplace_back("64 bytes", profile);
    profile.sizes = {{1518, 1}};
    profile.flows = 7;
    all.emplace_back("1518 bytes, 7 flows", profile);
    profile.sizes = bench::imix();
    profile.flows = 1000;
    profile.burst = 4;
    all.emplace_back("IMIX, 1000 flows, bursts of 4", profile);
    profile.source = *engine::parse_ip("2001:db8::ffff:ffff:ffff:fff0");
    profile.destination = *engine::parse_ip("2001:db8:1::1");
    profile.sizes = {{84, 1}, {85, 1}, {1518, 2}};
    all.emplace_back("IPv6, 84, 85 and 1518 bytes, 1000 flows", profile);
    return all;
}

}  // namespace lanes::test
