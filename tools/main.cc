// lanes: the command. Reads its arguments and hands over to one of the commands; each returns the
// exit status. What is no command of this program is one of management's, and goes to a running
// node as a line; only the node knows its grammar, so that both may be of different versions.
// `lanes FILE` is short for `lanes run FILE`; plain `lanes` on a terminal is `lanes shell`.
#include <CLI/CLI.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "manage/command.hh"
#include "tools/client.hh"
#include "tools/commands.hh"

#ifndef LANES_VERSION
#error "the build gives LANES_VERSION"
#endif

namespace {

using lanes::tools::Target;

constexpr std::string_view trace_command = "trace";

/// What each first word of management's commands is for: "show" -> "drops, lane, lanes, ...".
std::map<std::string, std::string> node_commands() {
    std::map<std::string, std::string> commands;
    for (const lanes::manage::Command& command : lanes::manage::commands()) {
        const std::string words(command.words);
        const std::size_t blank = words.find(' ');
        std::string& help = commands[words.substr(0, blank)];
        if (!help.empty()) help += ", ";
        help += blank == words.npos ? std::string(command.help) : words.substr(blank + 1);
    }
    return commands;
}

void add_target(CLI::App& app, Target& target) {
    auto* socket = app.add_option("--socket", target.socket, "the node's socket");
    app.add_option("--node", target.node, "the node's name, if several run here")->excludes(socket);
}

/// Whether the only argument is meant as a file to run: it is there, or it looks like one.
bool is_file(const std::string& word) {
    std::error_code ignored;
    return word.find_first_of("./") != word.npos || std::filesystem::is_regular_file(word, ignored);
}

/// Where the first word that is not an option of the node's address stands.
int first_word(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--socket" || word == "--node") {
            ++i;
        } else if (!word.starts_with("--socket=") && !word.starts_with("--node=")) {
            return i;
        }
    }
    return argc;
}

/// Whether this command line is for a running node.
bool is_for_node(const CLI::App& app, int argc, char** argv) {
    const int first = first_word(argc, argv);
    if (first == argc) return false;
    const std::string word = argv[first];
    if (word.empty() || word.front() == '-') return false;
    const auto commands = node_commands();
    if (commands.contains(word)) {
        // `lanes show --help` is answered here, without a node.
        return std::none_of(argv + first, argv + argc, [](const char* argument) {
            return std::string(argument) == "--help" || std::string(argument) == "-h";
        });
    }
    const auto named = [&](const CLI::App* command) { return command->get_name() == word; };
    if (!app.get_subcommands(named).empty()) return false;
    if (argc - first == 1 && is_file(word)) return false;
    return true;
}

/// What may stand behind each command, for completion.
lanes::tools::CommandWords words_of(const CLI::App& app) {
    lanes::tools::CommandWords words;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        std::vector<std::string>& behind = words[command->get_name()];
        for (const CLI::App* more :
             command->get_subcommands([](const CLI::App*) { return true; })) {
            behind.push_back(more->get_name());
        }
        for (const CLI::Option* option : command->get_options()) {
            for (const std::string& name : option->get_lnames()) behind.push_back("--" + name);
        }
    }
    return words;
}

