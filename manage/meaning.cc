// See meaning.hh.
#include "manage/meaning.hh"

#include <algorithm>

namespace lanes::manage {
namespace {

using Takes = Command::Takes;

/// A command of this name ends the node: nobody is to say it by half a word.
constexpr std::string_view written_out = "stop";

}  // namespace

std::vector<std::string_view> fixed_words(const Command& command) {
    const std::size_t blank = command.words.find(' ');
    if (blank == command.words.npos) return {command.words};
    return {command.words.substr(0, blank), command.words.substr(blank + 1)};
}

std::vector<std::string_view> choices_of(const Command& command) {
    std::vector<std::string_view> all;
    for (std::string_view left = command.choices; !left.empty();) {
        const std::size_t len = std::min(left.find('|'), left.size());
        all.push_back(left.substr(0, len));
        left.remove_prefix(std::min(len + 1, left.size()));
    }
    return all;
}

std::string usage(const Command& command) {
    std::string text(command.words);
    switch (command.takes) {
        case Takes::nothing:
            break;
        case Takes::lane:
            text += " NAME";
            break;
        case Takes::lane_or_nothing:
            text += " [NAME...]";
            break;
        case Takes::text:
            text += " " +
                    (command.choices.empty() ? std::string("TEXT") : std::string(command.choices));
            break;
    }
    if (command.options == Command::Options::dry_run) text += " [--dry-run]";
    if (command.options == Command::Options::sample) text += " [-n FRAMES] [--for SECONDS]";
    return text;
}

std::string listing(std::span<const Command* const> commands) {
    std::size_t width = 0;
    for (const Command* command : commands) width = std::max(width, usage(*command).size());
    std::string text;
    for (const Command* command : commands) {
        const std::string left = usage(*command);
        text += "  " + left + std::string(width + 2 - left.size(), ' ');
        text += std::string(command->help) + '\n';
    }
    return text;
}

std::vector<const Command*> all_commands() {
    std::vector<const Command*> all;
    for (const Command& command : commands()) all.push_back(&command);
    return all;
}

std::vector<const Command*> narrowed(const std::vector<const Command*>& among, std::size_t n,
                                     const std::string& word) {
    std::vector<const Command*> begun;
    std::vector<const Command*> exact;
    for (const Command* command : among) {
        const auto words = fixed_words(*command);
        if (n >= words.size()) {
            begun.push_back(command);
            exact.push_back(command);
        } else if (!word.empty() && words[n].starts_with(word)) {
            begun.push_back(command);
            if (words[n] == word) exact.push_back(command);
        }
    }
    // A command that ended before this word is no reason to take others by their whole word.
    const bool some = std::any_of(exact.begin(), exact.end(), [&](const Command* command) {
        return n < fixed_words(*command).size();
    });
    return some ? exact : begun;
}

bool fits(const Command& command, std::size_t arguments) {
    switch (command.takes) {
        case Takes::nothing:
            return arguments == 0;
        case Takes::lane:
            return arguments == 1;
        case Takes::lane_or_nothing:
            return true;
        case Takes::text:
            return arguments > 0;
    }
    return false;
}

std::string repeated(const std::string& word) {
    return "`" + (word.size() <= 64 ? word : word.substr(0, 61) + "...") + "`";
}

Meaning meaning_of(const std::vector<Word>& words) {
    std::vector<const Command*> left = all_commands();
    std::string said;
    for (std::size_t n = 0; n < words.size() && n < 2; ++n) {
        auto next = narrowed(left, n, words[n].text);
        if (next.empty()) {
            const std::string before =
                said.empty() ? "no command begins with " : "`" + said + "` is not followed by ";
            return {nullptr, 0,
                    before + repeated(words[n].text) + "; expected one of:\n" + listing(left)};
        }
        left = std::move(next);
        said += (n == 0 ? "" : " ") + words[n].text;
    }
    std::vector<const Command*> whole;
    for (const Command* command : left) {
        if (fixed_words(*command).size() <= words.size()) whole.push_back(command);
    }
    // `show lane NAME` and `show lanes`: of the two, `sh l` means the one that its arguments fit.
    if (whole.size() > 1 && whole.size() == left.size()) {
        const std::size_t arguments = words.size() - fixed_words(*whole.front()).size();
        const auto alike = [&](const Command* command) {
            return command->words.starts_with(whole.front()->words);
        };
        const auto one = std::find_if(whole.begin(), whole.end(), [&](const Command* command) {
            return fits(*command, arguments);
        });
        if (std::all_of(whole.begin(), whole.end(), alike) && one != whole.end()) whole = {*one};
        if (whole.size() == 1) left = whole;
    }
    if (whole.size() != 1 || left.size() != 1) {
        return {nullptr, 0,
                "`" + said + "` could be one of these; say more of it:\n" + listing(left)};
    }
    const Command& command = *whole.front();
    if (command.words == written_out && words[0].text != written_out) {
        return {nullptr, 0, "this would end the node: write `stop` in full"};
    }
    return {&command, fixed_words(command).size(), ""};
}

}  // namespace lanes::manage
