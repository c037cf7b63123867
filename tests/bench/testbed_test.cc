// PortTestbed beyond counting: what it refuses, its threads, several queues, and captures in place
// of made frames.
#include "bench/traffic/port_testbed.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include "bench/traffic/replay.hh"
#include "tests/bench/wire.hh"

using namespace lanes;
using bench::Profile;
using bench::Replay;
using bench::Trial;
using test::Impairments;
using test::SimulatedBed;

namespace {

/// A capture of `count` frames of random bytes and lengths, some behind an IPv4 header, 1 ms apart
/// on average.
std::shared_ptr<const Replay> make_replay(std::size_t count) {
    std::mt19937_64 random(11);
    const auto replay = std::make_shared<Replay>();
    for (std::size_t i = 0; i < count; ++i) {
        const auto len = static_cast<std::uint32_t>(60 + random() % 1400);
        const std::size_t at = replay->bytes.size();
        for (std::uint32_t byte = 0; byte < len; ++byte) {
            replay->bytes.push_back(static_cast<std::byte>(random() & 0xff));
        }
        const bool ip = i % 2 == 0;
        replay->bytes[at + 12] = std::byte{ip ? std::uint8_t{0x08} : std::uint8_t{0x99}};
        replay->bytes[at + 13] = std::byte{0};
        replay->bytes[at + 14] = std::byte{0x45};
        replay->frames.push_back({at, len, i * 1'000'000 + (i % 3) * 250'000});
        replay->longest = std::max(replay->longest, len);
    }
    replay->round_ns = count * 1'000'000;
    return replay;
}

/// One end of a wire that says it carries IP packets.
class IpEnd final : public engine::Port {
  public:
    explicit IpEnd(engine::Port& inner) : inner_(inner), info_(inner.info()) {
        info_.kind = engine::PortKind::ip;
    }
    const engine::PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return inner_.rx(queue); }
    engine::TxQueue& tx(unsigned queue) noexcept override { return inner_.tx(queue); }

  private:
    engine::Port& inner_;
    engine::PortInfo info_;
};

}  // namespace

TEST_CASE("ports and profiles that do not fit are refused by name") {
    test::VirtualTime time;
    auto from = test::open_wire_end("narrow");
    auto to = test::open_wire_end("narrow");
    const auto complaint = [&](const Profile& profile) -> std::string {
        try {
            bench::PortTestbed testbed(*from, *to, profile, time);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    };
    CHECK(complaint({}) == "");
    Profile profile;
    profile.sizes = {{63, 1}};
    CHECK_THAT(complaint(profile), Catch::Contains("size 63: less than the 64 bytes"));
    profile.sizes = {{1519, 1}};
    CHECK_THAT(complaint(profile), Catch::Contains("size 1519: port narrow takes"));
    profile.sizes = {{64, 0}};
    CHECK_THAT(complaint(profile), Catch::Contains("weight"));
    profile = {};
    profile.flows = 0;
    profile.burst = 0;
    CHECK_THAT(complaint(profile), Catch::Contains("flows: 1 to") && Catch::Contains("burst: 1"));
    profile = {};
    profile.source = *engine::parse_ip("2001:db8::1");
    CHECK_THAT(complaint(profile), Catch::Contains("not of one family"));
    profile.destination = *engine::parse_ip("2001:db8::2");
    CHECK_THAT(complaint(profile), Catch::Contains("less than the 84 bytes"));
}

TEST_CASE("a carrier port is refused by name") {
    test::VirtualTime time;
    engine::PortSpec spec;
    spec.name = "wan";
    spec.driver = "udp";
    spec.addresses = {*engine::parse_prefix("127.0.0.1/8")};
    spec.listen = 0;
    auto carrier = drivers::open_udp(spec, 1);
    REQUIRE(carrier);
    auto to = test::open_wire_end("plain");
    try {
        bench::PortTestbed testbed(**carrier, *to, Profile{}, time);
        FAIL("taken");
    } catch (const std::runtime_error& error) {
        CHECK_THAT(error.what(), Catch::Contains("port wan") && Catch::Contains("carrier"));
    }
}

TEST_CASE("threads count what virtual time counts") {
    Profile profile;
    profile.flows = 3;
    profile.sizes = bench::imix();
    const bench::RealTime time;
    auto from = test::open_wire_end("threads");
    auto to = test::open_wire_end("threads");
    Impairments impairments;
    impairments.drop_every = 10;
    impairments.duplicate_every = 9;
    test::ImpairedPort impaired(*to, time, impairments);
    bench::PortTestbed testbed(*from, impaired, profile, bench::Cores{});
    unsigned glimpses = 0;
    testbed.watch([&](const bench::Glimpse& glimpse) {
        ++glimpses;
        CHECK(glimpse.received <= glimpse.sent);
    });
    test::Truth before;
    const auto check = [&](const Trial& trial) {
        const test::Truth& truth = impaired.truth();
        CHECK(trial.sent == truth.arrived - before.arrived);
        CHECK(trial.lost == truth.dropped - before.dropped);
        CHECK(trial.duplicates == truth.duplicated - before.duplicated);
        CHECK(trial.received == trial.sent - trial.lost);
        CHECK(trial.corrupt == 0);
        CHECK(trial.reordered == 0);
        CHECK(trial.foreign == 0);
        CHECK(trial.latency_ns.count() == trial.received);
        before = truth;
    };
    // How many leave in time is up to the machine.
    const Trial paced = testbed.run(20'000, 0.25);
    CHECK(paced.sent > 0);
    CHECK(paced.sent <= 5'000);
    CHECK(paced.lateness_ns.count() == paced.sent);
    check(paced);
    CHECK(glimpses > 0);
    const Trial full = testbed.burst(10'000);
    CHECK(full.sent + full.refused == 10'000);
    check(full);
}

TEST_CASE("a core that does not exist is named") {
    auto from = test::open_wire_end("cores");
    auto to = test::open_wire_end("cores");
    bench::PortTestbed testbed(*from, *to, Profile{}, bench::Cores{100'000, 0});
    CHECK_THROWS_WITH(testbed.run(1000, 0.01), Catch::Contains("generator: pin to core 100000"));
}

TEST_CASE("ports of kind ip get packets without an Ethernet header") {
    Profile profile;
    profile.flows = 5;
    if (GENERATE(false, true)) {
        profile.source = *engine::parse_ip("2001:db8::1");
        profile.destination = *engine::parse_ip("2001:db8::2");
        profile.sizes = {{84, 2}, {1518, 1}};
    } else {
        profile.sizes = {{64, 2}, {1518, 1}};
    }
    test::VirtualTime time;
    auto from = test::open_wire_end("packets");
    auto to = test::open_wire_end("packets");
    IpEnd from_ip(*from);
    Impairments impairments;
    impairments.flip_every = 10;
    impairments.flip_bit = -1;
    test::ImpairedPort impaired(*to, time, impairments);
    IpEnd to_ip(impaired);
    bench::PortTestbed testbed(from_ip, to_ip, profile, time);
    const Trial trial = testbed.run(10'000, 0.3);
    CHECK(trial.sent == 3000);
    CHECK(trial.received == 2700);
    CHECK(trial.corrupt == 300);
    const std::uint32_t cycle = 2 * profile.sizes[0].size + 1518;
    CHECK(trial.sent_bits == 1000 * cycle * 8);
    CHECK(from->tx(0).counters.bytes.get() == 1000 * (cycle - 3 * 18));
}

TEST_CASE("a trial that is stopped tells what it found so far") {
    auto from = test::open_wire_end("stopped");
    auto to = test::open_wire_end("stopped");
    bench::PortTestbed testbed(*from, *to, Profile{}, bench::Cores{});
    testbed.watch([&](const bench::Glimpse&) { testbed.stop(); });
    const Trial trial = testbed.run(1000, 3600);
    CHECK(trial.sent > 0);
    CHECK(trial.sent < 1'000'000);
    CHECK(trial.refused == 0);
    CHECK(trial.lost == 0);
    testbed.watch({});
    CHECK(testbed.burst(100).sent == 100);
}

TEST_CASE("flows are spread over the queues of a port, and each flow keeps to one") {
    constexpr unsigned queues = 3;
    Profile profile;
    profile.flows = GENERATE(1u, 2u, 3u, 7u, 48u, 100u);
    if (GENERATE(false, true)) profile.sizes = bench::imix();
    test::VirtualTime time;
    auto from = test::open_wire_end("queues", queues);
    auto to = test::open_wire_end("queues", queues);
    bench::PortTestbed testbed(*from, *to, profile, time, bench::Queues{queues, queues});
    const Trial trial = testbed.run(100'000, 0.096);
    CHECK(trial.sent == 9'600);
    CHECK(trial.received == 9'600);
    CHECK(trial.sent_bits == trial.received_bits);
    CHECK(trial.reordered == 0);
    CHECK(trial.duplicates == 0);
    const unsigned used = std::min(queues, profile.flows);
    for (unsigned queue = 0; queue < queues; ++queue) {
        const std::uint64_t sent = from->tx(queue).counters.frames.get();
        INFO("queue " << queue << " of " << profile.flows << " flows");
        if (queue >= used) {
            CHECK(sent == 0);
        } else {
            // Sizes and flows are mixed evenly only in the long run.
            CHECK(sent + 48 >= 9'600 / profile.flows * (profile.flows / used));
        }
    }
}

TEST_CASE("a capture is replayed with the gaps it was recorded with, again and again") {
    Profile profile;
    profile.replay = make_replay(48);
    profile.recorded = true;
    Impairments impairments;
    impairments.delay_ns = 3'000;
    SimulatedBed bed(impairments, profile);
    const Trial trial = bed.testbed->run(profile.replay->recorded_pps(), 4.8);
    CHECK(trial.sent == 4'800);
    CHECK(trial.received == 4'800);
    CHECK(trial.foreign == 0);
    CHECK(trial.reordered == 0);
    CHECK(trial.lateness_ns.max() == 0);
    CHECK(trial.latency_ns.min() == 3'000);
    CHECK(trial.latency_ns.max() == 3'000);
    CHECK(trial.offered_pps() == Approx(1000).epsilon(0.001));
    CHECK(trial.received_bits == trial.sent_bits);
    CHECK(bed.testbed->frame_bits() * 4'800 == Approx(static_cast<double>(trial.sent_bits)));

    SECTION("twice as fast where a trial asks for it") {
        const Trial twice = bed.testbed->run(2 * profile.replay->recorded_pps(), 2.4);
        CHECK(twice.sent == 4'800);
        CHECK(twice.received == 4'800);
        CHECK(twice.offered_pps() == Approx(2000).epsilon(0.001));
    }
    SECTION("at full speed") {
        const Trial burst = bed.testbed->burst(1000);
        CHECK(burst.sent == 1000);
        CHECK(burst.received == 1000);
    }
}

TEST_CASE("faults are counted in replayed frames too") {
    Profile profile;
    profile.replay = make_replay(48);
    // In the payload, in the sequence number of the stamp, in its checksum.
    const std::int32_t bit = GENERATE(34 * 8, -13 * 8, -1);
    Impairments impairments;
    impairments.drop_every = 100;
    impairments.duplicate_every = 30;
    impairments.flip_every = 7;
    impairments.flip_bit = bit;
    SimulatedBed bed(impairments, profile);
    const Trial trial = bed.testbed->run(10'000, 1);
    const test::Truth truth = bed.impaired.truth();
    CHECK(trial.sent == 10'000);
    CHECK(truth.flipped > 1000);
    CHECK(trial.lost == truth.dropped);
    CHECK(trial.duplicates == truth.duplicated);
    CHECK(trial.corrupt == truth.flipped);
    CHECK(trial.reordered == 0);
    CHECK(trial.foreign == 0);
}

TEST_CASE("replayed frames cut to any length are lost or corrupt and never received") {
    Profile profile;
    profile.replay = make_replay(5);
    const auto keeper = test::open_wire_end("keeper");
    for (std::uint32_t len = 0; len < 60; ++len) {
        Impairments impairments;
        impairments.truncate_every = 2;
        impairments.truncate_to = len;
        SimulatedBed bed(impairments, profile);
        const Trial trial = bed.testbed->run(1000, 0.01);
        INFO("cut to " << len);
        REQUIRE(trial.sent == 10);
        REQUIRE(trial.received == 5);
        REQUIRE(trial.corrupt + trial.lost == 5);
    }
}
