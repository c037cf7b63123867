// Worker: runs a stage over its queues, sleeps and wakes, drains at the end. How it changes
// programs while running: publish_test.cc.
#include "engine/worker.hh"

#include <catch2/catch.hpp>

#include <sched.h>

#include <chrono>
#include <thread>

#include "tests/engine/worker_bed.hh"

using namespace lanes::engine;
using namespace lanes::test;
using namespace std::chrono_literals;

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

TEST_CASE("a worker that was moved off its core is brought back") {
    if (std::thread::hardware_concurrency() < 2) {
        WARN("not tested: there is one core only");
        return;
    }
    Quiescent quiescent;
    Worker worker(7, 0, PollMode::sleep, quiescent);
    CHECK(worker.hold_core() == Worker::Place::own_core);  // no thread yet
    REQUIRE(worker.start());
    CHECK(worker.hold_core() == Worker::Place::own_core);
    cpu_set_t other;
    CPU_ZERO(&other);
    CPU_SET(1, &other);
    unsigned moved = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream comm(task.path() / "comm");
        std::string name;
        std::getline(comm, name);
        if (name != "worker-7") continue;
        ++moved;
        const int tid = std::stoi(task.path().filename().string());
        REQUIRE(::sched_setaffinity(tid, sizeof other, &other) == 0);
    }
    REQUIRE(moved == 1);
    CHECK(worker.hold_core() == Worker::Place::brought_back);
    CHECK(worker.hold_core() == Worker::Place::own_core);
    worker.stop();
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

TEST_CASE("a queue that Control has something for wakes its sleeping worker") {
    SteeredRx queue;
    Count count;
    Program program{{{&queue, &count}}, {}};
    Quiescent quiescent;
    Worker worker(0, 0, PollMode::sleep, quiescent);
    worker.publish(&program);
    REQUIRE(worker.start());
    for (unsigned i = 0; i < 3; ++i) {
        unsigned before = 0;
        REQUIRE(soon([&] {
            before = queue.receives;
            std::this_thread::sleep_for(10ms);
            return queue.receives == before && before != 0;
        }));
        queue.ask();
        CHECK(soon([&] { return queue.receives > before; }));
    }
    worker.stop();
}

TEST_CASE("a queue is watched while its worker sleeps, and not while it has traffic") {
    const PollMode mode = GENERATE(PollMode::adaptive, PollMode::sleep);
    SteeredRx queue;
    Count count;
    Program program{{{&queue, &count}}, {}};
    Quiescent quiescent;
    Worker worker(0, 0, mode, quiescent);
    worker.publish(&program);
    REQUIRE(worker.start());
    for (unsigned i = 0; i < 3; ++i) {
        REQUIRE(soon([&] { return watched(queue.wake_fd()); }));
        queue.always = true;
        queue.arrive();
        CHECK(soon([&] { return !watched(queue.wake_fd()); }));
        queue.always = false;
        CHECK(soon([&] { return queue.waiting == 0; }));
    }
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
