// The replay window: a numbered truth table in the manner of WireGuard's selftest (counter.c), and
// a naive twin that remembers everything. Threads are in tests/stress.
#include "lanes/window.hh"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "lanes/window_store.hh"

using namespace lanes;

namespace {

constexpr unsigned words = 8;
constexpr std::uint64_t span = words * 64;  ///< numbers that the ring can hold
constexpr std::uint64_t sure = span - 64;   ///< accepted that far behind at least
constexpr std::uint64_t top = ~std::uint64_t{0};
using Verdict = Window::Verdict;

struct Bed {
    alignas(16) Window::Word ring[words] = {};
    Window window{ring, words};

    /// What commit() of one number says, having compared it with what check() says.
    Verdict take(std::uint64_t sequence) {
        const Verdict expected = window.check(sequence);
        const std::uint64_t bit = std::uint64_t{1} << sequence % 64;
        const Window::Outcome outcome = window.commit(sequence / 64, bit);
        const Verdict verdict = outcome.old          ? Verdict::old
                                : outcome.fresh == 0 ? Verdict::duplicate
                                                     : Verdict::fresh;
        REQUIRE(verdict == expected);
        REQUIRE((outcome.fresh & ~bit) == 0);
        return verdict;
    }
};

/// A window by the book: the newest block that each slot has held, and all numbers ever taken.
struct Twin {
    std::set<std::uint64_t> taken;
    std::map<std::uint64_t, std::uint64_t> newest;  ///< slot -> block

    Verdict take(std::uint64_t sequence) {
        const std::uint64_t block = sequence / 64;
        const auto at = newest.find(block % words);
        if (at != newest.end() && at->second > block) return Verdict::old;
        newest[block % words] = block;
        return taken.insert(sequence).second ? Verdict::fresh : Verdict::duplicate;
    }
};

}  // namespace

TEST_CASE("the window's truth table") {
    Bed bed;
    unsigned number = 0;
    const auto t = [&](std::uint64_t sequence, Verdict expected) {
        ++number;
        INFO("row " << number << ", sequence " << sequence);
        REQUIRE(bed.take(sequence) == expected);
    };
    constexpr auto fresh = Verdict::fresh, duplicate = Verdict::duplicate, old = Verdict::old;
    /*  1 */ t(0, fresh);
    /*  2 */ t(1, fresh);
    /*  3 */ t(1, duplicate);
    /*  4 */ t(9, fresh);
    /*  5 */ t(8, fresh);
    /*  6 */ t(7, fresh);
    /*  7 */ t(7, duplicate);
    /*  8 */ t(span, fresh);
    /*  9 */ t(span - 1, fresh);
    /* 10 */ t(span - 1, duplicate);
    /* 11 */ t(span - 2, fresh);
    /* 12 */ t(2, old);  // its slot holds block 8 now
    /* 13 */ t(64, fresh);
    /* 14 */ t(span + 16, fresh);
    /* 15 */ t(3, old);
    /* 16 */ t(span + 16, duplicate);
    /* 17 */ t(span * 4, fresh);
    /* 18 */ t(span * 4 - sure, fresh);
    /* 19 */ t(10, old);
    /* 20 */ t(span * 4 - span - 1, fresh);  // slot 7, which nothing newer has claimed yet
    /* 21 */ t(span * 4 - 1, fresh);         // now something has
    /* 22 */ t(span * 4 - span - 2, old);
    /* 23 */ t(span * 4 + 1, fresh);
    /* 24 */ t(span * 4 - sure, duplicate);
    /* 25 */ t(0, old);
    // Sequence numbers do not end at 32 bits,
    /* 26 */ t(0xfffffffe, fresh);
    /* 27 */ t(0xffffffff, fresh);
    /* 28 */ t(0x100000000, fresh);
    /* 29 */ t(0x100000001, fresh);
    /* 30 */ t(0xffffffff, duplicate);
    /* 31 */ t(0x100000000, duplicate);
    /* 32 */ t(0x100000000 - sure, fresh);
    /* 33 */ t(0, old);
    // nor where a 32-bit block number would,
    /* 34 */ t((std::uint64_t{1} << 37) - 1, fresh);
    /* 35 */ t(std::uint64_t{1} << 37, fresh);
    /* 36 */ t((std::uint64_t{1} << 37) - 1, duplicate);
    /* 37 */ t((std::uint64_t{1} << 37) + 1, fresh);
    /* 38 */ t(0x100000001, old);
    /* 39 */ t((std::uint64_t{1} << 38) - 1, fresh);
    /* 40 */ t(std::uint64_t{1} << 38, fresh);
    /* 41 */ t(std::uint64_t{1} << 38, duplicate);
    /* 42 */ t(std::uint64_t{1} << 37, old);
    // and the very last number is one like any other.
    /* 43 */ t(top - sure, fresh);
    /* 44 */ t(top - 1, fresh);
    /* 45 */ t(top, fresh);
    /* 46 */ t(top, duplicate);
    /* 47 */ t(top - 1, duplicate);
    /* 48 */ t(top - sure, duplicate);
    /* 49 */ t(top - sure + 1, fresh);
    /* 50 */ t(top - span, old);
    /* 51 */ t(0, old);
    /* 52 */ t(1, old);
    /* 53 */ t(std::uint64_t{1} << 38, old);
}

