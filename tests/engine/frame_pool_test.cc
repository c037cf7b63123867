// FramePool: no buffer is ever handed out twice, none is lost, over several caches and threads
// and over many lives of caches.
#include "engine/frame_pool.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <set>
#include <thread>

using namespace lanes::engine;

namespace {

std::shared_ptr<FramePool> make(std::uint32_t frame_bytes, unsigned buffers) {
    auto memory = FramePool::create(frame_bytes, buffers);
    REQUIRE(memory);
    return *memory;
}

/// Takes all that is free, and checks that all of it is different.
std::vector<Frame> take_all(FramePool::Cache& cache) {
    std::vector<Frame> frames;
    std::set<std::uint64_t> tokens;
    for (;;) {
        const Frame frame = cache.take();
        if (frame.data == nullptr) return frames;
        REQUIRE(tokens.insert(frame.token).second);
        frames.push_back(frame);
    }
}

std::size_t count_free(FramePool& memory) {
    FramePool::Cache cache(memory);
    const auto frames = take_all(cache);
    for (const Frame& frame : frames) cache.give(frame.token);
    return frames.size();
}

}  // namespace

TEST_CASE("buffers have the room that was asked for and do not overlap") {
    const std::uint32_t frame_bytes = GENERATE(60u, 2048u, 10240u, 65700u);
    const auto memory = make(frame_bytes, 100);
    CHECK(memory->frame_bytes() == frame_bytes);
    FramePool::Cache cache(*memory);
    const auto frames = take_all(cache);
    CHECK(frames.size() == 128);  // whole chunks
    std::vector<std::pair<std::byte*, std::byte*>> spans;
    for (const Frame& frame : frames) {
        CHECK(frame.len == frame_bytes);
        CHECK(frame.headroom == headroom_bytes);
        CHECK(frame.tailroom == tailroom_bytes);
        std::byte* first = frame.data - frame.headroom;
        std::byte* last = frame.data + frame.len + frame.tailroom - 1;
        *first = *last = std::byte{1};
        spans.emplace_back(first, last);
    }
    std::sort(spans.begin(), spans.end());
    for (std::size_t i = 1; i < spans.size(); ++i) CHECK(spans[i - 1].second < spans[i].first);
    for (const Frame& frame : frames) cache.give(frame.token);
}

TEST_CASE("buffers over a region lie where its device has them") {
    const std::uint32_t stride = GENERATE(2048u, 4096u);
    constexpr std::uint32_t headroom = 256;
    auto region = Region::map(std::size_t{stride} * 130, Region::Pages::small);
    REQUIRE(region);
    std::byte* const base = region->data();
    const auto memory = FramePool::over(std::move(*region), {stride, headroom});
    CHECK(memory->size() == 128);  // whole chunks
    CHECK(memory->region().data() == base);
    CHECK(memory->frame_bytes() == stride - headroom - tailroom_bytes);
    FramePool::Cache cache(*memory);
    const auto frames = take_all(cache);
    REQUIRE(frames.size() == 128);
    for (const Frame& frame : frames) {
        const auto offset = static_cast<std::uint64_t>(frame.data - base);
        CHECK(offset == frame.token * stride + headroom);
        CHECK(offset - headroom == memory->offset_of(frame.token));
        CHECK(memory->token_at(offset - headroom) == frame.token);
        CHECK(memory->token_at(offset + frame.len + tailroom_bytes - 1) == frame.token);
        CHECK(frame.headroom == headroom);
        CHECK(headroom + frame.len + frame.tailroom == stride);
    }
    for (const Frame& frame : frames) cache.give(frame.token);
}

TEST_CASE("a byte's buffer is found in a pool that laid its buffers out itself, too") {
    const auto memory = make(1000, 64);
    FramePool::Cache cache(*memory);
    for (const Frame& frame : take_all(cache)) {
        const auto offset = static_cast<std::uint64_t>(frame.data - memory->region().data());
        CHECK(memory->token_at(offset) == frame.token);
        CHECK(offset == memory->offset_of(frame.token) + headroom_bytes);
        cache.give(frame.token);
    }
}

