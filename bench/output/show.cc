// lanes-bench show: a report that --json has stored, printed again as something else.
#include <CLI/CLI.hpp>

#include "bench/command.hh"
#include "bench/report.hh"

namespace lanes::bench {
namespace {

class ShowCommand final : public Command {
  public:
    void describe(CLI::App& app) override {
        app.add_option("report", path_, "what --json has written")
            ->required()
            ->type_name("FILE.json");
    }

    int run(Report& report, Progress&) override {
        report = read_report(path_);
        return exit_good;
    }

    bool measures() const override { return false; }

  private:
    std::string path_;
};

}  // namespace

std::unique_ptr<Command> make_show_command() {
    return std::make_unique<ShowCommand>();
}

}  // namespace lanes::bench
