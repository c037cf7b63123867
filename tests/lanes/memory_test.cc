// A million lanes with a match rule each: what they cost, and that their memory comes back when
// they go, at once or in many small changes. A program of its own: what else a process has done to
// its heap is not asked here.
#include <catch2/catch.hpp>

#include <malloc.h>
#include <unistd.h>

#include <fstream>

#include "tests/lanes/bed.hh"
#include "tests/sanitizers.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

constexpr std::uint32_t million = 1'000'000;
/// Resident bytes that a lane may cost: its spec, its place in the fleet, lane, plan and rule.
constexpr double bytes_per_lane_most = 1200;
/// What may be left of a million lanes: empty tables, places that the allocator keeps.
constexpr double bytes_left_most = 48e6;

double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double pages = 0;
    statm >> pages >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

bool skipped() {
    if (sanitized) WARN("skipped: a sanitizer keeps memory of its own for what is freed");
    return sanitized;
}

LaneSpec lane_of(std::uint32_t n) {
    LaneSpec lane = lane_spec("customer-" + std::to_string(n), n + 1, Role::send, 0,
                              {over_resolved(1, "192.0.2.1:4790")});
    lane.match = std::make_unique<MatchSpec>();
    lane.match->has_destination = true;
    lane.match->destination.len = 32;
    for (unsigned i = 0; i < 4; ++i) {
        lane.match->destination.address.bytes[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
    }
    return lane;
}

struct Bed {
    void apply(std::uint32_t lanes) {
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", wires[0]), port_spec("wan", wires[1], {"192.0.2.2/24"})};
        spec.lanes.reserve(lanes);
        for (std::uint32_t n = 0; n < lanes; ++n) spec.lanes.push_back(lane_of(n));
        node.apply(std::move(spec));
    }
    /// Each lane's number in turn is put into changes of `batch`.
    template <typename Add>
    void change_all(Add&& add, std::uint32_t batch) {
        for (std::uint32_t n = 0; n < million;) {
            LaneChange change;
            for (const std::uint32_t end = n + batch; n < end; ++n) add(change, n);
            const auto changed = node.control->change(std::move(change));
            if (!changed) FAIL(changed.error().message);
        }
    }

    std::string wires[2] = {fresh_wire(), fresh_wire()};
    Node node;
};

}  // namespace

TEST_CASE("a million lanes with rules cost a bounded number of bytes, and all come back") {
    if (skipped()) return;
    Bed bed;
    bed.apply(0);
    ::malloc_trim(0);
    const double before = resident_bytes();

    SECTION("as a whole") {
        bed.apply(million);
        ::malloc_trim(0);
        const double each = (resident_bytes() - before) / million;
        INFO("bytes per lane: " << each);
        CHECK(each < bytes_per_lane_most);
        bed.apply(0);
    }
    SECTION("in changes of a thousand") {
        bed.change_all(
            [](LaneChange& change, std::uint32_t n) { change.put.push_back(lane_of(n)); }, 1000);
        ::malloc_trim(0);
        const double each = (resident_bytes() - before) / million;
        INFO("bytes per lane: " << each);
        CHECK(each < bytes_per_lane_most);
        bed.change_all(
            [](LaneChange& change, std::uint32_t n) {
                change.remove.push_back("customer-" + std::to_string(n));
            },
            1000);
    }
    const double left = resident_bytes() - before;
    INFO("bytes left: " << left);
    CHECK(left < bytes_left_most);
    CHECK(bed.node.control->fleet().entries().empty());
}
