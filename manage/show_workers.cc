// `show workers`: what each worker did since it started, and where its time went while phases were
// timed (`set phases on`). `load` is the share of rounds that found frames, which is not the share
// of the core's time: for that, compare the clocks of the phases.
#include <algorithm>
#include <cstdio>

#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/lane_facts.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

std::uint64_t dropped(const engine::WorkerCounters& counters) {
    std::uint64_t sum = 0;
    for (const engine::Counter& count : counters.drops) sum += count.get();
    return sum;
}

bool timed(const engine::Worker& worker) {
    return worker.phases() == engine::Worker::Phases::timed;
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return "-";
    char text[16];
    std::snprintf(text, sizeof text, "%.1f%%",
                  100.0 * static_cast<double>(part) / static_cast<double>(whole));
    return text;
}

std::string as_text(const std::vector<std::unique_ptr<engine::Worker>>& workers) {
    using enum Columns::Side;
    Columns columns({"WORKER", "CORE", "ROUNDS", "LOAD", "SLEEPS", "RECEIVED", "SENT", "MADE",
                     "ABSORBED", "DROPPED", "COPIED"},
                    {right, right, right, right, right, right, right, right, right, right, right});
    Columns phases({"WORKER", "RECEIVE", "CLASSIFY", "TRANSFORM", "TRANSMIT"},
                   {right, right, right, right, right});
    std::uint64_t all = 0;
    bool any_timed = false;
    for (const auto& worker : workers) {
        const engine::WorkerCounters& counters = worker->counters();
        const std::uint64_t rounds = counters.rounds.get();
        // Read one after the other while the worker runs: idle may be ahead.
        const std::uint64_t busy = rounds - std::min(rounds, counters.idle.get());
        columns.add({std::to_string(worker->index()), std::to_string(worker->core()),
                     grouped(rounds), share_text(busy, rounds), grouped(counters.sleeps.get()),
                     grouped(counters.received.get()), grouped(counters.sent.get()),
                     grouped(counters.made.get()), grouped(counters.absorbed.get()),
                     grouped(dropped(counters)), grouped(counters.copies.get())});
        std::uint64_t ticks = 0;
        for (const engine::Counter& phase : counters.ticks) ticks += phase.get();
        std::vector<std::string> row{std::to_string(worker->index())};
        for (const engine::Counter& phase : counters.ticks) {
            row.push_back(share_text(phase.get(), ticks));
        }
        phases.add(std::move(row));
        all += ticks;
        any_timed = any_timed || timed(*worker);
    }
    std::string text = columns.text();
    if (all != 0) text += "\nshare of the time that was measured\n" + phases.text();
    text += any_timed ? "phases are timed; `set phases off` ends it\n"
                      : "phases are not timed; `set phases on` begins it\n";
    return text;
}

}  // namespace

Answer show_workers(Node& node, const Request& request) {
    const auto& workers = node.control().workers();
    if (!request.json) return {0, as_text(workers)};
    const std::uint64_t now_ns = node.control().now().boot_ns;
    JsonWriter json;
    json.text("node", node.name());
    json.number("uptime_ns", now_ns - std::min(now_ns, node.started_ns())).array("workers");
    for (const auto& worker : workers) {
        const engine::WorkerCounters& counters = worker->counters();
        json.object().number("worker", worker->index()).number("core", worker->core());
        json.number("rounds", counters.rounds.get()).number("idle_rounds", counters.idle.get());
        json.number("sleeps", counters.sleeps.get());
        json.number("received_frames", counters.received.get());
        json.number("sent_frames", counters.sent.get());
        json.number("made_frames", counters.made.get());
        json.number("absorbed_frames", counters.absorbed.get());
        json.number("dropped_frames", dropped(counters));
        json.number("copied_frames", counters.copies.get());
        json.truth("phases_timed", timed(*worker)).object("phase_clocks");
        for (std::size_t i = 0; i < phase_names.size(); ++i) {
            json.number(phase_names[i], counters.ticks[i].get());
        }
        json.end().end();
    }
    return {0, json.done()};
}

}  // namespace lanes::manage
