// Reassembly: order, interleaving, duplicates, packets that do not fit themselves, eviction, time-
// outs, a full table; and at random against the packets that were cut.
#include "lanes/reassembly.hh"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>

#include "tests/lanes/bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

struct Piece {
    wire::Fragment fragment;
    Bytes bytes;
};

Bytes packet_of(std::size_t len, std::uint32_t seed) {
    Bytes packet(len);
    for (std::size_t i = 0; i < len; ++i) {
        packet[i] = static_cast<std::byte>(seed * 13 + i * 7 + (i >> 8));
    }
    return packet;
}

std::vector<Piece> cut(std::uint32_t id, const Bytes& packet, std::uint16_t stride) {
    const std::size_t count = (packet.size() + stride - 1) / stride;
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < count; ++i) {
        const auto first = packet.begin() + static_cast<long>(i * stride);
        const auto last = i + 1 == count ? packet.end() : first + stride;
        pieces.push_back(
            {{id, static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(count), stride},
             Bytes(first, last)});
    }
    return pieces;
}

struct Bed {
    Bed() {
        auto made = Reassembly::create();
        REQUIRE(made);
        table = std::move(*made);
    }

    /// The packet that this piece completed; empty: none.
    Bytes add(const Piece& piece, Reassembly::Key key = {}) {
        ++added;
        engine::WorkerContext worker{0, counters, now_ns};
        const auto whole = table->add(worker, key, piece.fragment, piece.bytes.data(),
                                      static_cast<std::uint32_t>(piece.bytes.size()));
        if (whole.inner == nullptr) return {};
        ++wholes;
        Bytes bytes(whole.inner, whole.inner + whole.len);
        table->done(whole);
        return bytes;
    }
    std::uint64_t drops(Drop reason) const {
        return counters.drops[static_cast<std::size_t>(reason)].get();
    }
    std::uint64_t dropped() const {
        std::uint64_t sum = 0;
        for (const auto& drop : counters.drops) sum += drop.get();
        return sum;
    }
    /// in + made == absorbed + out + drops, where the wholes are what comes out.
    bool balanced() const {
        return added + counters.made.get() == counters.absorbed.get() + wholes + dropped();
    }

    std::unique_ptr<Reassembly> table;
    engine::WorkerCounters counters;
    std::uint64_t now_ns = 1'000'000'000;
    std::uint64_t added = 0, wholes = 0;
};

}  // namespace

TEST_CASE("pieces in any order make the packet, once") {
    Bed bed;
    const unsigned count = GENERATE(2u, 3u, 7u, 64u);
    const Bytes packet = packet_of(100 * (count - 1) + 1, count);
    std::mt19937 random(count);
    for (std::uint32_t id = 0; id < 50; ++id) {
        auto pieces = cut(id, packet, 100);
        REQUIRE(pieces.size() == count);
        if (id != 0) std::shuffle(pieces.begin(), pieces.end(), random);
        for (std::size_t i = 0; i + 1 < pieces.size(); ++i) REQUIRE(bed.add(pieces[i]).empty());
        REQUIRE(bed.add(pieces.back()) == packet);
    }
    CHECK(bed.balanced());
    CHECK(bed.dropped() == 0);
    CHECK(bed.counters.copies.get() == 50 * count);
}

TEST_CASE("the largest packet fits, and not a byte more") {
    Bed bed;
    const Bytes largest = packet_of(Reassembly::slot_bytes, 1);
    Bytes whole;
    for (const Piece& piece : cut(1, largest, 1040)) whole = bed.add(piece);
    CHECK(whole == largest);
    auto pieces = cut(2, packet_of(Reassembly::slot_bytes + 1, 1), 1040);
    bed.add(pieces.back());
    CHECK(bed.drops(Drop::malformed_fragment) == 1);
}

TEST_CASE("packets of several lanes, subspaces and ids are put together side by side") {
    Bed bed;
    const Bytes a = packet_of(900, 1), b = packet_of(900, 2), c = packet_of(900, 3),
                d = packet_of(900, 4);
    const auto pa = cut(7, a, 300), pb = cut(7, b, 300), pc = cut(7, c, 300), pd = cut(8, d, 300);
    Bytes got[4];
    for (std::size_t i = 0; i < 3; ++i) {
        got[0] = bed.add(pa[i], {1, 0});
        got[1] = bed.add(pb[2 - i], {2, 0});
        got[2] = bed.add(pc[i], {1, 1});
        got[3] = bed.add(pd[2 - i], {1, 0});
    }
    CHECK(got[0] == a);
    CHECK(got[1] == b);
    CHECK(got[2] == c);
    CHECK(got[3] == d);
}

TEST_CASE("a piece that comes twice is dropped and does no harm") {
    Bed bed;
    const Bytes packet = packet_of(250, 1);
    const auto pieces = cut(1, packet, 100);
    bed.add(pieces[0]);
    Piece forged = pieces[0];
    std::fill(forged.bytes.begin(), forged.bytes.end(), std::byte{0xff});
    bed.add(forged);
    CHECK(bed.drops(Drop::malformed_fragment) == 1);
    bed.add(pieces[2]);
    CHECK(bed.add(pieces[1]) == packet);
    CHECK(bed.balanced());
}

TEST_CASE("pieces that do not fit the packet they say they belong to are dropped") {
    Bed bed;
    const Bytes packet = packet_of(250, 1);
    const auto pieces = cut(1, packet, 100);
    bed.add(pieces[0]);
    Piece other = pieces[1];
    other.fragment.count = 4;
    bed.add(other);
    CHECK(bed.drops(Drop::malformed_fragment) == 1);
    other = pieces[1];
    other.fragment.stride = 99;
    other.bytes.pop_back();
    bed.add(other);
    CHECK(bed.drops(Drop::malformed_fragment) == 2);
    bed.add(pieces[2]);
    CHECK(bed.add(pieces[1]) == packet);
    CHECK(bed.balanced());
}

