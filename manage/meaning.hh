// From words to the command that they mean, each shortened while only one is meant. execute() and
// complete() ask.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lanes/trace.hh"
#include "manage/command.hh"
#include "manage/grammar.hh"

namespace lanes::manage {

/// Options that a number follows, and the greatest one.
inline constexpr std::string_view frames_option = "-n";
inline constexpr unsigned trace_frames_max = Trace::frames_max;
inline constexpr std::string_view seconds_option = "--for";
inline constexpr unsigned trace_seconds_max = 50;  ///< clients wait for a minute

/// The words of a command: one or two.
std::vector<std::string_view> fixed_words(const Command& command);
std::vector<std::string_view> choices_of(const Command& command);
/// "show lane NAME"
std::string usage(const Command& command);
/// A line for each: how it is said, and what it does.
std::string listing(std::span<const Command* const> commands);
/// Whether a command takes so many arguments.
bool fits(const Command& command, std::size_t arguments);

std::vector<const Command*> all_commands();
/// Those of `among` whose n-th word `word` begins; those whose word it is, if there are such.
std::vector<const Command*> narrowed(const std::vector<const Command*>& among, std::size_t n,
                                     const std::string& word);

/// A word as it may be repeated in an answer: quoted, and no longer than it is worth.
std::string repeated(const std::string& word);

/// One command, or why none.
struct Meaning {
    const Command* command = nullptr;
    std::size_t used = 0;  ///< words of the command itself
    std::string failure;
};
Meaning meaning_of(const std::vector<Word>& words);

}  // namespace lanes::manage
