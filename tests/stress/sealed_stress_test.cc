// Sealed lanes with real threads: two sending workers and two receiving ones, a way that gives
// every packet to both of the latter, a rekey every half a second, reloads, lanes that come and go,
// and somebody who forges. Everything is delivered once, nothing is lost. Meant for ThreadSanitizer
// (workers, Controls, the windows and the notes between them).
//
//   source == lan [ a ] wan ============== wan [ b ] lan == sink
//                     wan2 == (middle) == wan2            middle: crosses queues, forges
#include <catch2/catch.hpp>

#include <chrono>
#include <random>
#include <thread>

#include "lanes/announcement.hh"
#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using namespace std::chrono_literals;
using engine::Drop;

namespace {

constexpr unsigned workers = 2;
constexpr unsigned side_lanes = 3;
constexpr engine::MacAddress node_mac{{2, 0x4c, 0x4e, 0, 0, 2}};

struct Bed {
    Bed() {
        REQUIRE(crypto::initialise());
        keys_a = pair_of(1);
        keys_b = pair_of(2);
        // The middle's ends are opened first, which decides the addresses.
        near = std::make_unique<Far>(wires[2], 1500, workers);
        far = std::make_unique<Far>(wires[3], 1500, workers);
        source = std::make_unique<Far>(wires[0], 1500, workers);
        sink = std::make_unique<Far>(wires[4], 1500, workers);
        a = std::make_unique<Node>(workers, Control::Threads::run, memory_a.open());
        b = std::make_unique<Node>(workers, Control::Threads::run, memory_b.open());
        b->apply(spec_b(0));
        a->apply(spec_a(0));
    }

    LaneSpec keyed(LaneSpec lane) const {
        const bool send = lane.role == Role::send;
        lane.cipher = lane.id % 2 == 0 ? Cipher::chacha20_poly1305 : Cipher::aes_256_gcm;
        lane.keys = std::make_unique<KeySpec>();
        lane.keys->rekey_seconds = 1;
        lane.keys->own = send ? keys_a : keys_b;
        lane.keys->peers = {send ? keys_b->open : keys_a->open};
        return lane;
    }

    /// The steady lane, which is bundled every other round, and side lanes that depend on `round`.
    NodeSpec spec_a(unsigned round) const {
        NodeSpec spec = a->spec();
        spec.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1], {"192.0.2.1/24"}),
                      port_spec("wan2", wires[2], {"198.51.100.1/24"})};
        // b opens the direct wire first, so its address there is the first end's.
        const engine::MacAddress first{{2, 0x4c, 0x4e, 0, 0, 1}};
        LaneSpec steady = lane_spec(
            "steady", 101, Role::send, 0,
            {over_udp(1, "192.0.2.2:4790", first), over_udp(2, "198.51.100.2:4790", node_mac)});
        steady.bundle = round % 4 >= 2;
        for (unsigned i = 0; i < side_lanes; ++i) {
            if ((round + i) % 3 == 0) continue;
            LaneSpec side = lane_spec("side" + std::to_string(i), 200 + i, Role::send, 0,
                                      {over_udp(1, "192.0.2.2:4790", first)});
            side.match = std::make_unique<MatchSpec>();
            side.match->vlan = i + 1;
            spec.lanes.push_back(keyed(std::move(side)));
        }
        spec.lanes.push_back(keyed(std::move(steady)));
        return spec;
    }

    NodeSpec spec_b(unsigned round) const {
        NodeSpec spec = b->spec();
        spec.ports = {port_spec("lan", wires[4]), port_spec("wan", wires[1], {"192.0.2.2/24"}),
                      port_spec("wan2", wires[3], {"198.51.100.2/24"})};
        spec.lanes.push_back(keyed(lane_spec("steady", 101, Role::receive, 0, {over(1), over(2)})));
        for (unsigned i = 0; i < side_lanes; ++i) {
            if ((round + i) % 4 == 0) continue;
            LaneSpec side =
                lane_spec("side" + std::to_string(i), 200 + i, Role::receive, 0, {over(1)});
            side.window = 1024u << round % 3;
            spec.lanes.push_back(keyed(std::move(side)));
        }
        return spec;
    }

    /// Lets real time pass for both nodes.
    void tick(std::uint64_t ns) {
        for (Node* node : {a.get(), b.get()}) {
            node->clock.advance(ns);
            node->control->tick();
        }
    }

    std::shared_ptr<const crypto::KeyPair> keys_a, keys_b;
    std::string wires[5] = {fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire(), fresh_wire()};
    Memory memory_a, memory_b;
    std::unique_ptr<Far> near, far, source, sink;
    std::unique_ptr<Node> a, b;
};

/// The man in the middle: gives what worker 0 sent to worker 1 and the other way round, and adds
/// forgeries.
class Middle {
  public:
    explicit Middle(Bed& bed) : bed_(bed) {}

    void run(const std::atomic<bool>& stop) {
        while (!stop) {
            unsigned moved = 0;
            for (unsigned queue = 0; queue < workers; ++queue) {
                engine::Burst burst;
                bed_.near->port().rx(queue).receive(burst, counters_);
                for (const engine::Frame& frame : burst) {
                    const Bytes bytes(frame.data, frame.data + frame.len);
                    bed_.far->send(bytes, (queue + 1) % workers);
                    if (++moved % 4 == 0) forge(bytes, queue);
                }
                if (!burst.empty()) bed_.near->port().rx(queue).release(burst);
            }
            if (moved == 0) std::this_thread::sleep_for(100us);
        }
    }

