// lanes-bench soak: options, the real surroundings, and what comes of them. The work is in soak.hh
// (the loop), churn.hh (what happens to the nodes meanwhile), checkpoint.hh and judge.hh.
#include <CLI/CLI.hpp>

#define XXH_INLINE_ALL
#include <signal.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "bench/command.hh"
#include "bench/environment.hh"
#include "bench/progress.hh"
#include "bench/soak/checkpoint.hh"
#include "bench/soak/churn.hh"
#include "bench/soak/default_scenario.hh"
#include "bench/soak/process.hh"
#include "bench/soak/rows.hh"
#include "bench/soak/soak.hh"
#include "bench/traffic/open_bed.hh"
#include "bench/traffic/scenario_bed.hh"
#include "engine/clock.hh"

namespace lanes::bench {
namespace {

/// Set by SIGINT and SIGTERM. A signal handler has no other way to its object.
std::atomic<bool> stop_wanted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// The first signal ends the interval and the soak; the second one kills.
class StopSignals {
  public:
    StopSignals() {
        stop_wanted = false;
        struct sigaction action {};
        action.sa_handler = [](int) { stop_wanted.store(true); };
        action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
        ::sigaction(SIGINT, &action, &interrupt_);
        ::sigaction(SIGTERM, &action, &terminate_);
    }
    ~StopSignals() {
        ::sigaction(SIGINT, &interrupt_, nullptr);
        ::sigaction(SIGTERM, &terminate_, nullptr);
    }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

  private:
    struct sigaction interrupt_ {};
    struct sigaction terminate_ {};
};

class RealSurroundings final : public Surroundings {
  public:
    RealSurroundings(const std::vector<Process>& watched, const Nodes* nodes, ChurnThread* churn)
        : watched_(watched), nodes_(nodes), churn_(churn) {}

    double now_seconds() override { return static_cast<double>(engine::monotonic_ns()) / 1e9; }
    std::int64_t unix_seconds() override { return std::time(nullptr); }
    double steal_seconds() override { return StolenTime::now().steal_seconds; }
    Usage own_usage() override {
        const auto usage = own_.usage();
        if (!usage) throw std::runtime_error("/proc does not tell of this process");
        return *usage;
    }
    std::vector<std::optional<Usage>> watched_usage() override {
        std::vector<std::optional<Usage>> all;
        for (const Process& process : watched_) all.push_back(process.usage());
        return all;
    }
    DropCounts drops() override {
        DropCounts all;
        if (nodes_ == nullptr) return all;
        for (const auto& [reason, count] : nodes_->drops()) all[reason] += count;
        return all;
    }
    bool stopped() override { return stop_wanted; }
    void check() override {
        if (churn_ != nullptr) churn_->check();
    }

  private:
    Process own_{::getpid()};
    const std::vector<Process>& watched_;
    const Nodes* nodes_;
    ChurnThread* churn_;
};

struct SoakOptions {
    std::string file;  ///< empty: the default scenario
    double hours = 0;
    double minutes = 0;
    double seconds = 0;
    double interval = 10;
    double warm_up = -1;  ///< below 0: chosen by the length
    double reload_every = 10;
    unsigned churn = 100;
    std::vector<int> watch;
    std::string checkpoint;
    bool resume = false;
    Budgets budgets;

    double total_seconds() const {
        const double given = hours * 3600 + minutes * 60 + seconds;
        return given > 0 ? given : 3600;
    }
    /// The nodes of the default scenario have touched all their memory within a minute.
    double warm_up_seconds() const {
        if (warm_up >= 0) return warm_up;
        const double minute = std::min(60.0, total_seconds() / 2);
        return std::clamp(total_seconds() / 10, minute, 600.0);
    }
    double interval_seconds() const { return std::min(interval, total_seconds()); }
};

void describe_budgets(CLI::App& app, Budgets& budgets) {
    const auto add = [&app](const char* name, double& value, const char* text) {
        app.add_option(name, value, text)->check(CLI::NonNegativeNumber)->capture_default_str();
    };
    add("--budget-memory", budgets.memory_mib, "MiB that memory may grow by in 72 hours");
    add("--budget-descriptors", budgets.descriptors, "descriptors, the same");
    add("--budget-threads", budgets.threads, "threads, the same");
    add("--budget-loss", budgets.loss_points, "percentage points of loss, the same");
    add("--budget-latency", budgets.latency_percent, "latency, the same, in percent of its median");
}

std::string read_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(path + " cannot be read");
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string number_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

SoakTerms terms_of(const SoakOptions& options, const std::vector<std::string>& names) {
    const std::string text = options.file.empty() ? std::string(soak_scenario_text) +
                                                        soak_sender_text + soak_receiver_text
                                                  : read_text(options.file);
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx",
                  static_cast<unsigned long long>(XXH3_64bits(text.data(), text.size())));
    std::string watched;
    for (const std::string& name : names) watched += (watched.empty() ? "" : ", ") + name;
    return {{"FILE", options.file.empty() ? "(default scenario)" : options.file},
            {"contents of FILE", hash},
            {"--interval", number_text(options.interval_seconds())},
            {"--reload-every", number_text(options.reload_every)},
            {"--churn", std::to_string(options.churn)},
            {"--watch", watched.empty() ? "nobody" : watched}};
}

/// The line that is drawn several times within each interval.
class SoakLine {
  public:
    SoakLine(Progress& progress, double total) : progress_(progress), left_(total) {}

