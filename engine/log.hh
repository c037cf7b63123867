// What the program says to its operator. Control and main only; workers never log. A message goes
// to stderr until open_log() is called, and from then on to the places that were chosen, through a
// governor that counts what repeats instead of saying it again (log_governor.hh). Nothing here
// waits: what a place does not take is counted, and it is told how much when it takes messages
// again. Control characters are escaped, so that nothing from outside can forge lines.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/address.hh"
#include "engine/log_events.hh"
#include "engine/log_message.hh"
#include "engine/result.hh"

namespace lanes::engine {

enum class LogPlace : std::uint8_t { journal, standard_error, syslog };

struct LogSettings {
    static constexpr unsigned facility_daemon = 3;

    /// Empty: what is usual where the program runs. The journal alone if stderr leads there already
    /// (under systemd); else stderr, and the journal if there is one, or syslog.
    std::vector<LogPlace> to;
    Severity level = Severity::info;  ///< the least severe that is written
    std::string socket;               ///< of syslog; empty: /dev/log
    std::optional<Endpoint> server;   ///< of syslog, by UDP, instead of a socket
    unsigned facility = facility_daemon;

    bool operator==(const LogSettings&) const = default;
};

/// Opens all that is needed later, so that a sandbox may follow. `node` goes with every message.
/// The log can be opened again; former places are closed.
Result<void> open_log(const std::string& node, const LogSettings& settings);

/// Says what was counted and not told yet; stderr only, from then on.
void close_log();

/// Writes a message that needs no name and no fields.
void log(Severity severity, std::string_view text);
void log(Severity severity, const Event& event, std::initializer_list<Field> fields,
         std::string_view text);

/// The same, except to where stderr leads: for what was printed there already.
void log_quietly(Severity severity, const Event& event, std::initializer_list<Field> fields,
                 std::string_view text);

/// Messages less severe than `least` are not written from now on. For programs that have nodes
/// within them and an output of their own; set before other threads log.
void log_only(Severity least);

/// Tells what was counted, when its time has come, and tries places again that took nothing.
/// Control, at each tick; `now_ns` is CLOCK_MONOTONIC.
void log_tick(std::uint64_t now_ns);

}  // namespace lanes::engine
