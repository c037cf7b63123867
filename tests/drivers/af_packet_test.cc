// The af_packet driver on a real veth pair with a real kernel at the far side (two_hosts.hh): what
// the contract test (contract_test.cc) cannot ask of every driver. Offloads, tags, fanout, links
// that come and go, and the questions that Control asks.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <set>

#include "engine/bytes.hh"
#include "engine/checksum.hh"
#include "tests/drivers/two_hosts.hh"

namespace lanes::test {
namespace {

using engine::Burst;
using engine::Checksum;
using engine::Drop;
using engine::Frame;
using engine::load_be;
using engine::parse_ip;
using engine::WorkerCounters;

constexpr std::uint8_t icmp = 1;
constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;

struct Received {
    Bytes bytes;
    Checksum checksum;
    unsigned queue;
};

std::uint64_t dropped(const WorkerCounters& counters, Drop reason) {
    return counters.drops[static_cast<std::size_t>(reason)].get();
}

/// Only the test's own frames: neighbour discovery and the like come when they will.
std::vector<Bytes> ours(const std::vector<Bytes>& frames) {
    std::vector<Bytes> kept;
    for (const Bytes& frame : frames) {
        if (frame.size() > 11 && frame[4] == std::byte{0xee}) kept.push_back(frame);
    }
    return kept;
}

std::vector<Bytes> ours(const std::vector<Received>& frames) {
    std::vector<Bytes> all;
    for (const Received& each : frames) all.push_back(each.bytes);
    return ours(all);
}

/// An af_packet port on near0 and a packet socket on far0.
class Cable {
  public:
    explicit Cable(TwoHosts& hosts) {
        spec.name = "wan";
        spec.device = "near0";
        hosts.at_far([&] { far.open("far0"); });
    }
    void open(unsigned queues = 1) {
        auto opened = drivers::open_af_packet(spec, queues);
        if (!opened) FAIL(opened.error().message);
        port = std::move(*opened);
        queues_ = queues;
    }
    /// What has arrived, until `enough` of the test's own frames are there, or for a while if not.
    std::vector<Received> receive(std::size_t enough) {
        std::vector<Received> got;
        eventually([&] {
            for (unsigned queue = 0; queue < queues_; ++queue) receive_burst(queue, got);
            return ours(got).size() >= enough;
        });
        return got;
    }
    void receive_burst(unsigned queue, std::vector<Received>& got) {
        Burst burst;
        if (port->rx(queue).receive(burst, counters) == 0) return;
        for (const Frame& frame : burst) {
            CHECK(frame.headroom >= engine::headroom_bytes);
            CHECK(frame.tailroom >= engine::tailroom_bytes);
            got.push_back({{frame.data, frame.data + frame.len}, frame.checksum, queue});
        }
        port->rx(queue).release(burst);
    }
    /// The test's own frames that came out at the far side, until `enough` are there.
    std::vector<Bytes> collect(std::size_t enough) {
        std::vector<Bytes> got;
        eventually([&] {
            for (const Bytes& frame : ours(far.collect(0))) got.push_back(frame);
            return got.size() >= enough;
        });
        return got;
    }
    /// Sends those of `frames` whose room is not to be left out.
    void send(const std::vector<Bytes>& frames, const std::set<std::size_t>& left_out = {}) {
        std::vector<Frame> room(frames.size());
        REQUIRE(port->tx(0).claim(room, 1514) == frames.size());
        std::vector<Frame> chosen;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            std::memcpy(room[i].data, frames[i].data(), frames[i].size());
            room[i].len = static_cast<std::uint32_t>(frames[i].size());
            if (!left_out.contains(i)) chosen.push_back(room[i]);
        }
        port->tx(0).send(chosen, counters);
        port->tx(0).flush(counters);
    }

    engine::PortSpec spec;
    std::unique_ptr<engine::Port> port;
    PacketSocket far;
    WorkerCounters counters;

