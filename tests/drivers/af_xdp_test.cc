// The af_xdp driver beyond the contract: what it takes from the kernel and what it leaves, what is
// left of it when it goes, how it opens, and memory that ports share.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/af_packet/ring.hh"
#include "tests/drivers/af_xdp_bed.hh"
#include "tests/drivers/foreign_program.hh"

namespace lanes::test {
namespace {

using Catch::Matchers::Contains;
using engine::PortSpec;

/// Prints why and returns true if there is no AF_XDP here.
bool skipped(const NetworkNamespace& space) {
    std::string missing = space.missing();
    if (missing.empty()) missing = af_xdp_missing();
    if (missing.empty()) return false;
    WARN("skipped: " << missing);
    return true;
}

PortSpec::XdpMode any_copy_mode() {
    return GENERATE(PortSpec::XdpMode::copy, PortSpec::XdpMode::generic);
}

}  // namespace

TEST_CASE("with take: lanes the engine gets lane packets for it and the kernel all else",
          "[af_xdp]") {
    NetworkNamespace space(NetworkNamespace::Ipv6::on);
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.spec.take = PortSpec::Take::lanes;
    cable.spec.mode = any_copy_mode();
    cable.spec.addresses = {*engine::parse_prefix("192.0.2.1/24"),
                            *engine::parse_prefix("2001:db8::1/64")};
    cable.open();
    const engine::MacAddress own = cable.port->info().mac;
    const engine::MacAddress other{{2, 9, 9, 9, 9, 9}};
    const engine::MacAddress group{{1, 0, 0x5e, 0, 0, 5}};

    std::vector<Bytes> taken = {
        datagram(own, "192.0.2.1", 4790, 0), datagram(own, "2001:db8::1", 4790, 1),
        datagram(group, "224.0.0.5", 4790, 2), datagram(own, "ff02::5", 4790, 3),
        datagram(own, "255.255.255.255", 4790, 4)};
    Bytes bare = datagram(own, "192.0.2.1", 1, 5);
    engine::store_be<std::uint16_t>(&bare[12], 0x88b5);
    taken.push_back(bare);

    std::vector<Bytes> left = {
        datagram(own, "192.0.2.1", 4791, 10), datagram(own, "192.0.2.9", 4790, 11),
        datagram(other, "192.0.2.1", 4790, 12), datagram(own, "2001:db8::2", 4790, 13),
        datagram(own, "2001:db8::1", 53, 14)};
    Bytes first_fragment = datagram(own, "192.0.2.1", 4790, 15);
    first_fragment[20] = std::byte{0x20};
    Bytes last_fragment = datagram(own, "192.0.2.1", 4790, 16);
    last_fragment[21] = std::byte{9};
    Bytes tcp = datagram(own, "192.0.2.1", 4790, 17);
    tcp[23] = std::byte{6};
    Bytes options = datagram(own, "192.0.2.1", 4790, 18);
    options[14] = std::byte{0x46};
    Bytes tagged = datagram(own, "192.0.2.1", 4790, 19);
    engine::store_be<std::uint16_t>(&tagged[12], 0x8100);
    Bytes cut = datagram(own, "192.0.2.1", 4790, 20);
    cut.resize(14 + 20 + 2);
    left.insert(left.end(), {first_fragment, last_fragment, tcp, options, tagged, cut});

    PacketSocket kernel;  // where the kernel's own stack begins: behind the XDP program
    kernel.open("near0");
    std::vector<Bytes> all = left;
    all.insert(all.end(), taken.begin(), taken.end());
    cable.wire.send(all, 0, all.size());
    CHECK(cable.receive(taken.size()) == taken);
    std::vector<Bytes> seen;
    for (const Bytes& frame : kernel.collect(0)) {
        // Not what the far end says unasked.
        if (frame.size() > 6 && frame[6] == std::byte{2} && frame[7] == std::byte{0} &&
            frame[8] == std::byte{0}) {
            seen.push_back(frame);
        }
    }
    CHECK(seen.size() == left.size());
    CHECK(cable.port->loss().rx_lost == 0);
}

TEST_CASE("with take: lanes the kernel still answers for its address, beside a busy engine",
          "[af_xdp]") {
    NetworkNamespace far_space;
    if (skipped(far_space)) return;
    TwoHosts hosts;
    hosts.at_far([] { TwoHosts::run("ethtool -K far0 tx off"); });
    PortSpec spec;
    spec.name = "wan";
    spec.driver = "af_xdp";
    spec.device = "near0";
    spec.mode = any_copy_mode();
    auto opened = drivers::find_driver("af_xdp")->open(spec, 1);
    if (!opened) FAIL(opened.error().message);
    engine::Port& port = **opened;
    CHECK_THAT(port.info().note, Contains("takes lane packets"));
    hosts.at_far([] {
        TwoHosts::run("ping -c 3 -i 0.05 -W 1 10.77.0.1");
        TwoHosts::run("ping -c 3 -i 0.05 -W 1 fd77::1");
    });
    const auto far = *engine::parse_ip("10.77.0.2");
    CHECK(eventually([&] { return port.next_hop(far).has_value(); }));
    CHECK(port.silence_host());
}

TEST_CASE("with take: all the engine gets everything and answers for itself", "[af_xdp]") {
    NetworkNamespace none;
    if (skipped(none)) return;
    TwoHosts hosts;
    hosts.at_far([] { TwoHosts::run("ethtool -K far0 tx off"); });
    PortSpec spec;
    spec.name = "wan";
    spec.driver = "af_xdp";
    spec.device = "near0";
    spec.take = PortSpec::Take::all;
    // An address that the kernel does not have: only the engine can answer for it.
    spec.addresses = {*engine::parse_prefix("10.77.0.9/24")};
    auto opened = drivers::find_driver("af_xdp")->open(spec, 1);
    if (!opened) FAIL(opened.error().message);
    engine::Port& port = **opened;
    engine::WorkerCounters counters;
    std::atomic<bool> stop{false};
    std::thread worker([&] {
        while (!stop.load()) {
            engine::Burst burst;
            if (port.rx(0).receive(burst, counters) != 0) {
                counters.received.add(burst.size());
                port.rx(0).release(burst);
            }
            port.tx(0).flush(counters);
        }
    });
    hosts.at_far([] { TwoHosts::run("ping -c 3 -i 0.05 -W 1 10.77.0.9"); });
    const auto far = *engine::parse_ip("10.77.0.2");
    CHECK(eventually([&] { return port.next_hop(far).has_value(); }));
    hosts.at_far([] {
        // The kernel behind the port hears nothing any more.
        CHECK(::system("ping -c 1 -W 1 10.77.0.1 >/dev/null") != 0);
    });
    stop = true;
    worker.join();
    CHECK(counters.made.get() > 0);
    CHECK(drops_of(counters) == 0);
}

TEST_CASE("a next hop that Control asks for wakes a sleeping worker, which asks the link",
          "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.spec.addresses = {*engine::parse_prefix("192.0.2.1/24")};
    cable.open();
    engine::RxQueue& rx = cable.port->rx(0);
    const auto readable = [&](int timeout_ms) {
        pollfd wait{rx.asked_fd(), POLLIN, 0};
        return ::poll(&wait, 1, timeout_ms) == 1;
    };
    // Until all is said that is said when an interface and a port come up.
    REQUIRE(eventually([&] {
        std::vector<Bytes> heard;
        cable.receive_once(0, heard);
        return cable.wire.collect(0).empty() && heard.empty() && rx.prepare_sleep();
    }));
    CHECK_FALSE(readable(0));
    CHECK_FALSE(cable.port->next_hop(*engine::parse_ip("192.0.2.2")));
    CHECK(readable(0));
    CHECK_FALSE(rx.prepare_sleep());
    engine::Burst burst;
    CHECK(rx.receive(burst, cable.counters) == 0);
    const auto asked = cable.wire.collect(1);
    REQUIRE(asked.size() == 1);
    CHECK(engine::load_be<std::uint16_t>(&asked[0][12]) == 0x0806);
    REQUIRE(rx.prepare_sleep());
    CHECK_FALSE(readable(20));
}

TEST_CASE("the program goes with the port, and with a process that is killed", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.spec.mode = any_copy_mode();
    cable.open();
    CHECK(has_program("near0"));
    cable.port.reset();
    CHECK_FALSE(has_program("near0"));

    int pipe_fds[2];
    REQUIRE(::pipe(pipe_fds) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto opened = drivers::find_driver("af_xdp")->open(cable.spec, 1);
        const char told = opened ? 'y' : 'n';
        [[maybe_unused]] const ssize_t written = ::write(pipe_fds[1], &told, 1);
        for (;;) ::pause();
    }
    char told = 0;
    REQUIRE(::read(pipe_fds[0], &told, 1) == 1);
    CHECK(told == 'y');
    CHECK(has_program("near0"));
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    ::close(pipe_fds[0]);
    ::close(pipe_fds[1]);
    CHECK_FALSE(has_program("near0"));
    // And at once the port can be opened again, on the very queue.
    cable.open();
    const Bytes frame = datagram(cable.port->info().mac, "192.0.2.1", 4790, 1);
    cable.wire.send({frame}, 0, 1);
    CHECK(cable.receive(1) == std::vector<Bytes>{frame});
}

TEST_CASE("a program of somebody else is not pushed aside, and the error says what removes it",
          "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    attach_foreign_program("near0");
    REQUIRE(has_program("near0"));
    const std::string refusal = cable.refusal();
    CHECK_THAT(refusal, Contains("port wan: near0: an XDP program of somebody else (number"));
    CHECK_THAT(refusal, Contains("ip link set dev near0 xdp off"));
    CHECK(has_program("near0"));
    TwoHosts::run("ip link set dev near0 xdp off");
    cable.open();

    // Our own, at another port, is somebody else's as well.
    PortSpec second = cable.spec;
    second.name = "again";
    auto opened = drivers::find_driver("af_xdp")->open(second, 1);
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error().message,
               Contains("port again: near0: an XDP program of somebody else"));
}

