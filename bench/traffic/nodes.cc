// See nodes.hh.
#include "bench/traffic/nodes.hh"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "crypto/vault.hh"
#include "drivers/registry.hh"
#include "engine/log.hh"
#include "lanes/control.hh"

namespace lanes::bench {
namespace {

constexpr std::size_t causes_shown = 8;
/// Spare lanes are numbered downwards from here.
constexpr std::uint32_t extra_id_max = 4'000'000'000;
/// The smallest window that there is: nothing will arrive.
constexpr std::uint32_t extra_window = 64;

engine::Result<std::unique_ptr<engine::Port>> open_port(const engine::PortSpec& spec,
                                                        const engine::WorkerCores& cores) {
    const drivers::Driver* driver = drivers::find_driver(spec.driver);
    if (driver == nullptr) {
        return engine::Error{0, "port " + spec.name + ": no driver named " + spec.driver};
    }
    return driver->open(spec, cores);
}

/// Adds receiving lanes to `spec` like its first one, but clear and with small windows.
void add_extra_lanes(NodeSpec& spec, unsigned lanes) {
    const auto like = std::find_if(spec.lanes.begin(), spec.lanes.end(),
                                   [](const LaneSpec& lane) { return lane.role == Role::receive; });
    if (lanes == 0 || like == spec.lanes.end()) return;
    const PortIndex port = like->port;
    const std::vector<PathSpec> paths = like->paths;
    std::set<std::uint32_t> ids;
    std::set<std::string> names;
    for (const LaneSpec& lane : spec.lanes) {
        ids.insert(lane.id);
        names.insert(lane.name);
    }
    std::uint32_t id = extra_id_max;
    for (unsigned n = 0; n < lanes; ++n, --id) {
        LaneSpec lane;
        while (ids.count(id) != 0 || names.count("extra-" + std::to_string(id)) != 0) --id;
        lane.name = "extra-" + std::to_string(id);
        lane.id = id;
        lane.role = Role::receive;
        lane.cipher = Cipher::none;
        lane.window = extra_window;
        lane.port = port;
        lane.paths = paths;
        spec.lanes.push_back(std::move(lane));
    }
}

/// Why `lane` cannot carry traffic yet; empty: it can.
std::string cause_of(const Control& control, const Fleet::Entry& entry) {
    if (const auto status = control.keeper().status(*entry.lane)) {
        if (status->health.state != LaneState::up) {
            return std::string(name_of(status->health.state)) + ": " + status->health.cause;
        }
    }
    const Plan* plan = entry.lane->plan.load(std::memory_order_acquire);
    if (plan == nullptr) return "out of service";
    for (const PathPlan& path : plan->paths()) {
        if (path.next_hop == nullptr) continue;
        if ((path.next_hop->mac.load(std::memory_order_relaxed) & NextHop::known) == 0) {
            return "the MAC address of its next hop is unknown: check `to`, or set `next_hop`";
        }
    }
    return "";
}

/// One node. All that touches its Control happens on its thread, as in `lanes` on the main one.
class RunningNode {
  public:
    RunningNode(std::string file, NodeSpec spec) : file_(std::move(file)), name_(spec.node) {
        thread_ = std::thread([this] { serve(); });
        try {
            ask<void>([&] { start(std::move(spec)); });
        } catch (...) {
            leave();
            throw;
        }
    }
    ~RunningNode() { leave(); }
    RunningNode(const RunningNode&) = delete;
    RunningNode& operator=(const RunningNode&) = delete;

    /// Reads the file again and makes it true, with that many lanes more.
    void reload(unsigned extra_lanes) {
        ask<void>([&] {
            config::Loaded loaded = load_node_file(file_);
            if (!loaded.good()) throw std::runtime_error(config::report(loaded));
            add_extra_lanes(loaded.spec, extra_lanes);
            apply(std::move(loaded.spec));
        });
    }

    /// One line for each lane that is not ready.
    std::vector<std::string> causes() {
        return ask<std::vector<std::string>>([&] {
            std::vector<std::string> causes;
            for (const auto& [name, entry] : control_->fleet().entries()) {
                const std::string cause = cause_of(*control_, entry);
                if (cause.empty()) continue;
                causes.push_back(file_ + ": lane " + std::string(name) + " is not ready: " + cause);
            }
            std::sort(causes.begin(), causes.end());
            return causes;
        });
    }

    /// Counters may be read from any thread.
    Control::Totals totals() const { return control_->totals(); }

    void time_phases() {
        for (const auto& worker : control_->workers()) {
            worker->time_phases(engine::Worker::Phases::timed);
        }
        before_ = counted();
    }
    Nodes::Spent spent() const {
        Nodes::Spent spent = counted();
        spent.packets -= before_.packets;
        for (std::size_t i = 0; i < spent.ticks.size(); ++i) spent.ticks[i] -= before_.ticks[i];
        return spent;
    }

