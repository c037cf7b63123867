// Worker: runs a stage over its queues, sleeps and wakes, changes programs while running, drains at
// the end. Memory ports where traffic is enough; queues of the test's own where the test must hold
// the worker at one place.
#include "engine/worker.hh"

#include <sys/eventfd.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <new>
#include <optional>

#include "drivers/open.hh"

using namespace lanes;
using namespace lanes::engine;
using namespace std::chrono_literals;

namespace {

/// Waits for `condition`, five seconds at most.
template <typename Condition>
bool soon(Condition&& condition) {
    for (unsigned i = 0; i < 5000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(1ms);
    }
    return false;
}

std::unique_ptr<Port> memory_port(const std::string& wire) {
    PortSpec spec;
    spec.name = wire;
    spec.driver = "memory";
    spec.device = "worker-test-" + wire;
    auto port = drivers::open_memory(spec, 1);
    REQUIRE(port);
    return std::move(*port);
}

/// Hands every frame on to `out`.
class Forward final : public Stage {
  public:
    explicit Forward(TxQueue& out) : out_(out) {}
    void run(WorkerContext& worker, RxQueue&, Burst& burst) noexcept override {
        index = worker.index;
        if (worker.now_ns == 0) bad_time = true;
        const unsigned taken = out_.pass(burst.frames(), worker.counters);
        for (unsigned i = 0; i < taken; ++i) burst[i].data = nullptr;
        worker.counters.drop(Drop::tx_full, burst.size() - taken);
    }
    std::atomic<unsigned> index{~0u};
    std::atomic<bool> bad_time{false};

  private:
    TxQueue& out_;
};

/// Two wires with a forwarding program between their near ends.
struct Bed {
    explicit Bed(const std::string& name)
        : in(memory_port(name + "-in")),
          out(memory_port(name + "-out")),
          source(memory_port(name + "-in")),
          sink(memory_port(name + "-out")),
          forward(out->tx(0)) {
        program.inputs.push_back({&in->rx(0), &forward});
        program.outputs.push_back(&out->tx(0));
    }

    void send(std::uint32_t number) {
        Frame room;
        REQUIRE(source->tx(0).claim({&room, 1}, 64) == 1);
        std::memset(room.data, 0, 64);
        std::memcpy(room.data, &number, 4);
        room.len = 64;
        source->tx(0).send({&room, 1}, counters);
        source->tx(0).flush(counters);
    }

    /// Counts what arrived, and checks its order.
    std::uint32_t collect() {
        Burst burst;
        while (sink->rx(0).receive(burst, counters) != 0) {
            for (const Frame& frame : burst) {
                std::uint32_t number;
                std::memcpy(&number, frame.data, 4);
                REQUIRE(number == arrived++);
            }
            sink->rx(0).release(burst);
            burst.clear();
        }
        return arrived;
    }

    std::unique_ptr<Port> in, out, source, sink;
    Forward forward;
    Program program;
    WorkerCounters counters;
    std::uint32_t arrived = 0;
};

/// A receive queue that the test steers.
class SteeredRx final : public RxQueue {
  public:
    SteeredRx() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~SteeredRx() override { ::close(fd_); }
    unsigned receive(Burst& burst, WorkerCounters&) noexcept override {
        receives.fetch_add(1);
        if (waiting.load() == 0) return 0;
        waiting.fetch_sub(always ? 0 : 1);
        Frame frame;
        frame.data = bytes_;
        frame.len = sizeof bytes_;
        burst.push(frame);
        return 1;
    }
    void release(Burst&) noexcept override {}
    int wake_fd() const noexcept override { return with_fd ? fd_ : -1; }
    bool prepare_sleep() noexcept override {
        if (hold) {
            held = true;
            for (unsigned i = 0; i < 300 && hold; ++i) std::this_thread::sleep_for(1ms);
            held = false;
        }
        return waiting.load() == 0;
    }
    void arrive() {
        waiting.fetch_add(1);
        ::eventfd_write(fd_, 1);
    }
    std::atomic<int> waiting{0};
    std::atomic<unsigned> receives{0};
    std::atomic<bool> always{false};
    std::atomic<bool> hold{false};
    std::atomic<bool> held{false};
    bool with_fd = true;