  private:
    unsigned queues_ = 1;
};

Bytes make_frame(std::size_t len, unsigned flow, std::uint32_t number) {
    // Locally administered addresses that are nobody's: the kernels at both sides look away.
    Bytes frame(14);
    const std::uint8_t header[] = {2, 0, 0, 0, 0xee, 1, 2, 0, 0, 0, 0xee, 2, 8, 0};
    std::memcpy(frame.data(), header, sizeof header);
    const Bytes packet = make_packet(len - 14, flow, number);
    frame.insert(frame.end(), packet.begin(), packet.end());
    return frame;
}

std::vector<Bytes> make_frames(std::size_t count, std::size_t len = 100) {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(make_frame(len, 1, i));
    return frames;
}

/// The IPv4 frames of `protocol` that have more than bare headers.
std::vector<Received> with_payload(const std::vector<Received>& frames, std::uint8_t protocol) {
    std::vector<Received> kept;
    for (const Received& each : frames) {
        const Bytes& b = each.bytes;
        if (b.size() > 66 && load_be<std::uint16_t>(&b[12]) == 0x0800 &&
            b[23] == std::byte{protocol}) {
            kept.push_back(each);
        }
    }
    return kept;
}

bool transport_checksum_right(const Bytes& frame) {
    const std::size_t len = load_be<std::uint16_t>(&frame[16]) - 20u;
    const std::uint64_t sum = engine::checksum_sum(&frame[26], 8) +
                              engine::checksum_word(std::to_integer<std::uint8_t>(frame[23])) +
                              engine::checksum_word(static_cast<std::uint16_t>(len)) +
                              engine::checksum_sum(&frame[34], len);
    return engine::checksum_fold(sum) == 0xffff;
}

drivers::Descriptor open_socket(int type) {
    drivers::Descriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(socket);
    return socket;
}

sockaddr_in address_of(const char* ip, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    std::memcpy(&address.sin_addr, parse_ip(ip)->bytes.data(), 4);
    return address;
}

void connect_to(const drivers::Descriptor& socket, const char* ip, std::uint16_t port) {
    const sockaddr_in to = address_of(ip, port);
    const int failed = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    REQUIRE((failed == 0 || errno == EINPROGRESS));
}

bool readable(int fd) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, 0) != 0;
}

}  // namespace

TEST_CASE("af_packet says what it opened") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    TwoHosts::run("ip link set near0 address 02:00:00:00:00:11");
    cable.open(2);
    const engine::PortInfo& info = cable.port->info();
    CHECK(info.kind == engine::PortKind::ethernet);
    CHECK(to_string(info.mac) == "02:00:00:00:00:11");
    CHECK(info.mtu == 1500);
    CHECK(to_string(info.addresses.at(0)) == "10.77.0.1/24");
    CHECK(info.note ==
          "TPACKET_V2 on near0, 2 queues, fanout by flow hash, rings of 4096 frames in, 512 out");
    cable.spec.addresses = {*engine::parse_prefix("192.0.2.1/24")};
    cable.open();
    CHECK(cable.port->info().addresses == cable.spec.addresses);
}

TEST_CASE("af_packet refuses to open with the device and a remedy") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    const auto message = [&] {
        const auto opened = drivers::open_af_packet(cable.spec, 1);
        REQUIRE(!opened);
        return opened.error().message;
    };
    cable.spec.mtu = 9000;
    CHECK(
        message() ==
        "port wan: mtu 9000 is more than the 1500 of near0; lower `mtu`, or: ip link set dev near0 "
        "mtu 9000");
    TwoHosts::run("ip link set near0 down");
    CHECK(message() == "port wan: interface near0 is down; set it up: ip link set dev near0 up");
    cable.spec.device = "eth7";
    CHECK(message() ==
          "port wan: no network interface `eth7`; there are: lo, near0; correct `device`");
}

TEST_CASE("af_packet receives in order, and wakes a sleeper until all is released") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    const auto frames = make_frames(200);
    cable.far.send(frames, 0, frames.size());
    CHECK(readable(cable.port->rx(0).wake_fd()));
    CHECK(ours(cable.receive(frames.size())) == frames);
    CHECK(eventually([&] {
        cable.receive(0);
        return !readable(cable.port->rx(0).wake_fd());
    }));
}

