// What Control changes while workers read: the lane table, the tables of matches, and the frame
// memory that all share.
#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "engine/frame_pool.hh"
#include "lanes/lane_table.hh"
#include "lanes/match_table.hh"

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

// Rules come and go around 200 that stay, among them behind, before and in place of these; some
// stay in tuples that grow and shrink, some share their value with rules that come and go.
TEST_CASE("readers of a match table find what stays while rules come, change places and go") {
    engine::Quiescent quiescent;
    auto made = MatchRules::create(1 << 16);
    REQUIRE(made);
    MatchRules rules = std::move(*made);
    MatchTable table(rules);
    constexpr std::uint32_t staying = 200;
    const auto lane = [](std::uint32_t n) { return reinterpret_cast<Lane*>((n + 1) * 64ul); };
    const auto match = [](std::uint32_t n, unsigned len, std::uint16_t port) {
        MatchSpec spec;
        spec.has_destination = true;
        spec.destination.len = static_cast<std::uint8_t>(len);
        for (unsigned i = 0; i < 4; ++i) {
            spec.destination.address.bytes[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
        }
        if (port != 0) spec.destination_port = {port, static_cast<std::uint16_t>(port + 1)};
        return spec;
    };
    const auto flow_key = [](std::uint32_t n) {
        FlowKey key;
        key.version = 4;
        key.known = FlowKey::has_ip | FlowKey::has_ports;
        key.destination_port = 7;
        for (unsigned i = 0; i < 4; ++i) {
            key.destination[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
        }
        return key;
    };
    const auto add = [&](const MatchSpec& spec, std::uint64_t order, Lane* to) {
        auto rule = table.add(&spec, order, to);
        if (!rule) throw std::runtime_error(rule.error().message);
        table.publish(**rule);
        return *rule;
    };
    std::vector<MatchRule*> stays;
    for (std::uint32_t n = 0; n < staying; ++n) {
        // Order 1000 + n; half of them compare ports, so that rules of another range join them.
        stays.push_back(add(match(n << 8 | 1, 32, n % 2 == 0 ? 0 : 6), 1000 + n, lane(n)));
    }
    table.flush();
    std::atomic<bool> stop{false};
    std::atomic<unsigned> wrong{0};
    const auto read = [&](unsigned worker) {
        std::mt19937 random(worker);
        quiescent.online(worker);
        for (unsigned round = 0; !stop; ++round) {
            FlowKey keys[16];
            std::uint32_t numbers[16];
            Lane* found[16];
            for (unsigned i = 0; i < 16; ++i) {
                numbers[i] = static_cast<std::uint32_t>(random() % staying);
                keys[i] = flow_key(numbers[i] << 8 | 1);
            }
            table.find(keys, found);
            for (unsigned i = 0; i < 16; ++i) {
                if (found[i] != lane(numbers[i])) wrong.fetch_add(1);
            }
            quiescent.announce(worker);
            if (round % 16 == 0) std::this_thread::yield();
        }
        quiescent.offline(worker);
    };
    std::thread first(read, 0), second(read, 1);
    std::mt19937 random(5);
    std::vector<MatchRule*> others;
    for (unsigned round = 0; round < 150; ++round) {
        std::vector<MatchRule*> retired;
        const unsigned grow = round / 30 % 2 == 0 ? 100 : 10;
        for (unsigned i = 0; i < grow; ++i) {
            const auto below = [&](unsigned bound) {
                return static_cast<std::uint32_t>(random() % bound);
            };
            const std::uint32_t n = below(staying);
            const std::uint64_t behind = 5000 + random() % 1000;
            switch (random() % 4) {
                case 0:  // beside those that stay: other addresses, before all of them
                    others.push_back(add(match(n << 8 | (2 + below(200)), 32, 0), n, lane(999)));
                    break;
                case 1:  // wider, behind
                    others.push_back(add(match(n << 8, 8 + below(24), 0), behind, lane(999)));
                    break;
                case 2:  // the same value, other ports, before
                    others.push_back(add(match(n << 8 | 1, 32, 100), n, lane(999)));
                    break;
                default:  // the same value and ports, behind
                    others.push_back(add(match(n << 8 | 1, 32, 6), behind, lane(999)));
            }
        }
        table.flush();
        // One that stays is replaced by its like.
        const auto n = static_cast<std::uint32_t>(random() % staying);
        MatchRule* like = add(match(n << 8 | 1, 32, n % 2 == 0 ? 0 : 6), 1000 + n, lane(n));
        table.flush();
        table.retire(*stays[n]);
        retired.push_back(std::exchange(stays[n], like));
        for (unsigned i = 0; i < 55 && !others.empty(); ++i) {
            std::swap(others[random() % others.size()], others.back());
            table.retire(*others.back());
            retired.push_back(others.back());
            others.pop_back();
        }
        table.flush();
        quiescent.wait();
        for (MatchRule* rule : retired) table.free(*rule);
        table.sweep();
    }
    stop = true;
    first.join();
    second.join();
    CHECK(wrong == 0);
    CHECK(rules.taken() == staying + others.size());
}

// As between two workers: each takes and passes on, and gives back what the other passed.
TEST_CASE("buffers that travel between threads are never in two places") {
    auto made = engine::FramePool::create(64, 1024);
    REQUIRE(made);
    engine::FramePool& memory = **made;
    constexpr unsigned depth = 256;
    constexpr std::uint64_t rounds = 100'000;
    struct Ring {
        std::array<engine::Frame, depth> frames;
        std::atomic<std::uint64_t> head{0}, tail{0};
    };
    Ring rings[2];
    std::atomic<unsigned> wrong{0};
    const auto work = [&](unsigned self) {
        engine::FramePool::Cache tx(memory), rx(memory);
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
