// Tap and tun beyond the contract: the interface that they make, and what happens when somebody
// changes or deletes it under them.
#include <net/if.h>
#include <poll.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "drivers/netlink/netlink.hh"
#include "tests/drivers/fixture.hh"

namespace lanes::test {
namespace {

using drivers::Netlink;
using engine::Burst;
using engine::Drop;
using engine::Frame;
using engine::WorkerCounters;

bool skipped(const NetworkNamespace& space) {
    if (space.missing().empty()) return false;
    WARN("skipped: " << space.missing());
    return true;
}

engine::PortSpec spec_of(const char* device) {
    engine::PortSpec spec;
    spec.name = "lan";
    spec.device = device;
    return spec;
}

Bytes ethernet_frame(std::size_t len) {
    Bytes frame(len, std::byte{0x5a});
    frame[12] = std::byte{0x88};
    frame[13] = std::byte{0xb5};
    return frame;
}

std::uint64_t dropped(const WorkerCounters& worker, Drop reason) {
    return worker.drops[static_cast<std::size_t>(reason)].get();
}

void send_frames(engine::TxQueue& tx, unsigned count, WorkerCounters& worker) {
    const Bytes frame = ethernet_frame(100);
    std::array<Frame, engine::burst_max> room;
    REQUIRE(tx.claim({room.data(), count}, 100) == count);
    for (unsigned i = 0; i < count; ++i) {
        std::memcpy(room[i].data, frame.data(), frame.size());
        room[i].len = 100;
    }
    tx.send({room.data(), count}, worker);
    tx.flush(worker);
}

}  // namespace

TEST_CASE("a tap has the addresses, the MTU and the state that its spec asks for") {
    const NetworkNamespace space(NetworkNamespace::Ipv6::on);
    if (skipped(space)) return;
    engine::PortSpec spec = spec_of("lane0");
    spec.mtu = 1400;
    spec.addresses = {*engine::parse_prefix("10.8.0.1/24"), *engine::parse_prefix("fd08::1/64")};
    auto port = drivers::open_tap(spec, 2);
    if (!port) FAIL(port.error().message);
    auto netlink = Netlink::open();
    auto made = netlink->interface("lane0");
    REQUIRE(made);
    CHECK(made->mtu == 1400);
    CHECK(made->up);
    for (const engine::IpPrefix& prefix : spec.addresses) {
        CHECK(std::count(made->addresses.begin(), made->addresses.end(), prefix) == 1);
    }
    const engine::PortInfo& info = (*port)->info();
    CHECK(info.mtu == 1400);
    CHECK((*port)->tx(0).max_len() == 1418);
    CHECK(info.mac != made->mac);
    CHECK(!info.mac.multicast());
    CHECK(info.addresses.empty());

    // The fifth column has the flags; 0x40 would be an address that is still being tried out.
    std::ifstream table("/proc/thread-self/net/if_inet6");
    std::string address, index, len, scope, flags, name;
    bool found = false;
    while (table >> address >> index >> len >> scope >> flags >> name) {
        if (address != "fd080000000000000000000000000001") continue;
        found = true;
        CHECK((std::stoul(flags, nullptr, 16) & 0x40) == 0);
    }
    CHECK(found);
}

TEST_CASE("the interface of a tun goes when its port closes") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = drivers::open_tun(spec_of("lane1"), 2);
    if (!port) FAIL(port.error().message);
    CHECK(::if_nametoindex("lane1") != 0);
    port->reset();
    CHECK(::if_nametoindex("lane1") == 0);
}

TEST_CASE("a tap whose name is taken is refused with port, device and remedy") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto first = drivers::open_tap(spec_of("lane0"), 1);
    REQUIRE(first);
    for (const char* device : {"lane0", "lo"}) {
        auto second = drivers::open_tap(spec_of(device), 1);
        REQUIRE(!second);
        CHECK(second.error().code == EBUSY);
        CHECK(second.error().message.find("port lan: make tap " + std::string(device)) == 0);
        CHECK(second.error().message.find("choose another `device`") != std::string::npos);
    }
}