TEST_CASE("af_packet sends in order, closes holes, and takes data that moved forward") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    const auto frames = make_frames(8, 1514);
    cable.send(frames, {0, 3, 4});
    CHECK(cable.collect(5) ==
          std::vector<Bytes>{frames[1], frames[2], frames[5], frames[6], frames[7]});
    Frame room;
    REQUIRE(cable.port->tx(0).claim({&room, 1}, 600) == 1);
    room.data += 333;
    room.len = 100;
    std::memcpy(room.data, frames[0].data(), 100);
    cable.port->tx(0).send({&room, 1}, cable.counters);
    cable.port->tx(0).flush(cable.counters);
    const auto got = cable.collect(1);
    REQUIRE(got.size() == 1);
    CHECK(std::equal(got[0].begin(), got[0].end(), frames[0].begin(), frames[0].begin() + 100));
    CHECK(cable.counters.sent.get() == 6);
    CHECK(cable.port->tx(0).counters.bytes.get() == 5 * 1514 + 100);
}

TEST_CASE("af_packet does not receive what it sends, with one queue or with two") {
    for (const unsigned queues : {1u, 2u}) {
        TwoHosts hosts;
        LANES_NEEDS(hosts);
        Cable cable(hosts);
        cable.open(queues);
        cable.send(make_frames(50));
        const auto last = make_frame(200, 9, 9);
        cable.far.send({last}, 0, 1);
        CHECK(ours(cable.receive(1)) == std::vector<Bytes>{last});
    }
}

TEST_CASE("af_packet puts VLAN tags back, with their own type and priority") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    std::vector<Bytes> frames;
    for (const unsigned type : {0x8100u, 0x88a8u}) {
        Bytes frame = make_frame(1514, 1, 1);
        const std::array<std::byte, 4> tag{std::byte(type >> 8), std::byte(type & 0xff),
                                           std::byte{0xa0}, std::byte{0x64}};
        frame.insert(frame.begin() + 12, tag.begin(), tag.end());
        // Its receiving kernel counts a foreign type as payload, so stay within the mtu.
        if (type != 0x8100) frame.resize(1000);
        frames.push_back(frame);
    }
    cable.far.send(frames, 0, 2);
    CHECK(ours(cable.receive(2)) == frames);
    cable.send({frames[0]});
    CHECK(cable.counters.sent.get() == 1);
}

TEST_CASE("af_packet keeps each flow on one queue, and uses both queues") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open(2);
    std::vector<Bytes> frames;
    for (std::uint32_t number = 0; number < 10; ++number) {
        for (unsigned flow = 0; flow < 32; ++flow) frames.push_back(make_frame(100, flow, number));
    }
    cable.far.send(frames, 0, frames.size());
    std::map<std::uint32_t, std::set<unsigned>> queues_of;
    std::map<std::uint32_t, std::uint32_t> next_of;
    std::set<unsigned> used;
    std::size_t count = 0;
    for (const Received& each : cable.receive(frames.size())) {
        if (ours(std::vector<Bytes>{each.bytes}).empty()) continue;
        const Mark mark = mark_of(each.bytes);
        queues_of[mark.flow].insert(each.queue);
        used.insert(each.queue);
        CHECK(mark.number == next_of[mark.flow]++);
        ++count;
    }
    CHECK(count == frames.size());
    for (const auto& [flow, queues] : queues_of) CHECK(queues.size() == 1);
    CHECK(used.size() == 2);
}

TEST_CASE("af_packet counts what a full ring loses, once") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.spec.ring_frames = 64;
    TwoHosts::run("sysctl -qw net.ipv6.conf.near0.disable_ipv6=1");
    hosts.at_far([] { TwoHosts::run("sysctl -qw net.ipv6.conf.far0.disable_ipv6=1"); });
    cable.open();
    const auto frames = make_frames(200);
    cable.far.send(frames, 0, frames.size());
    CHECK(cable.port->loss().rx_lost == 136);
    CHECK(ours(cable.receive(64)).size() == 64);
    cable.far.send(frames, 0, 64);
    CHECK(ours(cable.receive(64)).size() == 64);
    CHECK(cable.port->loss().rx_lost == 136);
}

