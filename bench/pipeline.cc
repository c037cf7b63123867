// See pipeline.hh. Two nodes live in this process, joined by wires of memory:
//
//   generator --lan-a--> [ node A ] --wan--> [ node B ] --lan-b--> sink
//
// Each burst of 64 frames goes through one round of A's worker and one round of B's; the clock is
// read around the round that is measured, and nothing else is inside.
#include "bench/pipeline.hh"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

#include "bench/clocks.hh"
#include "drivers/registry.hh"
#include "engine/bytes.hh"
#include "engine/clock.hh"
#include "lanes/control.hh"

namespace lanes::bench {
namespace {

using engine::Burst;
using engine::burst_max;
using engine::Frame;
using engine::Port;
using engine::PortSpec;

constexpr PortIndex lan = 0;
constexpr PortIndex wan = 1;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

engine::Result<std::unique_ptr<Port>> open_port(const PortSpec& spec, unsigned queues) {
    return drivers::find_driver(spec.driver)->open(spec, queues);
}

PortSpec memory_port(const std::string& name, const std::string& wire, const char* address,
                     unsigned size) {
    PortSpec spec;
    spec.name = name;
    spec.driver = "memory";
    spec.device = wire;
    spec.mtu = std::max(1500u, size + 128);
    if (address != nullptr) spec.addresses.push_back(*engine::parse_prefix(address));
    return spec;
}

PathSpec path_to(const char* endpoint, std::uint8_t last_mac_byte) {
    PathSpec path;
    path.port = wan;
    path.to = *engine::parse_endpoint(endpoint);
    path.has_next_hop_mac = true;
    path.next_hop_mac.bytes = {0x02, 0x4c, 0x4e, 0, 0, last_mac_byte};
    return path;
}

NodeSpec node(const std::string& name) {
    NodeSpec spec;
    spec.node = name;
    spec.cores = {0};
    spec.poll = engine::PollMode::busy;
    return spec;
}

/// Lanes pick frames by destination address: 10.0.0.0 + n for lane n.
std::unique_ptr<MatchSpec> match_of(unsigned n) {
    auto match = std::make_unique<MatchSpec>();
    match->has_destination = true;
    match->destination.len = 32;
    const std::uint32_t address = 0x0a000000u + n;
    for (unsigned i = 0; i < 4; ++i) {
        match->destination.address.bytes[i] = static_cast<std::uint8_t>(address >> (24 - 8 * i));
    }
    return match;
}

LaneSpec sending_lane(const PipelineOptions& options, unsigned n) {
    LaneSpec lane;
    lane.name = "lane-" + std::to_string(n);
    lane.cipher = Cipher::none;
    lane.port = lan;
    if (options.lanes + options.rules > 1) lane.match = match_of(n);
    if (options.path == "patch") {
        lane.role = Role::patch;
        lane.patch_to = wan;
        return lane;
    }
    lane.id = n + 1;
    lane.role = Role::send;
    lane.paths.push_back(path_to("192.0.2.2:4790", 2));
    return lane;
}

LaneSpec receiving_lane(unsigned n) {
    LaneSpec lane;
    lane.name = "lane-" + std::to_string(n);
    lane.id = n + 1;
    lane.cipher = Cipher::none;
    lane.role = Role::receive;
    lane.port = lan;
    PathSpec path;
    path.port = wan;
    lane.paths.push_back(path);
    return lane;
}

struct Bed {
    std::unique_ptr<Control> a;
    std::unique_ptr<Control> b;
    std::unique_ptr<Port> generator;
    std::unique_ptr<Port> sink;
};

std::unique_ptr<Control> start(NodeSpec spec) {
    auto control = Control::create(spec, open_port, Control::Threads::none);
    if (!control) fail(control.error().message);
    auto applied = (*control)->apply(std::move(spec));
    if (!applied) fail(applied.error().message);
    return std::move(*control);
}

std::unique_ptr<Port> far_end(const std::string& wire, unsigned size) {
    auto port = open_port(memory_port("far", wire, nullptr, size), 1);
    if (!port) fail(port.error().message);
    return std::move(*port);
}

Bed make_bed(const PipelineOptions& options) {
    NodeSpec a = node("a");
    a.ports = {memory_port("lan", "lan-a", nullptr, options.size),
               memory_port("wan", "wan", "192.0.2.1/24", options.size)};
    for (unsigned n = 0; n < options.lanes; ++n) a.lanes.push_back(sending_lane(options, n));
    for (unsigned n = 0; n < options.rules; ++n) {
        // Rules of other lanes that look at other bits, ahead of the ones that match.
        LaneSpec lane = sending_lane(options, options.lanes + n);
        lane.match->destination_port = {static_cast<std::uint16_t>(n + 1), 65535};
        lane.match->protocol = 132;
        a.lanes.insert(a.lanes.begin(), std::move(lane));
    }
    Bed bed;
    bed.a = start(std::move(a));
    bed.generator = far_end("lan-a", options.size);
    if (options.path == "patch") {
        bed.sink = far_end("wan", options.size);
        return bed;
    }
    NodeSpec b = node("b");
    b.ports = {memory_port("lan", "lan-b", nullptr, options.size),
               memory_port("wan", "wan", "192.0.2.2/24", options.size)};
    for (unsigned n = 0; n < options.lanes; ++n) b.lanes.push_back(receiving_lane(n));
    bed.b = start(std::move(b));
    bed.sink = far_end("lan-b", options.size);
    return bed;
}

/// An Ethernet frame with an IPv4 header that is as much as matching wants to see.
void write_frame(std::byte* to, unsigned size, std::uint32_t lane) {
    std::fill_n(to, size, std::byte{0});
    engine::store_be(to + 12, std::uint16_t{0x0800});
    to[14] = std::byte{0x45};
    to[23] = std::byte{253};  // RFC 3692: for experiments
    engine::store_be(to + 30, 0x0a000000u + lane);
}

class Generator {
  public:
    Generator(Port& port, const PipelineOptions& options) : queue_(port.tx(0)), options_(options) {
        std::mt19937 random(1);
        for (auto& lane : order_) lane = static_cast<std::uint32_t>(random() % options.lanes);
    }

