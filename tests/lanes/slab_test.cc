// Slab: places keep what is in them, are used again, and a group that empties gives its memory
// back.
#include "lanes/slab.hh"

#include <catch2/catch.hpp>

#include <sys/mman.h>

#include <cstring>
#include <map>
#include <random>
#include <vector>

using namespace lanes;

namespace {

Slab make(std::uint32_t places, std::size_t stride) {
    auto slab = Slab::create(places, stride);
    REQUIRE(slab);
    return std::move(*slab);
}

/// Pages of 4 KiB from `at` on that are resident.
std::size_t resident(std::byte* at, std::size_t len) {
    std::vector<unsigned char> pages(len / 4096);
    REQUIRE(::mincore(at, len, pages.data()) == 0);
    std::size_t count = 0;
    for (const unsigned char page : pages) count += page & 1;
    return count;
}

}  // namespace

TEST_CASE("places are apart, keep what is in them, and run out by number") {
    Slab slab = make(3, 64);
    const std::uint32_t a = slab.take(), b = slab.take(), c = slab.take();
    CHECK(slab.take() == Slab::none);
    std::memset(slab.at(a), 1, 64);
    std::memset(slab.at(b), 2, 64);
    std::memset(slab.at(c), 3, 64);
    CHECK(slab.at(b)[63] == std::byte{2});
    CHECK(slab.place_of(slab.at(c)) == c);
    slab.give(b);
    CHECK(slab.taken() == 2);
    CHECK(slab.take() == b);
    CHECK(slab.take() == Slab::none);
    CHECK(slab.at(a)[0] == std::byte{1});
    CHECK(slab.at(c)[0] == std::byte{3});
}

TEST_CASE("no place is given twice, whatever the order in which they come back") {
    const auto seed = GENERATE(1u, 2u, 3u);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    constexpr std::uint32_t most = 50'000;
    Slab slab = make(most, 128);
    std::map<std::uint32_t, std::uint64_t> twin;
    for (std::uint64_t round = 1; round < 300'000; ++round) {
        const bool growing = round / 60'000 % 2 == 0;
        if (random() % 10 < (growing ? 7u : 3u)) {
            const std::uint32_t place = slab.take();
            REQUIRE((place == Slab::none) == (twin.size() == most));
            if (place == Slab::none) continue;
            REQUIRE(twin.emplace(place, round).second);
            std::memcpy(slab.at(place) + 64, &round, sizeof round);
        } else if (!twin.empty()) {
            auto at = twin.lower_bound(static_cast<std::uint32_t>(random() % most));
            if (at == twin.end()) at = twin.begin();
            std::uint64_t kept;
            std::memcpy(&kept, slab.at(at->first) + 64, sizeof kept);
            REQUIRE(kept == at->second);
            slab.give(at->first);
            twin.erase(at);
        }
        if (round % 1000 == 0) REQUIRE(slab.taken() == twin.size());
    }
}

TEST_CASE("when the last of a group goes, so does its memory, and the places are good again") {
    constexpr std::uint32_t places = 1u << 16;
    Slab slab = make(places, 64);
    for (std::uint32_t i = 0; i < places; ++i) std::memset(slab.at(slab.take()), 1, 64);
    const std::size_t len = std::size_t{places} * 64;
    CHECK(resident(slab.data(), len) == len / 4096);
    for (std::uint32_t i = 1; i < places; ++i) slab.give(i);
    // One is left, and keeps its group.
    CHECK(resident(slab.data(), len) <= len / 4096 / 4);
    CHECK(slab.at(0)[63] == std::byte{1});
    slab.give(0);
    CHECK(resident(slab.data(), len) == 0);
    CHECK(slab.take() == 0);
}
