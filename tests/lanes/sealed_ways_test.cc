// Every way of a frame through a sealed lane: what comes out is what went in, whatever the cipher,
// the library, the carrier, the memory, the number of paths; and the copies are counted, which are
// none where a frame goes alone: the cipher is the copy.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

using Options = SealedBed::Options;

/// Frames of each length from 14 to 200 bytes, some longer, and the longest.
std::vector<Bytes> frames_up_to(std::size_t max) {
    std::vector<std::size_t> sizes;
    for (std::size_t size = 14; size <= std::min<std::size_t>(200, max); ++size) {
        sizes.push_back(size);
    }
    std::mt19937 random(6);
    for (unsigned i = 0; i < 150; ++i) sizes.push_back(14 + random() % (max - 13));
    for (std::size_t less = 3; less-- > 0;) sizes.push_back(max - less);
    std::vector<Bytes> frames;
    for (const std::size_t size : sizes) {
        frames.push_back(ethernet_frame(size, static_cast<std::uint32_t>(frames.size())));
    }
    return frames;
}

/// Bytes of a frame that still goes whole: an MTU less the carrier's headers, 16, 4 and 16.
std::size_t whole_max(const SealedBed& bed) {
    return bed.with.wan_mtu - (bed.carrier_bytes() - 14) - 36;
}

std::uint64_t copies(const Node& node) {
    return node.control->totals().copies;
}

}  // namespace

TEST_CASE("both suites, both backends crosswise, both modes, all carriers: frames of every size") {
    Options with;
    with.cipher = GENERATE(Cipher::aes_256_gcm, Cipher::chacha20_poly1305);
    with.backend_a = GENERATE(from_range(backend_names()));
    with.backend_b = GENERATE(from_range(backend_names()));
    with.mode = GENERATE(KeyMode::keys, KeyMode::secret);
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    INFO(with.backend_a << " to " << with.backend_b);
    SealedBed bed(with);
    bed.start_up();
    const auto frames = frames_up_to(whole_max(bed));
    const std::uint64_t before = copies(*bed.a);  // Control's own packets
    bed.check_through(frames);
    CHECK(copies(*bed.a) == before);
    CHECK(copies(*bed.b) == 0);
    CHECK(bed.a->lane("out").packets == frames.size());
    CHECK(bed.b->lane("in").packets == frames.size());
    CHECK(bed.a->lane("out").bytes == bed.b->lane("in").bytes);
    CHECK(bed.b->control->totals().dropped() == 0);
}

TEST_CASE(
    "between ports of different memories a frame is sealed and opened into the claimed room") {
    Options with;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    with.cipher = GENERATE(Cipher::aes_256_gcm, Cipher::chacha20_poly1305);
    with.backend_b = GENERATE("auto", "libsodium");
    const bool long_wan = GENERATE(true, false);
    with.lan_mtu = long_wan ? 1500 : 9000;
    with.wan_mtu = long_wan ? 9000 : 1500;
    SealedBed bed(with);
    bed.start_up();
    const std::uint64_t before = copies(*bed.a);
    bed.check_through(frames_up_to(std::min<std::size_t>(1514, whole_max(bed))));
    CHECK(copies(*bed.a) == before);
    CHECK(copies(*bed.b) == 0);
    CHECK(bed.b->control->totals().dropped() == 0);
}

TEST_CASE("over ports whose kernel makes the carrier a lane packet is all there is") {
    Options with;
    with.form = Form::kernel;
    with.paths = GENERATE(1u, 2u);
    with.lan_kind = GENERATE(engine::PortKind::ethernet, engine::PortKind::ip);
    SealedBed bed(with);
    bed.start_up();
    std::vector<Bytes> frames;
    for (std::size_t len = 20; len < 1500; len += 13) frames.push_back(ip_packet(len, 5));
    bed.check_through(frames);
    bed.send({frames[0], frames[50]});
    const auto packets = bed.take(0);
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].size() == 56);
    CHECK(wire::read_header(packets[1].data()).lane == 101);
}

TEST_CASE("frames longer than a packet are cut, sealed piece by piece and put together again") {
    Options with;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    with.paths = GENERATE(1u, 2u);
    with.lan_mtu = GENERATE(1500u, 9000u);
    SealedBed bed(with);
    LaneSpec lane = bed.sending();
    lane.mtu = GENERATE(std::uint16_t{0}, std::uint16_t{256}, std::uint16_t{1000});
    const std::size_t whole = lane.mtu == 0 ? whole_max(bed) : lane.mtu - 36u;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    const auto frames = frames_up_to(with.lan_mtu + 14);
    bed.check_through(frames);
    const auto cut = static_cast<std::uint64_t>(std::count_if(
        frames.begin(), frames.end(), [&](const Bytes& frame) { return frame.size() > whole; }));
    CHECK(cut > 0);
    CHECK(bed.a->control->totals().absorbed == cut);
    CHECK(bed.b->control->totals().made == cut);
}

TEST_CASE("a frame of exactly what a sealed packet holds goes whole, one byte more in two pieces") {
    Options with;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    bed.send({ethernet_frame(whole_max(bed), 1)});
    auto frames = bed.take();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].size() == 1514);
    bed.give(frames);
    CHECK(bed.received().size() == 1);
    bed.send({ethernet_frame(whole_max(bed) + 1, 2)});
    frames = bed.take();
    REQUIRE(frames.size() == 2);
    bed.give(frames);
    CHECK(bed.received() == std::vector<Bytes>{ethernet_frame(whole_max(bed) + 1, 2)});
}

