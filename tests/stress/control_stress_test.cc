// Control::apply while worker threads run: a lane that does not change loses nothing, whatever is
// added, changed, reopened and removed around it.
//
//   source == lan [ node ] wan == sink        the steady lane, both of its ports untouched
//             x1..x3, side ports              lanes come, change and go
#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using namespace std::chrono_literals;

namespace {

constexpr unsigned workers = 2;

struct Bed {
    explicit Bed(engine::PollMode mode) : poll(mode) {
        auto made = Control::create(spec(0), opener(knobs), Control::Threads::run);
        if (!made) FAIL(made.error().message);
        control = std::move(*made);
    }

    /// The steady lane with match and next hop, and others that depend on `round`.
    NodeSpec spec(unsigned round) const {
        NodeSpec spec;
        spec.node = "stress";
        spec.cores.assign(workers, 0);
        spec.poll = poll;
        spec.ports = {port_spec("lan", lan), port_spec("wan", wan, {"192.0.2.2/24"})};
        LaneSpec steady =
            lane_spec("steady", 1, Role::send, 0, {over_resolved(1, "192.0.2.1:4790")});
        steady.match = std::make_unique<MatchSpec>();
        steady.match->ether_type = 0x0801;
        spec.lanes.push_back(std::move(steady));
        for (unsigned i = 0; i < 3; ++i) {
            if ((round + i) % 4 == 0) continue;  // gone in this round
            const auto port = static_cast<PortIndex>(spec.ports.size());
            auto side = port_spec("x" + std::to_string(i), others[i], {"198.51.100.2/24"});
            // Reopened every other round.
            side.source_port = static_cast<std::uint16_t>(50'000 + (round >> 1) % 2 * 100);
            spec.ports.push_back(side);
            spec.lanes.push_back(lane_spec("in" + std::to_string(i), 100 + i * 10 + round % 3,
                                           Role::receive, 0, {over(port), over(1)}));
            LaneSpec more = lane_spec("out" + std::to_string(i), 200 + i, Role::send, 0,
                                      {over_resolved(port, "198.51.100.9:4790")});
            more.match = std::make_unique<MatchSpec>();
            more.match->vlan = i + 1;
            more.mtu = static_cast<std::uint16_t>(300 + round % 5);
            spec.lanes.push_back(std::move(more));
        }
        // Many lanes that make the table grow.
        for (unsigned i = 0; i < round % 7 * 100; ++i) {
            spec.lanes.push_back(
                lane_spec("many" + std::to_string(i), 1000 + i, Role::receive, 0, {over(1)}));
        }
        return spec;
    }

    engine::PollMode poll;
    std::string lan = fresh_wire(), wan = fresh_wire();
    std::string others[3] = {fresh_wire(), fresh_wire(), fresh_wire()};
    Knobs knobs;
    std::unique_ptr<Control> control;
};

}  // namespace

TEST_CASE("a lane that does not change loses nothing while others come, change and go") {
    const auto poll =
        GENERATE(engine::PollMode::adaptive, engine::PollMode::sleep, engine::PollMode::busy);
    Bed bed(poll);
    Far source(bed.lan, 1500, workers), sink(bed.wan, 1500, workers);
    bed.knobs.neighbours[*engine::parse_ip("192.0.2.1")] = sink.mac();
    bed.knobs.neighbours[*engine::parse_ip("198.51.100.9")] = sink.mac();
    REQUIRE(bed.control->apply(bed.spec(0)));
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> sent{0}, arrived{0};
    std::atomic<bool> disorder{false};
    std::thread traffic([&] {
        std::uint32_t next[workers] = {};
        std::uint32_t expected[workers] = {};
        Bytes frame = ethernet_frame(100, 0);
        for (unsigned round = 0; !stop || arrived < sent; ++round) {
            const unsigned queue = round % workers;
            // Never more under way than the wires hold.
            if (!stop && sent - arrived < 1000) {
                for (unsigned i = 0; i < 8; ++i) {
                    std::memcpy(frame.data() + 20, &next[queue], 4);
                    frame[24] = static_cast<std::byte>(queue);
                    if (!source.send(frame, queue)) break;
                    ++next[queue];
                    sent.fetch_add(1);
                }
                // Frames of a lane that comes and goes.
                Bytes other = frame;
                std::memcpy(other.data() + 12, text_bytes("8100 0001").data(), 4);
                source.send(other, queue);
            }
            for (const Bytes& packet : sink.collect()) {
                std::uint32_t number;
                const std::size_t at = 14 + 20 + 8 + 16 + 4;
                std::memcpy(&number, packet.data() + at + 20, 4);
                const auto which = static_cast<unsigned>(packet[at + 24]);
                if (which >= workers || number != expected[which]++) disorder = true;
                arrived.fetch_add(1);
            }
            if (round % 16 == 0) std::this_thread::yield();
            if (poll == engine::PollMode::sleep && round % 64 == 0) {
                std::this_thread::sleep_for(200us);
            }
        }
    });
    unsigned round = 1;
    const auto end = std::chrono::steady_clock::now() + 2s;
    for (; std::chrono::steady_clock::now() < end; ++round) {
        const auto applied = bed.control->apply(bed.spec(round));
        if (!applied) FAIL_CHECK(applied.error().message);
        if (round % 10 == 0) {  // one that fails in between
            bed.knobs.failing = {"x1"};
            static_cast<void>(bed.control->apply(bed.spec(round + 2)));
            bed.knobs.failing.clear();
        }
        bed.control->tick();
    }
    stop = true;
    for (unsigned i = 0; i < 3000 && arrived < sent; ++i) std::this_thread::sleep_for(1ms);
    CHECK(arrived == sent);
    const bool lost = arrived != sent;
    if (lost) sent = arrived.load();  // lets the traffic end
    traffic.join();
    CHECK_FALSE(disorder);
    CHECK(sent > 1000);
    CHECK(round > 10);
    const Lane* steady = bed.control->fleet().lane("steady");
    REQUIRE(steady != nullptr);
    const auto totals = bed.control->totals(*steady);
    CHECK(totals.packets == sent);
    CHECK(totals.dropped == 0);
    bed.control->stop();
    CHECK(bed.control->totals().balanced());
}