  private:
    int fd_;
    std::byte bytes_[64]{};
};

/// A transmit queue that keeps what it was given until it has been flushed `stubborn` times.
class StubbornTx final : public TxQueue {
  public:
    unsigned claim(std::span<Frame>, std::uint32_t) noexcept override { return 0; }
    void send(std::span<const Frame>, WorkerCounters&) noexcept override {}
    void flush(WorkerCounters&) noexcept override {
        if (left.load() > 0) left.fetch_sub(1);
    }
    bool pending() const noexcept override { return left.load() > 0; }
    std::uint32_t max_len() const noexcept override { return 64; }
    std::atomic<int> left{0};
};

class Count final : public Stage {
  public:
    void run(WorkerContext& worker, RxQueue&, Burst& burst) noexcept override {
        worker.counters.drop(Drop::no_lane, burst.size());
        frames.fetch_add(burst.size());
        if (tx != nullptr) tx->left = 20;
    }
    std::atomic<unsigned> frames{0};
    StubbornTx* tx = nullptr;
};

}  // namespace

TEST_CASE("a round serves every queue once and counts what it saw") {
    Bed bed("round");
    Quiescent quiescent;
    Worker worker(3, 0, PollMode::busy, quiescent);
    CHECK(worker.round() == 0);  // nothing published yet
    worker.publish(&bed.program);
    CHECK(worker.round() == 0);
    for (std::uint32_t i = 0; i < 100; ++i) bed.send(i);
    CHECK(worker.round() == 64);
    CHECK(bed.collect() == 64);
    CHECK(worker.round() == 36);
    CHECK(bed.collect() == 100);
    CHECK(worker.counters().received.get() == 100);
    CHECK(worker.counters().sent.get() == 100);
    CHECK(worker.counters().rounds.get() == 3);
    CHECK(worker.counters().idle.get() == 1);
    CHECK(bed.in->rx(0).counters.frames.get() == 100);
    CHECK(bed.in->rx(0).counters.bytes.get() == 6400);
    CHECK(bed.in->rx(0).counters.bursts.get() == 2);
    CHECK(bed.forward.index == 3);
    CHECK_FALSE(bed.forward.bad_time);
}

TEST_CASE("phases are timed only when somebody asks, and only in rounds that received") {
    Bed bed("phases");
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::busy, quiescent);
    worker.publish(&bed.program);
    const auto ticks = [&](Phase phase) {
        return worker.counters().ticks[static_cast<std::size_t>(phase)].get();
    };
    bed.send(1);
    worker.round();
    worker.time_phases(Worker::Phases::timed);
    worker.round();  // nothing there
    for (std::size_t i = 0; i < phase_count; ++i) CHECK(worker.counters().ticks[i].get() == 0);
    bed.send(2);
    worker.round();
    CHECK(ticks(Phase::receive) > 0);
    CHECK(ticks(Phase::classify) > 0);
    CHECK(ticks(Phase::transmit) > 0);
    CHECK(ticks(Phase::transform) == 0);  // this stage does nothing to its frames
    const std::uint64_t before = ticks(Phase::receive);
    worker.time_phases(Worker::Phases::ignored);
    bed.send(3);
    worker.round();
    CHECK(ticks(Phase::receive) == before);
}

TEST_CASE("a worker in any poll mode wakes up on traffic, again and again") {
    const PollMode mode = GENERATE(PollMode::busy, PollMode::adaptive, PollMode::sleep);
    Bed bed("wake");
    Quiescent quiescent;
    Worker worker(0, 0, mode, quiescent);
    worker.publish(&bed.program);
    REQUIRE(worker.start());
    for (std::uint32_t i = 0; i < 60; ++i) {
        if (i % 20 == 0) std::this_thread::sleep_for(5ms);  // long enough to fall asleep
        bed.send(i);
        REQUIRE(soon([&] { return bed.collect() == i + 1; }));
    }
    worker.stop();
    CHECK(worker.counters().received.get() == 60);
    CHECK(worker.counters().sent.get() == 60);
    CHECK((worker.counters().sleeps.get() == 0) == (mode == PollMode::busy));
}

