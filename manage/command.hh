// The grammar of management: one table of commands for the command line, the shell, telnet and the
// socket. A command is a few fixed words and then arguments; it answers with text for people or,
// with --json, with one JSON object that says `"schema": "lanes/1"` first.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manage/node.hh"

namespace lanes::manage {

enum class Rights : std::uint8_t { read, write };

struct Request {
    std::vector<std::string> arguments;  ///< behind the command's own words, options taken out
    bool json = false;
    bool dry_run = false;
    std::optional<unsigned> frames = {};   ///< -n
    std::optional<unsigned> seconds = {};  ///< --for
};

struct Answer;

/// An answer that is not there yet. Destroyed when nobody waits for it any more.
class Later {
  public:
    virtual ~Later() = default;
    /// Whether it is there now; then it is in `answer`. `now_ns` is CLOCK_MONOTONIC.
    virtual bool look(std::uint64_t now_ns, Answer& answer) = 0;
};

/// `status` is the exit status of the command line: 0 done, 1 refused or failed (the text says
/// why and what to do), 2 not understood (the text says what was expected).
struct Answer {
    int status = 0;
    std::string text;                   ///< lines end with \n; one JSON object with --json
    std::shared_ptr<Later> later = {};  ///< not nullptr: the answer is to come
};

struct Command {
    /// What completion offers for an argument.
    enum class Takes : std::uint8_t { nothing, lane, lane_or_nothing, text };

    /// What it knows beside --json.
    enum class Options : std::uint8_t { none, dry_run, sample };

    std::string_view words;  ///< "show lanes"
    Takes takes;
    std::string_view help;  ///< one line, no full stop
    Rights rights;
    Options options;
    Answer (*run)(Node& node, const Request& request);
    /// The words that a `text` may be, between bars; empty: it is whatever is written.
    std::string_view choices = {};
};

/// All commands, sorted by their words.
std::span<const Command> commands() noexcept;

/// What comes of a line as somebody typed it. A command may be shortened while only one is meant
/// (`sh l`), but for `stop`; quotes as in a shell, so that YAML may be an argument, and a text that
/// begins with `{` goes to the end of the line as it is. Words that begin with `--` are options, up
/// to a `--` alone or such a text; in quotes they are none. `help` or an unfinished command, or a
/// `?` at the end, lists what could follow. Commands that need more than `rights` are refused by
/// name.
Answer execute(Node& node, std::string_view line, Rights rights);

/// What could stand where `line` ends: whole words, sorted. `lane_names` completes arguments.
std::vector<std::string> complete(std::string_view line, std::span<const std::string> lane_names);

}  // namespace lanes::manage
