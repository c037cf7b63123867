// lanes-bench search FILE: the rates at which a system loses nothing, and little; latency there,
// longest bursts and loss curves. Options in, findings of each size out; findings.hh measures.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <stdexcept>

#include "bench/command.hh"
#include "bench/progress.hh"
#include "bench/search/rows.hh"
#include "bench/traffic/profile.hh"
#include "bench/traffic/scenario_bed.hh"
#include "engine/clock.hh"
#include "engine/log.hh"

namespace lanes::bench {

namespace {

/// RFC 2544, section 24.
constexpr double classic_trial_seconds = 60;
constexpr double quick_trial_seconds = 0.2;
constexpr double quick_duration_sum = 1;

class SearchCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        describe_goals(app);
        describe_scope(app);
    }

    int run(Report& report, Progress& progress) override {
        settle();
        LoadedScenario loaded = load_scenario(file_);
        if (loaded.good()) take_sizes(loaded.scenario);
        // A node's warnings would tear the progress line.
        engine::log_only(engine::Severity::error);
        const Bed bed = open_scenario(loaded);
        report.remarks = bed.remarks;
        bool first = true;
        for (const SizeCase& size : loaded.scenario.sizes) {
            if (!first) bed.testbed->set_sizes(size.shares);
            first = false;
            const bool replay = !loaded.scenario.replay.empty();
            search_size(bed, replay ? "replay" : size.name, report, progress);
        }
        progress.clear();
        if (bed.nodes) remark_on_drops(report, *bed.nodes);
        choose_columns(report);
        return exit_good;
    }

  private:
    void describe_goals(CLI::App& app) {
        app.add_option("file", file_, "scenario: ports, traffic, nodes")
            ->required()
            ->type_name("FILE");
        app.add_option("--goal", ratios_,
                       "loss ratio to look for, may be given several times; default: 0 (NDR) and "
                       "0.005 (PDR)")
            ->type_name("RATIO")
            ->allow_extra_args(false)
            ->check(CLI::Range(0.0, 0.999999));
        app.add_option("--method", method_, "mlr: MLRsearch, RFC 9971; bisection: RFC 2544")
            ->check(CLI::IsMember({"mlr", "bisection"}))
            ->capture_default_str();
        app.add_option("--width", goal_.width,
                       "the bounds found differ by at most this share of the upper one")
            ->type_name("RATIO")
            ->capture_default_str();
        app.add_option("--initial-trial", initial_, "seconds of the shortest trial (1)")
            ->type_name("SECONDS");
        app.add_option("--final-trial", final_,
                       "seconds of a full trial (1; 60 for bisection, as RFC 2544 has it)")
            ->type_name("SECONDS");
        app.add_option("--duration-sum", sum_,
                       "seconds of full trials that decide about a load (21); mlr only")
            ->type_name("SECONDS");
        app.add_option("--exceed-ratio", goal_.exceed_ratio,
                       "share of them that may lose more than the goal has it; mlr only")
            ->type_name("RATIO")
            ->capture_default_str();
        app.add_flag("--quick", quick_, "short trials: a first look, not a result");
    }

    void describe_scope(CLI::App& app) {
        app.add_option("--max-rate", max_rate_,
                       "highest rate to offer, such as \"1.5 Mpps\" or \"1 Gbit/s\"; default: what "
                       "the generator can do")
            ->type_name("RATE");
        app.add_option("--min-rate", min_rate_,
                       "lowest rate to offer; default: one frame in the shortest trial")
            ->type_name("RATE");
        app.add_option("--size", sizes_,
                       "frame sizes with FCS, or imix, in place of the scenario's; a list with "
                       "commas")
            ->delimiter(',')
            ->allow_extra_args(false)
            ->type_name("BYTES");
        app.add_flag("--latency,!--no-latency", options_.latency,
                     "latency at 10, 50 and 90 % of each rate found (default: yes)");
        app.add_flag("--back-to-back", options_.back_to_back,
                     "the longest burst without loss (RFC 2544, 26.4; RFC 9004)");
        app.add_option("--repetitions", repetitions_, "of back-to-back (50)")
            ->check(CLI::Range(1u, 10000u));
        app.add_flag("--loss-curve", options_.loss_curve,
                     "loss at 100 %, 90 % ... of the highest rate (RFC 2544, 26.3)");
        app.add_option("--time-limit", options_.trial_seconds_max,
                       "seconds of trials after which mlr ends with what it has")
            ->capture_default_str();
    }

