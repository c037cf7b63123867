// Stamps and the frames that carry them: what is written is read, nothing else is, and the headers
// are right by an independent look at them.
#include "bench/traffic/stamp.hh"

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "bench/traffic/frames.hh"
#include "bench/traffic/judge.hh"
#include "engine/bytes.hh"

using namespace lanes;
using namespace lanes::bench;
using Bytes = std::vector<std::byte>;

namespace {

/// One's complement sum, byte by byte (RFC 1071), big-endian.
std::uint16_t naive_sum(const Bytes& bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<std::uint32_t>(bytes[i]);
        sum += i % 2 == 0 ? byte << 8 : byte;
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

Bytes part(const Bytes& bytes, std::size_t from, std::size_t len) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(len)};
}

Profile v6_profile() {
    Profile profile;
    profile.source = *engine::parse_ip("2001:db8::ffff:ffff:ffff:fffe");
    profile.destination = *engine::parse_ip("2001:db8:1:2::1");
    profile.sizes = {{84, 1}, {85, 1}, {86, 1}, {1518, 1}};
    return profile;
}

Bytes make(const FrameMaker& maker, unsigned shape, const Stamp& stamp) {
    Bytes frame(maker.len(shape));
    maker.fill(frame.data(), shape, stamp.flow);
    maker.finish(frame.data(), shape, stamp);
    return frame;
}

}  // namespace

TEST_CASE("a stamp is read as it was written, behind its own payload only") {
    std::array<std::byte, stamp_bytes> bytes;
    const Stamp stamp{0xa5, 0xfedcba, 0x98765432, 0xfe'1234'5678};
    write_stamp(bytes.data(), stamp, 42);
    Stamp got;
    CHECK_FALSE(read_stamp(bytes.data(), 43, got));
    CHECK(got.sequence == 0);
    REQUIRE(read_stamp(bytes.data(), 42, got));
    CHECK(got.tag == stamp.tag);
    CHECK(got.flow == stamp.flow);
    CHECK(got.sequence == stamp.sequence);
    CHECK(got.time_ns == stamp.time_ns);
    for (std::size_t bit = 0; bit < stamp_bytes * 8; ++bit) {
        auto other = bytes;
        other[bit / 8] ^= std::byte{static_cast<unsigned char>(1u << (bit % 8))};
        CHECK_FALSE(read_stamp(other.data(), 42, got));
    }
}

TEST_CASE("the least IPv4 frame is 60 bytes: 42 of headers and the stamp") {
    const FrameMaker maker({}, engine::PortKind::ethernet);
    CHECK(maker.len(0) == 60);
    CHECK(42 + stamp_bytes == 60);
    const FrameMaker packets({}, engine::PortKind::ip);
    CHECK(packets.len(0) == 46);
    CHECK(size_min({}) == 64);
    CHECK(size_min(v6_profile()) == 84);
}

TEST_CASE("headers of every flow have right addresses, lengths and checksums") {
    const bool v6 = GENERATE(false, true);
    const auto kind = GENERATE(engine::PortKind::ethernet, engine::PortKind::ip);
    Profile profile = v6 ? v6_profile() : Profile{};
    if (!v6) profile.sizes = {{64, 1}, {65, 1}, {1518, 1}};
    const FrameMaker maker(profile, kind);
    const FrameJudge judge(profile, kind);
    const std::size_t ip = kind == engine::PortKind::ethernet ? 14 : 0;
    const std::size_t address_bytes = v6 ? 16 : 4;
    const std::size_t addresses_at = ip + (v6 ? 8 : 12);
    const std::size_t udp = ip + (v6 ? 40 : 20);
    for (unsigned shape = 0; shape < profile.sizes.size(); ++shape) {
        for (const std::uint32_t flow : {0u, 1u, 2u, 255u, 256u, 65'535u, 65'536u, 1'048'575u}) {
            const Stamp stamp{7, flow, 123, 456};
            const Bytes frame = make(maker, shape, stamp);
            Stamp got;
            REQUIRE(judge.judge(frame, got) == Verdict::whole);
            CHECK(got.flow == flow);
            const std::size_t udp_len = frame.size() - udp;
            CHECK(engine::load_be<std::uint16_t>(&frame[udp + 4]) == udp_len);
            for (int end = 0; end < 2; ++end) {
                const auto& first = end == 0 ? profile.source : profile.destination;
                const std::size_t at = addresses_at + (end == 0 ? 0 : address_bytes);
                std::uint32_t low = 0;
                for (std::size_t i = address_bytes - 4; i < address_bytes; ++i) {
                    low = low << 8 | first.bytes[i];
                }
                const auto now = engine::load_be<std::uint32_t>(&frame[at + address_bytes - 4]);
                CHECK(now == low + flow);
            }
            if (v6) {
                const Bytes addresses = part(frame, ip + 8, 32);
                const std::uint32_t pseudo =
                    naive_sum(addresses) + static_cast<std::uint32_t>(udp_len) + 17;
                CHECK(naive_sum(part(frame, udp, udp_len), pseudo) == 0xffff);
                CHECK(engine::load_be<std::uint16_t>(&frame[udp + 6]) != 0);
            } else {
                CHECK(naive_sum(part(frame, ip, 20)) == 0xffff);
                CHECK(engine::load_be<std::uint16_t>(&frame[udp + 6]) == 0);
            }
        }
    }
    if (v6) {
        const Bytes second = make(maker, 0, {0, 2, 0, 0});
        // ...:ffff:ffff:ffff:fffe + 2 carries into the upper half.
        CHECK(second[ip + 8 + 7] == std::byte{1});
        CHECK(second[ip + 8 + 15] == std::byte{0});
    }
}

