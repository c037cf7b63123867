// See top_sample.hh.
#include "tools/top_sample.hh"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>

#include "manage/columns.hh"
#include "manage/json.hh"

namespace lanes::tools {
namespace {

using Json = nlohmann::json;

constexpr std::array phases = {"receive", "classify", "transform", "transmit"};

std::uint64_t number(const Json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

std::string text(const Json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// What a counter grew by; a node that was restarted counts anew.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
    return now >= before ? now - before : now;
}

struct LaneRate {
    std::string name;
    LaneSample now;
    std::uint64_t packets = 0, bits = 0, dropped = 0;  ///< each second
    std::uint64_t lost_ppm = 0;
};

struct WorkerRate {
    std::uint64_t worker = 0;
    std::uint64_t core = 0;
    std::uint64_t packets = 0, sleeps = 0, dropped = 0;  ///< each second
    std::uint64_t busy_ppm = 0;                          ///< rounds that found frames
    std::vector<std::uint64_t> clocks;                   ///< for each packet, of each phase

    std::uint64_t all_clocks() const {
        std::uint64_t sum = 0;
        for (const std::uint64_t one : clocks) sum += one;
        return sum;
    }
};

std::uint64_t share_ppm(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : part * 1'000'000 / whole;
}

class Rates {
  public:
    Rates(const Sample& before, const Sample& now) : before_(before), now_(now) {
        const bool same = now.uptime_ns > before.uptime_ns;
        span_ns_ = same ? now.uptime_ns - before.uptime_ns : 1'000'000'000;
    }
    std::uint64_t span_ns() const { return span_ns_; }

    std::uint64_t each_second(std::uint64_t count) const {
        return static_cast<std::uint64_t>(
            std::llround(static_cast<double>(count) * 1e9 / static_cast<double>(span_ns_)));
    }

    std::vector<LaneRate> lanes() const {
        std::vector<LaneRate> rates;
        static const LaneSample none;
        for (const auto& [name, lane] : now_.lanes) {
            const auto at = before_.lanes.find(name);
            const LaneSample& was = at == before_.lanes.end() ? none : at->second;
            const std::uint64_t packets = growth(was.packets, lane.packets);
            const std::uint64_t lost = lane.lost > was.lost ? lane.lost - was.lost : 0;
            rates.push_back(
                {name, lane, each_second(packets), each_second(growth(was.bytes, lane.bytes) * 8),
                 each_second(growth(was.dropped, lane.dropped)), share_ppm(lost, lost + packets)});
        }
        std::stable_sort(rates.begin(), rates.end(), [](const LaneRate& a, const LaneRate& b) {
            return a.packets > b.packets;
        });
        return rates;
    }

    std::vector<WorkerRate> workers() const {
        std::vector<WorkerRate> rates;
        static const WorkerSample none;
        for (const auto& [index, worker] : now_.workers) {
            const auto at = before_.workers.find(index);
            const WorkerSample& was = at == before_.workers.end() ? none : at->second;
            const std::uint64_t rounds = growth(was.rounds, worker.rounds);
            const std::uint64_t idle = std::min(rounds, growth(was.idle, worker.idle));
            const std::uint64_t packets = growth(was.received, worker.received);
            WorkerRate rate{index,
                            worker.core,
                            each_second(packets),
                            each_second(growth(was.sleeps, worker.sleeps)),
                            each_second(growth(was.dropped, worker.dropped)),
                            share_ppm(rounds - idle, rounds),
                            {}};
            for (std::size_t i = 0; i < worker.clocks.size(); ++i) {
                const std::uint64_t spent =
                    growth(i < was.clocks.size() ? was.clocks[i] : 0, worker.clocks[i]);
                rate.clocks.push_back(packets == 0 ? 0 : spent / packets);
            }
            rates.push_back(std::move(rate));
        }
        return rates;
    }

  private:
    const Sample& before_;
    const Sample& now_;
    std::uint64_t span_ns_;
};

std::string percent(std::uint64_t ppm) {
    char out[16];
    std::snprintf(out, sizeof out, "%.2f%%", static_cast<double>(ppm) / 1e4);
    return out;
}

/// "12.3 Mbit/s"
std::string bits_text(std::uint64_t bits) {
    static constexpr const char* units[] = {"", "k", "M", "G", "T"};
    auto value = static_cast<double>(bits);
    unsigned unit = 0;
    for (; value >= 999.5 && unit < 4; ++unit) value /= 1000;
    char out[32];
    std::snprintf(out, sizeof out, unit != 0 && value < 99.95 ? "%.1f %sbit/s" : "%.0f %sbit/s",
                  value, units[unit]);
    return out;
}

void add_lines(std::vector<std::string>& lines, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
}

std::string worker_table(const Rates& rates, bool timed) {
    using enum manage::Columns::Side;
    std::vector<std::string> heads{"WORKER", "CORE", "LOAD", "PACKETS/s", "DROPS/s", "SLEEPS/s"};
    if (timed) {
        for (const char* head : {"CLOCKS/PACKET", "RECEIVE", "CLASSIFY", "TRANSFORM", "TRANSMIT"}) {
            heads.emplace_back(head);
        }
    }
    manage::Columns columns(heads, std::vector(heads.size(), right));
    for (const WorkerRate& rate : rates.workers()) {
        std::vector<std::string> row{std::to_string(rate.worker),   std::to_string(rate.core),
                                     percent(rate.busy_ppm),        manage::grouped(rate.packets),
                                     manage::grouped(rate.dropped), manage::grouped(rate.sleeps)};
        if (timed) {
            row.push_back(manage::grouped(rate.all_clocks()));
            for (const std::uint64_t clocks : rate.clocks) row.push_back(manage::grouped(clocks));
        }
        columns.add(std::move(row));
    }
    return columns.text();
}

}  // namespace

bool Sample::timed() const {
    return !workers.empty() && std::all_of(workers.begin(), workers.end(),
                                           [](const auto& worker) { return worker.second.timed; });
}

bool read_sample(const std::string& lanes_text, const std::string& workers_text, Sample& sample) {
    const Json lanes = Json::parse(lanes_text, nullptr, false);
    const Json workers = Json::parse(workers_text, nullptr, false);
    if (!lanes.is_object() || !workers.is_object()) return false;
    const auto all_lanes = lanes.find("lanes");
    const auto all_workers = workers.find("workers");
    if (all_lanes == lanes.end() || !all_lanes->is_array()) return false;
    if (all_workers == workers.end() || !all_workers->is_array()) return false;
    sample.node = text(lanes, "node");
    sample.uptime_ns = number(lanes, "uptime_ns");
    sample.lanes_total = number(lanes, "lanes_total");
    for (const Json& lane : *all_lanes) {
        if (!lane.is_object()) return false;
        sample.lanes[text(lane, "name")] = {text(lane, "role"),
                                            text(lane, "state"),
                                            number(lane, "packets"),
                                            number(lane, "bytes"),
                                            number(lane, "dropped_packets"),
                                            lane.contains("lost_packets"),
                                            number(lane, "lost_packets"),
                                            number(lane, "delay_variation_ns")};
    }
    for (const Json& worker : *all_workers) {
        if (!worker.is_object()) return false;
        WorkerSample& one = sample.workers[number(worker, "worker")];
        one = {number(worker, "core"),
               number(worker, "rounds"),
               number(worker, "idle_rounds"),
               number(worker, "sleeps"),
               number(worker, "received_frames"),
               number(worker, "dropped_frames"),
               worker.contains("phases_timed") && worker["phases_timed"] == true,
               {}};
        const auto clocks = worker.find("phase_clocks");
        for (const char* phase : phases) {
            const bool there = clocks != worker.end() && clocks->is_object();
            one.clocks.push_back(there ? number(*clocks, phase) : 0);
        }
    }
    return true;
}

std::vector<std::string> screen_of(const Sample& before, const Sample& now, std::size_t columns,
                                   std::size_t rows) {
    using enum manage::Columns::Side;
    const Rates rates(before, now);
    std::vector<std::string> lines;
    lines.push_back("node " + now.node + ": " + manage::counted(now.lanes_total, "lane") +
                    "; q quits");
    lines.emplace_back();
    add_lines(lines, worker_table(rates, now.timed()));
    lines.emplace_back();
    manage::Columns table(
        {"LANE", "DOES", "STATE", "PACKETS/s", "RATE", "DROPS/s", "LOSS", "DELAY +-"},
        {left, left, left, right, right, right, right, right});
    const std::vector<LaneRate> lanes = rates.lanes();
    // The head, and a last line when there are more.
    const std::size_t room = rows > lines.size() + 2 ? rows - lines.size() - 2 : 0;
    const std::size_t shown = std::min(lanes.size(), room);
    for (std::size_t i = 0; i < shown; ++i) {
        const LaneRate& lane = lanes[i];
        const bool measured = lane.now.measured;
        table.add({lane.name, lane.now.role, lane.now.state, manage::grouped(lane.packets),
                   bits_text(lane.bits), manage::grouped(lane.dropped),
                   measured ? percent(lane.lost_ppm) : "-",
                   measured ? manage::delay_text(lane.now.delay_variation_ns) : "-"});
    }
    add_lines(lines, table.text());
    if (now.lanes_total > shown) {
        lines.push_back("and " + manage::counted(now.lanes_total - shown, "lane") + " with less");
    }
    if (lines.size() > rows) lines.resize(rows);
    for (std::string& line : lines) {
        if (line.size() > columns) line.resize(columns);
    }
    return lines;
}

std::string json_of(const Sample& before, const Sample& now) {
    const Rates rates(before, now);
    manage::JsonWriter json;
    json.text("node", now.node).number("interval_ns", rates.span_ns());
    json.number("lanes_total", now.lanes_total).array("lanes");
    for (const LaneRate& lane : rates.lanes()) {
        json.object().text("name", lane.name).text("role", lane.now.role);
        json.text("state", lane.now.state).number("packets_per_second", lane.packets);
        json.number("bits_per_second", lane.bits).number("drops_per_second", lane.dropped);
        if (lane.now.measured) {
            json.number("lost_ppm", lane.lost_ppm);
            json.number("delay_variation_ns", lane.now.delay_variation_ns);
        }
        json.end();
    }
    json.end().array("workers");
    for (const WorkerRate& rate : rates.workers()) {
        json.object().number("worker", rate.worker).number("core", rate.core);
        json.number("busy_rounds_ppm", rate.busy_ppm);
        json.number("packets_per_second", rate.packets);
        json.number("drops_per_second", rate.dropped);
        json.number("sleeps_per_second", rate.sleeps);
        json.truth("phases_timed", now.timed());
        json.number("clocks_per_packet", rate.all_clocks()).object("phase_clocks_per_packet");
        for (std::size_t i = 0; i < rate.clocks.size(); ++i) {
            json.number(phases[i], rate.clocks[i]);
        }
        json.end().end();
    }
    return json.done();
}

}  // namespace lanes::tools
