// See metrics_node.hh.
#include "manage/metrics_node.hh"

#include <malloc.h>
#include <sys/resource.h>

#include <array>
#include <string>
#include <vector>

#include "sandbox/refusals.hh"
#include "sandbox/sandbox.hh"

#ifndef LANES_VERSION
#error "the build gives LANES_VERSION"
#endif

namespace lanes::manage {
namespace {

using Type = MetricsText::Type;

std::uint64_t ns_of(const timeval& time) noexcept {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(time.tv_usec) * 1'000u;
}

void write_gauge(MetricsText& text, std::string_view name, std::string_view unit,
                 std::string_view help, std::uint64_t value) {
    text.begin({name, Type::gauge, unit, help});
    text.sample({}, value);
}

/// Labels of a worker, each made once.
std::vector<std::string> worker_labels(Control& control) {
    std::vector<std::string> labels;
    for (const auto& worker : control.workers()) {
        labels.push_back(MetricsText::label("worker", std::to_string(worker->index())));
    }
    return labels;
}

struct OpenPort {
    std::string label;
    Ports::Slot* slot;
    std::vector<PortCounts> counts;  ///< by worker
    engine::DeviceLoss loss;
};

void write_port_counts(MetricsText& text, const std::vector<OpenPort>& ports,
                       const MetricsText::Family& family, std::uint64_t PortCounts::*rx,
                       std::uint64_t PortCounts::*tx) {
    text.begin(family);
    for (const OpenPort& port : ports) {
        for (std::size_t worker = 0; worker < port.counts.size(); ++worker) {
            const std::string number = std::to_string(worker);
            const std::string from = "worker=\"" + number + "\",direction=\"receive\"";
            const std::string to = "worker=\"" + number + "\",direction=\"transmit\"";
            text.sample(port.label, from, port.counts[worker].*rx);
            text.sample(port.label, to, port.counts[worker].*tx);
        }
    }
}

void write_port_links(MetricsText& text, const std::vector<OpenPort>& ports, Links& links) {
    using State = engine::Link::State;
    text.begin({"lanes_port_link", Type::stateset, "",
                "What the medium of a port says of itself; unknown where there is none."});
    for (const OpenPort& port : ports) {
        const State now = links.of(port.slot->shared.index).state;
        for (const State state : {State::up, State::down, State::unknown}) {
            text.sample(port.label, MetricsText::label("lanes_port_link", word_of(state)),
                        state == now ? 1 : 0);
        }
    }
}

struct WorkerFamily {
    MetricsText::Family family;
    engine::Counter engine::WorkerCounters::*counter;
};

constexpr WorkerFamily worker_families[] = {
    {{"lanes_worker_rounds", Type::counter, "", "Rounds of the worker's loop."},
     &engine::WorkerCounters::rounds},
    {{"lanes_worker_idle_rounds", Type::counter, "", "Rounds in which nothing was received."},
     &engine::WorkerCounters::idle},
    {{"lanes_worker_sleeps", Type::counter, "", "Times that the worker went to sleep."},
     &engine::WorkerCounters::sleeps},
    {{"lanes_worker_received_frames", Type::counter, "frames", "Frames taken from receive queues."},
     &engine::WorkerCounters::received},
    {{"lanes_worker_sent_frames", Type::counter, "frames", "Frames that transmit queues accepted."},
     &engine::WorkerCounters::sent},
    {{"lanes_worker_made_frames", Type::counter, "frames",
      "Frames that came into being here: fragments, copies, members of bundles."},
     &engine::WorkerCounters::made},
    {{"lanes_worker_absorbed_frames", Type::counter, "frames",
      "Frames that ended in another one: members of bundles, fragments."},
     &engine::WorkerCounters::absorbed},
    {{"lanes_worker_copied_frames", Type::counter, "frames",
      "Frames whose bytes the engine itself copied."},
     &engine::WorkerCounters::copies},
};

void write_phases(Control& control, const std::vector<std::string>& labels, MetricsText& text) {
    text.begin({"lanes_worker_phase_clocks", Type::counter, "clocks",
                "Clocks of the time-stamp counter in each phase, while phases were timed (`set "
                "phases on`)."});
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const engine::Worker& worker = *control.workers()[i];
        std::uint64_t all = 0;
        for (const engine::Counter& phase : worker.counters().ticks) all += phase.get();
        if (all == 0 && worker.phases() != engine::Worker::Phases::timed) continue;
        for (std::size_t phase = 0; phase < phase_names.size(); ++phase) {
            text.sample(labels[i], MetricsText::label("phase", phase_names[phase]),
                        worker.counters().ticks[phase].get());
        }
    }
}

}  // namespace

