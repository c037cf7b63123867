// The af_packet driver and what a local sender leaves to the device: checksums, and super-frames
// that must be cut before they leave. The far side is a real kernel's UDP and TCP.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/checksum.hh"
#include "tests/drivers/af_packet_cable.hh"

namespace lanes::test {
namespace {

using engine::Checksum;
using engine::Drop;
using engine::load_be;

constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;

bool transport_checksum_right(const Bytes& frame) {
    const std::size_t len = load_be<std::uint16_t>(&frame[16]) - 20u;
    const std::uint64_t sum = engine::checksum_sum(&frame[26], 8) +
                              engine::checksum_word(std::to_integer<std::uint8_t>(frame[23])) +
                              engine::checksum_word(static_cast<std::uint16_t>(len)) +
                              engine::checksum_sum(&frame[34], len);
    return engine::checksum_fold(sum) == 0xffff;
}

}  // namespace

TEST_CASE("af_packet completes the checksums of a local sender") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    engine::Descriptor far;
    hosts.at_far([&] { far = open_socket(SOCK_DGRAM); });
    connect_to(far, "10.77.0.1", 4790);
    const std::string text(301, 'x');
    REQUIRE(::send(far.get(), text.data(), text.size(), 0) == 301);
    std::vector<Received> got;
    CHECK(eventually([&] {
        cable.receive_burst(0, got);
        return !with_payload(got, udp).empty();
    }));
    for (const Received& each : with_payload(got, udp)) {
        CHECK(transport_checksum_right(each.bytes));
        CHECK(each.checksum == Checksum::valid);
    }
}

TEST_CASE("af_packet cuts UDP super-frames of a local sender into its datagrams") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    REQUIRE(cable.port->silence_host());
    engine::Descriptor far;
    hosts.at_far([&] { far = open_socket(SOCK_DGRAM); });
    connect_to(far, "10.77.0.1", 4790);
    // More datagrams than a burst holds, the last one shorter.
    const int size = 700;
    constexpr std::size_t count = 90;
    REQUIRE(::setsockopt(far.get(), IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0);
    Bytes sent(count * 700 - 200);
    for (std::size_t i = 0; i < sent.size(); ++i)
        sent[i] = static_cast<std::byte>(i * 31 + i / 256);
    std::vector<Received> got;
    for (unsigned round = 1; round <= 3; ++round) {
        REQUIRE(::send(far.get(), sent.data(), sent.size(), 0) ==
                static_cast<ssize_t>(sent.size()));
        CHECK(eventually([&] {
            cable.receive_burst(0, got);
            return with_payload(got, udp).size() >= round * count;
        }));
    }
    Bytes joined;
    for (const Received& each : with_payload(got, udp)) {
        CHECK(transport_checksum_right(each.bytes));
        CHECK(each.checksum == Checksum::valid);
        CHECK(each.bytes.size() <= 742);
        joined.insert(joined.end(), each.bytes.begin() + 42, each.bytes.end());
    }
    Bytes expected;
    for (unsigned round = 0; round < 3; ++round) {
        expected.insert(expected.end(), sent.begin(), sent.end());
    }
    CHECK(joined == expected);
    CHECK(dropped(cable.counters, Drop::rx_truncated) == 0);
}

TEST_CASE("af_packet cuts the segments of a local TCP sender to the size of the link") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    const auto listener = open_socket(SOCK_STREAM);
    const sockaddr_in at = address_of("10.77.0.1", 5001);
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    engine::Descriptor far;
    hosts.at_far([&] { far = open_socket(SOCK_STREAM); });
    connect_to(far, "10.77.0.1", 5001);
    engine::Descriptor near;
    REQUIRE(eventually([&] {
        near = engine::Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
        return static_cast<bool>(near);
    }));
    const Bytes block(64 << 10, std::byte{0x5a});
    Bytes buffer(256 << 10);
    constexpr std::size_t enough = 1 << 20;
    std::size_t taken = 0;
    std::vector<Received> got;
    CHECK(eventually([&] {
        [[maybe_unused]] const ssize_t sent = ::send(far.get(), block.data(), block.size(), 0);
        const ssize_t len = ::recv(near.get(), buffer.data(), buffer.size(), 0);
        if (len > 0) taken += static_cast<std::size_t>(len);
        cable.receive_burst(0, got);
        return taken >= enough;
    }));
    cable.receive_burst(0, got);
    std::size_t payload = 0;
    for (const Received& each : with_payload(got, tcp)) {
        CHECK(each.bytes.size() <= 1514);
        CHECK(transport_checksum_right(each.bytes));
        payload += each.bytes.size() - 66;
    }
    CHECK(payload >= enough / 2);
    CHECK(dropped(cable.counters, Drop::rx_truncated) == 0);
}

}  // namespace lanes::test