TEST_CASE("a tap with an MTU that no interface can have is refused by name") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    engine::PortSpec spec = spec_of("lane0");
    spec.mtu = 67;
    auto port = drivers::open_tap(spec, 1);
    REQUIRE(!port);
    CHECK(port.error().message.find("port lan: tap lane0") == 0);
    CHECK(::if_nametoindex("lane0") == 0);
}

TEST_CASE("a frame longer than the tap's buffers is counted and not delivered cut") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    engine::PortSpec spec = spec_of("lane0");
    spec.mtu = 1000;
    auto port = drivers::open_tap(spec, 1);
    REQUIRE(port);
    auto netlink = Netlink::open();
    REQUIRE(netlink->set_mtu(static_cast<int>(::if_nametoindex("lane0")), 2000));
    PacketSocket far;
    far.open("lane0");
    // One more than fits, far more, and what just fits.
    const std::vector<Bytes> frames = {ethernet_frame(1019), ethernet_frame(1900),
                                       ethernet_frame(1018)};
    far.send(frames, 0, frames.size());
    WorkerCounters worker;
    Burst burst;
    for (int tries = 0; tries < 100 && burst.empty(); ++tries) {
        pollfd wait{(*port)->rx(0).wake_fd(), POLLIN, 0};
        ::poll(&wait, 1, 10);
        (*port)->rx(0).receive(burst, worker);
    }
    REQUIRE(burst.size() == 1);
    CHECK(burst[0].len == 1018);
    CHECK(worker.received.get() == 2);
    CHECK(dropped(worker, Drop::rx_truncated) == 2);
}

TEST_CASE("what the kernel refuses while a tap is down is counted, and nothing once it is up") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = drivers::open_tap(spec_of("lane0"), 1);
    REQUIRE(port);
    WorkerCounters worker;
    set_interface("lane0", false);
    send_frames((*port)->tx(0), 8, worker);
    CHECK(dropped(worker, Drop::tx_refused) == 8);
    CHECK(worker.sent.get() == 0);
    set_interface("lane0", true);
    send_frames((*port)->tx(0), 8, worker);
    CHECK(dropped(worker, Drop::tx_refused) == 8);
    CHECK(worker.sent.get() == 8);
}

TEST_CASE("what a tap's own queue could not hold is told as lost") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = drivers::open_tap(spec_of("lane0"), 1);
    REQUIRE(port);
    CHECK((*port)->loss().rx_lost == 0);
    PacketSocket far;
    far.open("lane0");
    // The queue of an interface holds 1000 frames, and nobody receives.
    const std::vector<Bytes> frames(1500, ethernet_frame(100));
    far.send(frames, 0, frames.size());
    WorkerCounters worker;
    unsigned received = 0;
    Burst burst;
    while ((*port)->rx(0).receive(burst, worker) != 0) {
        received += burst.size();
        (*port)->rx(0).release(burst);
        burst.clear();
    }
    CHECK((*port)->loss().rx_lost >= 1500 - received);
    CHECK(received < 1500);
    CHECK((*port)->loss().rx_lost > 0);
}

TEST_CASE("a tap whose interface is deleted falls quiet instead of keeping its worker awake") {
    const NetworkNamespace space;
    if (skipped(space)) return;
    auto port = drivers::open_tap(spec_of("lane0"), 1);
    REQUIRE(port);
    auto netlink = Netlink::open();
    REQUIRE(netlink->delete_interface(static_cast<int>(::if_nametoindex("lane0"))));
    WorkerCounters worker;
    Burst burst;
    engine::RxQueue& rx = (*port)->rx(0);
    CHECK(rx.receive(burst, worker) == 0);
    pollfd wait{rx.wake_fd(), POLLIN, 0};
    CHECK(::poll(&wait, 1, 0) == 0);
    CHECK(rx.receive(burst, worker) == 0);
    send_frames((*port)->tx(0), 3, worker);
    CHECK(dropped(worker, Drop::tx_refused) == 3);
}

}  // namespace lanes::test