int to_node(int argc, char** argv) {
    CLI::App app("A command for a running node.");
    app.set_help_flag();
    app.allow_extras();
    Target target;
    add_target(app, target);
    std::string capture;
    app.add_option("--pcap", capture, "file for what `trace` tells");
    CLI11_PARSE(app, argc, argv);
    const std::vector<std::string> words = app.remaining();
    const auto commands = node_commands();
    // Commands may be shortened; what no command begins with is not worth looking for a node.
    const bool known = std::any_of(commands.begin(), commands.end(), [&](const auto& command) {
        return command.first.starts_with(words.front());
    });
    if (!known) {
        std::fprintf(stderr,
                     "lanes: `%s` is neither a command nor a file; `lanes --help` lists "
                     "commands\n",
                     words.front().c_str());
        return lanes::tools::exit_unreadable;
    }
    if (capture.empty()) return lanes::tools::ask_node(target, words);
    if (!trace_command.starts_with(words.front())) {
        std::fprintf(stderr, "lanes: only `trace` writes a capture file (--pcap)\n");
        return lanes::tools::exit_unreadable;
    }
    return lanes::tools::trace_to_file(target, words, capture);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "Moves packets through one-way tunnels.\n"
        "`lanes FILE` is short for `lanes run FILE`; FILE is a node file (YAML). Plain `lanes` on "
        "a terminal is `lanes shell`.");
    app.set_version_flag("--version", "lanes " LANES_VERSION);
    app.require_subcommand(0, 1);

    std::string file;
    Target target;
    app.add_option("FILE", file, "node file to run");
    auto* run = app.add_subcommand("run",
                                   "Run a node until SIGTERM or SIGINT; SIGHUP re-reads FILE, "
                                   "SIGUSR1 says how sealed lanes are");
    run->add_option("FILE", file, "node file")->required();
    auto* check = app.add_subcommand(
        "check", "Check a node file and its tables; exits 0 (good), 1 (errors), 2 (cannot read)");
    check->add_option("FILE", file, "node file")->required();
    bool json = false;
    auto* ports =
        app.add_subcommand("ports", "List what each driver could open here, and why not the rest");
    ports->add_flag("--json", json, "as JSON");
    auto* doctor = app.add_subcommand(
        "doctor",
        "Examine this machine, or what a node needs of it, and say the commands that mend it; "
        "exits 0 (nothing is broken), 1 (something is, or FILE has errors), 2 (cannot read)");
    doctor->add_option("FILE", file, "node file");
    doctor->add_flag("--json", json, "as JSON");
    auto* key = app.add_subcommand("key", "Make keys: each is one line of text");
    key->require_subcommand(1);
    const auto* key_new = key->add_subcommand("new", "Print a new private key: key new > FILE");
    const auto* key_public =
        key->add_subcommand("public", "Print the public key of a private key: key public < FILE");
    const auto* key_secret = key->add_subcommand(
        "secret", "Print a new secret for both ends of a lane: key secret > FILE");
    auto* shell = app.add_subcommand("shell", "Commands to a running node, with history and Tab");
    add_target(*shell, target);
    auto* top = app.add_subcommand("top", "Lanes and workers of a running node, live; q quits");
    add_target(*top, target);
    top->add_flag("--json", json, "one object a second instead of a table");
    unsigned count = 0;
    top->add_option("--count", count, "objects, with --json; 0: no end");
    for (const auto& [word, help] : node_commands()) {
        auto* command = app.add_subcommand(word, help);
        command->group("Commands to a running node (exit status 3: none answers)");
        add_target(*command, target);
        command->add_flag("--json", json, "answer with one JSON object");
        if (word == trace_command) {
            command->add_option("-n", count, "frames, 1 to 256; usually 10");
            command->add_option("--for", count, "seconds, 1 to 50; usually 10");
            command->add_option("--pcap", file, "write the frames into this file (pcapng)");
        }
        command->footer("`lanes help` asks the node for all that it knows.");
    }
    if (argc > 1 && std::string(argv[1]) == "complete-words") {
        return lanes::tools::complete_words(words_of(app), {argv + 2, argv + argc});
    }
    if (is_for_node(app, argc, argv)) return to_node(argc, argv);
    CLI11_PARSE(app, argc, argv);

    if (*key_new) return lanes::tools::key_new();
    if (*key_public) return lanes::tools::key_public();
    if (*key_secret) return lanes::tools::key_secret();
    if (*check) return lanes::tools::check(file);
    const auto output = json ? lanes::tools::Output::json : lanes::tools::Output::text;
    if (*ports) return lanes::tools::ports(output);
    if (*doctor) return lanes::tools::doctor(file, output);
    if (*top) {
        return lanes::tools::top(
            target, json ? lanes::tools::TopOutput::json : lanes::tools::TopOutput::terminal,
            count);
    }
    if (*shell || (argc == 1 && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1)) {
        return lanes::tools::shell(target);
    }
    if (file.empty()) {
        std::fputs(app.help().c_str(), stderr);
        return lanes::tools::exit_errors;
    }
    return lanes::tools::run(file);
}
