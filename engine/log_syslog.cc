// Syslog by RFC 5424, to a socket of this host or by UDP (RFC 5426). See log_rfc5424.hh and
// log_sink.hh. Structured data is [lanes@32473 node="..." ...]; 32473 is the enterprise number that
// RFC 5612 sets aside for those who have none of their own.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "engine/log_datagram.hh"
#include "engine/log_rfc5424.hh"
#include "engine/log_text.hh"

namespace lanes::engine {
namespace {

/// What rsyslog and syslog-ng take as they come.
constexpr std::size_t local_bytes_max = 8000;
/// What every receiver should take by UDP (RFC 5426 section 3.2).
constexpr std::size_t udp_bytes_max = 2048;
constexpr std::size_t host_bytes_max = 255;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// UTC with microseconds, all that the RFC has room for.
std::string timestamp(std::uint64_t unix_ns) {
    const auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
    tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 80> text;
    const int len = std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ",
                                  parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                  parts.tm_hour, parts.tm_min, parts.tm_sec,
                                  static_cast<unsigned>(unix_ns % 1'000'000'000 / 1000));
    return std::string(text.data(), static_cast<std::size_t>(len));
}

/// A name as the header takes it: printable ASCII without blanks, `-` for none.
std::string header_name(std::string_view name) {
    std::string result;
    for (const char c : name.substr(0, host_bytes_max)) {
        if (c > 0x20 && c < 0x7f) result += c;
    }
    return result.empty() ? "-" : result;
}

void append_parameter(std::string& line, std::string_view name, std::string_view value) {
    line += ' ';
    line += name;
    line += "=\"";
    for (const char c : value) {
        if (c == '"' || c == '\\' || c == ']') line += '\\';
        line += c;
    }
    line += '"';
}

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

class SyslogSink final : public LogSink {
  public:
    SyslogSink(LogOrigin origin, DatagramSocket socket, std::string place, std::size_t bytes_max)
        : origin_(std::move(origin)),
          socket_(std::move(socket)),
          place_(std::move(place)),
          bytes_max_(bytes_max) {}

    int write(const Message& message) override {
        return socket_.send(rfc5424(origin_, message, bytes_max_));
    }

    std::string name() const override { return "syslog at " + place_; }

  private:
    LogOrigin origin_;
    DatagramSocket socket_;
    std::string place_;
    std::size_t bytes_max_;
};

Result<std::unique_ptr<LogSink>> made(LogOrigin origin, Result<DatagramSocket> socket,
                                      const std::string& place, std::size_t bytes_max) {
    if (!socket) return Error{socket.error().code, "syslog: " + socket.error().message};
    return std::unique_ptr<LogSink>(
        std::make_unique<SyslogSink>(std::move(origin), std::move(*socket), place, bytes_max));
}

}  // namespace

std::string rfc5424(const LogOrigin& origin, const Message& message, std::size_t bytes_max) {
    const unsigned priority = origin.facility * 8 + static_cast<unsigned>(message.severity);
    std::string line = "<" + std::to_string(priority) + ">1 " + timestamp(message.unix_ns) + ' ' +
                       header_name(origin.host) + " lanes " + std::to_string(::getpid()) + ' ' +
                       std::string(message.event->name) + " [lanes@32473";
    append_parameter(line, "node", origin.node);
    for (const Field& field : message.fields) {
        append_parameter(line, name_of(field.key), field.value);
    }
    line += "] ";
    // A text of nothing but ASCII needs no mark, and some receivers print it.
    if (!is_ascii(message.text)) line += byte_order_mark;
    line += harmless(message.text, bytes_max - std::min(bytes_max, line.size()));
    return line;
}

Result<std::unique_ptr<LogSink>> make_syslog_sink(LogOrigin origin, const std::string& path) {
    return made(std::move(origin), DatagramSocket::to_path(path), path, local_bytes_max);
}

Result<std::unique_ptr<LogSink>> make_syslog_sink(LogOrigin origin, const Endpoint& server) {
    return made(std::move(origin), DatagramSocket::to_server(server), to_string(server),
                udp_bytes_max);
}

}  // namespace lanes::engine
