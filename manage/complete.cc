// complete(): see command.hh. The shell asks it at each tab, and the completions of bash and zsh.
#include <algorithm>

#include "manage/command.hh"
#include "manage/grammar.hh"
#include "manage/meaning.hh"

namespace lanes::manage {

std::vector<std::string> complete(std::string_view line, std::span<const std::string> lane_names) {
    Words words = split(line);
    std::string begun;
    const bool within = !line.empty() && line.back() != ' ' && line.back() != '\t';
    if (words.open) return {};
    if (within && !words.all.empty()) {
        begun = words.all.back().text;
        words.all.pop_back();
    }
    std::vector<std::string> found;
    const auto offer = [&](std::string_view word) {
        if (word.starts_with(begun)) found.emplace_back(word);
    };
    // Options, and the number behind one that has it: it may be what is to be completed.
    for (std::size_t i = 0; i < words.all.size();) {
        const Word& word = words.all[i];
        const bool counts =
            !word.quoted && (word.text == frames_option || word.text == seconds_option);
        if (!counts && (word.quoted || !word.text.starts_with("--"))) {
            ++i;
            continue;
        }
        const auto at = words.all.begin() + static_cast<std::ptrdiff_t>(i);
        if (counts && i + 1 == words.all.size()) return {};
        words.all.erase(at, at + (counts ? 2 : 1));
    }
    std::vector<const Command*> left = all_commands();
    for (std::size_t n = 0; n < words.all.size() && n < 2; ++n) {
        left = narrowed(left, n, words.all[n].text);
    }
    bool dry_run = false;
    bool sample = false;
    bool names = false;
    for (const Command* command : left) {
        const auto fixed = fixed_words(*command);
        if (words.all.size() < fixed.size()) {
            offer(fixed[words.all.size()]);
            continue;
        }
        const std::size_t argument = words.all.size() - fixed.size();
        dry_run = dry_run || command->options == Command::Options::dry_run;
        sample = sample || command->options == Command::Options::sample;
        names = names || command->takes == Command::Takes::lane_or_nothing ||
                (command->takes == Command::Takes::lane && argument == 0);
        if (argument > 0) continue;
        for (const std::string_view choice : choices_of(*command)) offer(choice);
    }
    if (names) {
        for (const std::string& name : lane_names) offer(name);
    }
    if (begun.starts_with("-") && !words.all.empty()) {
        offer("--json");
        if (dry_run) offer("--dry-run");
        if (sample) offer(frames_option);
        if (sample) offer(seconds_option);
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace lanes::manage