TEST_CASE("the note says which mode it became and why no better one", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.open();
    // veth has native XDP, but no zero-copy.
    CHECK_THAT(cable.port->info().note, Contains("AF_XDP, copy mode, on near0, 1 queue"));
    CHECK_THAT(cable.port->info().note, Contains("not zero-copy: "));
    cable.port.reset();
    cable.spec.mode = PortSpec::XdpMode::generic;
    cable.open();
    CHECK_THAT(cable.port->info().note, Contains("AF_XDP, generic mode, on near0"));
    cable.port.reset();
    cable.spec.mode = PortSpec::XdpMode::zero_copy;
    CHECK_THAT(cable.refusal(), Contains("port wan: near0: open an AF_XDP socket on queue 0"));
    CHECK_FALSE(has_program("near0"));
}

TEST_CASE("what cannot be opened is refused with a remedy", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    TwoHosts::run("ip link set near0 mtu 9000");
    CHECK_THAT(cable.refusal(), Contains("mtu 9000 of near0 is more than the 3758 of AF_XDP"));
    CHECK_THAT(cable.refusal(), Contains("ip link set dev near0 mtu 3758"));
    TwoHosts::run("ip link set near0 mtu 1500 down");
    CHECK_THAT(cable.refusal(), Contains("ip link set dev near0 up"));
    cable.spec.device = "nowhere";
    CHECK_THAT(cable.refusal(), Contains("nowhere"));
}

