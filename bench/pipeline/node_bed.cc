// See node_bed.hh. Ports: 0 is lan, 1 is wan; a relaying node has wan and wan-r.
#include "bench/pipeline/node_bed.hh"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <stdexcept>

#include "crypto/keys.hh"
#include "crypto/vault.hh"
#include "drivers/registry.hh"

namespace lanes::bench {
namespace {

using engine::Burst;
using engine::Port;
using engine::PortSpec;

constexpr PortIndex lan = 0;
constexpr PortIndex wan = 1;
/// How long the nodes may take, by their own clock, until all lanes have keys.
constexpr std::uint64_t keys_within_ns = 100 * ns_per_second;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

engine::Result<std::unique_ptr<Port>> open_port(const PortSpec& spec,
                                                const engine::WorkerCores& cores) {
    return drivers::find_driver(spec.driver)->open(spec, cores);
}

PathSpec path_over(PortIndex port) {
    PathSpec path;
    path.port = port;
    return path;
}

PathSpec path_to(const char* endpoint, PortIndex port) {
    PathSpec path = path_over(port);
    path.to = *engine::parse_endpoint(endpoint);
    path.has_next_hop_mac = true;
    path.next_hop_mac.bytes = {0x02, 0x4c, 0x4e, 0, 0, 2};
    return path;
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

/// Puts a bed together. Wires are named by a serial number: several beds may live at once.
class Maker {
  public:
    explicit Maker(const Case& options) : options_(options) {
        static std::atomic<unsigned> serial{0};
        prefix_ = "bench" + std::to_string(serial++) + "-";
    }

    std::unique_ptr<NodeBed> make() {
        add(sender());
        bed_->generator = far_end("lan-a");
        if (options_.path == PathKind::relay) {
            add(relay());
            bed_->measured = 1;
            bed_->sink = far_end("wan-r");
        } else if (options_.path == PathKind::patch) {
            bed_->sink = far_end("wan");
        } else {
            if (tapped()) {
                bed_->tap_in = far_end("wan");
                bed_->tap_out = far_end("wan-b");
            }
            add(receiver());
            bed_->measured = options_.receives() ? 1 : 0;
            bed_->sink = far_end("lan-b");
        }
        if (options_.sealed()) exchange_keys();
        return std::move(bed_);
    }

  private:
    bool tapped() const {
        return options_.path == PathKind::open_replayed || options_.path == PathKind::open_forged;
    }

    PortSpec memory_port(const std::string& name, const std::string& wire,
                         const char* address) const {
        PortSpec spec;
        spec.name = name;
        spec.driver = "memory";
        spec.device = prefix_ + wire;
        spec.mtu = std::max(1500u, options_.sizes.largest() + 128);
        if (address != nullptr) spec.addresses.push_back(*engine::parse_prefix(address));
        return spec;
    }

    std::unique_ptr<Port> far_end(const std::string& wire) const {
        auto port = open_port(memory_port("far", wire, nullptr), options_.workers);
        if (!port) fail(port.error().message);
        return std::move(*port);
    }

    NodeSpec node(const std::string& name) const {
        NodeSpec spec;
        spec.backend = options_.sealed() ? options_.backend : "auto";
        spec.node = name;
        spec.cores.resize(options_.workers);
        std::iota(spec.cores.begin(), spec.cores.end(), 0u);
        spec.poll = engine::PollMode::busy;
        return spec;
    }

    LaneSpec lane(unsigned n, Role role) const {
        LaneSpec lane;
        lane.name = "lane-" + std::to_string(n);
        lane.id = n + 1;
        lane.role = role;
        lane.port = lan;
        return lane;
    }

    /// Seals the lane under a secret that both nodes know, if the case says so.
    void choose_cipher(LaneSpec& lane) const {
        static const auto secret = std::make_shared<const crypto::SharedSecret>(
            crypto::generate_shared(crypto::system_random()));
        lane.cipher = Cipher::none;
        if (!options_.sealed()) return;
        lane.cipher =
            options_.suite == "aes-256-gcm" ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305;
        lane.keys = std::make_unique<KeySpec>();
        lane.keys->secret = secret;
    }

    LaneSpec sending_lane(unsigned n) const {
        LaneSpec sends = lane(n, Role::send);
        choose_cipher(sends);
        if (options_.lanes + options_.rules > 1) sends.match = match_of(n);
        if (options_.path == PathKind::patch) {
            sends.role = Role::patch;
            sends.id = 0;
            sends.patch_to = wan;
        } else {
            sends.paths.push_back(path_to("192.0.2.2:4790", wan));
        }
        return sends;
    }

    NodeSpec sender() const {
        NodeSpec spec = node("a");
        spec.ports = {memory_port("lan", "lan-a", nullptr),
                      memory_port("wan", "wan", "192.0.2.1/24")};
        for (unsigned n = 0; n < options_.rules; ++n) {
            // Rules of other lanes that look at other bits, ahead of the ones that match.
            LaneSpec other = sending_lane(options_.lanes + n);
            other.match->destination_port = {static_cast<std::uint16_t>(n + 1), 65535};
            other.match->protocol = 132;
            spec.lanes.push_back(std::move(other));
        }
        for (unsigned n = 0; n < options_.lanes; ++n) spec.lanes.push_back(sending_lane(n));
        return spec;
    }

    NodeSpec receiver() const {
        NodeSpec spec = node("b");
        spec.ports = {memory_port("lan", "lan-b", nullptr),
                      memory_port("wan", tapped() ? "wan-b" : "wan", "192.0.2.2/24")};
        for (unsigned n = 0; n < options_.lanes; ++n) {
            LaneSpec receives = lane(n, Role::receive);
            choose_cipher(receives);
            receives.paths.push_back(path_over(wan));
            spec.lanes.push_back(std::move(receives));
        }
        return spec;
    }

    NodeSpec relay() const {
        NodeSpec spec = node("r");
        spec.ports = {memory_port("wan", "wan", "192.0.2.2/24"),
                      memory_port("wan-r", "wan-r", "198.51.100.1/24")};
        for (unsigned n = 0; n < options_.lanes; ++n) {
            LaneSpec relays = lane(n, Role::relay);
            relays.port = 0;
            relays.cipher = Cipher::none;
            relays.paths.push_back(path_to("198.51.100.2:4790", 1));
            spec.lanes.push_back(std::move(relays));
        }
        return spec;
    }

    void add(NodeSpec spec) {
        auto control = Control::create(spec, open_port, Control::Threads::none,
                                       {bed_->clock, crypto::system_random(), nullptr});
        if (!control) fail(control.error().message);
        auto applied = (*control)->apply(std::move(spec));
        if (!applied) fail(applied.error().message);
        bed_->nodes.push_back(std::move(*control));
    }

    /// Lets the nodes' clock run until every lane has its keys.
    void exchange_keys() {
        engine::WorkerCounters counters;
        const std::uint64_t start_ns = bed_->clock.moment.boot_ns;
        for (std::string missing = "?"; !missing.empty();) {
            if (bed_->clock.moment.boot_ns - start_ns > keys_within_ns) fail(missing);
            for (unsigned i = 0; i < 50; ++i) step(counters);
            missing.clear();
            for (const auto& node : bed_->nodes) {
                if (missing.empty()) missing = without_key(*node);
            }
        }
    }

    /// Ten milliseconds of the nodes' life.
    void step(engine::WorkerCounters& counters) {
        for (const auto& node : bed_->nodes) {
            node->tick();
            while (round(*node) != 0) {
                while (bed_->tap_in && pass_all_taps(counters) != 0) {
                }
                round(*bed_->nodes.back());
            }
        }
        bed_->clock.moment.boot_ns += 10 * ns_per_ms;
        bed_->clock.moment.unix_ns += 10 * ns_per_ms;
    }

    static unsigned round(Control& node) {
        unsigned frames = 0;
        for (const auto& worker : node.workers()) frames += worker->round();
        return frames;
    }

    unsigned pass_all_taps(engine::WorkerCounters& counters) {
        unsigned frames = 0;
        for (unsigned i = 0; i < options_.workers; ++i) frames += bed_->pass_tap(i, counters);
        return frames;
    }

    /// Why some lane of the node has no keys; empty if all have.
    static std::string without_key(const Control& node) {
        for (const auto& [name, entry] : node.fleet().entries()) {
            const auto status = node.keeper().status(*entry.lane);
            if (status && status->health.state != LaneState::up) return status->health.cause;
        }
        return {};
    }

    const Case& options_;
    std::string prefix_;
    std::unique_ptr<NodeBed> bed_ = std::make_unique<NodeBed>();
};

}  // namespace

unsigned NodeBed::pass_tap(unsigned queue, engine::WorkerCounters& counters) {
    Burst burst;
    engine::RxQueue& rx = tap_in->rx(queue);
    engine::TxQueue& tx = tap_out->tx(queue);
    const unsigned n = rx.receive(burst, counters);
    if (n == 0) return 0;
    if (tx.pass(burst.frames(), counters) != n) fail("the tap's wire is full");
    for (engine::Frame& frame : burst) frame.data = nullptr;
    rx.release(burst);
    tx.flush(counters);
    return n;
}

std::unique_ptr<NodeBed> make_node_bed(const Case& options) {
    return Maker(options).make();
}

}  // namespace lanes::bench