TEST_CASE("af_packet goes on after its link was down, and does not spin meanwhile") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open(2);
    const auto frames = make_frames(20);
    TwoHosts::run("ip link set near0 down");
    cable.send(frames);
    CHECK(dropped(cable.counters, Drop::tx_refused) == 20);
    CHECK(!cable.port->tx(0).pending());
    for (unsigned queue = 0; queue < 2; ++queue) {
        std::vector<Received> nothing;
        for (unsigned i = 0; i < 128; ++i) cable.receive_burst(queue, nothing);
        CHECK(!readable(cable.port->rx(queue).wake_fd()));
    }
    TwoHosts::run("ip link set near0 up");
    // The far kernel takes a moment to see that its cable is back.
    CHECK(eventually([&] {
        std::vector<Received> got;
        cable.far.send({make_frame(100, 9, 9)}, 0, 1);
        for (unsigned queue = 0; queue < 2; ++queue) cable.receive_burst(queue, got);
        return !ours(got).empty();
    }));
    cable.far.send(frames, 0, frames.size());
    CHECK(ours(cable.receive(frames.size())) == frames);
    cable.far.collect(0);
    cable.send(frames);
    CHECK(cable.collect(frames.size()) == frames);
}

TEST_CASE("af_packet keeps frames that the kernel does not take yet, and drops them in the end") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    const auto frames = make_frames(20);
    hosts.at_far([] { TwoHosts::run("ip link set far0 down"); });
    cable.send(frames);
    CHECK(cable.port->tx(0).pending());
    CHECK(cable.counters.sent.get() == 0);
    CHECK(eventually([&] {
        cable.port->tx(0).flush(cable.counters);
        return !cable.port->tx(0).pending();
    }));
    CHECK(dropped(cable.counters, Drop::tx_refused) == 20);
    hosts.at_far([] { TwoHosts::run("ip link set far0 up"); });
    CHECK(eventually([&] {
        cable.send({frames[0]});
        return !cable.collect(0).empty();
    }));
}

TEST_CASE("af_packet survives the loss of its interface") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    TwoHosts::run("ip link delete near0");
    cable.send(make_frames(5));
    CHECK(dropped(cable.counters, Drop::tx_refused) == 5);
    // What the kernel of the other end said of its own accord may have come before: neighbour
    // discovery and multicast listening, all of it IPv6, while the test's own frames are IPv4.
    std::vector<Received> earlier;
    for (unsigned i = 0; i < 128; ++i) cable.receive_burst(0, earlier);
    for (const Received& each : earlier) {
        REQUIRE(each.bytes.size() >= 14);
        CHECK(load_be<std::uint16_t>(&each.bytes[12]) == 0x86dd);
    }
    CHECK(ours(earlier).empty());
    std::vector<Received> nothing;
    for (unsigned i = 0; i < 128; ++i) cable.receive_burst(0, nothing);
    CHECK(nothing.empty());
    CHECK(!readable(cable.port->rx(0).wake_fd()));
    CHECK(!cable.port->next_hop(*parse_ip("10.77.0.2")));
}

TEST_CASE("af_packet counts frames that cannot be sent, and sends those between them") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    // Without offload a VLAN device has a longer header, and the kernel refuses what is shorter.
    TwoHosts::run("ethtool -K near0 txvlan off");
    if (::system("ip link add link near0 name tag0 up type vlan id 5 2>/dev/null") != 0) {
        WARN("skipped: this kernel has no VLAN devices");
        return;
    }
    Cable cable(hosts);
    cable.spec.device = "tag0";
    cable.open();
    const auto good = make_frames(3);
    const Bytes tiny(15);
    cable.send({tiny, good[0], tiny, tiny, good[1], good[2], tiny});
    CHECK(dropped(cable.counters, Drop::tx_refused) == 4);
    CHECK(cable.counters.sent.get() == 3);
    CHECK(!cable.port->tx(0).pending());
    cable.send({Bytes(13), make_frame(1518, 1, 1)});
    CHECK(dropped(cable.counters, Drop::tx_refused) == 6);
    cable.send({good[0]});
    const auto got = cable.collect(4);
    REQUIRE(got.size() == 4);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(mark_of(got[i]).number == i % 3);
}

