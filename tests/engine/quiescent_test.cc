// Quiescent: wait() returns when every worker that is awake has announced since the call began,
// not sooner, and does not wait for those that sleep.
#include "engine/quiescent.hh"

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <thread>

using namespace lanes::engine;
using namespace std::chrono_literals;

TEST_CASE("nobody is waited for when no worker is online") {
    Quiescent quiescent;
    quiescent.wait();
    quiescent.online(3);
    quiescent.offline(3);
    quiescent.wait();
    SUCCEED();
}

TEST_CASE("a worker that is online is waited for until it announces") {
    Quiescent quiescent;
    quiescent.online(0);
    quiescent.online(63);
    quiescent.announce(0);  // before the call: does not count
    auto waiting = std::async(std::launch::async, [&] { quiescent.wait(); });
    REQUIRE(waiting.wait_for(30ms) == std::future_status::timeout);
    quiescent.announce(0);
    REQUIRE(waiting.wait_for(30ms) == std::future_status::timeout);
    SECTION("announcing ends the wait") {
        quiescent.announce(63);
    }
    SECTION("going offline ends the wait") {
        quiescent.offline(63);
    }
    CHECK(waiting.wait_for(2s) == std::future_status::ready);
}

TEST_CASE("a worker that comes online later does not hold up a wait for ever") {
    Quiescent quiescent;
    quiescent.wait();
    quiescent.online(5);
    quiescent.announce(5);
    auto waiting = std::async(std::launch::async, [&] { quiescent.wait(); });
    quiescent.announce(5);
    while (waiting.wait_for(1ms) != std::future_status::ready) quiescent.announce(5);
    SUCCEED();
}

// Control frees what it took out of service; a reader that still held it would see it change.
TEST_CASE("what was retired before a wait is held by nobody after it") {
    Quiescent quiescent;
    std::atomic<int*> shared{new int(1)};
    std::atomic<bool> stop{false};
    std::atomic<unsigned> torn{0};
    const auto read = [&](unsigned worker) {
        quiescent.online(worker);
        unsigned round = 0;
        while (!stop.load()) {
            const int* seen = shared.load(std::memory_order_acquire);
            for (unsigned i = 0; i < 20; ++i) {
                if (*static_cast<const volatile int*>(seen) != 1) torn.fetch_add(1);
            }
            quiescent.announce(worker);
            if (++round % 64 == 0) {
                quiescent.offline(worker);
                quiescent.online(worker);
            }
        }
        quiescent.offline(worker);
    };
    std::thread first(read, 0);
    std::thread second(read, 1);
    for (unsigned round = 0; round < 300; ++round) {
        int* old = shared.exchange(new int(1), std::memory_order_acq_rel);
        quiescent.wait();
        *old = 2;
        delete old;
    }
    stop = true;
    first.join();
    second.join();
    delete shared.load();
    CHECK(torn == 0);
}
