// lanes-bench pipeline: the engine alone, on memory ports, without a kernel. A row for each
// combination of the options that are lists.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "bench/command.hh"
#include "bench/pipeline/measure.hh"
#include "bench/progress.hh"
#include "bench/report.hh"
#include "bench/statistics.hh"
#include "engine/clock.hh"
#include "engine/log.hh"

namespace lanes::bench {
namespace {

/// What is done to a run of packets, as the breakdown by stage calls it.
const char* transform_of(PathKind path) {
    switch (path) {
        case PathKind::patch:
            return "pass";
        case PathKind::clear:
            return "encapsulate";
        case PathKind::receive:
            return "decapsulate";
        case PathKind::seal:
            return "seal";
        case PathKind::relay:
            return "relay";
        default:
            return "open";
    }
}

std::string text_of(const Case& options) {
    std::string text = std::string(name_of(options.path)) + ", " + options.sizes.name +
                       (options.sizes.cycle.size() == 1 ? " B" : "");
    if (options.sealed()) text += ", " + options.suite + ", " + options.backend;
    const auto counted = [&](unsigned n, const char* what) {
        if (n != 1) text += ", " + std::to_string(n) + " " + what;
    };
    counted(options.workers, "workers");
    counted(options.lanes, "lanes");
    if (options.rules != 0) counted(options.rules, options.rules == 1 ? "rule" : "rules");
    return text;
}

/// Median of the trials' ratios to what was measured right behind each; null without a reference.
Json ratio_to(const std::vector<double>& clocks, const std::vector<double>& reference) {
    if (reference.size() != clocks.size()) return nullptr;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < clocks.size(); ++i) ratios.push_back(clocks[i] / reference[i]);
    return median(ratios);
}

Json row_of(const Case& options, const Measured& measured) {
    Json row;
    row["case"] = text_of(options);
    row["path"] = name_of(options.path);
    if (options.sizes.cycle.size() == 1) {
        row["size"] = options.sizes.cycle[0];
    } else {
        row["size"] = options.sizes.name;
    }
    row["mean_size"] = options.sizes.mean();
    row["suite"] = options.sealed() ? Json(options.suite) : Json("none");
    row["backend"] = options.sealed() ? Json(measured.backend) : Json("none");
    row["workers"] = options.workers;
    row["lanes"] = options.lanes;
    row["rules"] = options.rules;
    const double clocks = median(measured.clocks);
    const double rate = 1e9 * measured.ticks_per_ns * median(measured.packets_per_clock);
    row["ns_per_packet"] = clocks / measured.ticks_per_ns;
    row["clocks_per_packet"] = clocks;
    row["packets_per_second"] = rate;
    row["bits_per_second"] = rate * 8 * options.sizes.mean();
    // The library's own call where it can be had, else ours for 64 packets, which then is the
    // library's too.
    const bool call = !measured.call_clocks.empty();
    const std::vector<double>& bare = call ? measured.call_clocks : measured.run_clocks;
    row["bare_cipher_clocks"] = bare.empty() ? Json() : Json(median(bare));
    row["ratio_to_bare_cipher"] = ratio_to(measured.clocks, bare);
    row["cipher_run_clocks"] = bare.empty() ? Json() : Json(median(measured.run_clocks));
    row["ratio_to_cipher_run"] = ratio_to(measured.clocks, measured.run_clocks);
    row["mad_percent"] = deviation_percent(measured.clocks);
    Json stages;
    stages["receive"] = measured.phases[0];
    stages["classify"] = measured.phases[1];
    stages[transform_of(options.path)] = measured.phases[2];
    stages["transmit"] = measured.phases[3];
    row["stages"] = stages;
    row["lost"] = measured.lost;
    row["trials"] = measured.clocks.size();
    row["trials_discarded"] = measured.trials_discarded;
    row["metric"] = "clocks_per_packet";
    row["better"] = "lower";
    row["samples"] = measured.clocks;
    row["units"] = {{"size", "bytes in memory, without FCS"},
                    {"ns_per_packet", "ns"},
                    {"clocks_per_packet", "ticks of the time-stamp counter"},
                    {"packets_per_second", "packets/s, all workers"},
                    {"bits_per_second", "bit/s of frames, all workers"},
                    {"bare_cipher_clocks", "ticks per packet"},
                    {"cipher_run_clocks", "ticks per packet"},
                    {"mad_percent", "%"},
                    {"stages", "ticks per packet"}};
    return row;
}

class PipelineCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        const auto list = [&](const char* name, std::vector<std::string>& values,
                              const char* what) {
            return app.add_option(name, values, what)->delimiter(',')->capture_default_str();
        };
        list("--path", paths_, "one or several")->check(CLI::IsMember(path_names()));
        list("--size", sizes_, "bytes of a frame, 64 to 9000, or imix; one or several");
        list("--suite", suites_, "cipher of sealed paths")
            ->check(CLI::IsMember({"aes-256-gcm", "chacha20-poly1305"}));
        list("--backend", backends_, "cipher backend of sealed paths")
            ->check(CLI::IsMember({"auto", "ipsec-mb", "libsodium"}));
        app.add_option("--workers", workers_, "threads, each with a core; one or several numbers")
            ->delimiter(',')
            ->check(CLI::Range(1, 64))
            ->capture_default_str();
        app.add_option("--cores", effort_.cores,
                       "cores of the workers (default: where it is for "
                       "one worker, else 0, 1, ...)")
            ->delimiter(',');
        app.add_option("--lanes", lanes_, "lanes in the tables; each frame picks one at random")
            ->delimiter(',')
            ->check(CLI::Range(1, 4000000))
            ->capture_default_str();
        app.add_option("--rules", rules_, "further match rules")
            ->delimiter(',')
            ->check(CLI::Range(0, 1000000))
            ->capture_default_str();
        app.add_option("--trials", effort_.trials, "measurements to take the median of")
            ->check(CLI::Range(1, 10000))
            ->capture_default_str();
        app.add_option("--bursts", effort_.bursts, "bursts of 64 frames per worker and trial")
            ->check(CLI::Range(1, 1000000))
            ->capture_default_str();
    }

    int run(Report& report, Progress& progress) override {
        engine::log_only(engine::Severity::error);
        report.columns = {{"case", "case", 0},
                          {"clocks_per_packet", "clocks", 1},
                          {"mad_percent", "MAD %", 1},
                          {"ns_per_packet", "ns", 1},
                          {"packets_per_second", "packets/s", 0},
                          {"bits_per_second", "bit/s", 0},
                          {"bare_cipher_clocks", "cipher", 1},
                          {"ratio_to_bare_cipher", "ratio", 2},
                          {"ratio_to_cipher_run", "to runs", 2},
                          {"stages.receive", "receive", 1},
                          {"stages.classify", "classify", 1}};
        const std::vector<Case> cases = make_cases();
        for (const Case& each : cases) {
            const std::string transform = transform_of(each.path);
            const bool there =
                std::any_of(report.columns.begin(), report.columns.end(),
                            [&](const Column& column) { return column.title == transform; });
            if (!there) report.columns.push_back({"stages." + transform, transform, 1});
        }
        report.columns.push_back({"stages.transmit", "transmit", 1});
        report.columns.push_back({"lost", "lost", 0});
        for (std::size_t i = 0; i < cases.size(); ++i) {
            const std::uint64_t begun_ns = engine::monotonic_ns();
            Effort effort = effort_;
            if (effort.cores.empty() && cases[i].workers > 1) {
                for (unsigned core = 0; core < cases[i].workers; ++core) {
                    effort.cores.push_back(core);
                }
            }
            const std::string place =
                std::to_string(i + 1) + "/" + std::to_string(cases.size()) + " ";
            const Measured measured = measure(cases[i], effort, [&](const Sight& sight) {
                if (progress.due()) progress.show(place + line_of(cases[i], sight, begun_ns));
            });
            report.results.push_back(row_of(cases[i], measured));
            remark(report, cases[i], measured);
        }
        return exit_good;
    }

  private:
    std::vector<Case> make_cases() const {
        std::vector<Case> cases;
        for (const std::string& path : paths_) {
            for (const std::string& suite : suites_) {
                for (const std::string& backend : backends_) {
                    for (const unsigned workers : workers_) {
                        for (const unsigned lanes : lanes_) {
                            for (const unsigned rules : rules_) {
                                for (const std::string& size : sizes_) {
                                    add(cases, {path_of(path), sizes_of(size), suite, backend,
                                                workers, lanes, rules});
                                }
                            }
                        }
                    }
                }
            }
        }
        return cases;
    }

    /// Paths without a cipher are measured once, whatever suites there are.
    void add(std::vector<Case>& cases, Case next) const {
        if (!next.sealed()) {
            if (next.suite != suites_.front() || next.backend != backends_.front()) return;
        }
        cases.push_back(std::move(next));
    }

    /// What a person sees of a case that is being measured since `begun_ns`.
    std::string line_of(const Case& options, const Sight& sight, std::uint64_t begun_ns) const {
        std::string line = text_of(options) + ": ";
        if (sight.trials_done == 0) return line + "first trial";
        const double spent = static_cast<double>(engine::monotonic_ns() - begun_ns) / 1e9;
        const unsigned left = effort_.trials - sight.trials_done;
        char text[80];
        std::snprintf(text, sizeof text, "%.1f clocks/packet, lost %llu, ", sight.clocks,
                      static_cast<unsigned long long>(sight.lost));
        return line + text + time_text(spent * left / sight.trials_done) + " left";
    }

    static void remark(Report& report, const Case& options, const Measured& measured) {
        if (measured.trials_discarded != 0) {
            report.remarks.push_back(
                text_of(options) + ": " + std::to_string(measured.trials_discarded) +
                (measured.trials_discarded == 1 ? " trial was" : " trials were") +
                " discarded, because others had the processor");
        }
        if (measured.lost != 0) {
            report.remarks.push_back(
                text_of(options) + ": " + std::to_string(measured.lost) +
                " packets did not arrive where they should; do not believe it");
        }
    }

    std::vector<std::string> paths_ = {"clear"};
    std::vector<std::string> sizes_ = {"64"};
    std::vector<std::string> suites_ = {"aes-256-gcm"};
    std::vector<std::string> backends_ = {"auto"};
    std::vector<unsigned> workers_ = {1};
    std::vector<unsigned> lanes_ = {1};
    std::vector<unsigned> rules_ = {0};
    Effort effort_;
};

}  // namespace

std::unique_ptr<Command> make_pipeline_command() {
    return std::make_unique<PipelineCommand>();
}

}  // namespace lanes::bench
