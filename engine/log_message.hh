// What a message of the log consists of: how severe it is, which event it tells of, a few fields to
// find it by, and a sentence for people. log.hh takes them; the governor decides which are written
// (log_governor.hh), the sinks write them (log_sink.hh).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lanes::engine {

/// As in RFC 5424; 0 to 2 are for those whose system goes down with them.
enum class Severity { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// "error", "warning", ...
std::string_view name_of(Severity severity) noexcept;

/// Names of fields. What comes first tells whom a message is about: two messages of one event with
/// the same ones are about the same thing, and one may be a repeat of the other.
enum class Key : std::uint8_t {
    lane,
    port,
    worker,
    peer,
    call,
    thread,
    file,
    place,
    // From here on: what is said of it.
    state,
    reason,
    address,
    count,
    seconds,
};
inline constexpr Key last_identity = Key::place;

/// In structured data; in the journal it is LANES_ and the same in capitals.
std::string_view name_of(Key key) noexcept;

struct Field {
    Key key;
    std::string value;
};

/// What happened, by a name that stays: the MSGID of syslog, LANES_EVENT of the journal.
struct Event {
    enum class Repeats : std::uint8_t {
        counted,  ///< what was said just now is not said again, but counted
        said,     ///< somebody did something again, or asked for it
    };

    std::string_view name;  ///< 1 to 32 of a-z, 0-9 and _
    Repeats repeats = Repeats::counted;
    /// Messages at once, and per second from then on; what is beyond is counted.
    unsigned burst = 20;
    unsigned per_second = 1;
};

struct Message {
    Severity severity = Severity::info;
    const Event* event = nullptr;  ///< one of log_events.hh
    std::vector<Field> fields;
    std::string text;
    std::uint64_t unix_ns = 0;  ///< when, since 1970
};

}  // namespace lanes::engine
