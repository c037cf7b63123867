// The tracker against a naive twin that remembers every arrival.
#include "bench/traffic/tracker.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "bench/traffic/profile.hh"

using namespace lanes::bench;

namespace {

/// RFC 4737 to the letter: section 3.3 (reordered) and 4.2.1 (extent), on lists.
class NaiveTracker {
  public:
    void whole(std::uint32_t flow, std::uint64_t number) {
        auto& arrivals = arrivals_[flow];
        if (std::find(arrivals.begin(), arrivals.end(), number) != arrivals.end()) {
            ++tally.duplicates;
            return;
        }
        if (corrupt_[flow].erase(number) != 0) {
            --tally.corrupt;
            ++tally.duplicates;
        }
        const auto overtaker = std::find_if(arrivals.begin(), arrivals.end(),
                                            [&](std::uint64_t other) { return other > number; });
        if (overtaker != arrivals.end()) {
            ++tally.reordered;
            const auto extent = static_cast<std::uint64_t>(arrivals.end() - overtaker);
            tally.reorder_extent = std::max(tally.reorder_extent, extent);
        }
        arrivals.push_back(number);
        ++tally.received;
    }
    void damaged(std::uint32_t flow, std::uint64_t number) {
        const auto& arrivals = arrivals_[flow];
        const bool seen = std::find(arrivals.begin(), arrivals.end(), number) != arrivals.end();
        if (seen || !corrupt_[flow].insert(number).second) {
            ++tally.duplicates;
        } else {
            ++tally.corrupt;
        }
    }

    Tally tally;

  private:
    std::map<std::uint32_t, std::vector<std::uint64_t>> arrivals_;
    std::map<std::uint32_t, std::set<std::uint64_t>> corrupt_;
};

void check_equal(const Tally& tally, const Tally& truth) {
    CHECK(tally.received == truth.received);
    CHECK(tally.corrupt == truth.corrupt);
    CHECK(tally.duplicates == truth.duplicates);
    CHECK(tally.reordered == truth.reordered);
    CHECK(tally.reorder_extent == truth.reorder_extent);
    CHECK(tally.stragglers == truth.stragglers);
}

void feed(Tracker& tracker, std::initializer_list<std::uint32_t> sequences) {
    for (const std::uint32_t sequence : sequences) tracker.whole(0, sequence);
}

}  // namespace

TEST_CASE("the tracker's truth table") {
    struct Row {
        std::vector<std::uint32_t> arrivals;
        std::uint64_t received, duplicates, reordered, extent;
    };
    const std::vector<Row> rows = {
        {{0, 1, 2, 3}, 4, 0, 0, 0},
        {{0, 0, 0}, 1, 2, 0, 0},
        {{1, 0}, 2, 0, 1, 1},
        {{5}, 1, 0, 0, 0},
        {{0, 2, 3, 1}, 4, 0, 1, 2},
        {{0, 3, 1, 2}, 4, 0, 2, 2},
        {{3, 2, 1, 0}, 4, 0, 3, 3},
        {{0, 2, 2, 1, 1}, 3, 2, 1, 1},
        {{0, 64, 63, 128, 1}, 5, 0, 2, 3},
        // RFC 4737, appendix B, example with packet 4 late; numbers from 0.
        {{0, 1, 2, 4, 5, 6, 7, 3, 8, 9}, 10, 0, 1, 4},
    };
    for (const Row& row : rows) {
        Tracker tracker(1);
        for (const std::uint32_t sequence : row.arrivals) tracker.whole(0, sequence);
        INFO("first arrivals " << row.arrivals[0] << ", of " << row.arrivals.size());
        CHECK(tracker.tally().received == row.received);
        CHECK(tracker.tally().duplicates == row.duplicates);
        CHECK(tracker.tally().reordered == row.reordered);
        CHECK(tracker.tally().reorder_extent == row.extent);
    }
}

