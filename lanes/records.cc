// See records.hh. A sender's record, and a receiver's:
//
//   stamp 1763882000000000000        mark 1763882000000000000
//   epoch 12                         resume 1763882000000000000 12 4711 0 9
//
// A receiver's has a `resume` line for each session that may be resumed: its stamp, its epoch, and
// the floor of each subspace, Control's last. Strict, since a number that is read wrong here lets
// old packets in again: a line that is not as it would have been written is an error.
#include "lanes/records.hh"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace lanes {
namespace {

using engine::Error;
using engine::Result;

constexpr std::size_t floors_min = 2;
constexpr std::size_t floors_max = session_subspaces_max + 1;

/// The words of one line, told apart by exactly one space.
class Words {
  public:
    explicit Words(std::string_view line) : rest_(line) {}

    bool more() const noexcept { return rest_.has_value(); }
    std::string_view next() {
        if (!rest_) return {};
        const std::size_t space = rest_->find(' ');
        const std::string_view word = rest_->substr(0, space);
        if (space == std::string_view::npos) {
            rest_.reset();
        } else {
            rest_->remove_prefix(space + 1);
        }
        return word;
    }

  private:
    std::optional<std::string_view> rest_;
};

/// A decimal number as to_text() writes it: digits only, no zero ahead of others.
template <typename Number>
bool read_number(Words& words, Number& to) {
    const std::string_view word = words.next();
    if (word.empty() || (word.size() > 1 && word[0] == '0')) return false;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), to);
    return error == std::errc() && end == word.data() + word.size();
}

/// The last number of a line.
template <typename Number>
bool read_last(Words& words, Number& to) {
    return read_number(words, to) && !words.more();
}

template <typename Number>
std::string expected(const char* key) {
    return std::string("expected `") + key + "` and a number up to " +
           std::to_string(std::numeric_limits<Number>::max());
}

/// Reads the line `key NUMBER`, once. The text says what is wrong; empty: nothing.
template <typename Number>
std::string read_value(const char* key, Words& words, std::optional<Number>& to) {
    if (to) return std::string("a second `") + key + '`';
    Number value = 0;
    if (!read_last(words, value)) return expected<Number>(key);
    to = value;
    return {};
}

std::string read_resume(Words& words, std::vector<ReceiverRecord::Resumable>& to) {
    if (to.size() == sessions_max) {
        return "more than " + std::to_string(sessions_max) + " `resume` lines";
    }
    ReceiverRecord::Resumable session;
    bool good = read_number(words, session.stamp) && read_number(words, session.epoch);
    while (good && words.more() && session.floors.size() <= floors_max) {
        session.floors.emplace_back();
        good = read_number(words, session.floors.back());
    }
    if (!good || session.floors.size() < floors_min || session.floors.size() > floors_max) {
        return "expected `resume`, a stamp, an epoch and " + std::to_string(floors_min) + " to " +
               std::to_string(floors_max) + " floors";
    }
    for (const auto& other : to) {
        if (other.stamp == session.stamp) return "a second `resume` of the same stamp";
    }
    to.push_back(std::move(session));
    return {};
}

/// Calls `read(key, words)` for each line; what it returns is what is wrong with the line.
template <typename Read>
Result<void> for_each_line(std::string_view text, Read read) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        std::string wrong;
        if (end == std::string_view::npos) {
            wrong = "it does not end";
        } else {
            Words words(text.substr(0, end));
            const std::string_view key = words.next();
            wrong = read(key, words);
            text.remove_prefix(end + 1);
        }
        if (!wrong.empty()) return Error{0, "line " + std::to_string(number) + ": " + wrong};
    }
    return {};
}

Error missing(const char* key) {
    return {0, std::string("there is no line `") + key + '`'};
}

}  // namespace

std::string to_text(const SenderRecord& record) {
    return "stamp " + std::to_string(record.stamp) + "\nepoch " + std::to_string(record.epoch) +
           '\n';
}

std::string to_text(const ReceiverRecord& record) {
    std::string text = "mark " + std::to_string(record.mark) + '\n';
    for (const auto& session : record.resumable) {
        text += "resume " + std::to_string(session.stamp) + ' ' + std::to_string(session.epoch);
        for (const std::uint64_t floor : session.floors) text += ' ' + std::to_string(floor);
        text += '\n';
    }
    return text;
}

Result<SenderRecord> parse_sender_record(std::string_view text) {
    std::optional<std::uint64_t> stamp;
    std::optional<std::uint32_t> epoch;
    const auto outcome = for_each_line(text, [&](std::string_view key, Words& words) {
        if (key == "stamp") return read_value("stamp", words, stamp);
        if (key == "epoch") return read_value("epoch", words, epoch);
        return std::string("expected `stamp` or `epoch`");
    });
    if (!outcome) return outcome.error();
    if (!stamp) return missing("stamp");
    if (!epoch) return missing("epoch");
    return SenderRecord{*stamp, *epoch};
}

Result<ReceiverRecord> parse_receiver_record(std::string_view text) {
    std::optional<std::uint64_t> mark;
    ReceiverRecord record;
    const auto outcome = for_each_line(text, [&](std::string_view key, Words& words) {
        if (key == "mark") return read_value("mark", words, mark);
        if (key != "resume") return std::string("expected `mark` or `resume`");
        if (!mark) return std::string("`resume` ahead of `mark`");
        std::string wrong = read_resume(words, record.resumable);
        // A stamp above the mark would be accepted a second time, as a new session.
        if (wrong.empty() && record.resumable.back().stamp > *mark) {
            wrong = "a stamp above the mark";
        }
        return wrong;
    });
    if (!outcome) return outcome.error();
    if (!mark) return missing("mark");
    record.mark = *mark;
    return record;
}

}  // namespace lanes