    void within(const Glimpse& now) {
        if (!progress_.due()) return;
        const double rate = now.seconds > 0 ? static_cast<double>(now.sent) / now.seconds : 0;
        show(left_ - now.seconds, rate);
    }
    void after(const Sample& sample, double left) {
        left_ = left;
        loss_ = sample.traffic.loss_percent();
        memory_ = sample.values.at(3);  // of series_of()
        if (progress_.due()) show(left, 0);
    }

  private:
    void show(double left, double rate) {
        char numbers[96];
        std::snprintf(numbers, sizeof numbers, "loss %.4g %%, memory %.1f MiB", loss_, memory_);
        progress_.show((stop_wanted ? "ending" : long_time_text(std::max(left, 0.0)) + " left") +
                       (rate > 0 ? ", " + rate_text(rate) : "") +
                       (std::isnan(memory_) ? "" : std::string(", ") + numbers));
    }

    Progress& progress_;
    double left_;
    double loss_ = 0;
    double memory_ = std::nan("");
};

class SoakCommand final : public Command {
  public:
    void describe(CLI::App& app) override;
    int run(Report& report, Progress& progress) override;

  private:
    std::vector<Process> find_watched() const;
    void open_checkpoint(const std::vector<std::string>& names, History& history, Report& report);
    SoakEnd soak_now(const std::vector<Process>& watched, History& history, Report& report,
                     Progress& progress);
    void describe_end(SoakEnd end, const std::vector<Process>& watched, const History& history,
                      Report& report) const;

