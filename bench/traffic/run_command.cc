// `lanes-bench run FILE`: offers what a scenario file says, size by size, trial by trial, and makes
// a row of each size. SIGINT ends the trial that is under way and those after it; what was measured
// until then is printed.
#include <CLI/CLI.hpp>

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <stdexcept>

#include "bench/command.hh"
#include "bench/progress.hh"
#include "bench/report.hh"
#include "bench/statistics.hh"
#include "bench/traffic/scenario_bed.hh"
#include "config/text.hh"
#include "engine/log.hh"

namespace lanes::bench {
namespace {

using config::say;

/// Below this part of what was asked for a generator has not kept its rate.
constexpr double kept_rate = 0.995;

volatile sig_atomic_t interrupted = 0;

/// Takes SIGINT while it lives; a second one ends the program.
class Interruption {
  public:
    Interruption() {
        interrupted = 0;
        struct sigaction action {};
        action.sa_handler = [](int) { interrupted = 1; };
        action.sa_flags = static_cast<int>(SA_RESETHAND);
        ::sigaction(SIGINT, &action, &former_);
    }
    ~Interruption() { ::sigaction(SIGINT, &former_, nullptr); }
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;
    bool here() const noexcept { return interrupted != 0; }

  private:
    struct sigaction former_ {};
};

double percent_of(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

double per_second(std::uint64_t count, double seconds) {
    return seconds <= 0 ? 0 : static_cast<double>(count) / seconds;
}

double to_us(std::uint64_t ns) {
    return static_cast<double>(ns) / 1000;
}

/// All trials of one size.
struct Sum {
    Trial total;  ///< counters and histograms added up; `seconds` too
    std::vector<double> packets_per_second;
    std::vector<double> offered_pps;
    std::vector<double> bits_per_second;
    std::vector<double> latency_p50_us;

    void add(const Trial& trial) {
        total.rate_pps = trial.rate_pps;
        total.seconds += trial.seconds;
        total.sent += trial.sent;
        total.refused += trial.refused;
        total.received += trial.received;
        total.corrupt += trial.corrupt;
        total.lost += trial.lost;
        total.duplicates += trial.duplicates;
        total.reordered += trial.reordered;
        total.reorder_extent = std::max(total.reorder_extent, trial.reorder_extent);
        total.foreign += trial.foreign;
        total.sink_lost += trial.sink_lost;
        total.latency_ns.add(trial.latency_ns);
        total.variation_ns.add(trial.variation_ns);
        total.lateness_ns.add(trial.lateness_ns);
        packets_per_second.push_back(per_second(trial.received, trial.seconds));
        offered_pps.push_back(trial.offered_pps());
        bits_per_second.push_back(per_second(trial.received_bits, trial.seconds));
        latency_p50_us.push_back(to_us(trial.latency_ns.percentile(50)));
    }
};

Json percentiles(const Histogram& ns) {
    Json json = Json::object();
    json["min"] = to_us(ns.min());
    json["p50"] = to_us(ns.percentile(50));
    json["p90"] = to_us(ns.percentile(90));
    json["p99"] = to_us(ns.percentile(99));
    json["p99_9"] = to_us(ns.percentile(99.9));
    json["p99_99"] = to_us(ns.percentile(99.99));
    json["p99_999"] = to_us(ns.percentile(99.999));
    json["max"] = to_us(ns.max());
    json["mean"] = ns.mean() / 1000;
    return json;
}

Json units() {
    return {{"rate_pps", "packets/s"},
            {"offered_pps", "packets/s"},
            {"packets_per_second", "packets/s"},
            {"bits_per_second", "bit/s"},
            {"sent", "frames"},
            {"received", "frames"},
            {"lost", "frames"},
            {"loss_percent", "%"},
            {"duplicates", "frames"},
            {"reordered", "frames"},
            {"reorder_extent", "frames"},
            {"corrupt", "frames"},
            {"foreign", "frames"},
            {"sink_lost", "frames"},
            {"refused", "frames"},
            {"latency_us", "us"},
            {"variation_us", "us"},
            {"lateness_us", "us"},
            {"seconds", "s"}};
}

/// What the command line says instead of the file.
struct Overrides {
    std::string file;
    std::string rate;
    std::string seconds;
    std::vector<std::string> sizes;
    unsigned trials = 1;
    std::string metric = "packets_per_second";
    bool stages = false;

    template <typename Value>
    static Value checked(std::optional<Value> value, const char* option, const std::string& why) {
        if (!value) throw std::runtime_error(say(option, ": ", why));
        return *std::move(value);
    }

    void apply(Scenario& scenario) const {
        std::string why;
        if (!rate.empty()) scenario.rate = checked(parse_rate(rate, why), "--rate", why);
        if (scenario.rate.unit == Rate::Unit::recorded && scenario.replay.empty()) {
            throw std::runtime_error("--rate recorded: the scenario has no `replay`");
        }
        if (!seconds.empty()) {
            scenario.seconds = checked(parse_seconds(seconds, why), "--seconds", why);
        }
        if (sizes.empty()) return;
        if (!scenario.replay.empty()) {
            throw std::runtime_error("--size: the frames of a capture are sent as they are");
        }
        scenario.sizes.clear();
        for (const std::string& text : sizes) {
            SizeCase one = checked(parse_size(text, why), "--size", why);
            const auto least = size_min(scenario.profile);
            if (one.shares[0].size < least) {
                throw std::runtime_error(say("--size: ", text, " is too short for IPv6; the least ",
                                             "is ", std::to_string(least)));
            }
            scenario.sizes.push_back(std::move(one));
        }
        scenario.profile.sizes = scenario.sizes[0].shares;
    }
};

class RunCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        app.add_option("FILE", options_.file, "scenario file")->required();
        app.add_option("--rate", options_.rate,
                       "frames or bits per second, `100 kpps`, `1 Gbit/s`, max, or recorded");
        app.add_option("--seconds", options_.seconds, "length of a trial");
        app.add_option("--size", options_.sizes, "bytes of a frame with FCS, or imix; a row each")
            ->delimiter(',');
        app.add_option("--trials", options_.trials, "trials of each size")
            ->check(CLI::Range(1, 10000))
            ->capture_default_str();
        app.add_option("--metric", options_.metric, "what stands for a row when it is compared")
            ->check(CLI::IsMember({"packets_per_second", "latency"}))
            ->capture_default_str();
        app.add_flag("--stages", options_.stages,
                     "where the workers of the nodes spend their time, in ticks per packet");
    }

