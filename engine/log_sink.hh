// A sink writes messages to one place: stderr, the journal, syslog. It never waits: what the place
// does not take at once is lost there, and log.cc counts it. Whatever needs a right that a sandbox
// takes away is done by make_...(); from then on a sink only sends on what is open.
//
// No library: glibc's syslog(3) writes the old format and waits for a syslogd that hangs, so does
// sd_journal_sendv(3) of libsystemd for a journald that does, and Debian 12 has none in C or C++
// that writes RFC 5424. Both formats are a screen of code each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/address.hh"
#include "engine/log_message.hh"
#include "engine/result.hh"

namespace lanes::engine {

/// Of the text of a message, and of a field, escaped; longer ones are cut short. With all its
/// fields a message then fits what a pipe takes as a whole, or nearly.
inline constexpr std::size_t log_text_bytes_max = 3072;
inline constexpr std::size_t log_value_bytes_max = 256;
inline constexpr std::size_t log_fields_max = 16;

class LogSink {
  public:
    LogSink() = default;
    LogSink(const LogSink&) = delete;
    LogSink& operator=(const LogSink&) = delete;
    virtual ~LogSink() = default;

    /// `message` is harmless already. Returns 0, or why it was not taken (an errno value).
    virtual int write(const Message& message) = 0;

    /// What it is, for messages: "syslog at /dev/log".
    virtual std::string name() const = 0;
};

/// Lines for people, to descriptor 2, with neither time nor PID.
std::unique_ptr<LogSink> make_stderr_sink();

/// Who says it, with every message.
struct LogOrigin {
    std::string node;
    std::string host;  ///< empty: unknown; the journal knows it itself
    unsigned facility;
};

/// The journal's own protocol, to the socket at `path`.
Result<std::unique_ptr<LogSink>> make_journal_sink(LogOrigin origin, const std::string& path);

inline constexpr const char* journal_socket = "/run/systemd/journal/socket";
inline constexpr const char* syslog_socket = "/dev/log";

/// RFC 5424, to the socket at `path`, each message a datagram.
Result<std::unique_ptr<LogSink>> make_syslog_sink(LogOrigin origin, const std::string& path);

/// The same to a server by UDP, RFC 5426. Whether anybody receives it nobody can know.
Result<std::unique_ptr<LogSink>> make_syslog_sink(LogOrigin origin, const Endpoint& server);

}  // namespace lanes::engine