  private:
    Nodes::Spent counted() const {
        Nodes::Spent sum;
        sum.node = name_;
        for (const auto& worker : control_->workers()) {
            const engine::WorkerCounters& counters = worker->counters();
            sum.packets += counters.received.get();
            for (std::size_t i = 0; i < sum.ticks.size(); ++i) {
                sum.ticks[i] += counters.ticks[i].get();
            }
        }
        return sum;
    }

    void start(NodeSpec spec) {
        auto control = Control::create(spec, open_port, Control::Threads::run);
        if (!control) throw std::runtime_error(file_ + ": " + control.error().message);
        control_ = std::move(*control);
        apply(std::move(spec));
    }

    void apply(NodeSpec spec) {
        const auto tally = control_->apply(std::move(spec));
        if (!tally) throw std::runtime_error(file_ + ": " + tally.error().message);
    }

    /// Runs `work` on the node's thread and returns, or throws, what it does.
    template <typename Answer>
    Answer ask(std::function<Answer()> work) {
        std::packaged_task<Answer()> task(std::move(work));
        std::future<Answer> answer = task.get_future();
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back([&task] { task(); });
        }
        wake_.notify_one();
        return answer.get();
    }

    void serve() {
        std::unique_lock lock(mutex_);
        while (!leaving_) {
            std::deque<std::function<void()>> requests = std::exchange(requests_, {});
            lock.unlock();
            for (const auto& request : requests) request();
            const std::uint64_t wait_ns = control_ ? control_->tick() : Control::tick_ns;
            lock.lock();
            wake_.wait_for(lock, std::chrono::nanoseconds(wait_ns),
                           [&] { return leaving_ || !requests_.empty(); });
        }
        lock.unlock();
        if (control_) control_->stop();
    }

    void leave() {
        {
            const std::lock_guard lock(mutex_);
            leaving_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

    const std::string file_;
    const std::string name_;
    std::unique_ptr<Control> control_;
    Nodes::Spent before_;
    std::mutex mutex_;  ///< guards the two below
    std::deque<std::function<void()>> requests_;
    bool leaving_ = false;
    std::condition_variable wake_;
    std::thread thread_;
};

class RunningNodes final : public Nodes {
  public:
    void add(const std::string& file, NodeSpec spec) {
        nodes_.push_back(std::make_unique<RunningNode>(file, std::move(spec)));
    }

    void reload() override {
        for (const auto& node : nodes_) node->reload(extra_lanes_);
    }

    void set_extra_lanes(unsigned lanes) override {
        extra_lanes_ = lanes;
        reload();
    }

    std::vector<std::pair<std::string, std::uint64_t>> drops() const override {
        std::array<std::uint64_t, engine::drop_count> sums{};
        for (const auto& node : nodes_) {
            const Control::Totals totals = node->totals();
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += totals.drops[i];
        }
        std::vector<std::pair<std::string, std::uint64_t>> drops;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            if (sums[i] == 0) continue;
            drops.emplace_back(std::string(engine::drop_texts[i].name), sums[i]);
        }
        return drops;
    }

    void time_phases() override {
        for (const auto& node : nodes_) node->time_phases();
    }
    std::vector<Spent> spent() const override {
        std::vector<Spent> all;
        for (const auto& node : nodes_) all.push_back(node->spent());
        return all;
    }

    std::vector<std::string> causes() const {
        std::vector<std::string> all;
        for (const auto& node : nodes_) {
            const auto causes = node->causes();
            all.insert(all.end(), causes.begin(), causes.end());
        }
        return all;
    }

  private:
    std::vector<std::unique_ptr<RunningNode>> nodes_;
    unsigned extra_lanes_ = 0;
};

}  // namespace

config::Loaded load_node_file(const std::string& file) {
    // Keys are read into locked memory, which must be there before.
    if (auto ready = crypto::initialise(); !ready) throw std::runtime_error(ready.message());
    return config::load_node(file);
}

std::unique_ptr<Nodes> start_nodes(const std::vector<std::string>& files,
                                   std::vector<config::Loaded> loaded) {
    auto nodes = std::make_unique<RunningNodes>();
    for (std::size_t i = 0; i < files.size(); ++i) {
        for (const config::Diagnostic& diagnostic : loaded[i].diagnostics) {
            engine::log(engine::Severity::warning, config::to_string(diagnostic));
        }
        nodes->add(files[i], std::move(loaded[i].spec));
    }
    return nodes;
}

void wait_until_ready(Nodes& nodes, double seconds) {
    const auto& running = dynamic_cast<RunningNodes&>(nodes);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    for (;;) {
        const auto causes = running.causes();
        if (causes.empty()) return;
        if (std::chrono::steady_clock::now() >= deadline) {
            std::string text;
            for (std::size_t i = 0; i < std::min(causes.size(), causes_shown); ++i) {
                text += (i == 0 ? "" : "\n") + causes[i];
            }
            if (causes.size() > causes_shown) {
                text += "\n... and " + std::to_string(causes.size() - causes_shown) + " more";
            }
            throw std::runtime_error(text);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace lanes::bench