TEST_CASE("the card lets in what the port is to see, as long as it is open", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    const auto says = [](const char* text) {
        const std::string command = std::string("ip -d link show near0 | grep -q '") + text + "'";
        return ::system(command.c_str()) == 0;
    };
    cable.open();
    CHECK(says("promiscuity 1"));
    cable.port.reset();
    CHECK(says("promiscuity 0"));
    cable.spec.promiscuous = PortSpec::Promiscuous::no;
    cable.open();
    CHECK(says("promiscuity 0"));
    CHECK(says("allmulti 1"));
    cable.port.reset();
    cable.spec.take = PortSpec::Take::lanes;
    cable.open();
    CHECK(says("allmulti 0"));
    cable.port.reset();
    cable.spec.promiscuous = PortSpec::Promiscuous::yes;
    cable.open();
    CHECK(says("promiscuity 0"));
    CHECK(says("allmulti 1"));
}

TEST_CASE("busy polling carries frames as well", "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    cable.spec.busy_poll_us = 20;
    cable.open();
    CHECK_THAT(cable.port->info().note, Contains("busy polling"));
    const Bytes frame = datagram(cable.port->info().mac, "192.0.2.1", 4790, 1);
    const std::vector<Bytes> frames(40, frame);
    cable.wire.send(frames, 0, frames.size());
    CHECK(cable.receive(40) == frames);
    CHECK(cable.send(frame, 40) == 40);
    CHECK(cable.wire.collect(40) == frames);
}

TEST_CASE("frames up to the interface's mtu pass, in larger buffers where it is large",
          "[af_xdp]") {
    NetworkNamespace space;
    if (skipped(space)) return;
    XdpCable cable("near0", "far0");
    const std::uint32_t mtu = GENERATE(576u, 1500u, 1710u, 1711u, 3400u);
    const std::string number = std::to_string(mtu);
    TwoHosts::run("ip link set near0 mtu " + number);
    TwoHosts::run("ip link set far0 mtu " + number);
    cable.open();
    Bytes longest = datagram(cable.port->info().mac, "192.0.2.1", 4790, 1);
    longest.resize(mtu + 14, std::byte{0x5a});
    cable.wire.send({longest}, 0, 1);
    CHECK(cable.receive(1) == std::vector<Bytes>{longest});
    CHECK(cable.send(longest, 1) == 1);
    CHECK(cable.wire.collect(1) == std::vector<Bytes>{longest});
    CHECK(cable.port->tx(0).max_len() == mtu + 18);
}

}  // namespace lanes::test
