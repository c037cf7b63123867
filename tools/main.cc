// lanes: the command. Reads its arguments and hands over to one of the commands; each returns the
// exit status. `lanes FILE` is short for `lanes run FILE`.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

#include "tools/commands.hh"

#ifndef LANES_VERSION
#error "the build gives LANES_VERSION"
#endif

int main(int argc, char** argv) {
    CLI::App app(
        "Moves packets through one-way tunnels.\n"
        "`lanes FILE` is short for `lanes run FILE`; FILE is a node file (YAML).");
    app.set_version_flag("--version", "lanes " LANES_VERSION);
    app.require_subcommand(0, 1);

    std::string file;
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
    CLI11_PARSE(app, argc, argv);

    if (*key_new) return lanes::tools::key_new();
    if (*key_public) return lanes::tools::key_public();
    if (*key_secret) return lanes::tools::key_secret();
    if (*check) return lanes::tools::check(file);
    const auto output = json ? lanes::tools::Output::json : lanes::tools::Output::text;
    if (*ports) return lanes::tools::ports(output);
    if (*doctor) return lanes::tools::doctor(file, output);
    if (file.empty()) {
        std::fputs(app.help().c_str(), stderr);
        return 1;
    }
    return lanes::tools::run(file);
}
