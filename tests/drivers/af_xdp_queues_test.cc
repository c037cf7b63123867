// The af_xdp driver's queues and memory: ports that share frames, workers that share a queue of the
// device, frames that are never lost, whatever becomes of the link or of the port.
#include "drivers/af_xdp/plan.hh"
#include "tests/drivers/af_xdp_bed.hh"

namespace lanes::test {
namespace {

using Catch::Matchers::Contains;
using drivers::AfXdpPlan;
using drivers::plan_queues;
using drivers::SendQueues;
using engine::Burst;
using engine::Frame;
using engine::PortSpec;
using Workers = std::vector<unsigned>;

bool skipped(const NetworkNamespace& space) {
    std::string missing = space.missing();
    if (missing.empty()) missing = af_xdp_missing();
    if (missing.empty()) return false;
    WARN("skipped: " << missing);
    return true;
}

Bytes numbered(std::uint32_t number) {
    return datagram({{2, 0, 0, 0, 0, 1}}, "192.0.2.1", 4790, number);
}

}  // namespace

TEST_CASE("every queue of the device has a worker and every worker a queue to send through",
          "[af_xdp]") {
    const AfXdpPlan equal = plan_queues(2, {}, {2, 2}, SendQueues::any);
    CHECK(equal.rx_worker == Workers{0, 1});
    CHECK(equal.tx_queue == Workers{0, 1});
    CHECK(equal.senders_max() == 1);

    // One worker, eight queues: it receives from all.
    const AfXdpPlan one = plan_queues(1, {}, {8, 8}, SendQueues::any);
    CHECK(one.rx_worker == Workers(8, 0));
    CHECK(one.tx_queue == Workers{0});
    CHECK(one.queues_used() == 8);
    CHECK(one.queues_of_a_worker_max() == 8);

    // Three workers, one queue: one receives, all send.
    const AfXdpPlan three = plan_queues(3, {}, {1, 1}, SendQueues::any);
    CHECK(three.rx_worker == Workers{0});
    CHECK(three.tx_queue == Workers{0, 0, 0});
    CHECK(three.senders(0) == 3);

    // Queues to send through that nobody receives from: used, but not where the card would then
    // receive nothing for the kernel.
    CHECK(plan_queues(3, {}, {1, 4}, SendQueues::any).tx_queue == Workers{0, 1, 2});
    CHECK(plan_queues(3, {}, {1, 4}, SendQueues::received).tx_queue == Workers{0, 0, 0});

    // Named workers.
    const AfXdpPlan named = plan_queues(4, {3, 1}, {3, 3}, SendQueues::any);
    CHECK(named.rx_worker == Workers{3, 1, 3});
    CHECK(named.tx_queue[3] == 0);
    CHECK(named.tx_queue[1] == 1);
    CHECK(named.senders_max() == 2);
}

TEST_CASE("a frame that came in on one port leaves by another, in the same bytes", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable in("in0", "in1");
    XdpCable out("out0", "out1");
    in.spec.mode = PortSpec::XdpMode::copy;
    out.spec.mode = GENERATE(PortSpec::XdpMode::copy, PortSpec::XdpMode::generic);
    in.open();
    out.open();
    CHECK_THAT(in.port->info().note, Contains("frames in memory 1"));
    CHECK_THAT(out.port->info().note, Contains("frames in memory 1"));
    engine::RxQueue& rx = in.port->rx(0);
    engine::TxQueue& tx = out.port->tx(0);
    REQUIRE(rx.memory() != nullptr);
    REQUIRE(rx.memory() == tx.memory());
    const std::size_t at_rest = free_frames(*in.port);
    constexpr std::uint32_t total = 64 * 300;
    constexpr std::uint32_t step = 64;
    for (std::uint32_t i = 0; i < total; i += step) {
        std::vector<Bytes> frames;
        for (std::uint32_t k = 0; k < step; ++k) frames.push_back(numbered(i + k));
        in.wire.send(frames, 0, frames.size());
        std::uint32_t passed = 0;
        REQUIRE(eventually([&] {
            Burst burst;
            if (rx.receive(burst, in.counters) == 0) return false;
            REQUIRE(tx.pass_room() >= burst.size());
            // Written before the frame, in place, as an encapsulation is.
            for (Frame& frame : burst) {
                frame.data -= 4;
                frame.len += 4;
                std::memmove(frame.data, frame.data + 4, 12);
                engine::store_be<std::uint32_t>(frame.data + 12, 0x81000064);
            }
            REQUIRE(tx.pass(burst.frames(), in.counters) == burst.size());
            passed += burst.size();
            for (Frame& frame : burst) frame.data = nullptr;
            rx.release(burst);
            tx.flush(in.counters);
            return passed == step;
        }));
        const auto got = out.wire.collect(step);
        REQUIRE(got.size() == step);
        for (std::uint32_t k = 0; k < step; ++k) {
            // The packet socket is handed the tag apart from the frame.
            REQUIRE(got[k] == frames[k]);
        }
    }
    CHECK(in.counters.sent.get() == total);
    CHECK(in.counters.copies.get() == 0);
    CHECK(drops_of(in.counters) == 0);
    CHECK(free_frames(*in.port) + engine::burst_max * 4 >= at_rest);
}

TEST_CASE("a port that finds no room in the shared memory makes a second one and says so",
          "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable small("a0", "a1");
    XdpCable large("b0", "b1");
    small.open();
    large.spec.ring_frames = 8192;
    large.open();
    CHECK_THAT(small.port->info().note, Contains("frames in memory 1"));
    CHECK_THAT(large.port->info().note, Contains("frames in memory 2"));
    CHECK(small.port->rx(0).memory() != large.port->tx(0).memory());
    // And when the first goes, the second stays whole.
    small.port.reset();
    large.wire.send({numbered(7)}, 0, 1);
    CHECK(large.receive(1) == std::vector<Bytes>{numbered(7)});
}

TEST_CASE("one worker receives from all queues of the device", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0", 4);
    cable.open(1);
    CHECK(cable.port->rx_queues() == 4);
    for (unsigned queue = 0; queue < 4; ++queue) CHECK(cable.port->rx_worker(queue) == 0);
    std::vector<Bytes> frames;
    for (unsigned flow = 0; flow < 64; ++flow) {
        Bytes frame = numbered(flow);
        engine::store_be<std::uint16_t>(&frame[34], static_cast<std::uint16_t>(61440 + flow));
        frames.push_back(frame);
    }
    cable.wire.send(frames, 0, frames.size());
    const std::vector<Bytes> got = cable.receive(frames.size());
    CHECK(std::is_permutation(got.begin(), got.end(), frames.begin(), frames.end()));
}

TEST_CASE("workers that share a queue of the device all send, and every frame is accounted for",
          "[af_xdp]") {
    constexpr unsigned workers = 3;
    constexpr unsigned rounds = 300;
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.open(workers);
    CHECK(cable.port->rx_queues() == 1);
    const std::size_t at_rest = free_frames(*cable.port);
    std::array<engine::WorkerCounters, workers> counters;
    std::array<std::uint64_t, workers> given{};
    std::atomic<unsigned> running{workers};
    std::vector<std::thread> threads;
    for (unsigned worker = 0; worker < workers; ++worker) {
        threads.emplace_back([&, worker] {
            engine::TxQueue& tx = cable.port->tx(worker);
            const Bytes bytes = numbered(worker);
            for (unsigned round = 0; round < rounds; ++round) {
                std::array<Frame, 32> room;
                const unsigned n = tx.claim(room, 200);
                for (unsigned i = 0; i < n; ++i) {
                    std::memcpy(room[i].data, bytes.data(), bytes.size());
                    room[i].len = static_cast<std::uint32_t>(bytes.size());
                }
                tx.send({room.data(), n}, counters[worker]);
                given[worker] += n;
                tx.flush(counters[worker]);
            }
            // The thread that holds the shared ring may be waiting for a core.
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
            while (tx.pending() && std::chrono::steady_clock::now() < deadline) {
                tx.flush(counters[worker]);
            }
            --running;
        });
    }
    std::array<std::uint64_t, workers> seen{};
    std::uint64_t total = 0;
    const auto count = [&] {
        for (const Bytes& frame : cable.wire.collect(0)) {
            if (frame.size() != numbered(0).size()) continue;
            ++seen[engine::load_be<std::uint32_t>(&frame[frame.size() - 4])];
            ++total;
        }
    };
    while (running.load() != 0) count();
    for (auto& thread : threads) thread.join();
    std::uint64_t sent = 0;
    for (unsigned worker = 0; worker < workers; ++worker) {
        CHECK(counters[worker].sent.get() + drops_of(counters[worker]) == given[worker]);
        CHECK(given[worker] > rounds);
        sent += counters[worker].sent.get();
    }
    CHECK(eventually([&] {
        count();
        return total == sent;
    }));
    for (unsigned worker = 0; worker < workers; ++worker) {
        CHECK(seen[worker] == counters[worker].sent.get());
        cable.port->tx(worker).flush(counters[worker]);
    }
    CHECK(free_frames(*cable.port) + workers * engine::burst_max * 4 >= at_rest);
}

TEST_CASE("what the engine was too slow for is counted as lost, frame by frame", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.spec.mode = GENERATE(PortSpec::XdpMode::copy, PortSpec::XdpMode::generic);
    cable.open();
    constexpr std::size_t total = 3000;
    const std::vector<Bytes> frames(total, numbered(1));
    for (std::size_t i = 0; i < total; i += 100) cable.wire.send(frames, i, 100);
    std::size_t received = 0;
    REQUIRE(eventually([&] {
        std::vector<Bytes> got;
        cable.receive_once(0, got);
        received += got.size();
        return received + cable.port->loss().rx_lost >= total && got.empty();
    }));
    CHECK(received >= cable.spec.ring_frames - engine::burst_max);
    CHECK(received + cable.port->loss().rx_lost == total);
}

TEST_CASE("ports that open and close with frames on their way leave no frame behind", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable witness("a0", "a1");
    XdpCable cable("b0", "b1");
    cable.spec.mode = GENERATE(PortSpec::XdpMode::copy, PortSpec::XdpMode::generic);
    witness.open();
    const std::size_t at_rest = free_frames(*witness.port);
    const std::vector<Bytes> frames(100, numbered(1));
    for (unsigned life = 0; life < 12; ++life) {
        cable.open(2);
        REQUIRE(cable.port->rx(0).memory() == witness.port->rx(0).memory());
        cable.wire.send(frames, 0, frames.size());
        std::vector<Bytes> got;
        if (life % 2 == 0) cable.receive_once(0, got);
        cable.send(frames[0], 40, life % 2);
        std::array<Frame, 8> claimed;
        CHECK(cable.port->tx(0).claim(claimed, 100) == 8);
        if (life % 3 == 0) set_interface("b0", false);
        cable.send(frames[0], 40, 1);
        cable.port.reset();
        set_interface("b0", true);
        CHECK(free_frames(*witness.port) == at_rest);
    }
}

TEST_CASE("what waits when the link goes down is dropped by name, and traffic resumes",
          "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.spec.mode = GENERATE(PortSpec::XdpMode::copy, PortSpec::XdpMode::generic);
    cable.open();
    const Bytes frame = numbered(1);
    REQUIRE(cable.send(frame, 10) == 10);
    CHECK(cable.wire.collect(10).size() == 10);
    set_interface("near0", false);
    std::uint64_t given = 0;
    for (unsigned i = 0; i < 200; ++i) given += cable.send(frame, 10);
    CHECK(given >= 500);  // a ring full of them
    const auto& refused = cable.counters.drops[static_cast<std::size_t>(engine::Drop::tx_refused)];
    CHECK(cable.counters.sent.get() == 10);
    CHECK(refused.get() == given);
    CHECK_FALSE(cable.port->tx(0).pending());
    set_interface("near0", true);
    cable.wire.collect(0);
    // Nothing stale comes out, and new frames do.
    const Bytes fresh = numbered(2);
    REQUIRE(eventually([&] {
        cable.send(fresh, 1);
        const auto got = cable.wire.collect(0);
        for (const Bytes& each : got) CHECK(each != frame);
        return std::find(got.begin(), got.end(), fresh) != got.end();
    }));
    CHECK(cable.port->loss().tx_lost == 0);
}

TEST_CASE("an interface that is deleted is no crash, and what is sent is counted", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.open();
    REQUIRE(cable.send(numbered(1), 10) == 10);
    TwoHosts::run("ip link del near0");
    std::uint64_t given = 0;
    for (unsigned i = 0; i < 100; ++i) given += cable.send(numbered(2), 10);
    CHECK(cable.counters.sent.get() + drops_of(cable.counters) == given + 10);
    CHECK(cable.counters.sent.get() == 10);
    CHECK_FALSE(cable.port->tx(0).pending());
    engine::RxQueue& rx = cable.port->rx(0);
    Burst burst;
    CHECK(rx.receive(burst, cable.counters) == 0);
    REQUIRE(rx.prepare_sleep());
    pollfd wait{rx.wake_fd(), POLLIN, 0};
    CHECK(::poll(&wait, 1, 20) == 0);  // nothing to spin on
    cable.port->loss();
    cable.port.reset();
}

}  // namespace lanes::test
