// The udp driver beyond the contract: messages of many datagrams, steering, destinations, refusals.
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/drivers/fixture.hh"

namespace lanes::test {
namespace {

using engine::Burst;
using engine::Drop;
using engine::Frame;
using engine::Port;
using engine::WorkerCounters;

bool skipped(const NetworkNamespace& space) {
    if (space.missing().empty()) return false;
    WARN("skipped: " << space.missing());
    return true;
}

engine::PortSpec spec_at(const char* address, std::uint16_t listen, std::uint16_t source_port) {
    engine::PortSpec spec;
    spec.name = "wan";
    spec.addresses = {*engine::parse_prefix(address)};
    spec.mtu = 9000;
    spec.listen = listen;
    spec.source_port = source_port;
    return spec;
}

std::unique_ptr<Port> open_at(const char* address, std::uint16_t listen, std::uint16_t source_port,
                              unsigned queues = 1) {
    auto port = drivers::open_udp(spec_at(address, listen, source_port), queues);
    if (!port) FAIL(port.error().message);
    return std::move(*port);
}

/// Sends one frame of each length to `endpoint`, in one flush.
void send_lengths(Port& port, const std::vector<std::uint32_t>& lengths, std::uint32_t endpoint,
                  WorkerCounters& worker, unsigned queue = 0) {
    engine::TxQueue& tx = port.tx(queue);
    std::array<Frame, engine::burst_max> room;
    REQUIRE(tx.claim({room.data(), lengths.size()}, 5000) == lengths.size());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        std::memset(room[i].data, static_cast<int>(i), lengths[i]);
        room[i].len = lengths[i];
        room[i].endpoint = endpoint;
    }
    tx.send({room.data(), lengths.size()}, worker);
    tx.flush(worker);
}

std::uint64_t dropped(const WorkerCounters& worker, Drop reason) {
    return worker.drops[static_cast<std::size_t>(reason)].get();
}

engine::Descriptor socket_at(std::uint16_t port) {
    engine::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    return socket;
}

ssize_t send_to(const engine::Descriptor& socket, std::uint16_t port, std::string_view text) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::sendto(socket.get(), text.data(), text.size(), 0,
                    reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

}  // namespace

TEST_CASE("runs of equal datagrams travel as one message and come out one by one, in order") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    for (const char* address : {"127.0.0.1/8", "::1/128"}) {
        auto near = open_at(address, 4790, 61440);
        auto far = open_at(address, 4791, 61540);
        const engine::IpAddress local = near->info().addresses[0].address;
        const auto endpoint = near->add_endpoint({local, 4791});
        REQUIRE(endpoint);
        // A run with a shorter end, single ones, rising ones, empty ones, and a long run.
        std::vector<std::uint32_t> lengths = {1400, 1400, 1400, 300, 1400, 20, 40, 60, 0, 0, 7};
        lengths.resize(engine::burst_max, 1200);
        WorkerCounters worker;
        send_lengths(*near, lengths, endpoint.value(), worker);
        CHECK(worker.sent.get() == lengths.size());

        std::size_t got = 0;
        unsigned slices = 0;
        engine::RxQueue& rx = far->rx(0);
        for (unsigned used = 60; got < lengths.size(); used = 57) {
            // A burst with little room: the rest of a message waits, and the queue says so.
            Burst burst;
            for (unsigned i = 0; i < used; ++i) burst.push(Frame{});
            const unsigned n = rx.receive(burst, worker);
            if (n == 0) break;
            for (unsigned i = used; i < burst.size(); ++i, ++got) {
                CHECK(burst[i].len == lengths[got]);
                const Bytes expected(burst[i].len, static_cast<std::byte>(got));
                CHECK(Bytes(burst[i].data, burst[i].data + burst[i].len) == expected);
                slices += burst[i].headroom == 0;
            }
            rx.release(burst);
            if (got > 12 && got < lengths.size()) CHECK_FALSE(rx.prepare_sleep());
        }
        CHECK(got == lengths.size());
        CHECK(slices >= 50);  // else they came one by one
        CHECK(rx.prepare_sleep());
    }
}

TEST_CASE("the UDP source port decides the queue") {
    constexpr unsigned queues = 3;
    const NetworkNamespace space;
    if (skipped(space)) return;
    for (const char* address : {"127.0.0.1/8", "::1/128"}) {
        auto near = open_at(address, 4790, 61440, queues);
        auto far = open_at(address, 4791, 61540, queues);
        const engine::IpAddress local = near->info().addresses[0].address;
        const auto endpoint = near->add_endpoint({local, 4791});
        REQUIRE(endpoint);
        for (unsigned from = 0; from < queues; ++from) {
            WorkerCounters worker;
            send_lengths(*near, {100, 200, 300}, endpoint.value(), worker, from);
            for (unsigned to = 0; to < queues; ++to) {
                Burst burst;
                const unsigned expected = to == (61440 + from) % queues ? 3 : 0;
                CHECK(far->rx(to).receive(burst, worker) == expected);
                if (!burst.empty()) far->rx(to).release(burst);
            }
        }
    }
}

