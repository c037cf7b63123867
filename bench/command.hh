// Command: one subcommand of lanes-bench. main.cc lists them, reads the options that all of them
// share (--json, --csv, --html), lets one of them measure, and prints what it found.
#pragma once

#include <memory>

namespace CLI {
class App;
}

namespace lanes::bench {

class Progress;
struct Report;

/// Exit statuses of lanes-bench.
inline constexpr int exit_good = 0;
inline constexpr int exit_over = 1;   ///< measured, and something is worse than it may be
inline constexpr int exit_error = 2;  ///< could not measure: bad options, a port that fails

class Command {
  public:
    virtual ~Command() = default;

    /// Adds its options to `app`, which is its own subcommand.
    virtual void describe(CLI::App& app) = 0;

    /// Measures and fills the rows of `report`; its environment is there already. Returns an exit
    /// status; throws std::runtime_error with what is wrong and what to do.
    virtual int run(Report& report, Progress& progress) = 0;

    /// Whether its rows were measured here and now; if not, it brings their environment.
    virtual bool measures() const { return true; }
};

std::unique_ptr<Command> make_pipeline_command();
std::unique_ptr<Command> make_lookup_command();
std::unique_ptr<Command> make_changes_command();
std::unique_ptr<Command> make_run_command();
std::unique_ptr<Command> make_search_command();
std::unique_ptr<Command> make_soak_command();
std::unique_ptr<Command> make_compare_command();
std::unique_ptr<Command> make_show_command();

}  // namespace lanes::bench