TEST_CASE("numbers that come backwards are taken as far as the window reaches") {
    Bed bed;
    const std::uint64_t start =
        GENERATE(std::uint64_t{5} * span + 63, std::uint64_t{1} << 32, std::uint64_t{1} << 37, top);
    for (std::uint64_t back = 0; back <= sure; ++back) {
        REQUIRE(bed.take(start - back) == Verdict::fresh);
    }
    for (std::uint64_t back = 0; back <= sure; ++back) {
        REQUIRE(bed.take(start - back) == Verdict::duplicate);
    }
    // Beyond the ring it is over, whatever the alignment.
    for (std::uint64_t back = span; back < 2 * span; ++back) {
        REQUIRE(bed.take(start - back) == Verdict::old);
    }
}

TEST_CASE("a run takes only what nobody has taken") {
    Bed bed;
    CHECK(bed.window.commit(5, 0xff).fresh == 0xff);
    const auto some = bed.window.commit(5, 0xff0);
    CHECK(some.fresh == 0xf00);
    CHECK_FALSE(some.old);
    CHECK(bed.window.commit(5, 0xfff).fresh == 0);
    CHECK_FALSE(bed.window.commit(5, 0xfff).old);
    CHECK(bed.window.commit(5, ~std::uint64_t{0}).fresh == ~std::uint64_t{0xfff});
    const auto newer = bed.window.commit(5 + words, 1);
    CHECK(newer.fresh == 1);
    const auto old = bed.window.commit(5, ~std::uint64_t{0});
    CHECK(old.old);
    CHECK(old.fresh == 0);
    CHECK(bed.window.commit(top / 64, ~std::uint64_t{0}).fresh == ~std::uint64_t{0});
    CHECK(bed.window.check(top) == Verdict::duplicate);
}

TEST_CASE("a restarted window takes what was old, and only once") {
    Bed bed;
    for (std::uint64_t i = 0; i < span; ++i) REQUIRE(bed.take(top - i) == Verdict::fresh);
    REQUIRE(bed.take(1000) == Verdict::old);
    bed.window.restart();
    REQUIRE(bed.take(1000) == Verdict::fresh);
    REQUIRE(bed.take(1000) == Verdict::duplicate);
    REQUIRE(bed.take(0) == Verdict::fresh);
    REQUIRE(bed.take(top) == Verdict::fresh);
}

TEST_CASE("a window that starts at a floor takes nothing below it, and all above it once") {
    const std::uint64_t floor = GENERATE(values<std::uint64_t>(
        {0, 1, 63, 64, 65, 127, 128, sure - 1, sure, span - 1, span, span + 1, 5 * span + 17,
         std::uint64_t{1} << 37, (std::uint64_t{1} << 60) - 1, top - span}));
    Bed bed;
    bed.window.start_at(floor);
    REQUIRE(bed.window.end() == floor);
    const std::uint64_t depth = std::min(floor, 3 * span);
    for (std::uint64_t back = 1; back <= depth; ++back) {
        REQUIRE(bed.window.check(floor - back) != Verdict::fresh);
        REQUIRE(bed.take(floor - back) != Verdict::fresh);
    }
    if (floor > 0) REQUIRE(bed.take(0) != Verdict::fresh);
    REQUIRE(bed.window.end() == floor);
    for (std::uint64_t ahead = 0; ahead < span; ++ahead) {
        REQUIRE(bed.take(floor + ahead) == Verdict::fresh);
        REQUIRE(bed.take(floor + ahead) == Verdict::duplicate);
        REQUIRE(bed.window.end() == floor + ahead + 1);
    }
    if (floor > 0) REQUIRE(bed.take(floor - 1) != Verdict::fresh);
}

TEST_CASE("a window's end is one beyond the highest number taken, in whatever order they came") {
    struct Row {
        std::vector<std::uint64_t> taken;
        std::uint64_t end;
    };
    const Row rows[] = {
        {{}, 0},
        {{0}, 1},
        {{63}, 64},
        {{64}, 65},
        {{5, 3, 4}, 6},
        {{span - 1, 0}, span},
        {{span, 1}, span + 1},
        {{1, span}, span + 1},
        {{10 * span + 5, 10 * span - 60}, 10 * span + 6},
        {{top - 1}, top},
    };
    for (const Row& row : rows) {
        Bed bed;
        for (const std::uint64_t sequence : row.taken) bed.take(sequence);
        CHECK(bed.window.end() == row.end);
    }
    Bed bed;
    bed.take(1000);
    bed.window.restart();
    CHECK(bed.window.end() == 0);
}