  private:
    void forge(Bytes bytes, unsigned queue) {
        constexpr std::size_t at = 42;
        bytes[40] = bytes[41] = std::byte{0};  // no UDP checksum
        if (random_() % 2 == 0) {
            bytes[at + random_() % (bytes.size() - at)] ^=
                static_cast<std::byte>(1 + random_() % 255);
            bed_.far->send(bytes, queue);
            return;
        }
        Bytes packet(wire::announce_bytes);
        for (std::byte& byte : packet) byte = static_cast<std::byte>(random_());
        wire::write_header(packet.data(), {0x12, 7, 0, 101, ~std::uint64_t{0} >> random_() % 8});
        bed_.far->send(carry_ipv4(packet, node_mac, "198.51.100.1", "198.51.100.2"), queue);
    }

    Bed& bed_;
    std::mt19937 random_{5};
    engine::WorkerCounters counters_;
};

/// Numbered frames into a, and what of them came out at b.
struct Traffic {
    explicit Traffic(Bed& on) : bed(on) {}

    void run(const std::atomic<bool>& stop) {
        Bytes frame = ethernet_frame(100, 0);
        for (unsigned round = 0; !stop || (arrived < sent && !given_up); ++round) {
            if (!stop && sent - arrived < 500) {
                for (unsigned i = 0; i < 8; ++i) {
                    engine::store_be(frame.data() + 20, sent.load());
                    if (!bed.source->send(frame, round % workers)) break;
                    sent.fetch_add(1);
                }
                Bytes other = frame;
                other[12] = std::byte{0x81};
                other[13] = other[14] = std::byte{0};
                other[15] = static_cast<std::byte>(1 + round % side_lanes);
                bed.source->send(other, round % workers);
            }
            for (const Bytes& got : bed.sink->collect()) take(got);
            if (round % 16 == 0) std::this_thread::yield();
        }
    }
    void take(const Bytes& got) {
        if (got.size() != 100 || got[12] == std::byte{0x81}) return;
        const auto number = engine::load_be<std::uint64_t>(got.data() + 20);
        seen.resize(std::max<std::size_t>(seen.size(), number + 1));
        if (seen[number]++ != 0) twice.fetch_add(1);
        arrived.fetch_add(1);
    }

    Bed& bed;
    std::vector<std::uint8_t> seen;
    std::atomic<std::uint64_t> sent{0}, arrived{0}, twice{0};
    std::atomic<bool> given_up{false};
};

}  // namespace

TEST_CASE("a sealed lane delivers all, once, through rekeys, reloads, duplicates and forgeries") {
    Bed bed;
    for (unsigned i = 0; i < 400; ++i) {
        bed.tick(ns_per_ms);
        std::this_thread::sleep_for(1ms);
    }
    const auto status = [&] {
        return *bed.b->control->keeper().status(*bed.b->control->fleet().lane("steady"));
    };
    REQUIRE(status().health.state == LaneState::up);
    const std::uint32_t epoch = status().epoch;
    std::atomic<bool> stop{false}, stop_middle{false};
    Traffic traffic(bed);
    Middle middle(bed);
    std::thread source([&] { traffic.run(stop); });
    std::thread between([&] { middle.run(stop_middle); });
    const auto begin = std::chrono::steady_clock::now();
    auto last = begin;
    unsigned round = 0;
    while (last < begin + 4s) {
        std::this_thread::sleep_for(1ms);
        const auto now = std::chrono::steady_clock::now();
        bed.tick(static_cast<std::uint64_t>((now - last).count()));
        last = now;
        if (now < begin + round * 50ms) continue;
        ++round;
        bed.a->apply(bed.spec_a(round));
        bed.b->apply(bed.spec_b(round));
    }
    stop = true;
    for (unsigned i = 0; i < 2000 && traffic.arrived < traffic.sent; ++i) {
        bed.tick(ns_per_ms);
        std::this_thread::sleep_for(1ms);
    }
    traffic.given_up = true;
    source.join();
    for (unsigned i = 0; i < 1200; ++i) {  // heartbeats that count what came
        bed.tick(ns_per_ms);
        std::this_thread::sleep_for(1ms);
    }
    stop_middle = true;
    between.join();
    CHECK(traffic.sent > 1000);
    CHECK(traffic.arrived == traffic.sent);
    CHECK(traffic.twice == 0);
    CHECK(round >= 20);
    CHECK(status().health.state == LaneState::up);
    CHECK(status().epoch >= epoch + 3);
    CHECK(status().lost == 0);
    CHECK(bed.b->drops(Drop::replay_duplicate) > 0);
    CHECK(bed.b->drops(Drop::bad_tag) > 0);
    CHECK(bed.b->drops(Drop::bad_mac) > 0);
    bed.a->control->stop();
    bed.b->control->stop();
    CHECK(bed.a->control->totals().balanced());
    CHECK(bed.b->control->totals().balanced());
}
