// See changes.hh.
#include "bench/pipeline/changes.hh"

#include <malloc.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include "drivers/registry.hh"
#include "engine/bytes.hh"
#include "engine/clock.hh"
#include "lanes/control.hh"

namespace lanes::bench {
namespace {

using engine::burst_max;
using engine::monotonic_ns;

constexpr PortIndex lan = 0;
constexpr PortIndex wan = 1;
constexpr std::uint32_t frame_bytes = 64;
/// Frames under way at once: fewer than a memory port has room for, so that none is lost on a wire.
constexpr std::uint64_t under_way_max = 512;
constexpr std::uint64_t settle_ns = 2 * ns_per_second;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

double resident_bytes() {
    ::malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    double pages = 0;
    statm >> pages >> pages;
    return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double seconds_since(std::uint64_t start_ns) {
    return static_cast<double>(monotonic_ns() - start_ns) / 1e9;
}

engine::Result<std::unique_ptr<engine::Port>> open_port(const engine::PortSpec& spec,
                                                        const engine::WorkerCores& cores) {
    return drivers::find_driver(spec.driver)->open(spec, cores);
}

engine::PortSpec port_spec(const std::string& name, const std::string& wire) {
    engine::PortSpec spec;
    spec.name = name;
    spec.driver = "memory";
    spec.device = "changes-" + wire;
    if (name == "wan") spec.addresses.push_back(*engine::parse_prefix("192.0.2.1/24"));
    return spec;
}

/// Lane n as it is after `version` changes of it.
LaneSpec lane_spec(unsigned n, unsigned version) {
    LaneSpec lane;
    lane.name = "lane-" + std::to_string(n);
    lane.id = n + 1;
    lane.cipher = Cipher::none;
    lane.port = lan;
    PathSpec path;
    path.port = wan;
    if (n % 4 == 3) {
        lane.role = Role::receive;
        lane.window = version % 2 == 0 ? 8192 : 1024;
        lane.paths.push_back(path);
        return lane;
    }
    path.to = *engine::parse_endpoint("192.0.2.2:4790");
    path.has_next_hop_mac = true;
    path.next_hop_mac.bytes = {0x02, 0x4c, 0x4e, 0, 0, 2};
    lane.paths.push_back(path);
    lane.mtu = static_cast<std::uint16_t>(1000 + version % 100);
    lane.match = std::make_unique<MatchSpec>();
    lane.match->has_destination = true;
    lane.match->destination.len = 32;
    engine::store_be(reinterpret_cast<std::byte*>(lane.match->destination.address.bytes.data()),
                     0x0a000000u + n);
    return lane;
}

/// Frames into lanes that stay and out of them, for as long as it lives, in a thread of its own.
class Traffic {
  public:
    /// `lanes` is the number of those that stay.
    explicit Traffic(unsigned lanes)
        : in_(open("lan")), out_(open("wan")), lanes_(lanes), thread_([this] { run(); }) {}
    ~Traffic() { stop(); }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    void stop() {
        stopping_ = true;
        if (thread_.joinable()) thread_.join();
    }

    std::uint64_t arrived() const { return arrived_; }
    /// Of those sent; all have arrived or are lost once stop() has returned.
    std::uint64_t sent() const { return sent_; }

  private:
    static std::unique_ptr<engine::Port> open(const std::string& wire) {
        auto port = open_port(port_spec("far", wire), 1);
        if (!port) fail(port.error().message);
        return std::move(*port);
    }

    void run() {
        std::uint64_t heard_ns = monotonic_ns();
        for (;;) {
            if (collect() != 0) heard_ns = monotonic_ns();
            if (stopping_ && (arrived_ == sent_ || monotonic_ns() - heard_ns > settle_ns)) return;
            if (!stopping_ && sent_ - arrived_ <= under_way_max - burst_max) {
                send();
            } else {
                std::this_thread::yield();
            }
        }
    }

    void send() {
        std::array<engine::Frame, burst_max> room;
        engine::TxQueue& queue = in_->tx(0);
        const unsigned n = queue.claim(room, frame_bytes);
        for (unsigned i = 0; i < n; ++i) {
            engine::Frame& frame = room[i];
            frame.len = frame_bytes;
            std::fill_n(frame.data, frame_bytes, std::byte{0});
            engine::store_be(frame.data + 12, std::uint16_t{0x0800});
            frame.data[14] = std::byte{0x45};
            // One that sends: every fourth receives.
            const auto lane = static_cast<std::uint32_t>(random_() % lanes_) / 4 * 4;
            engine::store_be(frame.data + 30, 0x0a000000u + lane);
        }
        queue.send({room.data(), n}, counters_);
        queue.flush(counters_);
        sent_ += n;
    }

    unsigned collect() {
        engine::Burst burst;
        engine::RxQueue& queue = out_->rx(0);
        const unsigned n = queue.receive(burst, counters_);
        queue.release(burst);
        arrived_ += n;
        return n;
    }

    std::unique_ptr<engine::Port> in_;
    std::unique_ptr<engine::Port> out_;
    unsigned lanes_;
    std::mt19937 random_{1};
    engine::WorkerCounters counters_;
    std::atomic<std::uint64_t> sent_{0};     // writer: the thread
    std::atomic<std::uint64_t> arrived_{0};  // writer: the thread
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

class Run {
  public:
    Run(const ChangesOptions& options, Progress& progress)
        : options_(options), progress_(progress), versions_(options.lanes / 2) {
        auto made = Control::create(spec(0), open_port, Control::Threads::run);
        if (!made) fail(made.error().message);
        control_ = std::move(*made);
    }

    ChangesResult run() {
        apply(0);
        result_.bytes_before = resident_bytes();
        progress_.show("loading " + std::to_string(options_.lanes) + " lanes");
        std::uint64_t start_ns = monotonic_ns();
        apply(options_.lanes);
        result_.load_seconds = seconds_since(start_ns);
        result_.bytes_loaded = resident_bytes();
        for (const unsigned rate : options_.rates) turn(rate);
        start_ns = monotonic_ns();
        apply(0);
        result_.remove_seconds = seconds_since(start_ns);
        result_.bytes_after = resident_bytes();
        control_->stop();
        return std::move(result_);
    }

  private:
    static NodeSpec spec(unsigned lanes) {
        NodeSpec spec;
        spec.node = "changes";
        // A core of its own where there are two.
        spec.cores = {std::thread::hardware_concurrency() > 1 ? 1u : 0u};
        spec.ports = {port_spec("lan", "lan"), port_spec("wan", "wan")};
        spec.lanes.reserve(lanes);
        for (unsigned n = 0; n < lanes; ++n) spec.lanes.push_back(lane_spec(n, 0));
        return spec;
    }

    void apply(unsigned lanes) {
        auto applied = control_->apply(spec(lanes));
        if (!applied) fail(applied.error().message);
    }

    /// The next `batch` of the lanes that change: those that went come again, of the others half
    /// change and half go.
    LaneChange next_batch() {
        LaneChange change;
        for (unsigned i = 0; i < options_.batch; ++i) {
            unsigned& version = versions_[next_];
            const auto lane = static_cast<unsigned>(versions_.size() + next_);
            next_ = (next_ + 1) % versions_.size();
            ++version;
            const unsigned kind = version % 3;
            if (kind == 2) {
                change.remove.push_back("lane-" + std::to_string(lane));
            } else {
                change.put.push_back(lane_spec(lane, version));
            }
        }
        return change;
    }

    void turn(unsigned rate) {
        ChangesResult::Turn turn;
        turn.wanted = rate;
        progress_.show((rate == 0 ? "as many" : std::to_string(rate)) + " changes per second");
        Traffic traffic(options_.lanes / 2);
        const std::uint64_t start_ns = monotonic_ns();
        while (seconds_since(start_ns) < options_.seconds) {
            if (rate != 0 && static_cast<double>(turn.changes) >= seconds_since(start_ns) * rate) {
                std::this_thread::sleep_for(std::chrono::microseconds(100));
                continue;
            }
            LaneChange change = next_batch();
            const std::uint64_t begun_ns = monotonic_ns();
            auto changed = control_->change(std::move(change));
            if (!changed) fail(changed.error().message);
            turn.batch_us.push_back(static_cast<double>(monotonic_ns() - begun_ns) / 1e3);
            turn.changes += options_.batch;
        }
        turn.seconds = seconds_since(start_ns);
        turn.frames = traffic.arrived();
        traffic.stop();
        turn.lost = traffic.sent() - traffic.arrived();
        result_.turns.push_back(std::move(turn));
    }

    const ChangesOptions& options_;
    Progress& progress_;
    std::unique_ptr<Control> control_;
    std::vector<unsigned> versions_;  ///< of the lanes of the second half
    std::size_t next_ = 0;
    ChangesResult result_;
};

}  // namespace

ChangesResult run_changes(const ChangesOptions& options, Progress& progress) {
    if (options.lanes < 2 * options.batch || options.lanes < 8) {
        fail("--lanes " + std::to_string(options.lanes) +
             ": expected at least twice --batch, and 8");
    }
    return Run(options, progress).run();
}

}  // namespace lanes::bench
