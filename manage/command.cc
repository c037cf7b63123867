// See command.hh. A line goes through three steps: words (grammar.hh), the command that they mean
// (meaning.hh), and its arguments and rights, which are here.
#include "manage/command.hh"

#include <algorithm>
#include <charconv>
#include <optional>

#include "manage/actions.hh"
#include "manage/grammar.hh"
#include "manage/meaning.hh"

namespace lanes::manage {
namespace {

using Takes = Command::Takes;
using Options = Command::Options;

std::string wrong_arguments(const Command& command, const std::vector<std::string>& arguments) {
    if (!fits(command, arguments.size())) {
        return "`" + std::string(command.words) + "` takes " +
               (command.takes == Takes::nothing ? "nothing more"
                : command.takes == Takes::lane  ? "the name of one lane"
                : command.choices.empty()       ? "a lane as in a node file: {name: a, id: 1, ...}"
                                                : "one of " + std::string(command.choices)) +
               "; expected: " + usage(command);
    }
    if (command.choices.empty()) return "";
    const auto choices = choices_of(command);
    if (arguments.size() == 1 &&
        std::find(choices.begin(), choices.end(), arguments[0]) != choices.end()) {
        return "";
    }
    return "found " + repeated(arguments.back()) + "; expected: " + usage(command);
}

/// A line taken apart.
struct Said {
    std::vector<Word> words;  ///< without the options
    Request request;
    bool asks = false;        ///< ends with a `?`
    std::optional<Word> raw;  ///< the first word that begins with `{`
    std::string failure;
};

/// Reads the number behind an option; says in `failure` what is wrong with it.
std::optional<unsigned> number_behind(const Words& words, std::size_t option, unsigned most,
                                      std::string& failure) {
    const std::string& name = words.all[option].text;
    const std::string text = option + 1 < words.all.size() ? words.all[option + 1].text : "";
    unsigned number = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec == std::errc() && read.ptr == end && number >= 1 && number <= most) return number;
    failure = "found " + (text.empty() ? "nothing" : repeated(text)) + " behind " + name +
              "; expected a number from 1 to " + std::to_string(most);
    return std::nullopt;
}

Said take_apart(std::string_view line) {
    Said said;
    const Words words = split(line);
    bool options = true;
    for (std::size_t i = 0; i < words.all.size(); ++i) {
        const Word& word = words.all[i];
        // Only an argument can begin so, since no command does.
        if (line[word.begin] == '{' && !said.words.empty()) {
            said.raw = word;
            said.words.push_back(word);
            return said;
        }
        const bool option =
            options && !word.quoted && (word.text.starts_with("--") || word.text == frames_option);
        if (!option) {
            said.words.push_back(word);
        } else if (word.text == "--") {
            options = false;
        } else if (word.text == "--json") {
            said.request.json = true;
        } else if (word.text == "--dry-run") {
            said.request.dry_run = true;
        } else if (word.text == frames_option) {
            said.request.frames = number_behind(words, i++, trace_frames_max, said.failure);
        } else if (word.text == seconds_option) {
            said.request.seconds = number_behind(words, i++, trace_seconds_max, said.failure);
        } else if (said.failure.empty()) {
            said.failure =
                "no option " + repeated(word.text) + "; expected --json, --dry-run, -n or --for";
        }
    }
    if (words.open) said.failure = "a quote is not closed";
    if (!said.words.empty() && said.words.back().text == "?" && !said.words.back().quoted) {
        said.asks = true;
        said.words.pop_back();
    }
    return said;
}

/// The commands that what was said may become.
Answer help_on(const Said& said, std::size_t from) {
    std::vector<const Command*> left = all_commands();
    for (std::size_t n = from; n < said.words.size() && n < from + 2; ++n) {
        left = narrowed(left, n - from, said.words[n].text);
    }
    if (left.empty()) {
        return refused(said.request, 2,
                       "no such command; these there are:\n" + listing(all_commands()));
    }
    return {0, listing(left)};
}

}  // namespace

Answer help(Node&, const Request&) {
    return {0, listing(all_commands()) +
                   "Commands may be shortened while only one is meant. With --json every answer "
                   "is one JSON object.\n"};
}

Answer execute(Node& node, std::string_view line, Rights rights) {
    Said said = take_apart(line);
    if (said.asks) return help_on(said, 0);
    if (!said.failure.empty()) return refused(said.request, 2, said.failure);
    if (said.words.empty()) return refused(said.request, 2, "no command; `help` lists all");
    const Meaning meaning = meaning_of(said.words);
    if (meaning.command == nullptr) return refused(said.request, 2, meaning.failure);
    const Command& command = *meaning.command;
    if (command.run == help && said.words.size() > 1) return help_on(said, 1);
    Request& request = said.request;
    for (std::size_t i = meaning.used; i < said.words.size(); ++i) {
        request.arguments.push_back(std::move(said.words[i].text));
    }
    if (said.raw) {
        if (command.takes != Takes::text || !command.choices.empty()) said.raw.reset();
        if (said.raw) request.arguments.back() = rest_of(line, *said.raw);
    }
    if (command.takes == Takes::text && command.choices.empty() && request.arguments.size() > 1) {
        return refused(request, 2,
                       "`" + std::string(command.words) +
                           "` takes one text: put it in quotes, or begin it with {");
    }
    if (const std::string wrong = wrong_arguments(command, request.arguments); !wrong.empty()) {
        return refused(request, 2, wrong);
    }
    if (request.dry_run && command.options != Options::dry_run) {
        return refused(request, 2,
                       "`" + std::string(command.words) + "` cannot be tried with --dry-run");
    }
    if ((request.frames || request.seconds) && command.options != Options::sample) {
        return refused(request, 2,
                       "`" + std::string(command.words) + "` knows neither -n nor --for");
    }
    if (command.rights == Rights::write && rights != Rights::write) {
        return refused(request, 1,
                       "`" + std::string(command.words) +
                           "` changes the node, and whoever asks here may only look; "
                           "say `enable` first, or use the node's unix socket");
    }
    return command.run(node, request);
}

}  // namespace lanes::manage
