// What the contract test cannot ask of every driver: that a frame goes from one dpdk port to
// another without a copy, which devices there are and what is said of those that are not, and how
// the EAL starts. It can do so only once in a process, so those cases run this program again for
// themselves.
#include <sched.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "lanes/control.hh"
#include "tests/drivers/fixture_dpdk.hh"

namespace lanes::test {
namespace {

using engine::Burst;
using engine::Frame;

#define LANES_NEEDS_DEVICE(device)                 \
    if (!dpdk_missing(device).empty()) {           \
        WARN("skipped: " << dpdk_missing(device)); \
        return;                                    \
    }

std::unique_ptr<engine::Port> open(const engine::PortSpec& spec) {
    auto port = open_dpdk_port(spec, 1);
    if (!port) FAIL(port.error().message);
    return std::move(*port);
}

std::string refusal(const engine::PortSpec& spec) {
    auto port = open_dpdk_port(spec, 1);
    REQUIRE_FALSE(port);
    return port.error().message;
}

/// Sends `frames` and returns what the port receives within the same time.
std::vector<Bytes> loop(engine::Port& port, const std::vector<Bytes>& frames,
                        engine::WorkerCounters& counters) {
    std::array<Frame, engine::burst_max> room;
    engine::TxQueue& tx = port.tx(0);
    REQUIRE(tx.claim({room.data(), frames.size()}, 1000) == frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        std::memcpy(room[i].data, frames[i].data(), frames[i].size());
        room[i].len = static_cast<std::uint32_t>(frames[i].size());
    }
    tx.send({room.data(), frames.size()}, counters);
    tx.flush(counters);
    std::vector<Bytes> got;
    Burst burst;
    port.rx(0).receive(burst, counters);
    for (const Frame& frame : burst) got.emplace_back(frame.data, frame.data + frame.len);
    port.rx(0).release(burst);
    return got;
}

/// Ones' complement sum over the pseudo header and all behind the IPv6 header; 0xffff: it is right.
std::uint32_t udp6_sum(const Bytes& frame) {
    const auto word = [&](std::size_t at) {
        const auto high = std::to_integer<std::uint32_t>(frame[at]) << 8;
        return at + 1 < frame.size() ? high | std::to_integer<std::uint32_t>(frame[at + 1]) : high;
    };
    std::uint32_t sum = static_cast<std::uint32_t>(frame.size()) - 54 + 17;
    for (std::size_t at = 22; at < frame.size(); at += 2) sum += word(at);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/// An Ethernet frame with `body` bytes in UDP over IPv6, and the pseudo header's sum for a
/// checksum.
Bytes udp6_frame(std::size_t body) {
    Bytes frame(14 + 40 + 8 + body, std::byte{0x5a});
    const auto put = [&](std::size_t at, std::uint32_t value) {
        frame[at] = static_cast<std::byte>(value >> 8);
        frame[at + 1] = static_cast<std::byte>(value);
    };
    const auto len = static_cast<std::uint32_t>(8 + body);
    put(12, 0x86dd);
    put(14, 0x6000);
    put(16, 0);
    put(18, len);
    put(20, 17 << 8 | 64);
    put(58, len);
    std::uint32_t sum = len + 17;
    for (std::size_t at = 22; at < 54; at += 2) sum += 0x5a5a;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    put(60, sum);
    return frame;
}

/// Runs the hidden test case of `tag` in a process of its own.
void alone(const std::string& tag) {
    const std::string program = "/proc/" + std::to_string(::getpid()) + "/exe";
    INFO(tag);
    CHECK(::system((program + " '" + tag + "' >/dev/null 2>&1").c_str()) == 0);
}

engine::PortSpec null_with(std::vector<std::string> eal) {
    engine::PortSpec spec = dpdk_spec("p", "net_null0");
    spec.eal = std::move(eal);
    return spec;
}

/// Two dpdk ports joined by a memif; the node has one of them, the test the other.
struct Cable {
    explicit Cable(unsigned number)
        : arguments(",socket-abstract=no,socket=/tmp/lanes-test-" + std::to_string(::getpid()) +
                    "-" + std::to_string(number) + ".sock"),
          near("net_memif" + std::to_string(number) + ",role=server" + arguments),
          far("net_memif" + std::to_string(number + 1) + ",role=client" + arguments) {}
    std::string arguments;
    std::string near;
    std::string far;
};

/// False: the queue has not taken yet what it was given before.
bool send(engine::TxQueue& tx, const Bytes& bytes, engine::WorkerCounters& counters) {
    tx.flush(counters);
    if (tx.pending()) return false;
    Frame room;
    REQUIRE(tx.claim({&room, 1}, 1000) == 1);
    std::memcpy(room.data, bytes.data(), bytes.size());
    room.len = static_cast<std::uint32_t>(bytes.size());
    tx.send({&room, 1}, counters);
    tx.flush(counters);
    return true;
}

}  // namespace

TEST_CASE("between two dpdk ports a frame is handed on without a copy") {
    LANES_NEEDS_DEVICE("net_memif9" + memif_arguments("server"));
    const Cable in(2), out(4);
    NodeSpec spec;
    spec.node = "dpdk";
    spec.cores = {0};
    spec.ports = {dpdk_spec("in", in.near), dpdk_spec("out", out.near)};
    LaneSpec patch;
    patch.name = "through";
    patch.role = Role::patch;
    patch.cipher = Cipher::none;
    patch.port = 0;
    patch.patch_to = 1;
    spec.lanes.push_back(std::move(patch));
    auto control = Control::create(spec, open_dpdk_port, Control::Threads::none);
    REQUIRE(control);
    auto applied = (*control)->apply(std::move(spec));
    if (!applied) FAIL(applied.error().message);
    engine::Worker& worker = *(*control)->workers()[0];
    auto far_in = open(dpdk_spec("far-in", in.far));
    auto far_out = open(dpdk_spec("far-out", out.far));

    DpdkMemifFixture maker;
    engine::WorkerCounters far;
    constexpr std::uint32_t primer = ~0u;
    constexpr std::uint32_t wanted = 500;
    const auto collect = [&](auto&& look) {
        worker.round();
        Burst burst;
        if (far_out->rx(0).receive(burst, far) == 0) return;
        for (const Frame& frame : burst) look(Bytes(frame.data, frame.data + frame.len));
        far_out->rx(0).release(burst);
    };
    // DPDK's thread connects the cables meanwhile.
    bool through = false;
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!through && std::chrono::steady_clock::now() < deadline) {
        send(far_in->tx(0), maker.make(60, 0, primer), far);
        collect([&](const Bytes&) { through = true; });
        ::usleep(1000);
    }
    REQUIRE(through);
    std::uint32_t next = 0;
    std::uint32_t came = 0;
    deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (came < wanted && std::chrono::steady_clock::now() < deadline) {
        if (next < wanted && send(far_in->tx(0), maker.make(60 + next, 0, next), far)) ++next;
        collect([&](const Bytes& bytes) {
            if (mark_of(bytes).number == primer) return;
            CHECK(bytes == maker.make(60 + came, 0, came));
            ++came;
        });
    }
    CHECK(came == wanted);
    CHECK(worker.counters().sent.get() >= wanted);
    CHECK(worker.counters().copies.get() == 0);
    far_in.reset();
    far_out.reset();
    let_memif_settle();
}

TEST_CASE("net_null gives frames without end and takes all") {
    LANES_NEEDS_DEVICE("net_null9");
    const auto port = open(dpdk_spec("p", "net_null0,size=100,copy=0"));
    engine::WorkerCounters counters;
    // More frames than there are mbufs: a leak would end it.
    std::uint64_t received = 0;
    for (unsigned i = 0; i < 4000; ++i) {
        Burst burst;
        received += port->rx(0).receive(burst, counters);
        REQUIRE(burst[0].len == 100);
        REQUIRE(port->tx(0).pass(burst.frames(), counters) == burst.size());
        for (Frame& frame : burst) frame.data = nullptr;
        port->rx(0).release(burst);
        port->tx(0).flush(counters);
    }
    CHECK(received == 4000 * engine::burst_max);
    CHECK(counters.sent.get() == received);
    CHECK(port->info().note.find("net_null") != std::string::npos);
}

TEST_CASE("a device that can finishes the UDP checksum over IPv6") {
    DpdkTapFixture fixture;
    if (!fixture.missing.empty()) {
        WARN("skipped: " << fixture.missing);
        return;
    }
    auto port = fixture.open(1, {});
    REQUIRE(port);
    REQUIRE((*port)->info().finishes_udp6);
    CHECK((*port)->info().note.find("finishes those over IPv6") != std::string::npos);
    engine::WorkerCounters counters;
    for (const std::size_t body : {8u, 9u, 1400u}) {
        Bytes frame = udp6_frame(body);
        engine::TxQueue& tx = (*port)->tx(0);
        Frame room;
        REQUIRE(tx.claim({&room, 1}, static_cast<std::uint32_t>(frame.size())) == 1);
        std::memcpy(room.data, frame.data(), frame.size());
        room.len = static_cast<std::uint32_t>(frame.size());
        room.endpoint = engine::udp6_by_device;
        tx.send({&room, 1}, counters);
        tx.flush(counters);
        const auto got = fixture.collect(1);
        REQUIRE(got.size() == 1);
        REQUIRE(got[0].size() == frame.size());
        CHECK(udp6_sum(got[0]) == 0xffff);
        CHECK(udp6_sum(frame) != 0xffff);  // it was not finished when it was handed over
    }
}

TEST_CASE("net_ring brings back what was sent, also after it was closed and opened again") {
    LANES_NEEDS_DEVICE("net_ring9");
    DpdkMemifFixture maker;
    const std::vector<Bytes> frames = {maker.make(60, 0, 1), maker.make(1000, 0, 2)};
    for (unsigned round = 0; round < 3; ++round) {
        const auto port = open(dpdk_spec("p", "net_ring0"));
        engine::WorkerCounters counters;
        CHECK(loop(*port, frames, counters) == frames);
        CHECK(port->info().mac != engine::MacAddress{});
    }
}

TEST_CASE("workers beyond the device's last queue share it") {
    DpdkAfPacketFixture cable;
    if (!cable.missing.empty()) {
        WARN("skipped: " << cable.missing);
        return;
    }
    // One pair of queues, three workers: one of them receives, all send.
    PacketSocket far;
    far.open("contract1");
    auto port = open_dpdk_port(dpdk_spec("p", "net_af_packet0,iface=contract0,qpairs=1"), 3);
    if (!port) FAIL(port.error().message);
    CHECK((*port)->rx_queues() == 1);
    engine::WorkerCounters counters;
    std::vector<Bytes> sent;
    for (unsigned round = 0; round < 30; ++round) {
        sent.push_back(cable.make(100, round % 3, round));
        CHECK(send((*port)->tx(round % 3), sent.back(), counters));
        CHECK_FALSE((*port)->tx(round % 3).pending());
    }
    CHECK(far.collect(sent.size()) == sent);
    CHECK(counters.sent.get() == sent.size());
}

TEST_CASE("devices that are not there are refused with a reason and a remedy") {
    LANES_NEEDS_DEVICE("net_null9");
    const std::string absent = refusal(dpdk_spec("p", "ffff:1f:00.0"));
    CHECK(absent.find("there is no such PCI device") != std::string::npos);
    const std::string unknown = refusal(dpdk_spec("p", "net_nonsense0"));
    CHECK(unknown.find("correct `device`") != std::string::npos);
    const std::string argument = refusal(dpdk_spec("p", "net_null1,nonsense=1"));
    CHECK(argument.find("port p: net_null1,nonsense=1: open") != std::string::npos);
    engine::PortSpec large = dpdk_spec("p", "net_memif9" + memif_arguments("server"));
    large.mtu = 70'000;
    if (dpdk_missing(large.device).empty()) CHECK_FALSE(refusal(large).empty());
}

TEST_CASE("one device is one port, and free again when that closes") {
    LANES_NEEDS_DEVICE("net_null9");
    auto first = open(dpdk_spec("first", "net_null0"));
    CHECK(refusal(dpdk_spec("second", "net_null0")).find("open as another port") !=
          std::string::npos);
    first.reset();
    CHECK(open(dpdk_spec("second", "net_null0"))->info().name == "second");
}

TEST_CASE("the EAL leaves the calling thread where it was") {
    LANES_NEEDS_DEVICE("net_null9");
    cpu_set_t now;
    CPU_ZERO(&now);
    REQUIRE(::sched_getaffinity(0, sizeof now, &now) == 0);
    cpu_set_t first;
    CPU_ZERO(&first);
    REQUIRE(::sched_getaffinity(1, sizeof first, &first) == 0);
    CHECK(CPU_EQUAL(&now, &first));
}

TEST_CASE("other EAL arguments than those it runs with need a restart") {
    LANES_NEEDS_DEVICE("net_null9");
    CHECK(refusal(null_with({"--no-pci"})).find("started again") != std::string::npos);
}

TEST_CASE("EAL arguments that are wrong are an error and do not end the program") {
    LANES_NEEDS_DEVICE("net_null9");
    alone("[wrong-eal]");
    alone("[help-eal]");
}

TEST_CASE("wrong EAL arguments", "[.][wrong-eal]") {
    const std::string first = refusal(null_with({"--no-such-argument"}));
    CHECK(first.find("start DPDK's EAL") != std::string::npos);
    CHECK(refusal(null_with({"--no-such-argument"})).find("earlier") != std::string::npos);
}

TEST_CASE("EAL arguments that ask for help", "[.][help-eal]") {
    CHECK(refusal(null_with({"--help"})).find("asks for help") != std::string::npos);
}

TEST_CASE("the memory is in hugepages where there are some, and elsewhere where there are none") {
    LANES_NEEDS_DEVICE("net_null9");
    alone("[no-hugepages]");
    constexpr const char* file = "/proc/sys/vm/nr_hugepages";
    unsigned before = 0;
    std::ifstream(file) >> before;
    std::ofstream(file) << before + 128 << std::flush;
    unsigned now = 0;
    std::ifstream(file) >> now;
    if (now == before + 128) {
        alone("[hugepages]");
    } else {
        WARN("skipped: 128 hugepages cannot be had here");
    }
    std::ofstream(file) << before << std::flush;
}

TEST_CASE("no hugepages", "[.][no-hugepages]") {
    const auto port = open(null_with({"--no-huge", "--no-shconf", "-m", "256"}));
    CHECK(port->info().note.find(", no hugepages") != std::string::npos);
}

TEST_CASE("hugepages", "[.][hugepages]") {
    const auto port = open(null_with({}));
    CHECK(port->info().note.find(", hugepages") != std::string::npos);
}

}  // namespace lanes::test