TEST_CASE("an exhausted memory says so and recovers") {
    const auto memory = make(64, 64);
    FramePool::Cache cache(*memory);
    auto frames = take_all(cache);
    REQUIRE(frames.size() == 64);
    CHECK(cache.take().data == nullptr);
    cache.give(frames.back().token);
    CHECK(cache.take().token == frames.back().token);
    CHECK(cache.take().data == nullptr);
    for (const Frame& frame : frames) cache.give(frame.token);
    CHECK(take_all(cache).size() == 64);
}

TEST_CASE("buffers that another cache gave back can be taken again") {
    const auto memory = make(64, 1024);
    FramePool::Cache sender(*memory);
    std::optional<FramePool::Cache> receiver(*memory);
    for (unsigned round = 0; round < 1000; ++round) {
        for (unsigned i = 0; i < 64; ++i) {
            const Frame frame = sender.take();
            REQUIRE(frame.data != nullptr);
            receiver->give(frame.token);
        }
    }
    receiver.reset();
    CHECK(take_all(sender).size() == 1024);
}

TEST_CASE("nothing is lost when caches end, whatever they hold") {
    const auto memory = make(64, 512);
    std::mt19937 random(11);
    std::vector<std::uint64_t> out;
    for (unsigned life = 0; life < 3000; ++life) {
        FramePool::Cache cache(*memory);
        const unsigned taken = static_cast<unsigned>(random()) % 130;
        for (unsigned i = 0; i < taken; ++i) {
            const Frame frame = cache.take();
            if (frame.data != nullptr) out.push_back(frame.token);
        }
        const std::size_t given = random() % (out.size() + 1);
        for (std::size_t i = 0; i < given; ++i) {
            std::swap(out[random() % out.size()], out.back());
            cache.give(out.back());
            out.pop_back();
        }
    }
    {
        FramePool::Cache cache(*memory);
        for (const std::uint64_t token : out) cache.give(token);
    }
    CHECK(count_free(*memory) == 512);
}

// As when a node with many queues reopens its ports again and again: each life leaves a crumb of
// one buffer per receiving cache. The memory must not end up as crumbs, each of which occupies a
// chunk.
TEST_CASE("caches that end with crumbs do not use up the chunks") {
    const auto memory = make(64, 4096);
    for (unsigned life = 0; life < 50; ++life) {
        std::vector<std::unique_ptr<FramePool::Cache>> senders;
        std::vector<std::unique_ptr<FramePool::Cache>> receivers;
        for (unsigned i = 0; i < 64; ++i) {
            senders.push_back(std::make_unique<FramePool::Cache>(*memory));
            receivers.push_back(std::make_unique<FramePool::Cache>(*memory));
            const Frame frame = senders.back()->take();
            REQUIRE(frame.data != nullptr);
            receivers.back()->give(frame.token);
        }
        receivers.clear();
        senders.clear();
    }
    CHECK(count_free(*memory) == 4096);
}

TEST_CASE("threads that take, pass on and give back never share a buffer") {
    constexpr unsigned buffers = 2048;
    const auto memory = make(64, buffers);
    std::vector<std::atomic<int>> owner(buffers);
    std::atomic<bool> clash{false};
    const auto work = [&](unsigned seed) {
        FramePool::Cache cache(*memory);
        std::mt19937 random(seed);
        std::vector<Frame> held;
        for (unsigned round = 0; round < 40000; ++round) {
            if (held.size() < 300 && random() % 2 == 0) {
                const Frame frame = cache.take();
                if (frame.data == nullptr) continue;
                if (owner[frame.token].exchange(1) != 0) clash = true;
                *frame.data = std::byte{1};  // a race for TSan if two threads had it
                held.push_back(frame);
            } else if (!held.empty()) {
                std::swap(held[random() % held.size()], held.back());
                owner[held.back().token].store(0);
                cache.give(held.back().token);
                held.pop_back();
            }
        }
        for (const Frame& frame : held) {
            owner[frame.token].store(0);
            cache.give(frame.token);
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
    for (auto& thread : threads) thread.join();
    CHECK_FALSE(clash);
    CHECK(count_free(*memory) == buffers);
}