    int run(Report& report, Progress& progress) override {
        LoadedScenario loaded = load_scenario(options_.file);
        if (loaded.good()) options_.apply(loaded.scenario);
        const Interruption interruption;
        engine::log_only(engine::Severity::error);
        Bed bed = open_scenario(loaded);
        if (options_.stages && !bed.nodes) {
            throw std::runtime_error("--stages: the scenario has no `nodes` whose workers to time");
        }
        report.columns = columns();
        report.remarks = bed.remarks;
        const Scenario& scenario = loaded.scenario;
        const auto drops_before = drops_of(bed);
        for (std::size_t i = 0; i < scenario.sizes.size() && !interruption.here(); ++i) {
            measure(scenario, scenario.sizes[i], i != 0, bed, interruption, report, progress);
        }
        progress.clear();
        remark_drops(drops_before, drops_of(bed), report);
        if (interruption.here()) {
            report.remarks.push_back(
                "interrupted: the last trial was cut short, others are missing");
        }
        return exit_good;
    }

  private:
    using Drops = std::vector<std::pair<std::string, std::uint64_t>>;

    static Drops drops_of(const Bed& bed) { return bed.nodes ? bed.nodes->drops() : Drops{}; }

    static std::vector<Column> columns() {
        return {{"size", "size"},
                {"offered_pps", "offered"},
                {"packets_per_second", "received"},
                {"bits_per_second", "bits"},
                {"loss_percent", "loss", 4},
                {"duplicates", "dup"},
                {"reordered", "reord"},
                {"corrupt", "corrupt"},
                {"latency_us.p50", "latency p50", 1},
                {"latency_us.p99", "p99", 1},
                {"latency_us.p99_999", "p99.999", 1},
                {"variation_us.p99", "variation p99", 1},
                {"lateness_us.p99", "lateness p99", 1}};
    }

