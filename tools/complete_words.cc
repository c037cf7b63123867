// `lanes complete-words WORD...`: what could stand in the place of the last word, a line for each;
// the completion files of bash and zsh ask this. A running node is only asked where names of lanes
// may stand, and not waited for long.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tools/client.hh"
#include "tools/commands.hh"

namespace lanes::tools {
namespace {

/// A person waits for this, at a key press.
constexpr int patience_ms = 700;
constexpr const char* directory = "/run/lanes";

bool begins(const std::string& word, const std::string& begun) {
    return word.starts_with(begun);
}

/// The words without the address of a node, which goes to `target`.
std::vector<std::string> without_target(const std::vector<std::string>& words, Target& target) {
    std::vector<std::string> left;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool more = i + 1 < words.size();
        if (words[i] == "--socket" && more) {
            target.socket = words[++i];
        } else if (words[i] == "--node" && more) {
            target.node = words[++i];
        } else {
            left.push_back(words[i]);
        }
    }
    return left;
}

std::vector<std::string> lane_names(const Target& target) {
    std::vector<std::string> names;
    const auto path = socket_of(target);
    if (!path) return names;
    Client client(path.value(), patience_ms);
    const auto answer = client.ask("show lanes --json");
    if (!answer) return names;
    const auto json = nlohmann::json::parse(answer.value().text, nullptr, false);
    if (!json.is_object() || !json.contains("lanes")) return names;
    for (const auto& lane : json["lanes"]) {
        if (lane.is_object()) names.push_back(lane.value("name", ""));
    }
    return names;
}

}  // namespace

int complete_words(const CommandWords& commands, const std::vector<std::string>& arguments) {
    if (arguments.empty()) return exit_unreadable;
    const std::string& begun = arguments.back();
    std::vector<std::string> found;
    Target target;
    const std::vector<std::string> words = without_target(arguments, target);
    if (arguments.size() > 1 && arguments[arguments.size() - 2] == "--node") {
        found = running_nodes(directory);
    } else if (words.size() == 1) {
        for (const auto& [word, behind] : commands) found.push_back(word);
        if (begins("--", begun)) found.insert(found.end(), {"--socket", "--node"});
    } else {
        const auto command = commands.find(words.front());
        const bool local = command != commands.end();
        if (local) {
            for (const std::string& word : command->second) {
                // Options are offered when they are asked for.
                if (!word.starts_with('-') || begun.starts_with('-')) found.push_back(word);
            }
        }
        const std::string line = line_of({words.begin(), words.end() - 1}) + " " + begun;
        static const std::vector<std::string> marker{"\x01"};
        const auto probe =
            manage::complete(line_of({words.begin(), words.end() - 1}) + " ", marker);
        const bool names = std::find(probe.begin(), probe.end(), marker.front()) != probe.end();
        const auto lanes = names ? lane_names(target) : std::vector<std::string>();
        for (std::string& word : manage::complete(line, lanes)) found.push_back(std::move(word));
    }
    std::erase_if(found, [&](const std::string& word) { return !begins(word, begun); });
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    for (const std::string& word : found) std::puts(word.c_str());
    return exit_good;
}

}  // namespace lanes::tools