    /// From what was given, and what was not, to options.
    void settle() {
        if (method_ == "bisection") options_.method = Method::bisection;
        const bool classic = options_.method == Method::bisection;
        const double full = quick_ ? quick_trial_seconds : classic ? classic_trial_seconds : 1;
        goal_.final_trial_seconds = final_.value_or(std::max(full, initial_.value_or(full)));
        goal_.initial_trial_seconds = initial_.value_or(std::min(full, goal_.final_trial_seconds));
        const double sum = classic ? 0 : quick_ ? quick_duration_sum : Goal{}.duration_sum;
        goal_.duration_sum = sum_.value_or(std::max(sum, goal_.final_trial_seconds));
        if (quick_) {
            goal_.preceding_targets = 1;
            options_.latency_seconds = 1;
            options_.loss_curve_seconds = 0.5;
            options_.burst_seconds_max = 0.25;
        }
        options_.repetitions = repetitions_.value_or(quick_ ? 5 : 50);
        options_.loss_curve_seconds =
            std::max(options_.loss_curve_seconds, goal_.final_trial_seconds);
        if (ratios_.empty()) ratios_ = {0, 0.005};
        // From strict to lenient, each once: rows are told apart by it.
        std::sort(ratios_.begin(), ratios_.end());
        ratios_.erase(std::unique(ratios_.begin(), ratios_.end()), ratios_.end());
        for (const double ratio : ratios_) {
            goal_.loss_ratio = ratio;
            options_.goals.push_back(goal_);
        }
        const std::string wrong = wrong_with(goal_);
        if (!wrong.empty()) throw std::runtime_error("search: " + wrong);
    }

    void take_sizes(Scenario& scenario) const {
        if (sizes_.empty()) return;
        if (!scenario.replay.empty()) {
            throw std::runtime_error("--size: the frames of a capture are sent as they are");
        }
        scenario.sizes.clear();
        for (const std::string& text : sizes_) {
            std::string why;
            const auto size = parse_size(text, why);
            if (!size) throw std::runtime_error("--size " + text + ": " + why);
            if (size->shares.front().size < size_min(scenario.profile)) {
                throw std::runtime_error("--size " + text + ": IPv6 frames are longer");
            }
            scenario.sizes.push_back(*size);
        }
        scenario.profile.sizes = scenario.sizes.front().shares;
    }

    /// 0 for none and for "max".
    static double frames_per_second(const char* option, const std::string& text,
                                    double frame_bits) {
        if (text.empty()) return 0;
        std::string why;
        const auto rate = parse_rate(text, why);
        if (!rate || rate->unit == Rate::Unit::recorded) {
            throw std::runtime_error(std::string(option) + " " + text + ": " +
                                     (rate ? "a search needs a rate" : why));
        }
        return rate->in_frames(frame_bits);
    }

    void search_size(const Bed& bed, const std::string& size, Report& report, Progress& progress) {
        const double bits = bed.testbed->frame_bits();
        options_.max_pps = frames_per_second("--max-rate", max_rate_, bits);
        options_.min_pps = frames_per_second("--min-rate", min_rate_, bits);
        const bool bytes = size.find_first_not_of("0123456789") == std::string::npos;
        const std::string where = bed.name + ", " + size + (bytes ? " bytes" : "");
        const auto tell = [&](const std::string& line) {
            if (progress.shown()) progress.show(where + ": " + line);
        };
        const auto clock = [] { return static_cast<double>(engine::monotonic_ns()) * 1e-9; };
        const Findings findings = measure_rates(*bed.testbed, options_, tell, clock);
        add_rows(report, where, size, findings, options_);
    }

    static void remark_on_drops(Report& report, const Nodes& nodes) {
        std::string text;
        for (const auto& [reason, count] : nodes.drops()) {
            if (count == 0) continue;
            text += (text.empty() ? "" : ", ") + reason + " " + std::to_string(count);
        }
        if (!text.empty()) report.remarks.push_back("packets that the nodes dropped: " + text);
    }

    std::string file_;
    std::vector<double> ratios_;
    std::vector<std::string> sizes_;
    std::string max_rate_;
    std::string min_rate_;
    std::string method_ = "mlr";
    bool quick_ = false;
    std::optional<double> initial_;
    std::optional<double> final_;
    std::optional<double> sum_;
    std::optional<unsigned> repetitions_;
    Goal goal_;
    SearchOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_search_command() {
    return std::make_unique<SearchCommand>();
}

}  // namespace lanes::bench