TEST_CASE("a worker without traffic sleeps instead of spinning") {
    const PollMode mode = GENERATE(PollMode::adaptive, PollMode::sleep);
    Bed bed("idle");
    Quiescent quiescent;
    Worker worker(0, 0, mode, quiescent);
    worker.publish(&bed.program);
    REQUIRE(worker.start());
    REQUIRE(soon([&] { return worker.counters().sleeps.get() > 0; }));
    const std::uint64_t before = worker.counters().rounds.get();
    std::this_thread::sleep_for(100ms);
    CHECK(worker.counters().rounds.get() - before < 10);
    worker.stop();
}

TEST_CASE("a queue without a descriptor is looked at about once a millisecond") {
    SteeredRx queue;
    queue.with_fd = false;
    Count count;
    Program program{{{&queue, &count}}, {}};
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::sleep, quiescent);
    worker.publish(&program);
    REQUIRE(worker.start());
    REQUIRE(soon([&] { return worker.counters().sleeps.get() > 3; }));
    queue.waiting = 1;
    CHECK(soon([&] { return count.frames == 1; }));
    const unsigned before = queue.receives;
    std::this_thread::sleep_for(100ms);
    CHECK(queue.receives - before < 300);
    CHECK(queue.receives - before > 3);
    worker.stop();
}

TEST_CASE("frames that the kernel did not take yet are flushed until it does") {
    const PollMode mode = GENERATE(PollMode::busy, PollMode::adaptive, PollMode::sleep);
    SteeredRx queue;
    StubbornTx tx;
    Count count;
    count.tx = &tx;
    Program program{{{&queue, &count}}, {&tx}};
    Quiescent quiescent;
    Worker worker(0, 0, mode, quiescent);
    worker.publish(&program);
    REQUIRE(worker.start());
    queue.arrive();
    CHECK(soon([&] { return count.frames == 1 && tx.left == 0; }));
    worker.stop();
}

TEST_CASE("publish swaps what a running worker serves, and wakes it for that") {
    const PollMode mode = GENERATE(PollMode::busy, PollMode::adaptive, PollMode::sleep);
    Quiescent quiescent;
    Worker worker(0, 0, mode, quiescent);
    REQUIRE(worker.start());
    std::optional<Bed> former;
    for (unsigned round = 0; round < 20; ++round) {
        std::optional<Bed> bed("swap-" + std::to_string(round));
        worker.publish(&bed->program);
        quiescent.wait();
        former.reset();
        former.emplace("spare-" + std::to_string(round));
        bed->send(0);
        REQUIRE(soon([&] { return bed->collect() == 1; }));
        worker.publish(&former->program);
        quiescent.wait();
        // Nobody serves it now.
        bed->send(1);
        bed.reset();
        former->send(0);
        REQUIRE(soon([&] { return former->collect() == 1; }));
    }
    worker.stop();
}

// Control frees a program and closes its queues when wait() returns. Here the worker is held inside
// prepare_sleep() of a queue of the former program meanwhile.
TEST_CASE("a wait does not end while the worker still uses the former program") {
    SteeredRx queue;
    queue.hold = true;
    Count count;
    Program program{{{&queue, &count}}, {}};
    const Program empty;
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::sleep, quiescent);
    worker.publish(&program);
    REQUIRE(worker.start());
    bool freed_in_use = false;
    for (unsigned round = 0; round < 20 && !freed_in_use; ++round) {
        REQUIRE(soon([&] { return queue.held.load(); }));
        // The worker is between two rounds of the former program; from here on it may take a while.
        auto waiting = std::async(std::launch::async, [&] {
            worker.publish(&empty);
            quiescent.wait();
            return queue.held.load();
        });
        std::this_thread::sleep_for(20ms);
        queue.hold = false;
        freed_in_use = waiting.get();
        queue.hold = true;
        worker.publish(&program);
    }
    queue.hold = false;
    worker.stop();
    CHECK_FALSE(freed_in_use);
}

