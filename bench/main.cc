// lanes-bench: measures the engine. Each subcommand is a Command; this file reads the options that
// all of them share, lets one measure, and prints what it found. Nothing but results goes to
// standard output. The method of each number is in bench/README.md.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/command.hh"
#include "bench/environment.hh"
#include "bench/output/output.hh"
#include "bench/progress.hh"
#include "bench/report.hh"

namespace lanes::bench {
namespace {

struct Entry {
    const char* name;
    const char* about;
    std::unique_ptr<Command> (*make)();
};

constexpr Entry entries[] = {
    {"pipeline", "the engine alone, on memory ports: clocks per packet of one half of a lane",
     make_pipeline_command},
    {"lookup", "finding a lane by its id or by match among many", make_lookup_command},
    {"changes", "lanes that come, change and go among many while frames flow",
     make_changes_command},
    {"run", "traffic through real ports, as a scenario file says", make_run_command},
    {"search", "the rates that a system forwards without loss and with little",
     make_search_command},
    {"soak", "hours of mixed traffic: does anything grow?", make_soak_command},
    {"compare", "two stored reports, or this program against another one in turn",
     make_compare_command},
    {"show", "prints a stored report again: as a table, CSV or a page", make_show_command},
};

/// How the report is to be printed.
struct Outputs {
    bool json = false;
    bool csv = false;
    std::string html;
    bool no_progress = false;

    void describe(CLI::App& app) {
        auto* json_flag = app.add_flag("--json", json, "print one JSON object instead of a table");
        auto* csv_flag = app.add_flag("--csv", csv, "print CSV instead of a table");
        json_flag->excludes(csv_flag);
        app.add_option("--html", html, "write a page with plots as well")->type_name("FILE");
        app.add_flag("--no-progress", no_progress, "no progress line, even on a terminal");
    }
};

void write_page(const std::string& path, const std::string& text, std::ios::openmode mode) {
    std::ofstream file(path, mode | std::ios::binary);
    file << text;
    file.close();
    if (!file) throw std::runtime_error("write " + path + ": " + std::strerror(errno));
}

void print(const Report& report, const Outputs& outputs) {
    if (!outputs.html.empty()) write_page(outputs.html, to_html(report), std::ios::trunc);
    const std::string text = outputs.json  ? to_json_text(report)
                             : outputs.csv ? to_csv(report)
                                           : to_table(report);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0) {
        throw std::runtime_error(std::string("write the results: ") + std::strerror(errno));
    }
}

int measure(Command& command, const std::string& name, const Outputs& outputs,
            const std::vector<std::string>& arguments) {
    // Hours of measurement must not end with a page that cannot be written.
    if (!outputs.html.empty()) write_page(outputs.html, "", std::ios::app);
    Report report;
    report.command = name;
    int status = exit_good;
    {
        Progress progress(outputs.no_progress ? Progress::Mode::off : Progress::Mode::automatic);
        if (command.measures()) report.environment = describe_environment(arguments);
        status = command.run(report, progress);
        if (command.measures()) finish_environment(report.environment);
    }
    print(report, outputs);
    return status;
}

int run(int argc, char** argv) {
    CLI::App app(
        "Measures the lanes engine. Exit status: 0; 1 if something is worse than it may "
        "be; 2 if it could not be measured.",
        "lanes-bench");
    app.set_version_flag("--version", "lanes-bench " + version());
    app.require_subcommand(1);
    Outputs outputs;
    std::vector<std::unique_ptr<Command>> commands;
    for (const Entry& entry : entries) {
        commands.push_back(entry.make());
        CLI::App* subcommand = app.add_subcommand(entry.name, entry.about);
        commands.back()->describe(*subcommand);
        outputs.describe(*subcommand);
    }
    // CLI11 would only say that a subcommand is required.
    const bool known = std::any_of(std::begin(entries), std::end(entries), [&](const Entry& entry) {
        return argc > 1 && std::strcmp(entry.name, argv[1]) == 0;
    });
    if (argc > 1 && argv[1][0] != '-' && !known) {
        throw std::runtime_error(std::string("there is no subcommand `") + argv[1] +
                                 "`; --help lists them");
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_good : exit_error;
    }
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (!app.got_subcommand(entries[i].name)) continue;
        return measure(*commands[i], entries[i].name, outputs, arguments);
    }
    return exit_error;
}

}  // namespace
}  // namespace lanes::bench

int main(int argc, char** argv) {
    try {
        return lanes::bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lanes-bench: %s\n", error.what());
        return lanes::bench::exit_error;
    }
}
