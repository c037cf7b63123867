// Worker::publish and Quiescent together: a running worker changes programs, and what Control frees
// after its wait is in use by nobody.
#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "tests/engine/worker_bed.hh"

using namespace lanes::engine;
using namespace lanes::test;
using namespace std::chrono_literals;

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