TEST_CASE("af_packet counts a frame that is longer than its buffers") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    TwoHosts::run("ip link set near0 mtu 9000");
    hosts.at_far([] { TwoHosts::run("ip link set far0 mtu 9000"); });
    const auto small = make_frames(2);
    cable.far.send({small[0], make_frame(5000, 1, 1), small[1]}, 0, 3);
    CHECK(ours(cable.receive(2)) == small);
    CHECK(dropped(cable.counters, Drop::rx_truncated) == 1);
    CHECK(cable.counters.received.get() == 1);
}

TEST_CASE("af_packet completes the checksums of a local sender") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    drivers::Descriptor far;
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
    drivers::Descriptor far;
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
    drivers::Descriptor far;
    hosts.at_far([&] { far = open_socket(SOCK_STREAM); });
    connect_to(far, "10.77.0.1", 5001);
    drivers::Descriptor near;
    REQUIRE(eventually([&] {
        near = drivers::Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK));
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

TEST_CASE("af_packet finds next hops by the kernel's routes and neighbours") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    hosts.at_far([] { TwoHosts::run("ip link set far0 address 02:00:00:00:00:22"); });
    TwoHosts::run("ip route add 198.51.100.0/24 via 10.77.0.2");
    cable.open();
    const auto hop = [&](const char* to) {
        const auto mac = cable.port->next_hop(*parse_ip(to));
        return mac ? to_string(*mac) : "none";
    };
    CHECK(hop("198.51.100.7") == "none");
    CHECK(eventually([&] { return hop("198.51.100.7") == "02:00:00:00:00:22"; }));
    CHECK(hop("10.77.0.2") == "02:00:00:00:00:22");
    CHECK(eventually([&] { return hop("fd77::2") == "02:00:00:00:00:22"; }));
    CHECK(hop("255.255.255.255") == "ff:ff:ff:ff:ff:ff");
    CHECK(hop("10.77.0.255") == "ff:ff:ff:ff:ff:ff");
    CHECK(hop("239.129.2.3") == "01:00:5e:01:02:03");
    CHECK(hop("ff02::1:2") == "33:33:00:01:00:02");
    CHECK(hop("10.77.0.1") == "none");
    CHECK(hop("10.77.0.99") == "none");
}

TEST_CASE("af_packet silences the host's answers for the lanes' UDP port and no other") {
    TwoHosts hosts;
    LANES_NEEDS(hosts);
    Cable cable(hosts);
    cable.open();
    REQUIRE(cable.port->silence_host());
    // A later call replaces the former one.
    REQUIRE(cable.port->silence_host());
    drivers::Descriptor lane;
    drivers::Descriptor other;
    hosts.at_far([&] {
        lane = open_socket(SOCK_DGRAM);
        other = open_socket(SOCK_DGRAM);
    });
    connect_to(lane, "10.77.0.1", 4790);
    connect_to(other, "10.77.0.1", 4791);
    // Answers come in order: one to the first would be there before the one to the last.
    REQUIRE(::send(lane.get(), "lane", 4, 0) == 4);
    REQUIRE(eventually([&] { return with_payload(cable.receive(1), udp).size() <= 1; }));
    std::vector<std::uint16_t> unreachable;
    REQUIRE(eventually([&] {
        [[maybe_unused]] const ssize_t sent = ::send(other.get(), "other", 5, 0);
        for (const Bytes& frame : cable.far.collect(0)) {
            // Ethernet, IPv4, ICMP (8), and the quoted packet: IPv4, UDP ports.
            if (frame.size() < 66 || frame[23] != std::byte{icmp}) continue;
            unreachable.push_back(load_be<std::uint16_t>(&frame[64]));
        }
        return !unreachable.empty();
    }));
    for (const std::uint16_t port : unreachable) CHECK(port == 4791);
}

}  // namespace lanes::test