TEST_CASE("what is sent to a transmit socket is neither accepted nor answered") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = open_at("127.0.0.1/8", 4790, 61440);
    const auto stranger = socket_at(7000);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(61440);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(stranger.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    // A connected socket would be told of an ICMP error by its next call.
    for (int i = 0; i < 3; ++i) CHECK(::send(stranger.get(), "reply", 5, 0) == 5);
    char byte;
    CHECK(::recv(stranger.get(), &byte, 1, MSG_DONTWAIT) == -1);
    CHECK(errno == EAGAIN);
    Burst burst;
    WorkerCounters worker;
    CHECK(port->rx(0).receive(burst, worker) == 0);
}

TEST_CASE("an ICMP error from a destination that nobody listens at has no effect") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = open_at("127.0.0.1/8", 4790, 61440);
    auto nobody = port->add_endpoint(*engine::parse_endpoint("127.0.0.1:9"));
    REQUIRE(nobody);
    WorkerCounters worker;
    for (int i = 0; i < 4; ++i) send_lengths(*port, {100, 50}, *nobody, worker);
    CHECK(worker.sent.get() == 8);
}

TEST_CASE("a second port at the same address is refused, however many queues there are") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    for (const unsigned queues : {1u, 2u}) {
        auto first = open_at("127.0.0.1/8", 4790, 61440, queues);
        for (const auto& [listen, source_port, remedy] :
             {std::tuple{4790, 62000, "`listen`"}, std::tuple{4791, 61440, "`source_port`"}}) {
            auto second =
                drivers::open_udp(spec_at("127.0.0.1/8", static_cast<std::uint16_t>(listen),
                                          static_cast<std::uint16_t>(source_port)),
                                  queues);
            REQUIRE(!second);
            CHECK(second.error().code == EADDRINUSE);
            CHECK(second.error().message.find("port wan: bind 127.0.0.1:") == 0);
            CHECK(second.error().message.find(remedy) != std::string::npos);
        }
    }
}

TEST_CASE("an address that no interface has is refused with a remedy") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = drivers::open_udp(spec_at("192.0.2.1/24", 4790, 61440), 1);
    REQUIRE(!port);
    CHECK(port.error().code == EADDRNOTAVAIL);
    CHECK(port.error().message.find("port wan: bind 192.0.2.1:4790") == 0);
    CHECK(port.error().message.find("no interface has this address") != std::string::npos);
}

TEST_CASE("a destination has one index, and must be of the port's family") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = open_at("127.0.0.1/8", 4790, 61440);
    for (std::uint16_t i = 0; i < 1000; ++i) {
        auto index = port->add_endpoint(
            {*engine::parse_ip("192.0.2.1"), static_cast<std::uint16_t>(1 + i % 500)});
        REQUIRE(index);
        CHECK(*index == i % 500);
    }
    auto wrong = port->add_endpoint(*engine::parse_endpoint("[2001:db8::1]:4790"));
    REQUIRE(!wrong);
    CHECK(wrong.error().message.find("[2001:db8::1]:4790") != std::string::npos);
}

TEST_CASE("only the datagrams that the way is too narrow for are refused") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    const engine::Descriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
    request.ifr_mtu = 1500;
    REQUIRE(::ioctl(control.get(), SIOCSIFMTU, &request) == 0);
    auto port = open_at("127.0.0.1/8", 4790, 61440);
    auto self = port->add_endpoint(*engine::parse_endpoint("127.0.0.1:4790"));
    REQUIRE(self);
    WorkerCounters worker;
    send_lengths(*port, {1400, 1400, 4000, 4000, 900, 1473, 1472}, *self, worker);
    CHECK(worker.sent.get() == 4);
    CHECK(dropped(worker, Drop::tx_refused) == 3);
    Burst burst;
    REQUIRE(port->rx(0).receive(burst, worker) == 4);
    CHECK(burst[2].len == 900);
    CHECK(burst[3].len == 1472);
    port->rx(0).release(burst);
}

TEST_CASE("broadcast and multicast destinations are allowed") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = open_at("127.0.0.1/8", 4790, 61440);
    engine::Descriptor member(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(7000);
    REQUIRE(::bind(member.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    ip_mreqn group{};
    group.imr_multiaddr.s_addr = htonl(0xefc00001);
    group.imr_ifindex = static_cast<int>(::if_nametoindex("lo"));
    REQUIRE(::setsockopt(member.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0);
    WorkerCounters worker;
    for (const char* to : {"127.255.255.255:7000", "239.192.0.1:7000"}) {
        auto endpoint = port->add_endpoint(*engine::parse_endpoint(to));
        REQUIRE(endpoint);
        send_lengths(*port, {99}, *endpoint, worker);
        CHECK(collect_messages(member.get(), 1).size() == 1);
    }
    CHECK(worker.sent.get() == 2);
}

TEST_CASE("what the kernel has no room to keep is reported as the device's loss") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = open_at("127.0.0.1/8", 4790, 61440);
    const auto sender = socket_at(7000);
    const std::string text(8000, 'x');
    constexpr unsigned total = 4000;
    for (unsigned i = 0; i < total; ++i) REQUIRE(send_to(sender, 4790, text) > 0);
    WorkerCounters worker;
    std::uint64_t received = 0;
    for (;;) {
        Burst burst;
        const unsigned n = port->rx(0).receive(burst, worker);
        if (n == 0) break;
        received += n;
        port->rx(0).release(burst);
    }
    CHECK(received > 0);
    CHECK(port->loss().rx_lost > 0);
    CHECK(received + port->loss().rx_lost == total);
}

}  // namespace lanes::test