TEST_CASE("sizes take turns in exact shares and not in blocks") {
    Profile profile;
    profile.sizes = imix();
    for (SizeShare& share : profile.sizes) share.weight *= 10;
    const FrameMaker maker(profile, engine::PortKind::ethernet);
    std::map<unsigned, unsigned> counts;
    unsigned changes = 0;
    for (std::size_t i = 0; i < maker.cycle().size(); ++i) {
        ++counts[maker.cycle()[i]];
        if (i > 0 && maker.cycle()[i] != maker.cycle()[i - 1]) ++changes;
    }
    CHECK(maker.cycle().size() == 12);
    CHECK(counts == std::map<unsigned, unsigned>{{0, 7}, {1, 4}, {2, 1}});
    CHECK(changes > 2);
    CHECK(maker.cycle() == FrameMaker(profile, engine::PortKind::ethernet).cycle());
}

TEST_CASE("what a router or a bridge may change does not make a frame corrupt") {
    const FrameMaker maker({}, engine::PortKind::ethernet);
    const FrameJudge judge({}, engine::PortKind::ethernet);
    Bytes frame = make(maker, 0, {1, 0, 9, 10});
    Stamp stamp;
    SECTION("MAC addresses") {
        frame[0] = frame[6] = std::byte{0x42};
        CHECK(judge.judge(frame, stamp) == Verdict::whole);
    }
    SECTION("TTL and its checksum") {
        frame[22] = std::byte{63};
        CHECK(judge.judge(frame, stamp) == Verdict::damaged);
        frame[24] = frame[25] = std::byte{0};
        const auto sum = static_cast<std::uint16_t>(~naive_sum(part(frame, 14, 20)));
        engine::store_be<std::uint16_t>(&frame[24], sum);
        CHECK(judge.judge(frame, stamp) == Verdict::whole);
    }
    SECTION("VLAN tags") {
        const Bytes tag = {std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{5}};
        frame.insert(frame.begin() + 12, tag.begin(), tag.end());
        CHECK(judge.judge(frame, stamp) == Verdict::whole);
        frame.insert(frame.begin() + 12, tag.begin(), tag.end());
        CHECK(judge.judge(frame, stamp) == Verdict::whole);
        // With a third tag the headers are out of reach, and the length is nobody's.
        frame.insert(frame.begin() + 12, tag.begin(), tag.end());
        CHECK(judge.judge(frame, stamp) == Verdict::foreign);
    }
    CHECK(stamp.sequence == 9);
}

TEST_CASE("a datagram with bytes behind it is damaged, unless Ethernet padded it") {
    Profile profile;
    profile.sizes = {{80, 1}};
    const FrameMaker maker(profile, engine::PortKind::ethernet);
    const FrameJudge judge(profile, engine::PortKind::ethernet);
    Bytes frame = make(maker, 0, {1, 0, 9, 10});
    Stamp stamp;
    REQUIRE(judge.judge(frame, stamp) == Verdict::whole);
    frame.push_back(std::byte{0});
    CHECK(judge.judge(frame, stamp) == Verdict::defaced);
}

TEST_CASE("no bytes of any length or kind upset the judge") {
    const bool v6 = GENERATE(false, true);
    const auto kind = GENERATE(engine::PortKind::ethernet, engine::PortKind::ip);
    const Profile profile = v6 ? v6_profile() : Profile{};
    const FrameMaker maker(profile, kind);
    const FrameJudge judge(profile, kind);
    const Bytes whole = make(maker, 0, {1, 0, 9, 10});
    std::mt19937_64 random(4);
    Stamp stamp;
    unsigned wholes = 0;
    for (unsigned round = 0; round < 20'000; ++round) {
        // A copy in memory of its own, so that a checked build notices a read past its end.
        Bytes frame = whole;
        frame.resize(random() % (frame.size() + 8));
        for (unsigned flips = static_cast<unsigned>(random() % 4); flips > 0 && !frame.empty();
             --flips) {
            frame[random() % frame.size()] = static_cast<std::byte>(random() & 0xff);
        }
        frame.shrink_to_fit();
        if (judge.judge(frame, stamp) == Verdict::whole) ++wholes;
    }
    CHECK(wholes < 1000);
    CHECK(wholes > 0);
}
