// The af_packet driver on a real veth pair with a real kernel at the far side (two_hosts.hh): what
// the contract test (contract_test.cc) cannot ask of every driver. Here the way of a frame: order,
// tags, fanout, and what cannot pass. Offloads, links that come and go, and the questions that
// Control asks have files of their own beside this one.
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "tests/drivers/af_packet_cable.hh"

namespace lanes::test {

using engine::Drop;
using engine::Frame;

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

}  // namespace lanes::test
