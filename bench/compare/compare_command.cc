// lanes-bench compare: two stored reports, or this program and another in turn. Runs of different
// times drift apart on a busy machine, so the second way is the one to believe: A B B A A B ...,
// and the two of a round, which saw the same machine, are compared with each other.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "bench/command.hh"
#include "bench/compare/judge.hh"
#include "bench/compare/pairs.hh"
#include "bench/compare/program.hh"
#include "bench/progress.hh"
#include "bench/report.hh"
#include "engine/clock.hh"

namespace lanes::bench {
namespace {

Json or_null(const std::optional<double>& value) {
    return value ? Json(*value) : Json();
}

Json row_of(const Pair& pair, const Judged& judged) {
    Json row;
    row["case"] = pair.name;
    row["compared"] = pair.metric;
    row["a"] = std::isnan(pair.a_median) ? Json() : Json(pair.a_median);
    row["b"] = std::isnan(pair.b_median) ? Json() : Json(pair.b_median);
    row["a_samples"] = pair.a.size();
    row["b_samples"] = pair.b.size();
    row["change_percent"] = or_null(judged.change_percent);
    row["p"] = or_null(judged.p);
    row["p_holm"] = or_null(judged.p_holm);
    row["verdict"] = to_string(judged.change);
    row["metric"] = "change_percent";
    row["better"] = pair.lower_is_better ? "lower" : "higher";
    row["units"] = {{"a", pair.unit}, {"b", pair.unit}, {"change_percent", "%"}};
    return row;
}

class CompareCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        app.add_option(
            "reports", words_,
            "A.json B.json, as --json wrote them; with --against: -- SUBCOMMAND ARGS...");
        app.add_option("--against", against_,
                       "another lanes-bench, or a line for the shell that prints such JSON")
            ->type_name("COMMAND");
        rounds_option_ = app.add_option("--rounds", rounds_,
                                        "with --against: runs of each (default: 10, or more if so "
                                        "many cases need them)")
                             ->check(CLI::Range(2, 1000));
        app.add_option("--budget", rules_.budget_percent, "smallest change in percent that counts")
            ->check(CLI::Range(0.0, 1000.0))
            ->capture_default_str();
        app.add_option("--alpha", rules_.alpha, "p values below are significant")
            ->check(CLI::Range(0.0, 1.0))
            ->capture_default_str();
        app.add_flag("--force", rules_.force, "judge by the budget alone what cannot be tested");
    }

    bool measures() const override { return !against_.empty(); }

    int run(Report& report, Progress& progress) override {
        const std::vector<Pair> pairs =
            against_.empty() ? stored(report) : in_turn(report, progress);
        report.columns = {{"case", "case", 0},
                          {"compared", "metric", 0},
                          {"a", "A", 2},
                          {"b", "B", 2},
                          {"change_percent", "change", 2},
                          {"p", "p", 4},
                          {"p_holm", "p (Holm)", 4},
                          {"verdict", "verdict", 0}};
        const std::vector<Judged> all = judge(pairs, rules_);
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            report.results.push_back(row_of(pairs[i], all[i]));
        }
        const auto count = [&](Change change) {
            return std::count_if(all.begin(), all.end(),
                                 [&](const Judged& one) { return one.change == change; });
        };
        remark(report, count(Change::no_samples), count(Change::few_samples));
        return count(Change::worse) != 0 ? exit_over : exit_good;
    }

  private:
    std::vector<Pair> stored(Report& report) {
        if (words_.size() != 2) {
            throw std::runtime_error(
                "compare takes two files, A.json and B.json, or --against COMMAND -- SUBCOMMAND "
                "ARGS...");
        }
        const Report a = read_report(words_[0]);
        const Report b = read_report(words_[1]);
        rules_.test = Test::mann_whitney;
        note_environments(report, a, b);
        report.remarks.push_back(
            "these runs were not made at the same time, and machines drift; --against runs both "
            "in turn");
        return pair_reports(a, b);
    }

    std::vector<Pair> in_turn(Report& report, Progress& progress) {
        if (words_.empty()) {
            throw std::runtime_error(
                "--against needs to know what to measure: compare --against COMMAND -- SUBCOMMAND "
                "ARGS...");
        }
        std::vector<std::string> arguments = words_;
        if (std::find(arguments.begin(), arguments.end(), "--json") == arguments.end()) {
            arguments.push_back("--json");
        }
        rules_.test = Test::signed_rank;
        const Program programs[2] = {Program::self(), Program::of(against_)};
        std::vector<Report> reports[2];
        const std::uint64_t start_ns = engine::monotonic_ns();
        unsigned rounds = rounds_;
        for (unsigned done = 0; done < 2 * rounds; ++done) {
            const unsigned which = (done + done / 2) % 2;  // A B B A A B B A
            const double spent = static_cast<double>(engine::monotonic_ns() - start_ns) / 1e9;
            const double each = done == 0 ? 0 : spent / done;
            progress.show(
                "round " + std::to_string(done / 2 + 1) + " of " + std::to_string(rounds) + ", " +
                (which == 0 ? "A" : "B") +
                (done == 0 ? "" : ", " + time_text(each * (2 * rounds - done)) + " left"));
            reports[which].push_back(programs[which].run(arguments));
            if (done == 0 && rounds_option_->count() == 0) {
                rounds =
                    std::max(rounds, rounds_needed(reports[0][0].results.size(), rules_.alpha));
            }
        }
        note_environments(report, reports[0].front(), reports[1].front());
        report.remarks.push_back(std::to_string(rounds) +
                                 " rounds in turn; A is this program, B is `" + against_ + "`");
        return pair_rounds(reports[0], reports[1]);
    }

    static void note_environments(Report& report, const Report& a, const Report& b) {
        report.environment["a"] = a.environment;
        report.environment["b"] = b.environment;
        const auto found = differences(a.environment, b.environment);
        report.remarks.insert(report.remarks.end(), found.begin(), found.end());
    }

    void remark(Report& report, std::ptrdiff_t untested, std::ptrdiff_t too_few) const {
        if (untested != 0) {
            report.remarks.push_back(std::to_string(untested) +
                                     " cases have no samples and cannot be tested; --force judges "
                                     "them by the budget alone");
        }
        if (too_few == 0) return;
        report.remarks.push_back(
            std::to_string(too_few) +
            " cases changed by more than the budget, but no change could be significant with so "
            "few samples of so many cases; " +
            (against_.empty()
                 ? "measure more trials, or fewer cases"
                 : "at least " +
                       std::to_string(rounds_needed(report.results.size(), rules_.alpha)) +
                       " --rounds are needed"));
    }

    std::vector<std::string> words_;
    std::string against_;
    unsigned rounds_ = 10;
    CLI::Option* rounds_option_ = nullptr;
    Rules rules_;
};

}  // namespace

std::unique_ptr<Command> make_compare_command() {
    return std::make_unique<CompareCommand>();
}

}  // namespace lanes::bench