    static void remark_drops(const Drops& before, const Drops& after, Report& report) {
        std::string text;
        for (const auto& now : after) {
            const auto former = std::find_if(before.begin(), before.end(), [&](const auto& drop) {
                return drop.first == now.first;
            });
            const std::uint64_t more = now.second - (former == before.end() ? 0 : former->second);
            if (more == 0) continue;
            text += say(text.empty() ? "" : ", ", std::to_string(more), " as ", now.first);
        }
        if (!text.empty()) report.remarks.push_back("the nodes dropped " + text);
    }

    void measure(const Scenario& scenario, const SizeCase& size, bool further, Bed& bed,
                 const Interruption& interruption, Report& report, Progress& progress) {
        auto& testbed = dynamic_cast<ScenarioTestbed&>(*bed.testbed);
        if (further) testbed.set_sizes(size.shares);
        const bool replay = !scenario.replay.empty();
        const double rate_pps = scenario.rate.unit == Rate::Unit::recorded
                                    ? bed.rate_pps
                                    : scenario.rate.in_frames(testbed.frame_bits());
        const std::string name = replay ? "replay" : size.name;
        Sum sum;
        if (options_.stages) bed.nodes->time_phases();
        for (unsigned trial = 0; trial < options_.trials && !interruption.here(); ++trial) {
            const std::string head = say("size ", name, ", trial ", std::to_string(trial + 1), "/",
                                         std::to_string(options_.trials), ": ");
            watch(testbed, interruption, scenario.seconds, head, progress);
            sum.add(testbed.run(rate_pps, scenario.seconds));
        }
        if (sum.packets_per_second.empty()) return;
        report.results.push_back(row(scenario, bed.name, name, rate_pps, sum));
        if (options_.stages) add_stages(bed.nodes->spent(), report);
        remark(name, rate_pps, sum, report);
    }

    /// What a stage of a node is called in a row: its own name where there is but one node.
    static std::string stage_name(const Nodes::Spent& spent, std::size_t stage, std::size_t nodes) {
        static constexpr std::array<const char*, engine::phase_count> names = {
            "receive", "classify", "transform", "transmit"};
        return (nodes == 1 ? "" : spent.node + " ") + names[stage];
    }

    static void add_stages(const std::vector<Nodes::Spent>& all, Report& report) {
        Json stages = Json::object();
        for (const Nodes::Spent& spent : all) {
            const auto packets = static_cast<double>(std::max<std::uint64_t>(spent.packets, 1));
            for (std::size_t i = 0; i < spent.ticks.size(); ++i) {
                const std::string name = stage_name(spent, i, all.size());
                stages[name] = static_cast<double>(spent.ticks[i]) / packets;
                if (report.results.size() > 1) continue;
                report.columns.push_back({"stages." + name, name, 1});
            }
        }
        Json& row = report.results.back();
        row["stages"] = stages;
        row["units"]["stages"] = "ticks per packet";
    }

    /// Ends the trial when somebody wants to go, and tells how it goes.
    static void watch(ScenarioTestbed& testbed, const Interruption& interruption, double seconds,
                      const std::string& head, Progress& progress) {
        testbed.watch([&testbed, &interruption, seconds, head, &progress,
                       last = Glimpse{}](const Glimpse& now) mutable {
            if (interruption.here()) testbed.stop();
            if (!progress.due()) return;
            const double passed = now.seconds - last.seconds;
            const std::uint64_t arrived = now.received + now.corrupt;
            // Frames that are under way are no loss yet; what is shown errs on that side.
            const std::uint64_t missing = last.sent > arrived ? last.sent - arrived : 0;
            char loss[32];
            std::snprintf(loss, sizeof loss, "%.3f %%", percent_of(missing, last.sent));
            progress.show(say(head, rate_text(per_second(now.received - last.received, passed)),
                              ", loss ", loss, ", ",
                              time_text(std::max(0.0, seconds - now.seconds)), " left"));
            last = now;
        });
    }