TEST_CASE("what is not complete after a second is dropped piece by piece, and counted") {
    Bed bed;
    const auto pieces = cut(1, packet_of(250, 1), 100);
    bed.add(pieces[0]);
    bed.add(pieces[1]);
    engine::WorkerCounters control;
    bed.table->expire(bed.now_ns + Reassembly::timeout_ns, control);
    CHECK(control.drops[std::size_t(Drop::reassembly_timeout)].get() == 0);
    bed.table->expire(bed.now_ns + Reassembly::timeout_ns + 1, control);
    CHECK(control.drops[std::size_t(Drop::reassembly_timeout)].get() == 2);
    CHECK(control.made.get() == 2);
    bed.table->expire(bed.now_ns + 3 * Reassembly::timeout_ns, control);
    CHECK(control.made.get() == 2);
    CHECK(bed.add(pieces[2]).empty());  // too late
}

TEST_CASE("an incomplete packet gives way after the eviction time and not before") {
    Bed bed;
    const auto old = cut(1, packet_of(250, 1), 100);
    const Bytes packet = packet_of(250, 2);
    const auto fresh = cut(1 + Reassembly::slot_count, packet, 100);
    bed.add(old[0]);
    bed.now_ns += Reassembly::evict_ns;
    bed.add(fresh[0]);
    CHECK(bed.drops(Drop::reassembly_full) == 1);
    bed.now_ns += 1;
    bed.add(fresh[0]);
    CHECK(bed.drops(Drop::reassembly_timeout) == 1);
    bed.add(fresh[1]);
    CHECK(bed.add(fresh[2]) == packet);
    CHECK(bed.balanced());
}

TEST_CASE("a full table drops by name and works again once it is emptied") {
    Bed bed;
    for (std::uint32_t id = 0; id < Reassembly::slot_count; ++id) {
        REQUIRE(bed.add(cut(id, packet_of(250, id), 100)[0]).empty());
    }
    for (std::uint32_t id = 0; id < 100; ++id) {
        bed.add(cut(id + 5000, packet_of(250, id), 100)[0]);
    }
    CHECK(bed.drops(Drop::reassembly_full) == 100);
    for (std::uint32_t id = 0; id < Reassembly::slot_count; ++id) {
        const Bytes packet = packet_of(250, id);
        const auto pieces = cut(id, packet, 100);
        bed.add(pieces[1]);
        REQUIRE(bed.add(pieces[2]) == packet);
    }
    CHECK(bed.balanced());
}

TEST_CASE("a slot is not used again before its packet has been dealt with") {
    Bed bed;
    const Bytes packet = packet_of(150, 1);
    const auto pieces = cut(1, packet, 100);
    const auto other = cut(1 + Reassembly::slot_count, packet_of(150, 2), 100);
    engine::WorkerContext worker{0, bed.counters, bed.now_ns};
    bed.table->add(worker, {}, pieces[0].fragment, pieces[0].bytes.data(), 100);
    const auto whole = bed.table->add(worker, {}, pieces[1].fragment, pieces[1].bytes.data(), 50);
    REQUIRE(whole.inner != nullptr);
    worker.now_ns += 10 * Reassembly::timeout_ns;
    CHECK(bed.table->add(worker, {}, other[0].fragment, other[0].bytes.data(), 100).inner ==
          nullptr);
    bed.table->expire(worker.now_ns, bed.counters);
    CHECK(bed.drops(Drop::reassembly_full) == 1);
    CHECK(Bytes(whole.inner, whole.inner + whole.len) == packet);
    bed.table->done(whole);
    bed.now_ns = worker.now_ns;
    bed.add(other[0]);
    CHECK_FALSE(bed.add(other[1]).empty());
}

TEST_CASE("random pieces of many packets, lost, doubled and late, never make a wrong packet") {
    const auto seed = GENERATE(1u, 2u, 3u);
    INFO("seed " << seed);
    std::mt19937 random(seed);
    Bed bed;
    struct Open {
        Bytes packet;
        std::vector<Piece> left;
    };
    std::map<std::uint32_t, Open> open;
    std::uint32_t next_id = 0;
    std::size_t completed = 0;
    for (unsigned round = 0; round < 60'000; ++round) {
        if (open.size() < 20) {
            const Bytes packet = packet_of(10 + random() % 3000, next_id);
            const auto least = static_cast<std::uint32_t>((packet.size() + 63) / 64);
            const auto stride =
                static_cast<std::uint16_t>(std::max<std::uint32_t>(4, least) +
                                           random() % std::max<std::size_t>(1, packet.size() - 8));
            auto pieces = cut(next_id, packet, stride);
            if (pieces.size() >= 2) open[next_id] = {packet, std::move(pieces)};
            ++next_id;
            continue;
        }
        auto at = open.begin();
        std::advance(at, static_cast<long>(random() % open.size()));
        Open& one = at->second;
        std::swap(one.left[random() % one.left.size()], one.left.back());
        const Bytes whole = bed.add(one.left.back());
        if (random() % 10 == 0) {  // the same again: nothing comes of it while the packet is open
            if (whole.empty()) REQUIRE(bed.add(one.left.back()).empty());
        }
        one.left.pop_back();
        if (!whole.empty()) {
            REQUIRE(whole == one.packet);
            ++completed;
        }
        if (one.left.empty() || random() % 200 == 0) open.erase(at);  // done, or the rest is lost
        bed.now_ns += random() % 100'000;
        if (random() % 5000 == 0) bed.table->expire(bed.now_ns, bed.counters);
        REQUIRE(bed.balanced());
    }
    CHECK(completed > 1000);
}
