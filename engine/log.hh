// What the program says to its operator: one line each, to stderr and to syslog (facility
// daemon). Control and main only; workers never log. Severities are those of RFC 5424.
#pragma once

#include <string_view>

namespace lanes::engine {

enum class Severity { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// Opens the log under the name `lanes`. Before this call, lines go to stderr only.
void open_log();

/// Writes one line. Control characters are escaped, so that nothing from outside can forge lines.
void log(Severity severity, std::string_view message);

/// Messages less severe than `least` are not written from now on. For programs that have nodes
/// within them and an output of their own; set before other threads log.
void log_only(Severity least);

/// The same to syslog only, for what the terminal has been told already.
void log_quietly(Severity severity, std::string_view message);

}  // namespace lanes::engine
