// The journal's native protocol (systemd: JOURNAL_NATIVE_PROTOCOL): a datagram of NAME=VALUE lines.
// The messages that come here have no line ends in them, so the form for binary values is not
// needed. See log_sink.hh.
#include <utility>

#include "engine/log_datagram.hh"
#include "engine/log_sink.hh"

namespace lanes::engine {
namespace {

void append(std::string& entry, std::string_view name, std::string_view value) {
    entry += name;
    entry += '=';
    entry += value;
    entry += '\n';
}

std::string capitals(std::string_view name) {
    std::string result(name);
    for (char& c : result) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return result;
}

class JournalSink final : public LogSink {
  public:
    JournalSink(LogOrigin origin, DatagramSocket socket)
        : origin_(std::move(origin)), socket_(std::move(socket)) {}

    int write(const Message& message) override {
        std::string entry;
        append(entry, "MESSAGE", message.text);
        append(entry, "PRIORITY", std::to_string(static_cast<int>(message.severity)));
        append(entry, "SYSLOG_IDENTIFIER", "lanes");
        append(entry, "SYSLOG_FACILITY", std::to_string(origin_.facility));
        append(entry, "LANES_NODE", origin_.node);
        append(entry, "LANES_EVENT", message.event->name);
        for (const Field& field : message.fields) {
            append(entry, "LANES_" + capitals(name_of(field.key)), field.value);
        }
        return socket_.send(entry);
    }

    std::string name() const override { return "the journal"; }

  private:
    LogOrigin origin_;
    DatagramSocket socket_;
};

}  // namespace

Result<std::unique_ptr<LogSink>> make_journal_sink(LogOrigin origin, const std::string& path) {
    auto socket = DatagramSocket::to_path(path);
    if (!socket) return Error{socket.error().code, "the journal: " + socket.error().message};
    return std::unique_ptr<LogSink>(
        std::make_unique<JournalSink>(std::move(origin), std::move(*socket)));
}

}  // namespace lanes::engine