    Json row(const Scenario& scenario, const std::string& bed, const std::string& size,
             double rate_pps, const Sum& sum) const {
        const Trial& total = sum.total;
        const bool latency = options_.metric == "latency";
        Json row = Json::object();
        row["case"] = say(bed, ", size ", size, ", ", rate_pps == 0 ? "max" : rate_text(rate_pps));
        row["metric"] = latency ? "latency_us.p50" : "packets_per_second";
        row["better"] = latency ? "lower" : "higher";
        row["samples"] = latency ? sum.latency_p50_us : sum.packets_per_second;
        row["size"] = size;
        row["flows"] = scenario.profile.flows;
        row["burst"] = scenario.profile.burst;
        row["trials"] = sum.packets_per_second.size();
        row["seconds"] = total.seconds;
        row["rate_pps"] = rate_pps;
        row["offered_pps"] = median(sum.offered_pps);
        row["packets_per_second"] = median(sum.packets_per_second);
        row["mad_percent"] = deviation_percent(sum.packets_per_second);
        row["bits_per_second"] = median(sum.bits_per_second);
        row["sent"] = total.sent;
        row["received"] = total.received;
        row["lost"] = total.lost;
        row["loss_percent"] = 100 * total.loss_ratio();
        row["duplicates"] = total.duplicates;
        row["reordered"] = total.reordered;
        row["reorder_extent"] = total.reorder_extent;
        row["corrupt"] = total.corrupt;
        row["foreign"] = total.foreign;
        row["sink_lost"] = total.sink_lost;
        row["refused"] = total.refused;
        row["latency_us"] = percentiles(total.latency_ns);
        row["variation_us"] = percentiles(total.variation_ns);
        row["lateness_us"] = {{"p50", to_us(total.lateness_ns.percentile(50))},
                              {"p99", to_us(total.lateness_ns.percentile(99))},
                              {"max", to_us(total.lateness_ns.max())}};
        row["units"] = units();
        return row;
    }

    /// What must be known before the row is believed.
    static void remark(const std::string& size, double rate_pps, const Sum& sum, Report& report) {
        const Trial& total = sum.total;
        const double offered = median(sum.offered_pps);
        if (rate_pps > 0 && offered < kept_rate * rate_pps) {
            report.remarks.push_back(say("size ", size, ": the generator offered ",
                                         rate_text(offered), " of the ", rate_text(rate_pps),
                                         " it was asked for: the limit is its core or its port, "
                                         "not only the system under test"));
        }
        if (total.refused != 0 && rate_pps > 0) {
            report.remarks.push_back(say("size ", size, ": the generator's port refused ",
                                         std::to_string(total.refused),
                                         " frames; they were never sent and are not lost"));
        }
        if (total.sink_lost != 0) {
            report.remarks.push_back(say("size ", size, ": of the lost frames ",
                                         std::to_string(total.sink_lost),
                                         " were lost by the sink's own port (raise its "
                                         "ring_frames, give the sink a core)"));
        }
        if (total.foreign != 0) {
            report.remarks.push_back(say("size ", size, ": ", std::to_string(total.foreign),
                                         " frames came that were not of the trial"));
        }
        if (total.sent == 0) report.remarks.push_back(say("size ", size, ": nothing was sent"));
    }

    Overrides options_;
};

}  // namespace

std::unique_ptr<Command> make_run_command() {
    return std::make_unique<RunCommand>();
}

}  // namespace lanes::bench
