// What Control changes while workers read: the lane table, and the frame memory that all share.
#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "engine/memory.hh"
#include "lanes/lane_table.hh"

using namespace lanes;

TEST_CASE("readers of the lane table find what stays during insertions, removals and growth") {
    engine::Quiescent quiescent;
    auto made = LaneTable::create(1 << 16, 2, quiescent);
    REQUIRE(made);
    LaneTable& table = **made;
    constexpr std::uint32_t staying = 200;
    std::vector<Lane*> stays;
    for (std::uint32_t id = 1; id <= staying; ++id) {
        stays.push_back(*table.add(id));
        table.publish(*stays.back());
    }
    std::atomic<bool> stop{false};
    std::atomic<unsigned> wrong{0};
    const auto read = [&](unsigned worker) {
        std::mt19937 random(worker);
        quiescent.online(worker);
        for (unsigned round = 0; !stop; ++round) {
            const LaneTable::Reader reader(table);
            for (unsigned i = 0; i < 16; ++i) {
                const auto id = static_cast<std::uint32_t>(1 + random() % staying);
                if (reader.find(id) != stays[id - 1]) wrong.fetch_add(1);
                const auto other = static_cast<std::uint32_t>(1000 + random() % 9000);
                Lane* lane = reader.find(other);
                if (lane == nullptr) continue;
                // Ours until we announce: its id does not change, its share can be written.
                if (lane->id != other) wrong.fetch_add(1);
                lane->shares[worker].packets.add(1);
            }
            quiescent.announce(worker);
            if (round % 16 == 0) std::this_thread::yield();
        }
        quiescent.offline(worker);
    };
    std::thread first(read, 0), second(read, 1);
    std::mt19937 random(5);
    std::vector<Lane*> others;
    std::uint32_t next = 1000;
    for (unsigned round = 0; round < 60; ++round) {
        for (unsigned i = 0; i < 150 && next < 10'000; ++i) {
            auto lane = table.add(next++);
            REQUIRE(lane);
            table.publish(**lane);
            others.push_back(*lane);
        }
        std::vector<Lane*> retired;
        for (unsigned i = 0; i < 60 && !others.empty(); ++i) {
            std::swap(others[random() % others.size()], others.back());
            table.retire(*others.back());
            retired.push_back(others.back());
            others.pop_back();
        }
        quiescent.wait();
        for (Lane* lane : retired) table.free(*lane);
    }
    stop = true;
    first.join();
    second.join();
    CHECK(wrong == 0);
}

// As between two workers: each takes and passes on, and gives back what the other passed.
TEST_CASE("buffers that travel between threads are never in two places") {
    auto made = engine::FrameMemory::create(64, 1024);
    REQUIRE(made);
    engine::FrameMemory& memory = **made;
    constexpr unsigned depth = 256;
    constexpr std::uint64_t rounds = 100'000;
    struct Ring {
        std::array<engine::Frame, depth> frames;
        std::atomic<std::uint64_t> head{0}, tail{0};
    };
    Ring rings[2];
    std::atomic<unsigned> wrong{0};
    const auto work = [&](unsigned self) {
        engine::FrameMemory::Cache tx(memory), rx(memory);
        Ring& out = rings[self];
        Ring& in = rings[1 - self];
        std::uint64_t put = 0, got = 0;
        while (put < rounds || got < rounds) {
            if (put < rounds && put - out.head.load(std::memory_order_acquire) < depth) {
                const engine::Frame frame = tx.take();
                if (frame.data != nullptr) {
                    std::memcpy(frame.data, &put, sizeof put);
                    out.frames[put % depth] = frame;
                    out.tail.store(++put, std::memory_order_release);
                }
            }
            if (in.tail.load(std::memory_order_acquire) == got) {
                std::this_thread::yield();
                continue;
            }
            const engine::Frame& frame = in.frames[got % depth];
            std::uint64_t number;
            std::memcpy(&number, frame.data, sizeof number);
            if (number != got) wrong.fetch_add(1);
            rx.give(frame.token);
            in.head.store(++got, std::memory_order_release);
        }
    };
    std::thread first(work, 0), second(work, 1);
    first.join();
    second.join();
    CHECK(wrong == 0);
}
