// Segmentation and checksum completion over made-up super-frames, checked by a verifier of its own.
#include "drivers/af_packet/segment.hh"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "engine/bytes.hh"

namespace lanes::test {
namespace {

using drivers::plan_segments;
using drivers::SegmentPlan;
using drivers::VnetHeader;
using drivers::write_segment;
using engine::load_be;
using engine::store_be;
using Bytes = std::vector<std::byte>;

enum class Tag { none, vlan };

/// What a super-frame is made of.
struct Shape {
    bool v6;
    bool tcp;
    Tag tag;
    std::size_t payload;
    std::uint16_t size;

    std::size_t ip() const { return tag == Tag::vlan ? 18 : 14; }
    std::size_t transport() const { return ip() + (v6 ? 40 : 20); }
    std::size_t headers() const { return transport() + (tcp ? 32 : 8); }
};

/// The textbook's sum, one byte at a time: 0xffff over data that bear a right checksum.
std::uint16_t naive_sum(const std::byte* data, std::size_t len, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < len; ++i) {
        sum += std::to_integer<std::uint32_t>(data[i]) << (i % 2 == 0 ? 8 : 0);
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

std::uint16_t transport_sum(const Bytes& frame, const Shape& shape) {
    const std::byte* ip = frame.data() + shape.ip();
    const std::size_t len = frame.size() - shape.transport();
    const std::uint32_t pseudo = naive_sum(ip + (shape.v6 ? 8 : 12), shape.v6 ? 32 : 8) +
                                 (shape.tcp ? 6u : 17u) + static_cast<std::uint32_t>(len);
    return naive_sum(frame.data() + shape.transport(), len, pseudo);
}

Bytes make_super(const Shape& shape) {
    Bytes frame(shape.headers() + shape.payload);
    for (std::size_t i = 0; i < frame.size(); ++i)
        frame[i] = static_cast<std::byte>(i * 31 + i / 251);
    if (shape.tag == Tag::vlan) store_be<std::uint16_t>(&frame[12], 0x8100);
    store_be<std::uint16_t>(&frame[shape.ip() - 2], shape.v6 ? 0x86dd : 0x0800);
    std::byte* ip = &frame[shape.ip()];
    ip[0] = std::byte{static_cast<std::uint8_t>(shape.v6 ? 0x60 : 0x45)};
    ip[shape.v6 ? 6 : 9] = std::byte{static_cast<std::uint8_t>(shape.tcp ? 6 : 17)};
    if (!shape.v6) store_be<std::uint16_t>(ip + 4, 0xfffe);  // the id wraps
    std::byte* transport = &frame[shape.transport()];
    if (shape.tcp) {
        store_be<std::uint32_t>(transport + 4, 0xffffff00);  // and so does the sequence
        transport[12] = std::byte{0x80};                     // 32 bytes of header
        transport[13] = std::byte{0x99};                     // CWR, ACK, PSH, FIN
    }
    return frame;
}

VnetHeader offload_of(const Shape& shape) {
    VnetHeader offload;
    offload.flags = VnetHeader::needs_checksum;
    offload.gso_type = !shape.tcp ? VnetHeader::gso_udp_l4
                       : shape.v6 ? VnetHeader::gso_tcp_v6
                                  : VnetHeader::gso_tcp_v4;
    offload.gso_size = shape.size;
    offload.csum_start = static_cast<std::uint16_t>(shape.transport());
    offload.csum_offset = shape.tcp ? 16 : 6;
    return offload;
}

void check_segment(const Shape& shape, const Bytes& super, const SegmentPlan& plan,
                   const Bytes& segment, std::uint32_t index) {
    const std::byte* ip = &segment[shape.ip()];
    if (shape.v6) {
        CHECK(load_be<std::uint16_t>(ip + 4) == segment.size() - shape.ip() - 40);
    } else {
        CHECK(load_be<std::uint16_t>(ip + 2) == segment.size() - shape.ip());
        CHECK(load_be<std::uint16_t>(ip + 4) == static_cast<std::uint16_t>(0xfffe + index));
        CHECK(naive_sum(ip, 20) == 0xffff);
    }
    const std::byte* transport = &segment[shape.transport()];
    if (shape.tcp) {
        CHECK(load_be<std::uint32_t>(transport + 4) == 0xffffff00 + index * shape.size);
        const bool last = index + 1 == plan.count;
        const unsigned flags = 0x10u | (index == 0 ? 0x80u : 0u) | (last ? 0x09u : 0u);
        CHECK(std::to_integer<unsigned>(transport[13]) == flags);
    } else {
        CHECK(load_be<std::uint16_t>(transport + 4) == segment.size() - shape.transport());
    }
    CHECK(transport_sum(segment, shape) == 0xffff);
    CHECK(std::equal(segment.begin(), segment.begin() + 14, super.begin()));
}

void check_shape(const Shape& shape) {
    const Bytes super = make_super(shape);
    const auto plan = plan_segments(super, offload_of(shape));
    REQUIRE(plan);
    REQUIRE(plan->count == (shape.payload + shape.size - 1) / shape.size);
    Bytes joined;
    for (std::uint32_t index = 0; index < plan->count; ++index) {
        Bytes segment(2048);
        const std::uint32_t len = write_segment(*plan, super, index, segment);
        REQUIRE(len > shape.headers());
        segment.resize(len);
        check_segment(shape, super, *plan, segment, index);
        joined.insert(joined.end(), segment.begin() + static_cast<long>(shape.headers()),
                      segment.end());
    }
    CHECK(std::equal(joined.begin(), joined.end(),
                     super.begin() + static_cast<long>(shape.headers()), super.end()));
}

}  // namespace

TEST_CASE("a super-frame comes apart into segments with right headers and all of its payload") {
    for (const bool v6 : {false, true}) {
        for (const bool tcp : {false, true}) {
            for (const Tag tag : {Tag::none, Tag::vlan}) {
                for (const std::size_t payload : {1u, 1447u, 1448u, 1449u, 2896u, 65000u}) {
                    INFO((v6 ? "IPv6" : "IPv4") << (tcp ? " TCP " : " UDP ") << payload);
                    check_shape({v6, tcp, tag, payload, 1448});
                }
            }
        }
    }
}

TEST_CASE("segments of one byte are cut right as well") {
    check_shape({false, true, Tag::none, 700, 1});
}

TEST_CASE("a UDP super-frame over IPv4 without a checksum gives segments without one") {
    const Shape shape{false, false, Tag::none, 3000, 1000};
    Bytes super = make_super(shape);
    store_be<std::uint16_t>(&super[shape.transport() + 6], 0);
    VnetHeader offload = offload_of(shape);
    offload.flags = 0;
    const auto plan = plan_segments(super, offload);
    REQUIRE(plan);
    Bytes segment(2048);
    REQUIRE(write_segment(*plan, super, 1, segment) == shape.headers() + 1000);
    CHECK(load_be<std::uint16_t>(&segment[shape.transport() + 6]) == 0);
}

TEST_CASE("super-frames whose headers do not fit are refused, at every length") {
    for (const bool tcp : {false, true}) {
        const Shape shape{true, tcp, Tag::vlan, 100, 50};
        const Bytes super = make_super(shape);
        for (std::size_t len = 0; len <= shape.headers(); ++len) {
            CHECK(!plan_segments({super.data(), len}, offload_of(shape)));
        }
    }
    const Shape shape{false, true, Tag::none, 100, 50};
    Bytes super = make_super(shape);
    VnetHeader offload = offload_of(shape);
    offload.gso_size = 0;
    CHECK(!plan_segments(super, offload));
    offload = offload_of(shape);
    offload.gso_type = 3;  // UDP fragmentation, which is gone from the kernel
    CHECK(!plan_segments(super, offload));
    super[shape.ip() + 9] = std::byte{47};  // a GRE tunnel around the flow
    CHECK(!plan_segments(super, offload_of(shape)));
}

TEST_CASE("a segment that does not fit the buffer is not written") {
    const Shape shape{false, true, Tag::none, 3000, 1448};
    const Bytes super = make_super(shape);
    const auto plan = plan_segments(super, offload_of(shape));
    REQUIRE(plan);
    Bytes small(shape.headers() + 1447);
    CHECK(write_segment(*plan, super, 0, small) == 0);
}

TEST_CASE("a partial checksum is completed, and offsets outside of the frame are refused") {
    for (const bool v6 : {false, true}) {
        for (const bool tcp : {false, true}) {
            for (const std::size_t payload : {0u, 1u, 999u, 1000u}) {
                const Shape shape{v6, tcp, Tag::none, payload, 0};
                Bytes frame = make_super(shape);
                const VnetHeader offload = offload_of(shape);
                // What the kernel leaves there: the sum of the pseudo-header.
                const std::byte* ip = &frame[shape.ip()];
                const std::size_t len = frame.size() - shape.transport();
                const std::uint32_t pseudo = naive_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8) +
                                             (tcp ? 6u : 17u) + static_cast<std::uint32_t>(len);
                std::byte* field = &frame[shape.transport() + offload.csum_offset];
                store_be(field, naive_sum(nullptr, 0, pseudo));
                REQUIRE(drivers::complete_checksum(frame, offload));
                CHECK(transport_sum(frame, shape) == 0xffff);
            }
        }
    }
    Bytes frame(60);
    VnetHeader offload;
    offload.csum_start = 58;
    offload.csum_offset = 1;
    CHECK(!drivers::complete_checksum(frame, offload));
    offload.csum_start = 65535;
    CHECK(!drivers::complete_checksum(frame, offload));
}

}  // namespace lanes::test
