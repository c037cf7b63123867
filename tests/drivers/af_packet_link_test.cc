// The af_packet driver when its link goes down, its cable's far end does, or its interface is gone:
// no frame may hang or be made up, and nothing may spin meanwhile.
#include <catch2/catch.hpp>
#include <vector>

#include "tests/drivers/af_packet_cable.hh"

namespace lanes::test {

using engine::Drop;
using engine::load_be;
using engine::parse_ip;

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

}  // namespace lanes::test
