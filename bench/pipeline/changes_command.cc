// lanes-bench changes: lanes that come, change and go among a million, while frames flow.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/command.hh"
#include "bench/pipeline/changes.hh"
#include "bench/progress.hh"
#include "bench/report.hh"
#include "bench/statistics.hh"
#include "engine/log.hh"

namespace lanes::bench {
namespace {

class ChangesCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        app.add_option("--lanes", options_.lanes, "lanes of the node; half of them change")
            ->check(CLI::Range(8, 4000000))
            ->capture_default_str();
        app.add_option("--rate", options_.rates, "changes per second, 0 for as fast as it goes")
            ->delimiter(',')
            ->check(CLI::Range(0, 10000000))
            ->capture_default_str();
        app.add_option("--batch", options_.batch, "changes that are made as one")
            ->check(CLI::Range(1, 100000))
            ->capture_default_str();
        app.add_option("--seconds", options_.seconds, "for each rate")
            ->check(CLI::Range(0.1, 86400.0))
            ->capture_default_str();
    }

    int run(Report& report, Progress& progress) override {
        engine::log_only(engine::Severity::error);
        const ChangesResult result = run_changes(options_, progress);
        report.columns = {{"case", "case", 0},
                          {"changes_per_second", "changes/s", 0},
                          {"batch_us.median", "batch us", 1},
                          {"batch_us.highest", "highest", 1},
                          {"frames_per_second", "frames/s", 0},
                          {"lost", "lost", 0},
                          {"bytes", "bytes", 0},
                          {"bytes_per_lane", "per lane", 0},
                          {"seconds", "s", 2}};
        std::uint64_t lost = 0;
        for (const ChangesResult::Turn& turn : result.turns) {
            report.results.push_back(row_of(turn));
            lost += turn.lost;
        }
        const std::string lanes = std::to_string(options_.lanes) + " lanes";
        add_memory(report, "without lanes", result.bytes_before, 0, 0);
        add_memory(report, lanes + " loaded", result.bytes_loaded,
                   (result.bytes_loaded - result.bytes_before) / options_.lanes,
                   result.load_seconds);
        add_memory(report, lanes + " removed", result.bytes_after, 0, result.remove_seconds);
        if (lost == 0) return exit_good;
        report.remarks.push_back(std::to_string(lost) + " frames of lanes that stay were lost");
        return exit_over;
    }

  private:
    Json row_of(const ChangesResult::Turn& turn) const {
        Json row;
        row["case"] = (turn.wanted == 0 ? "as many" : std::to_string(turn.wanted)) +
                      " changes/s among " + std::to_string(options_.lanes) + " lanes, " +
                      std::to_string(options_.batch) + " at once";
        row["lanes"] = options_.lanes;
        row["batch"] = options_.batch;
        row["changes_per_second"] = static_cast<double>(turn.changes) / turn.seconds;
        Json batch;
        batch["median"] = median(turn.batch_us);
        batch["highest"] = *std::max_element(turn.batch_us.begin(), turn.batch_us.end());
        row["batch_us"] = batch;
        row["frames_per_second"] = static_cast<double>(turn.frames) / turn.seconds;
        row["frames"] = turn.frames;
        row["lost"] = turn.lost;
        row["metric"] = "changes_per_second";
        row["better"] = "higher";
        row["units"] = {{"changes_per_second", "changes/s"},
                        {"batch_us", "us"},
                        {"frames_per_second", "frames/s"}};
        return row;
    }

    static void add_memory(Report& report, const std::string& which, double bytes,
                           double bytes_per_lane, double seconds) {
        Json row;
        row["case"] = which;
        row["bytes"] = bytes;
        row["bytes_per_lane"] = bytes_per_lane == 0 ? Json() : Json(bytes_per_lane);
        row["seconds"] = seconds == 0 ? Json() : Json(seconds);
        row["metric"] = "bytes";
        row["better"] = "lower";
        row["units"] = {{"bytes", "bytes resident"}, {"bytes_per_lane", "bytes"}, {"seconds", "s"}};
        report.results.push_back(std::move(row));
    }

    ChangesOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_changes_command() {
    return std::make_unique<ChangesCommand>();
}

}  // namespace lanes::bench