TEST_CASE("a window that starts at the end of another one takes nothing that the other has taken") {
    const auto seed = GENERATE(1u, 2u, 3u, 4u);
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    for (unsigned round = 0; round < 200; ++round) {
        Bed before, after;
        const std::uint64_t base = random() >> (4 + random() % 60);
        std::vector<std::uint64_t> taken;
        for (unsigned i = 0; i < 50; ++i) {
            const std::uint64_t sequence = base + random() % (2 * span);
            if (before.take(sequence) == Verdict::fresh) taken.push_back(sequence);
        }
        after.window.start_at(before.window.end());
        for (const std::uint64_t sequence : taken) REQUIRE(after.take(sequence) != Verdict::fresh);
        REQUIRE(after.take(before.window.end()) == Verdict::fresh);
    }
}

TEST_CASE("the smallest window, one word, starts at a floor too") {
    for (const std::uint64_t floor : {0u, 1u, 63u, 64u, 100u}) {
        alignas(16) Window::Word word;
        Window window(&word, 1);
        window.start_at(floor);
        CHECK(window.end() == floor);
        if (floor > 0) CHECK(window.check(floor - 1) != Verdict::fresh);
        CHECK(window.check(floor) == Verdict::fresh);
    }
}

TEST_CASE("the smallest window, one word, works too") {
    alignas(16) Window::Word word;
    Window window(&word, 1);
    CHECK(window.commit(0, 3).fresh == 3);
    CHECK(window.commit(0, 7).fresh == 4);
    CHECK(window.commit(1, 1).fresh == 1);
    CHECK(window.commit(0, 8).old);
}

TEST_CASE("a window agrees with a twin that forgets nothing") {
    const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    Bed bed;
    Twin twin;
    std::uint64_t newest = seed % 3 == 0   ? top - 300'000
                           : seed % 3 == 1 ? (1ull << 37) - 50'000
                                           : 0;
    for (unsigned round = 0; round < 60'000; ++round) {
        std::uint64_t sequence = 0;
        switch (random() % 8) {
            case 0:
            case 1:
            case 2:
                sequence = newest = newest + (newest < top - 10 ? 1 : 0);
                break;
            case 3:
                sequence = newest = newest + (newest < top - 200 ? random() % 100 : 0);
                break;
            case 4:
                sequence = newest - std::min(newest, random() % (2 * span));
                break;
            default:
                sequence = newest - std::min(newest, random() % span);
        }
        if (random() % 10'000 == 0) {
            bed.window.restart();
            twin = {};
        }
        REQUIRE(bed.take(sequence) == twin.take(sequence));
    }
}

TEST_CASE("runs agree with the twin number by number") {
    std::mt19937_64 random(77);
    Bed bed;
    Twin twin;
    for (unsigned round = 0; round < 20'000; ++round) {
        const std::uint64_t block = round / 20 + random() % (2 * words);
        std::uint64_t wanted = random();
        wanted &= random();  // a quarter of the numbers
        const Window::Outcome outcome = bed.window.commit(block, wanted);
        for (unsigned i = 0; i < 64; ++i) {
            if ((wanted >> i & 1) == 0) continue;
            const Verdict verdict = twin.take(block * 64 + i);
            REQUIRE(outcome.old == (verdict == Verdict::old));
            REQUIRE((outcome.fresh >> i & 1) == (verdict == Verdict::fresh ? 1u : 0u));
        }
    }
}

TEST_CASE("window memory that comes back is zero, and its neighbours keep theirs") {
    WindowStore store;
    std::mt19937 random(9);
    struct Held {
        Window::Word* at;
        std::size_t words;
        std::uint64_t mark;
    };
    std::vector<Held> held;
    for (unsigned round = 0; round < 2000; ++round) {
        if (held.size() < 20 || random() % 2 == 0) {
            const std::size_t count = std::size_t{64} << random() % 8;
            auto taken = store.take(count);
            REQUIRE(taken);
            for (std::size_t i = 0; i < count; ++i) {
                REQUIRE((*taken)[i].tag == 0);
                REQUIRE((*taken)[i].bits == 0);
                (*taken)[i] = {round + 1, round + 1};
            }
            held.push_back({*taken, count, round + 1});
        } else {
            std::swap(held[random() % held.size()], held.back());
            const Held last = held.back();
            for (std::size_t i = 0; i < last.words; ++i) REQUIRE(last.at[i].tag == last.mark);
            store.give(last.at, last.words);
            held.pop_back();
        }
    }
}