    void burst(engine::WorkerCounters& counters) {
        std::array<Frame, burst_max> room;
        if (queue_.claim(room, options_.size) != burst_max) fail("generator: wire is full");
        for (Frame& frame : room) {
            frame.len = options_.size;
            write_frame(frame.data, options_.size, order_[next_++ % order_.size()]);
        }
        queue_.send(room, counters);
        queue_.flush(counters);
    }

  private:
    engine::TxQueue& queue_;
    const PipelineOptions& options_;
    std::vector<std::uint32_t> order_ = std::vector<std::uint32_t>(1 << 20);
    std::size_t next_ = 0;
};

std::uint64_t drain(Port& port, engine::WorkerCounters& counters) {
    Burst burst;
    std::uint64_t frames = 0;
    while (port.rx(0).receive(burst, counters) != 0) {
        frames += burst.size();
        port.rx(0).release(burst);
        burst.clear();
    }
    return frames;
}

}  // namespace

PipelineResult run_pipeline(const PipelineOptions& options) {
    Bed bed = make_bed(options);
    engine::WorkerCounters counters;
    Generator generator(*bed.generator, options);
    engine::Worker& a = *bed.a->workers()[0];
    engine::Worker* b = bed.b ? bed.b->workers()[0].get() : nullptr;
    const bool measure_b = options.path == "open";
    std::vector<double> clocks;
    std::uint64_t sent = 0;
    std::uint64_t arrived = 0;
    const std::uint64_t start_ns = engine::monotonic_ns();
    const std::uint64_t start_clock = read_clock();
    for (unsigned trial = 0; trial < options.trials; ++trial) {
        std::uint64_t spent = 0;
        for (unsigned i = 0; i < options.bursts; ++i) {
            generator.burst(counters);
            sent += burst_max;
            std::uint64_t before = read_clock();
            a.round();
            const std::uint64_t after = read_clock();
            if (!measure_b) spent += after - before;
            if (b != nullptr) {
                before = read_clock();
                b->round();
                if (measure_b) spent += read_clock() - before;
            }
            arrived += drain(*bed.sink, counters);
        }
        clocks.push_back(static_cast<double>(spent) / (options.bursts * burst_max));
    }
    const double clocks_per_ns = static_cast<double>(read_clock() - start_clock) /
                                 static_cast<double>(engine::monotonic_ns() - start_ns);
    PipelineResult result;
    result.clocks_per_packet = median(clocks);
    result.mad_percent = 100 * deviation(clocks) / result.clocks_per_packet;
    result.ns_per_packet = result.clocks_per_packet / clocks_per_ns;
    result.packets_per_second = 1e9 / result.ns_per_packet;
    result.lost = sent - arrived;
    return result;
}

}  // namespace lanes::bench
