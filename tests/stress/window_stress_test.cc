// The replay window under several threads: no number is delivered twice, none is lost that only
// came late, and none that two saw first. Built with -fsanitize=thread by the test script.
#include <catch2/catch.hpp>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "lanes/window.hh"

using namespace lanes;

namespace {

constexpr unsigned words = 64;

struct Shared {
    alignas(16) Window::Word ring[words] = {};
    Window window{ring, words};
};

template <typename Work>
void in_threads(unsigned count, Work&& work) {
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; ++i) {
        threads.emplace_back([&, i] {
            ready.fetch_add(1);
            while (ready.load() < count) std::this_thread::yield();
            work(i);
        });
    }
    for (auto& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("of several threads that see the same numbers, exactly one takes each") {
    const unsigned count = GENERATE(2u, 3u, 4u);
    constexpr unsigned numbers = 200'000;
    const std::uint64_t start =
        GENERATE(std::uint64_t{0}, (std::uint64_t{1} << 32) - 1000, ~std::uint64_t{0} - numbers);
    Shared shared;
    std::vector<std::atomic<unsigned char>> taken(numbers);
    std::atomic<std::uint64_t> progress[4] = {};
    in_threads(count, [&](unsigned thread) {
        std::mt19937 random(thread);
        for (unsigned at = 0; at < numbers;) {
            // Nobody runs away by more than the window holds: then nothing may be too old.
            for (unsigned other = 0; other < count; ++other) {
                while (progress[other].load() + 64 * (words - 4) < at) std::this_thread::yield();
            }
            const std::uint64_t first = start + at;
            const auto most = static_cast<unsigned>(64 - first % 64);
            const unsigned n =
                std::min({1 + static_cast<unsigned>(random()) % 64, most, numbers - at});
            const std::uint64_t run = (n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1)
                                      << first % 64;
            const Window::Outcome outcome = shared.window.commit(first / 64, run);
            if (outcome.old) taken[at].fetch_add(100);
            for (unsigned i = 0; i < n; ++i) {
                if ((outcome.fresh >> (first + i) % 64 & 1) != 0) taken[at + i].fetch_add(1);
            }
            at += n;
            progress[thread].store(at);
        }
        progress[thread].store(~std::uint64_t{0} >> 1);
    });
    unsigned wrong = 0;
    for (const auto& times : taken) wrong += times.load() != 1;
    CHECK(wrong == 0);
}

TEST_CASE("whatever the disorder, no number is taken twice") {
    constexpr unsigned numbers = 1 << 18;
    Shared shared;
    std::vector<std::atomic<unsigned char>> taken(numbers);
    std::atomic<std::uint64_t> newest{0};
    in_threads(4, [&](unsigned thread) {
        std::mt19937 random(thread + 10);
        for (unsigned round = 0; round < 150'000; ++round) {
            std::uint64_t sequence = newest.load(std::memory_order_relaxed);
            if (random() % 3 == 0) {
                sequence = newest.fetch_add(random() % 3);
            } else {
                sequence -= std::min<std::uint64_t>(sequence, random() % (80 * words));
            }
            if (sequence >= numbers) break;
            const std::uint64_t bit = std::uint64_t{1} << sequence % 64;
            if (shared.window.commit(sequence / 64, bit).fresh != 0) taken[sequence].fetch_add(1);
        }
    });
    unsigned twice = 0;
    for (const auto& times : taken) twice += times.load() > 1;
    CHECK(twice == 0);
}

TEST_CASE("check never calls a number old or taken that nobody has touched") {
    Shared shared;
    std::atomic<bool> stop{false};
    std::atomic<unsigned> wrong{0};
    in_threads(2, [&](unsigned thread) {
        if (thread == 0) {
            // Odd numbers only, far on and on.
            for (std::uint64_t block = 0; block < 300'000; ++block) {
                shared.window.commit(block, 0xaaaaaaaaaaaaaaaa);
            }
            stop = true;
            return;
        }
        while (!stop) {
            const std::uint64_t ahead = std::uint64_t{1} << 40;
            if (shared.window.check(ahead) != Window::Verdict::fresh) wrong.fetch_add(1);
            shared.window.check(17 * 64);
        }
    });
    CHECK(wrong == 0);
}