TEST_CASE("bundles, singles and pieces of one burst come out in the order they went in") {
    Options with;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    with.paths = GENERATE(1u, 2u);
    const bool apart = GENERATE(false, true);
    if (apart) with.wan_mtu = 9000;
    SealedBed bed(with);
    LaneSpec lane = bed.sending();
    lane.bundle = true;
    lane.mtu = 1200;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    std::mt19937 random(5);
    for (unsigned round = 0; round < 60; ++round) {
        std::vector<Bytes> frames;
        const unsigned count = 1 + random() % 64;
        for (unsigned i = 0; i < count; ++i) {
            const unsigned which = random() % 8;
            const std::size_t len = which < 5   ? 14 + random() % 150
                                    : which < 7 ? 900 + random() % 265
                                                : 1165 + random() % 350;
            frames.push_back(ethernet_frame(len, round * 64 + i));
        }
        bed.check_through(frames);
    }
}

TEST_CASE("small frames share sealed packets, and one that is alone is no bundle") {
    Options with;
    with.paths = GENERATE(1u, 2u);
    SealedBed bed(with);
    LaneSpec lane = bed.sending();
    lane.bundle = true;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    const auto before = bed.a->control->totals().sent;
    bed.check_through(std::vector<Bytes>(64, ethernet_frame(60, 1)));
    // 64 * (60 + 4) bytes need three packets of 1436.
    CHECK(bed.a->control->totals().sent - before == 3 * with.paths);
    CHECK(bed.a->lane("out").packets == 3);
    bed.check_through({ethernet_frame(60, 2)});
    CHECK(bed.a->control->totals().sent - before == 4 * with.paths);
}

TEST_CASE(
    "over two paths everything is sealed once, arrives as the same bytes and comes out once") {
    Options with;
    with.paths = 2;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    with.wan_mtu = GENERATE(1500u, 9000u);
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    const std::uint64_t copied = copies(*bed.a);
    const auto frames = frames_up_to(1400);
    bed.send(frames);
    const auto one = bed.take(0), two = bed.take(1);
    REQUIRE(one.size() == frames.size());
    REQUIRE(two.size() == frames.size());
    std::size_t different = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
        different += bed.packet_of(one[i]) != bed.packet_of(two[i]) ? 1 : 0;
    }
    CHECK(different == 0);
    // From the bench to each path.
    CHECK(copies(*bed.a) - copied == 2 * frames.size());
    bed.give(two, 1);
    CHECK(bed.received() == frames);
    bed.give(one, 0);
    CHECK(bed.received().empty());
    CHECK(bed.b->lane("in").packets == frames.size());
    CHECK(bed.b->drops(Drop::replay_duplicate) >= frames.size());
    CHECK(bed.a->control->totals().balanced());
    CHECK(bed.b->control->totals().balanced());
}

TEST_CASE("ip lanes carry IPv4 and IPv6 side by side, and packets of a few bytes with padding") {
    Options with;
    with.lan_kind = engine::PortKind::ip;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    with.paths = GENERATE(1u, 2u);
    with.wan_mtu = GENERATE(1500u, 9000u);
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    std::vector<Bytes> packets;
    for (std::size_t len = 1; len <= 60; ++len) {
        for (const int version : {0x45, 0x60}) {
            Bytes packet = ip_packet(std::max<std::size_t>(len, 20), 7);
            packet.resize(len);
            packet[0] = static_cast<std::byte>(version);
            packets.push_back(packet);
        }
    }
    bed.send(packets);
    for (unsigned path = 0; path < with.paths; ++path) {
        const auto frames = bed.take(path);
        REQUIRE(frames.size() == packets.size());
        for (std::size_t i = 0; i < frames.size(); ++i) {
            const std::size_t len = std::max<std::size_t>(46, 36 + packets[i].size());
            REQUIRE(bed.packet_of(frames[i]).size() == len);
        }
        bed.give(frames, path);
    }
    CHECK(bed.received() == packets);
    CHECK(bed.a->control->totals().balanced());
    CHECK(bed.b->control->totals().balanced());
    CHECK(bed.b->drops(Drop::bad_padding) == 0);
}

TEST_CASE("frames without room before them are sealed all the same, but not cut") {
    Options with;
    with.headroom = GENERATE(0u, 3u, 4u, 65u, 66u);
    with.form = GENERATE(Form::ipv4, Form::ipv6);
    with.paths = GENERATE(1u, 2u);
    with.wan_mtu = GENERATE(1500u, 9000u);
    SealedBed bed(with);
    bed.start_up();
    bed.check_through(frames_up_to(1400));
    const auto before = bed.a->control->totals();
    bed.send({ethernet_frame(1400, 1)});
    const bool composed = with.headroom < 4;
    const std::uint64_t more = with.paths == 2 ? 2 : 0;
    CHECK(bed.a->control->totals().copies - before.copies == more + (composed ? 1 : 0));
    bed.give(bed.take());
    bed.received();
    // A piece needs four bytes before the frame.
    const std::size_t too_long = with.wan_mtu == 1500 ? 1514 : 0;
    if (too_long == 0) return;
    bed.send({ethernet_frame(too_long, 1)});
    bed.give(bed.take());
    CHECK(bed.received().size() == (composed ? 0 : 1));
    CHECK(bed.a->drops(Drop::too_big) == (composed ? 1 : 0));
    CHECK(bed.a->control->totals().balanced());
}