TEST_CASE("the tracker agrees with a naive twin on shuffled, copied, damaged and lost frames") {
    for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
        std::mt19937_64 random(seed);
        INFO("seed " << seed);
        const std::uint32_t flows = seed % 2 == 0 ? 1 : 5;
        Tracker tracker(flows);
        NaiveTracker twin;
        struct Arrival {
            std::uint64_t at;
            std::uint32_t flow;
            std::uint32_t sequence;
            bool damaged;
        };
        std::vector<Arrival> arrivals;
        const std::uint64_t jitter = 1 + seed * 7;
        for (std::uint32_t i = 0; i < 6000; ++i) {
            const std::uint64_t copies = random() % 20 == 0 ? 2 : random() % 30 == 0 ? 0 : 1;
            for (std::uint64_t copy = 0; copy < copies; ++copy) {
                const std::uint64_t late = random() % 5 == 0 ? random() % jitter : 0;
                arrivals.push_back({i + late, i % flows, i / flows, random() % 40 == 0});
            }
        }
        std::stable_sort(arrivals.begin(), arrivals.end(),
                         [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
        for (const Arrival& arrival : arrivals) {
            if (arrival.damaged) {
                tracker.damaged(arrival.flow, arrival.sequence);
                twin.damaged(arrival.flow, arrival.sequence);
            } else {
                tracker.whole(arrival.flow, arrival.sequence);
                twin.whole(arrival.flow, arrival.sequence);
            }
        }
        CHECK(twin.tally.reordered > 100);
        CHECK(twin.tally.duplicates > 100);
        check_equal(tracker.tally(), twin.tally);
    }
}

TEST_CASE("sequence numbers go round 32 bits without loss or reordering") {
    Tracker tracker(1);
    constexpr std::uint32_t step = 1u << 20;
    std::uint64_t count = 0;
    for (std::uint64_t number = 0; number < (std::uint64_t{3} << 32); number += step, ++count) {
        tracker.whole(0, static_cast<std::uint32_t>(number));
    }
    CHECK(tracker.tally().received == count);
    CHECK(tracker.tally().reordered == 0);
    CHECK(tracker.tally().duplicates == 0);
    CHECK(tracker.whole(0, static_cast<std::uint32_t>(0) - step) == Tracker::Arrival::again);
}

TEST_CASE("a frame older than the window is a straggler and nothing else") {
    const std::uint32_t flows = GENERATE(1u, 1000u, flows_max);
    Tracker tracker(flows);
    const std::uint32_t flow = flows - 1;
    CHECK(tracker.whole(flow, 1) == Tracker::Arrival::first);
    for (std::uint32_t sequence = 64; sequence < (1u << 23); sequence += 64) {
        tracker.whole(flow, sequence);
    }
    const std::uint64_t received = tracker.tally().received;
    CHECK(tracker.whole(flow, 0) == Tracker::Arrival::straggler);
    tracker.damaged(flow, 2);
    CHECK(tracker.tally().received == received);
    CHECK(tracker.tally().reordered == 0);
    CHECK(tracker.tally().corrupt == 0);
    CHECK(tracker.tally().stragglers == 2);
    tracker.reset();
    CHECK(tracker.whole(flow, 0) == Tracker::Arrival::first);
    CHECK(tracker.tally().stragglers == 0);
}

TEST_CASE("with more gaps than are kept the extent is a lower bound") {
    // Every even number is lost: a gap per frame, of which the last 1024 are known.
    Tracker tracker(1);
    for (std::uint32_t i = 0; i < 5000; ++i) tracker.whole(0, 2 * i + 1);
    feed(tracker, {0});
    CHECK(tracker.tally().reordered == 1);
    CHECK(tracker.tally().reorder_extent == 1024);
    feed(tracker, {2 * 4500});
    CHECK(tracker.tally().reorder_extent == 1024);
    feed(tracker, {2 * 3976});
    CHECK(tracker.tally().reorder_extent == 1024 + 2);
}

TEST_CASE("damaged copies give way to whole ones") {
    Tracker tracker(2);
    tracker.damaged(1, 5);
    CHECK(tracker.tally().corrupt == 1);
    tracker.damaged(1, 5);
    CHECK(tracker.tally().corrupt == 1);
    CHECK(tracker.tally().duplicates == 1);
    tracker.whole(1, 5);
    CHECK(tracker.tally().corrupt == 0);
    CHECK(tracker.tally().received == 1);
    CHECK(tracker.tally().duplicates == 2);
    tracker.damaged(1, 5);
    CHECK(tracker.tally().corrupt == 0);
    CHECK(tracker.tally().duplicates == 3);
    tracker.damaged(0, 5);
    CHECK(tracker.tally().corrupt == 1);
}