void write_process(Node& node, std::uint64_t started_unix_ns, MetricsText& text) {
    Control& control = node.control();
    text.begin({"lanes_node", Type::info, "", "Which node this is and what runs it."});
    std::string labels;
    MetricsText::add_label(labels, "node", node.name());
    MetricsText::add_label(labels, "version", LANES_VERSION);
    MetricsText::add_label(labels, "backend", control.backend());
    text.sample(labels, 1);
    text.begin({"lanes_process_start_time_seconds", Type::gauge, "seconds",
                "When the node began to run, in seconds since 1970."});
    text.sample_ns({}, started_unix_ns);
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    text.begin({"lanes_process_cpu_seconds", Type::counter, "seconds",
                "Processor time of all threads of the process."});
    text.sample_ns({}, ns_of(used.ru_utime) + ns_of(used.ru_stime));
    if (const auto resident = resident_bytes()) {
        write_gauge(text, "lanes_process_resident_memory_bytes", "bytes",
                    "What the process has in memory.", *resident);
    }
    write_gauge(text, "lanes_process_allocated_bytes", "bytes",
                "What the process has allocated by malloc.", ::mallinfo2().uordblks);
    write_gauge(text, "lanes_lane_table_slots", "", "Slots of the table of lanes.",
                control.table().capacity());
    write_gauge(text, "lanes_match_rules", "", "Rules by which frames find their lane.",
                control.rules().taken());
    write_gauge(text, "lanes_sandbox_enforced", "", "1 if the process is confined.",
                sandbox::confinement().enforced ? 1 : 0);
    std::uint64_t refused = 0;
    for (const sandbox::Refusal& refusal : sandbox::refusals()) refused += refusal.count;
    text.begin({"lanes_sandbox_refused_calls", Type::counter, "",
                "System calls that the sandbox refused."});
    text.sample({}, refused);
}

void write_ports(Control& control, Links& links, MetricsText& text) {
    std::vector<OpenPort> ports;
    text.begin({"lanes_port", Type::info, "", "What a port is."});
    for (Ports::Slot& slot : control.ports().slots()) {
        if (!slot.taken()) continue;
        OpenPort port{MetricsText::label("port", slot.spec.name), &slot, {}, {}};
        std::string more;
        MetricsText::add_label(more, "driver", slot.spec.driver);
        MetricsText::add_label(more, "device", slot.spec.device);
        text.sample(port.label, more, 1);
        if (!slot.port) continue;
        for (unsigned worker = 0; worker < control.workers().size(); ++worker) {
            port.counts.push_back(counts_of(control, *slot.port, worker));
        }
        port.loss = slot.port->loss();
        ports.push_back(std::move(port));
    }
    text.begin({"lanes_port_open", Type::gauge, "", "1 if the port is open."});
    for (Ports::Slot& slot : control.ports().slots()) {
        if (!slot.taken()) continue;
        text.sample(MetricsText::label("port", slot.spec.name), slot.port ? 1 : 0);
    }
    write_port_counts(text, ports,
                      {"lanes_port_frames", Type::counter, "frames",
                       "Frames that a worker received from the port or gave to it."},
                      &PortCounts::rx_frames, &PortCounts::tx_frames);
    write_port_counts(text, ports,
                      {"lanes_port_bytes", Type::counter, "bytes", "Bytes of these frames."},
                      &PortCounts::rx_bytes, &PortCounts::tx_bytes);
    text.begin({"lanes_port_lost_frames", Type::counter, "frames",
                "Frames that the device lost before the engine could see or count them."});
    for (const OpenPort& port : ports) {
        text.sample(port.label, "direction=\"receive\"", port.loss.rx_lost);
        text.sample(port.label, "direction=\"transmit\"", port.loss.tx_lost);
    }
    write_port_links(text, ports, links);
    text.begin({"lanes_port_mtu_bytes", Type::gauge, "bytes",
                "The largest IP packet that the port takes."});
    for (const OpenPort& port : ports) text.sample(port.label, port.slot->port->info().mtu);
}

void write_workers(Control& control, MetricsText& text) {
    const std::vector<std::string> labels = worker_labels(control);
    text.begin({"lanes_worker", Type::info, "", "The core that a worker runs on."});
    for (std::size_t i = 0; i < labels.size(); ++i) {
        text.sample(labels[i],
                    MetricsText::label("core", std::to_string(control.workers()[i]->core())), 1);
    }
    text.begin({"lanes_worker_asleep", Type::gauge, "", "1 if the worker waits for traffic."});
    for (std::size_t i = 0; i < labels.size(); ++i) {
        text.sample(labels[i], control.workers()[i]->asleep() ? 1 : 0);
    }
    for (const WorkerFamily& family : worker_families) {
        text.begin(family.family);
        for (std::size_t i = 0; i < labels.size(); ++i) {
            text.sample(labels[i], (control.workers()[i]->counters().*family.counter).get());
        }
    }
    write_phases(control, labels, text);
}

void write_drops(Control& control, MetricsText& text) {
    text.begin({"lanes_dropped_frames", Type::counter, "frames",
                "Frames dropped by each worker, and by Control, by reason."});
    const auto write = [&](std::string_view worker, const engine::WorkerCounters& counters) {
        for (std::size_t i = 0; i < engine::drop_count; ++i) {
            text.sample(worker, MetricsText::label("reason", engine::drop_texts[i].name),
                        counters.drops[i].get());
        }
    };
    const std::vector<std::string> labels = worker_labels(control);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        write(labels[i], control.workers()[i]->counters());
    }
    write("worker=\"control\"", control.own_counters());
}

}  // namespace lanes::manage
