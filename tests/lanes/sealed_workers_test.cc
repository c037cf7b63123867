// Several workers at either end, in turns that the test chooses: each sending worker is a subspace
// with a key of its own, all receiving workers share the windows.
#include <catch2/catch.hpp>

#include <random>
#include <set>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

SealedBed::Options workers(unsigned a, unsigned b) {
    SealedBed::Options with;
    with.workers_a = a;
    with.workers_b = b;
    return with;
}

}  // namespace

TEST_CASE("what reaches both receiving workers is delivered once, by whoever is first") {
    SealedBed::Options with = workers(2, 2);
    with.wan_mtu = GENERATE(1500u, 9000u);
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    std::mt19937 random(2);
    std::uint32_t number = 0;
    for (unsigned round = 0; round < 50; ++round) {
        const auto frames = some_frames(120, 60, number);
        number += 120;
        bed.send(frames);
        auto packets = bed.take();
        REQUIRE(packets.size() == 120);
        // Each worker gets each packet, in an order of its own.
        for (unsigned worker = 0; worker < 2; ++worker) {
            std::shuffle(packets.begin(), packets.end(), random);
            for (const Bytes& packet : packets) REQUIRE(bed.wan_b[0]->send(packet, worker));
        }
        const auto& ones = bed.b->control->workers();
        for (unsigned quiet = 0; quiet < 4;) quiet = ones[random() % 2]->round() ? 0 : quiet + 1;
        bed.b->run();
        REQUIRE(sorted(bed.received()) == sorted(frames));
    }
    CHECK(bed.b->drops(Drop::replay_duplicate) == 50 * 120);
    CHECK(bed.b->lane("in").duplicates == 50 * 120);
    CHECK(bed.b->control->totals().balanced());
    bed.pass(3 * ns_per_second);
    CHECK(bed.status_b().lost == 0);
}

TEST_CASE("each sending worker is a subspace with keys and numbers of its own") {
    SealedBed bed(workers(4, 1));
    bed.start_up();
    bed.take();
    // The same frame as the same number of each worker: four ciphertexts.
    bed.send(std::vector<Bytes>(4, ethernet_frame(100, 1)));
    std::set<std::uint16_t> subspaces;
    std::set<std::string> texts;
    for (const Bytes& frame : bed.take()) {
        const Bytes packet = bed.packet_of(frame);
        const wire::Header header = wire::read_header(packet.data());
        CHECK(header.sequence == 0);
        subspaces.insert(header.subspace);
        texts.emplace(reinterpret_cast<const char*>(packet.data()) + 16, packet.size() - 16);
    }
    CHECK(subspaces == std::set<std::uint16_t>{0, 1, 2, 3});
    CHECK(texts.size() == 4);
}

TEST_CASE("more workers at one end than at the other, over rekeys") {
    const unsigned a = GENERATE(1u, 3u, 8u), b = GENERATE(1u, 2u, 5u);
    SealedBed::Options with = workers(a, b);
    with.rekey_seconds = 1;
    SealedBed bed(with);
    bed.start_up();
    for (unsigned step = 0; step < 250; ++step) {
        bed.check_through(some_frames(24, 60, step * 24));
        bed.pass(10 * ns_per_ms);
    }
    CHECK(bed.status_b().lost == 0);
    CHECK(bed.b->control->totals().dropped() == 0);
}

TEST_CASE("a restart with other numbers of workers at either end is no trouble") {
    SealedBed bed(workers(3, 2));
    bed.start_up();
    bed.check_through(some_frames(30));
    const bool sender = GENERATE(true, false);
    if (sender) {
        bed.stop_a();
        bed.with.workers_a = 1;
        bed.lan_a.reset();
        bed.wan_a.clear();
        bed.lan_a = std::make_unique<Far>(bed.lan_wire_a);
        bed.wan_a.push_back(std::make_unique<Far>(bed.wan_wires_a[0]));
        bed.start_a(bed.sending());
    } else {
        bed.stop_b(true);
        bed.with.workers_b = 1;
        bed.lan_b.reset();
        bed.wan_b.clear();
        bed.lan_b = std::make_unique<Far>(bed.lan_wire_b);
        bed.wan_b.push_back(std::make_unique<Far>(bed.wan_wires_b[0]));
        bed.start_b(bed.receiving());
    }
    bed.pass(1100 * ns_per_ms);
    bed.check_through(some_frames(30));
}

TEST_CASE("fragments of several workers find each other's pieces at several workers") {
    SealedBed bed(workers(2, 2));
    LaneSpec lane = bed.sending();
    lane.mtu = 400;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    for (unsigned round = 0; round < 30; ++round) {
        bed.check_through(some_frames(16, 900 + round * 10, round * 100));
    }
}
