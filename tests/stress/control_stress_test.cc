// Control::apply and Control::change while worker threads run: a lane that does not change loses
// nothing, whatever is added, changed, reopened and removed around it.
//
//   source == lan [ node ] wan == sink        the steady lane, both of its ports untouched
//             x1..x3, side ports              lanes come, change and go
#include <catch2/catch.hpp>

#include <chrono>
#include <random>
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

/// Frames through the steady lane and, some, towards a lane that comes and goes; what arrives must
/// be complete and in order.
class Traffic {
  public:
    Traffic(Bed& bed, Far& source, Far& sink) : bed_(bed), source_(source), sink_(sink) {
        thread_ = std::thread([this] { run(); });
    }
    ~Traffic() {
        if (thread_.joinable()) finish();
    }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    /// Waits for what is under way. Returns how many frames went through; all, and in order, or the
    /// test fails.
    std::uint64_t finish() {
        stop_ = true;
        for (unsigned i = 0; i < 3000 && arrived_ < sent_; ++i) std::this_thread::sleep_for(1ms);
        CHECK(arrived_ == sent_);
        if (arrived_ != sent_) sent_ = arrived_.load();  // lets the traffic end
        thread_.join();
        CHECK_FALSE(disorder_);
        return arrived_;
    }

  private:
    void run() {
        std::uint32_t next[workers] = {};
        Bytes frame = ethernet_frame(100, 0);
        for (unsigned round = 0; !stop_ || arrived_ < sent_; ++round) {
            const unsigned queue = round % workers;
            // Never more under way than the wires hold.
            if (!stop_ && sent_ - arrived_ < 1000) {
                for (unsigned i = 0; i < 8; ++i) {
                    std::memcpy(frame.data() + 20, &next[queue], 4);
                    frame[24] = static_cast<std::byte>(queue);
                    if (!source_.send(frame, queue)) break;
                    ++next[queue];
                    sent_.fetch_add(1);
                }
                // Frames of a lane that comes and goes.
                Bytes other = frame;
                std::memcpy(other.data() + 12, text_bytes("8100 0001").data(), 4);
                source_.send(other, queue);
            }
            collect();
            if (round % 16 == 0) std::this_thread::yield();
            if (bed_.poll == engine::PollMode::sleep && round % 64 == 0) {
                std::this_thread::sleep_for(200us);
            }
        }
    }

    void collect() {
        for (const Bytes& packet : sink_.collect()) {
            const std::size_t inner = 14 + 20 + 8 + 16 + 4;
            if (wire::read_header(packet.data() + 14 + 20 + 8).lane != 1) continue;
            std::uint32_t number;
            std::memcpy(&number, packet.data() + inner + 20, 4);
            const auto which = static_cast<unsigned>(packet[inner + 24]);
            if (which >= workers || number != expected_[which]++) disorder_ = true;
            arrived_.fetch_add(1);
        }
    }

    Bed& bed_;
    Far& source_;
    Far& sink_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> sent_{0}, arrived_{0};
    std::atomic<bool> disorder_{false};
    std::uint32_t expected_[workers] = {};
    std::thread thread_;
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
    Traffic traffic(bed, source, sink);
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
    const std::uint64_t sent = traffic.finish();
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

TEST_CASE("single lanes come, change and go by the thousand, and the steady lane loses nothing") {
    const auto poll = GENERATE(engine::PollMode::adaptive, engine::PollMode::busy);
    Bed bed(poll);
    Far source(bed.lan, 1500, workers), sink(bed.wan, 1500, workers);
    bed.knobs.neighbours[*engine::parse_ip("192.0.2.1")] = sink.mac();
    NodeSpec spec = bed.spec(0);
    spec.ports.resize(2);
    spec.lanes.resize(1);
    REQUIRE(bed.control->apply(std::move(spec)));
    const Lane* steady = bed.control->fleet().lane("steady");
    Traffic traffic(bed, source, sink);
    std::mt19937 random(7);
    constexpr unsigned lanes = 3000;
    std::vector<bool> there(lanes);
    std::size_t changes = 0;
    const auto end = std::chrono::steady_clock::now() + 2s;
    for (unsigned round = 0; std::chrono::steady_clock::now() < end; ++round) {
        LaneChange change;
        // Now and then before the steady lane, though never in its way.
        if (round % 3 == 0) change.before = "steady";
        const auto first = static_cast<unsigned>(random() % lanes);
        for (unsigned i = 0; i < 1 + round % 40; ++i) {
            const unsigned n = (first + i) % lanes;
            const std::string name = "n" + std::to_string(n);
            ++changes;
            if (there[n] && random() % 2 == 0) {
                change.remove.push_back(name);
                there[n] = false;
                continue;
            }
            there[n] = true;
            const bool receives = n % 3 == 0;
            LaneSpec lane = receives ? lane_spec(name, 10 + n, Role::receive, 0, {over(1)})
                                     : lane_spec(name, 10 + n, Role::send, 0,
                                                 {over_resolved(1, "192.0.2.1:4790")});
            if (receives) {
                lane.window = random() % 2 == 0 ? 8192 : 64;
            } else {
                lane.mtu = static_cast<std::uint16_t>(300 + random() % 3);
                lane.match = std::make_unique<MatchSpec>();
                if (n % 3 == 1) lane.match->vlan = 1 + n / 3;  // 1 is what is sent
                if (n % 3 == 2)
                    lane.match->destination_port = {static_cast<std::uint16_t>(n), 9999};
                if (n % 5 == 0) lane.match->dscp = n % 64;
            }
            change.put.push_back(std::move(lane));
        }
        const auto changed = bed.control->change(std::move(change));
        if (!changed) FAIL_CHECK(changed.error().message);
        if (round % 50 == 0) bed.control->tick();
    }
    const std::uint64_t sent = traffic.finish();
    CHECK(sent > 1000);
    CHECK(changes > 1000);
    CHECK(bed.control->fleet().lane("steady") == steady);
    CHECK(bed.control->totals(*steady).packets == sent);
    CHECK(bed.control->totals(*steady).dropped == 0);
    bed.control->stop();
    CHECK(bed.control->totals().balanced());
}
