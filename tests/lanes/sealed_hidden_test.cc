// What an observer of the wire sees of a sealed lane, and what he must not see: no byte of what is
// carried, no packet twice, and headers that count what is sent and nothing more.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "tests/lanes/sealed_bed.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

std::string_view text_of(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whether any `len` bytes in a row of `text` are also found in `wire`.
bool shares_bytes(const Bytes& text, const Bytes& wire, std::size_t len) {
    std::set<std::string_view> pieces;
    for (std::size_t at = 0; at + len <= wire.size(); ++at) {
        pieces.insert(text_of(wire).substr(at, len));
    }
    for (std::size_t at = 0; at + len <= text.size(); ++at) {
        if (pieces.count(text_of(text).substr(at, len)) != 0) return true;
    }
    return false;
}

wire::Header header_of(const SealedBed& bed, const Bytes& frame) {
    return wire::read_header(frame.data() + bed.carrier_bytes());
}

/// Frames of every way: alone, padded, bundled, cut; in place, into room, over two paths.
SealedBed::Options any_way() {
    SealedBed::Options with;
    with.form = GENERATE(Form::ipv4, Form::ipv6, Form::ethernet);
    with.cipher = GENERATE(Cipher::aes_256_gcm, Cipher::chacha20_poly1305);
    with.paths = GENERATE(1u, 2u);
    with.wan_mtu = GENERATE(1500u, 9000u);
    return with;
}

std::uint16_t be16(const Bytes& bytes, std::size_t at) {
    return engine::load_be<std::uint16_t>(bytes.data() + at);
}

}  // namespace

TEST_CASE("no five bytes of what is carried appear in what leaves") {
    SealedBed bed(any_way());
    LaneSpec lane = bed.sending();
    lane.bundle = GENERATE(false, true);
    lane.mtu = 700;
    bed.start(std::move(lane), bed.receiving());
    bed.pass(300 * ns_per_ms);
    bed.take();
    // Addresses of their own, since the carriers' are no secret.
    std::vector<Bytes> frames;
    for (const std::size_t len : {14u, 20u, 60u, 61u, 200u, 640u, 1400u, 1514u}) {
        Bytes frame = ethernet_frame(len, static_cast<std::uint32_t>(len));
        for (std::size_t i = 0; i < 12; ++i) frame[i] = static_cast<std::byte>(0xd0 + i);
        frames.push_back(frame);
    }
    bed.send(frames);
    const auto wire = bed.take();
    REQUIRE(wire.size() >= 5);
    for (const Bytes& out : wire) {
        for (const Bytes& frame : frames) REQUIRE_FALSE(shares_bytes(frame, out, 5));
    }
    // The search would find it if it were there.
    REQUIRE(shares_bytes(frames[3], frames[3], 5));
    bed.give(wire);
    CHECK(bed.received() == frames);
}

TEST_CASE("the secret of a session appears neither in an announcement nor anywhere else") {
    SealedBed::Options with;
    with.mode = GENERATE(KeyMode::keys, KeyMode::secret);
    SealedBed bed(with);
    bed.start_a(bed.sending());
    bed.start_b(bed.receiving());
    std::vector<Bytes> wire;
    bed.pass(5 * ns_per_second, [&](const Bytes& frame) {
        wire.push_back(frame);
        return std::vector<Bytes>{frame};
    });
    const auto private_bytes = [](const auto& secret) {
        return Bytes(secret.bytes().begin(), secret.bytes().end());
    };
    for (const Bytes& frame : wire) {
        CHECK_FALSE(shares_bytes(private_bytes(bed.keys_a->secret.secret), frame, 8));
        CHECK_FALSE(shares_bytes(private_bytes(bed.secret->secret), frame, 8));
    }
    for (const auto& memory : {bed.memory_a, bed.memory_b}) {
        for (const auto& [name, text] : memory.texts) {
            CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789 \n") ==
                  std::string::npos);
        }
    }
}