    SoakOptions options_;
    std::unique_ptr<Checkpoint> checkpoint_;
};

void SoakCommand::describe(CLI::App& app) {
    app.description(
        "traffic for hours, with rekeys, reloads and lanes that come and go: what grows?");
    app.add_option("FILE", options_.file,
                   "scenario; without it two nodes in this process, joined by a wire of memory");
    const auto add = [&app](const char* name, double& value, const char* text) {
        return app.add_option(name, value, text)->check(CLI::NonNegativeNumber);
    };
    add("--hours", options_.hours, "how long in all (default: 1)");
    add("--minutes", options_.minutes, "the same; added up");
    add("--seconds", options_.seconds, "the same; added up");
    app.add_option("--interval", options_.interval, "seconds of traffic between two samples")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    add("--warm-up", options_.warm_up,
        "first seconds that are not judged, again after each --resume (default: a tenth of all, "
        "but 60 to 600, and at most half)");
    add("--reload-every", options_.reload_every, "seconds between two reloads; 0: none")
        ->capture_default_str();
    app.add_option("--churn", options_.churn,
                   "lanes that come in one second and go in the next; 0: none")
        ->check(CLI::Range(0, 100000))
        ->capture_default_str();
    app.add_option("--watch", options_.watch, "process to watch as well; may be repeated")
        ->type_name("PID")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(CLI::PositiveNumber);
    auto* checkpoint = app.add_option("--checkpoint", options_.checkpoint,
                                      "write each sample to this file, for --resume")
                           ->type_name("FILE");
    app.add_flag("--resume", options_.resume, "go on with the soak of --checkpoint")
        ->needs(checkpoint);
    describe_budgets(app, options_.budgets);
}

int SoakCommand::run(Report& report, Progress& progress) {
    const StopSignals signals;
    const std::vector<Process> watched = find_watched();
    std::vector<std::string> names;
    for (const Process& process : watched) names.push_back(process.name());
    const auto series = series_of(names);
    constexpr double samples_max = 1'000'000;
    History history(series.size(),
                    static_cast<std::size_t>(std::min(
                        samples_max, options_.total_seconds() / options_.interval_seconds() + 16)));
    if (!options_.checkpoint.empty()) open_checkpoint(names, history, report);
    const SoakEnd end = soak_now(watched, history, report, progress);
    progress.clear();
    const bool over =
        report_soak({history, series, options_.budgets, options_.warm_up_seconds()}, report);
    describe_end(end, watched, history, report);
    return over || end == SoakEnd::watched_died ? exit_over : exit_good;
}

std::vector<Process> SoakCommand::find_watched() const {
    std::vector<Process> found;
    for (const int pid : options_.watch) found.emplace_back(pid);
    return found;
}

void SoakCommand::open_checkpoint(const std::vector<std::string>& names, History& history,
                                  Report& report) {
    const auto mode = options_.resume ? Checkpoint::Mode::resume : Checkpoint::Mode::begin;
    checkpoint_ = std::make_unique<Checkpoint>(
        options_.checkpoint, mode, terms_of(options_, names), series_of(names).size(),
        [&history](const Sample& sample) { history.add(sample); });
    if (checkpoint_->torn_chars() > 0) {
        report.remarks.push_back("The last line of " + options_.checkpoint +
                                 " was torn and has been dropped.");
    }
    if (options_.resume) {
        report.remarks.push_back(
            history.samples() == 0
                ? "Nothing to resume in " + options_.checkpoint + ": this soak began anew."
                : "Resumed after " + std::to_string(history.samples()) + " samples and " +
                      long_time_text(history.last_x_seconds()) + ".");
    }
}

SoakEnd SoakCommand::soak_now(const std::vector<Process>& watched, History& history, Report& report,
                              Progress& progress) {
    SoakPlan plan;
    plan.total_seconds = options_.total_seconds();
    plan.interval_seconds = options_.interval_seconds();
    plan.piece = history.samples() == 0 ? 0 : history.last_piece() + 1;
    plan.x_seconds = history.last_x_seconds();
    if (plan.total_seconds - plan.x_seconds < plan.interval_seconds / 2) return SoakEnd::time;

    std::unique_ptr<DefaultScenario> scenario;
    if (options_.file.empty()) scenario = std::make_unique<DefaultScenario>();
    Bed bed = open_bed(scenario ? scenario->file() : options_.file);
    plan.rate_pps = bed.rate_pps;
    for (const std::string& remark : bed.remarks) report.remarks.push_back(remark);
    SoakLine line(progress, plan.total_seconds - plan.x_seconds);
    if (auto* traffic = dynamic_cast<ScenarioTestbed*>(bed.testbed.get())) {
        traffic->watch([&line, traffic](const Glimpse& now) {
            line.within(now);
            if (stop_wanted) traffic->stop();
        });
    }
    std::unique_ptr<Churn> churn;
    std::unique_ptr<ChurnThread> churn_thread;
    if (bed.nodes) {
        churn = std::make_unique<Churn>(*bed.nodes, options_.reload_every, options_.churn);
        churn_thread = std::make_unique<ChurnThread>(*churn);
    } else {
        report.remarks.push_back(
            "The scenario names no nodes: nothing was reloaded and no lanes came or went.");
    }
    RealSurroundings world(watched, bed.nodes.get(), churn_thread.get());
    const SoakEnd end = soak(plan, *bed.testbed, world, [&](const Sample& sample) {
        if (checkpoint_) checkpoint_->add(sample);
        history.add(sample);
        line.after(sample, plan.total_seconds - sample.x_seconds);
    });
    if (churn) {
        report.remarks.push_back("Meanwhile " + std::to_string(churn->reloads()) +
                                 " reloads, and " + std::to_string(options_.churn) +
                                 " lanes came or went " + std::to_string(churn->changes()) +
                                 " times.");
    }
    return end;
}

void SoakCommand::describe_end(SoakEnd end, const std::vector<Process>& watched,
                               const History& history, Report& report) const {
    const std::string soaked = "after " + long_time_text(history.last_x_seconds());
    if (end == SoakEnd::stopped) {
        report.remarks.push_back("Ended by a signal " + soaked + " of " +
                                 long_time_text(options_.total_seconds()) +
                                 "; judged by what there is.");
    }
    if (end != SoakEnd::watched_died) return;
    for (const Process& process : watched) {
        if (process.usage()) continue;
        report.remarks.push_back("Process " + std::to_string(process.pid()) + " (" +
                                 process.name() + ") has ended, " + soaked +
                                 ": the soak is over, and failed.");
    }
}

}  // namespace

std::unique_ptr<Command> make_soak_command() {
    return std::make_unique<SoakCommand>();
}

}  // namespace lanes::bench
