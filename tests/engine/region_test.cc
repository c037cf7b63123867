// Region: zero at first, sparse, and zero again where it was forgotten.
#include "engine/region.hh"

#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace lanes::engine;

namespace {

const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

bool all(const Region& region, std::size_t first, std::size_t last, int value) {
    return std::all_of(region.data() + first, region.data() + last,
                       [&](std::byte byte) { return byte == static_cast<std::byte>(value); });
}

}  // namespace

TEST_CASE("a region is zero and rounded up to pages") {
    auto region = Region::map(page + 1, GENERATE(Region::Pages::small, Region::Pages::huge));
    REQUIRE(region);
    CHECK(region->size() == 2 * page);
    CHECK(all(*region, 0, region->size(), 0));
    std::fill_n(region->data(), region->size(), std::byte{1});
}

TEST_CASE("what cannot be mapped is an error that says how much it was") {
    auto region = Region::map(std::size_t{1} << 60, Region::Pages::small);
    REQUIRE_FALSE(region);
    CHECK(region.error().code != 0);
    CHECK(region.error().message.find("1152921504606846976") != std::string::npos);
}

TEST_CASE("a moved region leaves nothing behind") {
    auto mapped = Region::map(page, Region::Pages::small);
    REQUIRE(mapped);
    Region a = std::move(*mapped);
    a.data()[0] = std::byte{7};
    Region b = std::move(a);
    CHECK(a.data() == nullptr);
    CHECK(a.size() == 0);
    CHECK(b.data()[0] == std::byte{7});
    Region c;
    c = std::move(b);
    CHECK(c.data()[0] == std::byte{7});
}

TEST_CASE("what is cleared is zero and what lies beside it stays") {
    struct Row {
        std::size_t offset;
        std::size_t len;
    };
    const Row row = GENERATE(Row{0, 8 * page}, Row{1, 8 * page - 1}, Row{page, page},
                             Row{page - 1, page + 1}, Row{page + 1, page}, Row{page, page - 1},
                             Row{3 * page, 0}, Row{page / 2, 3 * page}, Row{7, 1});
    auto region = Region::map(8 * page, Region::Pages::small);
    REQUIRE(region);
    std::fill_n(region->data(), region->size(), std::byte{1});
    region->clear(row.offset, row.len);
    CHECK(all(*region, 0, row.offset, 1));
    CHECK(all(*region, row.offset, row.offset + row.len, 0));
    CHECK(all(*region, row.offset + row.len, region->size(), 1));
}