TEST_CASE("the same frame a thousand times gives a thousand ciphertexts that share nothing") {
    SealedBed bed(any_way());
    bed.start_up();
    bed.take();
    bed.send(std::vector<Bytes>(1000, ethernet_frame(200, 1)));
    std::set<std::string> starts, tags;
    for (const Bytes& frame : bed.take(0)) {
        const Bytes packet = bed.packet_of(frame);
        starts.emplace(text_of(packet).substr(16, 16));
        tags.emplace(text_of(packet).substr(packet.size() - 16));
    }
    CHECK(starts.size() == 1000);
    CHECK(tags.size() == 1000);
}

TEST_CASE("headers count from 0 in each subspace, and say lane, epoch and worker") {
    SealedBed::Options with = any_way();
    with.workers_a = 3;
    SealedBed bed(with);
    LaneSpec lane = bed.sending();
    lane.id = 0xdeadbeef;
    bed.memory_a.texts["send-3735928559"] = sender_text(1, 0x1234);
    LaneSpec other = bed.receiving();
    other.id = 0xdeadbeef;
    bed.start(std::move(lane), std::move(other));
    std::map<std::uint16_t, std::uint64_t> next;
    unsigned heartbeats = 0, announcements = 0, data = 0;
    const auto look = [&](const Bytes& frame) {
        const wire::Header header = header_of(bed, frame);
        REQUIRE(header.lane == 0xdeadbeef);
        REQUIRE(header.epoch == 0x35);
        std::uint16_t worker = header.subspace;
        if (bed.is_announcement(frame)) {
            ++announcements;
            REQUIRE(bed.packet_of(frame).size() == wire::announce_bytes);
            REQUIRE(header.subspace == 0);
            REQUIRE(header.sequence % stamp_step == 0);
        } else {
            REQUIRE(header.type == 0x11);
            REQUIRE(header.sequence == next[header.subspace]++);
            (bed.is_heartbeat(frame) ? heartbeats : data) += 1;
            if (bed.is_heartbeat(frame)) worker = 0;
        }
        if (with.form == Form::ethernet) return;
        REQUIRE(be16(frame, bed.carrier_bytes() - 8) == 61440 + worker);
    };
    for (unsigned step = 0; step < 300; ++step) {
        if (step > 30) bed.send(some_frames(step % 5, 60 + step));
        for (const Bytes& frame : bed.take(0)) look(frame);
        bed.take();
        bed.a->clock.moment = bed.time;
        bed.a->control->tick();
        bed.a->run();
        bed.time.boot_ns += 10 * ns_per_ms;
        bed.time.unix_ns += 10 * ns_per_ms;
    }
    CHECK(announcements >= 5);
    CHECK(heartbeats >= 3);
    CHECK(data >= 500);
    CHECK(next.size() == 4);  // three workers and Control
}

TEST_CASE("UDP lengths and checksums are right around what is sealed") {
    SealedBed::Options with = any_way();
    if (with.form == Form::ethernet) return;
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    std::vector<Bytes> all;
    bed.send(some_frames(100, 200));
    bed.send({ethernet_frame(1400, 1), ethernet_frame(14, 2), ethernet_frame(15, 3)});
    bed.pass(3 * ns_per_second, [&](const Bytes& frame) {
        all.push_back(frame);
        return std::vector<Bytes>{};
    });
    REQUIRE(all.size() >= 100);
    for (const Bytes& frame : all) {
        const std::size_t udp = bed.carrier_bytes() - 8;
        REQUIRE(be16(frame, udp + 4) == frame.size() - udp);
        if (with.form == Form::ipv4) {
            REQUIRE(be16(frame, 16) == frame.size() - 14);
            REQUIRE(naive_checksum(Bytes(frame.begin() + 14, frame.begin() + 34)) == 0);
            continue;
        }
        Bytes covered(frame.begin() + 22, frame.begin() + 54);
        append(covered, text_bytes("0011"));
        append(covered, Bytes(frame.begin() + 58, frame.begin() + 60));
        append(covered, Bytes(frame.begin() + 54, frame.end()));
        REQUIRE(be16(frame, udp + 6) != 0);
        REQUIRE(naive_checksum(covered) == 0);
    }
}