// The same, held from within a round that began before publish(): the announcement that follows the
// round must not count for what is done after it.
TEST_CASE("what a worker announces holds for all that it does until the next announcement") {
    /// pending() is asked on the way to sleep, after an empty round.
    class HoldingTx final : public TxQueue {
      public:
        unsigned claim(std::span<Frame>, std::uint32_t) noexcept override { return 0; }
        void send(std::span<const Frame>, WorkerCounters&) noexcept override {}
        void flush(WorkerCounters&) noexcept override {}
        bool pending() const noexcept override {
            inside = true;
            if (published.load()) {
                for (unsigned i = 0; i < 200 && !waited; ++i) std::this_thread::sleep_for(1ms);
                if (waited) used_after_wait = true;
            }
            inside = false;
            return false;
        }
        std::uint32_t max_len() const noexcept override { return 64; }
        mutable std::atomic<bool> inside{false};
        std::atomic<bool> published{false};
        std::atomic<bool> waited{false};
        mutable std::atomic<bool> used_after_wait{false};
    };
    /// receive() holds the round until Control has begun to wait.
    class HoldingRx final : public RxQueue {
      public:
        explicit HoldingRx(HoldingTx& tx) : tx_(tx) {}
        unsigned receive(Burst&, WorkerCounters&) noexcept override {
            in_round = true;
            if (armed) {
                while (!tx_.published) std::this_thread::sleep_for(1ms);
                std::this_thread::sleep_for(50ms);  // wait() has surely begun
            }
            return 0;
        }
        void release(Burst&) noexcept override {}
        std::atomic<bool> armed{true};
        std::atomic<bool> in_round{false};

      private:
        HoldingTx& tx_;
    };
    HoldingTx tx;
    HoldingRx rx(tx);
    Count stage;
    Program program{{{&rx, &stage}}, {&tx}};
    const Program empty;
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::sleep, quiescent);
    worker.publish(&program);
    REQUIRE(worker.start());
    REQUIRE(soon([&] { return rx.in_round.load(); }));
    worker.publish(&empty);
    tx.published = true;
    quiescent.wait();
    tx.waited = true;  // Control would free the program here
    std::this_thread::sleep_for(250ms);
    rx.armed = false;
    worker.stop();
    CHECK_FALSE(tx.used_after_wait);
}

// Control allocates a program where it has just freed one; the address alone tells nothing.
TEST_CASE("a new program at the address of a former one is watched too") {
    SteeredRx first;
    SteeredRx between;
    SteeredRx second;
    Count count;
    alignas(Program) std::byte place[sizeof(Program)];
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::sleep, quiescent);
    auto* program = new (place) Program{{{&first, &count}}, {}};
    worker.publish(program);
    REQUIRE(worker.start());
    REQUIRE(soon([&] { return worker.counters().sleeps.get() > 0; }));
    // The second program has traffic all the time: the worker does not sleep on it.
    between.always = true;
    between.waiting = 1;
    const Program busy{{{&between, &count}}, {}};
    worker.publish(&busy);
    quiescent.wait();
    REQUIRE(soon([&] { return between.receives > 10; }));
    program->~Program();
    program = new (place) Program{{{&second, &count}}, {}};
    worker.publish(program);
    quiescent.wait();
    std::this_thread::sleep_for(20ms);
    const unsigned before = count.frames;
    second.arrive();
    CHECK(soon([&] { return count.frames > before; }));
    worker.stop();
    program->~Program();
}

TEST_CASE("stop drains what is waiting, for a bounded time") {
    Bed bed("drain");
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::sleep, quiescent);
    REQUIRE(worker.start());
    for (std::uint32_t i = 0; i < 1000; ++i) bed.send(i);
    worker.publish(&bed.program);
    worker.stop();
    CHECK(bed.collect() == 1000);
    worker.stop();  // twice is harmless

    SteeredRx endless;
    endless.always = true;
    endless.waiting = 1;
    Count count;
    Program program{{{&endless, &count}}, {}};
    Worker other(1, 0, PollMode::busy, quiescent);
    other.publish(&program);
    REQUIRE(other.start());
    const auto before = std::chrono::steady_clock::now();
    other.stop();
    CHECK(std::chrono::steady_clock::now() - before < 2s);
}

TEST_CASE("a core that does not exist is an error that names it") {
    Quiescent quiescent;
    Worker worker(0, CPU_SETSIZE - 1, PollMode::sleep, quiescent);
    const auto started = worker.start();
    REQUIRE_FALSE(started);
    CHECK(started.error().message.find("core " + std::to_string(CPU_SETSIZE - 1)) !=
          std::string::npos);
    quiescent.wait();  // the thread is gone and holds nobody up
}
