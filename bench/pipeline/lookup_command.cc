// lanes-bench lookup: finding a lane by its id and by match, the only one there is and a random one
// of many.
#include <CLI/CLI.hpp>

#include "bench/command.hh"
#include "bench/pipeline/lookup.hh"
#include "bench/progress.hh"
#include "bench/report.hh"
#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

class LookupCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        app.add_option("--lanes", options_.lanes, "lanes in the table")
            ->check(CLI::Range(1, 8000000))
            ->capture_default_str();
        app.add_option("--trials", options_.trials, "measurements to take the median of")
            ->check(CLI::Range(1, 10000))
            ->capture_default_str();
    }

    int run(Report& report, Progress& progress) override {
        progress.show("filling a table of " + std::to_string(options_.lanes) + " lanes");
        const LookupResult result = run_lookup(options_);
        report.columns = {{"case", "case", 0},
                          {"clocks_per_lookup", "clocks", 1},
                          {"mad_percent", "MAD %", 1},
                          {"ratio_to_only", "ratio", 2},
                          {"more_than_only", "more", 1}};
        add(report, "look-up", result.by_id);
        add(report, "match", result.by_match);
        return exit_good;
    }

  private:
    void add(Report& report, const std::string& what, const LookupResult::Pair& pair) const {
        add(report, what + " of the only one", 1, pair.only, pair.only);
        add(report, what + " of a random one", options_.lanes, pair.random, pair.only);
    }

    static void add(Report& report, const std::string& which, unsigned lanes,
                    const std::vector<double>& clocks, const std::vector<double>& only) {
        Json row;
        row["case"] = which + " of " + std::to_string(lanes);
        row["lanes"] = lanes;
        row["clocks_per_lookup"] = median(clocks);
        row["mad_percent"] = deviation_percent(clocks);
        row["ratio_to_only"] = median(clocks) / median(only);
        row["more_than_only"] = median(clocks) - median(only);
        row["metric"] = "clocks_per_lookup";
        row["better"] = "lower";
        row["samples"] = clocks;
        row["units"] = {{"clocks_per_lookup", "ticks of the time-stamp counter"},
                        {"more_than_only", "ticks"},
                        {"mad_percent", "%"}};
        report.results.push_back(std::move(row));
    }

    LookupOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_lookup_command() {
    return std::make_unique<LookupCommand>();
}

}  // namespace lanes::bench
