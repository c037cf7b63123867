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

#include "bench/cipher.hh"
#include "bench/clocks.hh"
#include "crypto/keys.hh"
#include "crypto/vault.hh"
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

bool sealed(const PipelineOptions& options) {
    return options.path == "seal" || options.path == "open";
}

/// Whether the receiving half is the one that is measured.
bool measures_b(const PipelineOptions& options) {
    return options.path == "receive" || options.path == "open";
}

/// Stands still while it measures: no session ends, no announcement comes between.
class BenchClock final : public Clock {
  public:
    Moment now() noexcept override { return moment; }
    Moment moment{ns_per_second, 1'700'000'000 * ns_per_second};
};

/// Seals the lane under a secret that both nodes know, if the options say so.
void choose_cipher(const PipelineOptions& options, LaneSpec& lane) {
    static const auto secret = std::make_shared<const crypto::SharedSecret>(
        crypto::generate_shared(crypto::system_random()));
    lane.cipher = Cipher::none;
    if (!sealed(options)) return;
    lane.cipher = options.suite == "aes-256-gcm" ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305;
    lane.keys = std::make_unique<KeySpec>();
    lane.keys->secret = secret;
}

NodeSpec node(const std::string& name, const PipelineOptions& options) {
    NodeSpec spec;
    spec.backend = options.backend;
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
    choose_cipher(options, lane);
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

LaneSpec receiving_lane(const PipelineOptions& options, unsigned n) {
    LaneSpec lane;
    lane.name = "lane-" + std::to_string(n);
    lane.id = n + 1;
    choose_cipher(options, lane);
    lane.role = Role::receive;
    lane.port = lan;
    PathSpec path;
    path.port = wan;
    lane.paths.push_back(path);
    return lane;
}

struct Bed {
    BenchClock clock;
    std::unique_ptr<Control> a;
    std::unique_ptr<Control> b;
    std::unique_ptr<Port> generator;
    std::unique_ptr<Port> sink;
};

std::unique_ptr<Control> start(NodeSpec spec, Clock& clock) {
    auto control = Control::create(spec, open_port, Control::Threads::none,
                                   {clock, crypto::system_random(), nullptr});
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

/// Lets the nodes' clock run until every lane has its keys.
void exchange_keys(Bed& bed) {
    for (unsigned i = 0; i < 100; ++i) {
        bed.a->tick();
        while (bed.a->workers()[0]->round() != 0) bed.b->workers()[0]->round();
        while (bed.b->workers()[0]->round() != 0) {
        }
        bed.b->tick();
        bed.clock.moment.boot_ns += 10 * ns_per_ms;
        bed.clock.moment.unix_ns += 10 * ns_per_ms;
    }
    for (Control* control : {bed.a.get(), bed.b.get()}) {
        for (const auto& [name, entry] : control->fleet().entries()) {
            const auto status = control->keeper().status(*entry.lane);
            if (status && status->health.state != LaneState::up) fail(status->health.cause);
        }
    }
}

std::unique_ptr<Bed> make_bed(const PipelineOptions& options) {
    NodeSpec a = node("a", options);
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
    auto bed = std::make_unique<Bed>();
    bed->a = start(std::move(a), bed->clock);
    bed->generator = far_end("lan-a", options.size);
    if (options.path == "patch") {
        bed->sink = far_end("wan", options.size);
        return bed;
    }
    NodeSpec b = node("b", options);
    b.ports = {memory_port("lan", "lan-b", nullptr, options.size),
               memory_port("wan", "wan", "192.0.2.2/24", options.size)};
    for (unsigned n = 0; n < options.lanes; ++n) b.lanes.push_back(receiving_lane(options, n));
    bed->b = start(std::move(b), bed->clock);
    bed->sink = far_end("lan-b", options.size);
    if (sealed(options)) exchange_keys(*bed);
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

/// Drives bursts through the two nodes.
class Pipeline {
  public:
    explicit Pipeline(const PipelineOptions& options)
        : options_(options), bed_(make_bed(options)), generator_(*bed_->generator, options) {}

    /// Clocks spent in the measured half by `options.bursts` bursts.
    std::uint64_t trial() {
        engine::Worker& a = *bed_->a->workers()[0];
        engine::Worker* b = bed_->b ? bed_->b->workers()[0].get() : nullptr;
        std::uint64_t spent[2] = {0, 0};
        for (unsigned i = 0; i < options_.bursts; ++i) {
            generator_.burst(counters_);
            sent_ += burst_max;
            const std::uint64_t start = read_clock();
            a.round();
            const std::uint64_t between = read_clock();
            spent[0] += between - start;
            if (b != nullptr) {
                const std::uint64_t again = read_clock();
                b->round();
                spent[1] += read_clock() - again;
            }
            arrived_ += drain(*bed_->sink, counters_);
        }
        return spent[measures_b(options_) ? 1 : 0];
    }

    std::uint64_t lost() const { return sent_ - arrived_; }
    std::string_view backend() const { return bed_->a->backend(); }

  private:
    const PipelineOptions& options_;
    std::unique_ptr<Bed> bed_;
    engine::WorkerCounters counters_;
    Generator generator_;
    std::uint64_t sent_ = 0;
    std::uint64_t arrived_ = 0;
};

/// The cipher alone, on packets like those of the pipeline.
std::unique_ptr<BareCipher> bare_cipher(const PipelineOptions& options) {
    if (!sealed(options)) return nullptr;
    const auto suite = options.suite == "aes-256-gcm" ? crypto::Suite::aes_256_gcm
                                                      : crypto::Suite::chacha20_poly1305;
    const auto way = options.path == "seal" ? BareCipher::Way::seal : BareCipher::Way::open;
    return std::make_unique<BareCipher>(options.backend, suite, way,
                                        options.size + wire::inner_bytes,
                                        std::max(2048u, options.size + 256));
}

}  // namespace

PipelineResult run_pipeline(const PipelineOptions& options) {
    Pipeline pipeline(options);
    const auto bare = bare_cipher(options);
    const double packets = static_cast<double>(options.bursts) * burst_max;
    std::vector<double> clocks, bare_clocks, ratios, library_clocks, library_ratios;
    const std::uint64_t start_ns = engine::monotonic_ns();
    const std::uint64_t start_clock = read_clock();
    for (unsigned trial = 0; trial < options.trials; ++trial) {
        clocks.push_back(static_cast<double>(pipeline.trial()) / packets);
        if (!bare) continue;
        bare_clocks.push_back(static_cast<double>(bare->run(options.bursts)) / packets);
        ratios.push_back(clocks.back() / bare_clocks.back());
        library_clocks.push_back(static_cast<double>(bare->run_library(options.bursts)) / packets);
        library_ratios.push_back(clocks.back() / library_clocks.back());
    }
    const double clocks_per_ns = static_cast<double>(read_clock() - start_clock) /
                                 static_cast<double>(engine::monotonic_ns() - start_ns);
    PipelineResult result;
    result.clocks_per_packet = median(clocks);
    result.mad_percent = 100 * deviation(clocks) / result.clocks_per_packet;
    result.ns_per_packet = result.clocks_per_packet / clocks_per_ns;
    result.packets_per_second = 1e9 / result.ns_per_packet;
    result.lost = pipeline.lost();
    if (bare) {
        result.backend = pipeline.backend();
        result.bare_clocks = median(bare_clocks);
        result.ratio_to_bare = median(ratios);
        result.ratio_mad_percent = 100 * deviation(ratios) / result.ratio_to_bare;
        result.library_clocks = median(library_clocks);
        result.ratio_to_library = median(library_ratios);
    }
    return result;
}

}  // namespace lanes::bench
