// See log.hh. One object holds all of it behind a lock: DPDK's own threads speak, too.
#include "engine/log.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/clock.hh"
#include "engine/log_places.hh"
#include "engine/log_sink.hh"
#include "engine/log_text.hh"

namespace lanes::engine {
namespace {

using Reach = LogPlaces::Reach;

/// How long the last messages may wait for a place that is full.
constexpr unsigned farewell_tries = 50;
constexpr useconds_t farewell_pause_us = 10'000;

struct State {
    std::mutex mutex;  ///< guards all below
    Severity least = Severity::debug;
    LogPlaces places;  ///< none: not open
};

/// Never destroyed: DPDK's threads speak until the process ends.
State& state() {
    static State& all = *new State;
    return all;
}

Message cleaned(Severity severity, const Event& event, std::initializer_list<Field> fields,
                std::string_view text) {
    Message message{severity, &event, {}, harmless(text, log_text_bytes_max), unix_ns()};
    for (const Field& field : fields) {
        if (message.fields.size() == log_fields_max) break;
        message.fields.push_back({field.key, harmless(field.value, log_value_bytes_max)});
    }
    return message;
}

/// For programs that have not opened the log: an output like any other.
void print(const Message& message) {
    const bool plain = message.severity == Severity::notice || message.severity == Severity::info;
    std::fprintf(stderr, "lanes: %s%s%s\n", plain ? "" : name_of(message.severity).data(),
                 plain ? "" : ": ", message.text.c_str());
}

void say(Severity severity, const Event& event, std::initializer_list<Field> fields,
         std::string_view text, Reach reach) {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    if (severity > all.least) return;
    const Message message = cleaned(severity, event, fields, text);
    if (all.places.empty()) {
        if (reach == Reach::everywhere) print(message);
        return;
    }
    all.places.say(message, reach, monotonic_ns());
}

/// Whether systemd has connected stderr to the journal: $JOURNAL_STREAM is DEVICE:INODE of it.
bool stderr_is_journal() {
    const char* const text = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (text == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) == text;
}

bool there(const char* path) {
    return ::access(path, F_OK) == 0;
}

/// Places for a program that was told none.
std::vector<LogPlace> usual_places() {
    if (stderr_is_journal()) return {LogPlace::journal};
    // Where the journal is, /dev/log leads there, too, and takes nothing but the old format.
    return {LogPlace::standard_error, there(journal_socket) ? LogPlace::journal : LogPlace::syslog};
}

std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

Result<std::unique_ptr<LogSink>> make_sink(LogPlace place, const LogSettings& settings,
                                           LogOrigin origin) {
    switch (place) {
        case LogPlace::standard_error:
            return make_stderr_sink();
        case LogPlace::journal:
            return make_journal_sink(std::move(origin), journal_socket);
        case LogPlace::syslog:
            break;
    }
    if (settings.server) return make_syslog_sink(std::move(origin), *settings.server);
    return make_syslog_sink(std::move(origin),
                            settings.socket.empty() ? syslog_socket : settings.socket);
}

}  // namespace

Result<void> open_log(const std::string& node, const LogSettings& settings) {
    const bool usual = settings.to.empty();
    const bool remote = settings.server.has_value();
    const char* const socket = settings.socket.empty() ? syslog_socket : settings.socket.c_str();
    LogPlaces places;
    for (const LogPlace place : usual ? usual_places() : settings.to) {
        auto sink = make_sink(place, settings, {node, host_name(), settings.facility});
        if (!sink) return Error{sink.error().code, "log: " + sink.error().message};
        const bool journal = place == LogPlace::journal;
        const bool own_stderr = place == LogPlace::standard_error;
        LogPlaces::Kind kind;
        kind.by_stderr = own_stderr || (journal && stderr_is_journal());
        kind.maybe = usual && place == LogPlace::syslog && !remote && !there(socket);
        places.add(std::move(*sink), kind);
    }
    close_log();
    State& all = state();
    const std::lock_guard lock(all.mutex);
    all.places = std::move(places);
    all.least = settings.level;
    return {};
}

void close_log() {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    all.places.flush(monotonic_ns());
    for (unsigned i = 0; i < farewell_tries && all.places.waiting(); ++i) {
        ::usleep(farewell_pause_us);
        all.places.tick(monotonic_ns());
    }
    all.places = {};
}

void log_only(Severity least) {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    all.least = least;
}

void log(Severity severity, std::string_view text) {
    say(severity, events::general, {}, text, Reach::everywhere);
}

void log(Severity severity, const Event& event, std::initializer_list<Field> fields,
         std::string_view text) {
    say(severity, event, fields, text, Reach::everywhere);
}

void log_quietly(Severity severity, const Event& event, std::initializer_list<Field> fields,
                 std::string_view text) {
    say(severity, event, fields, text, Reach::not_stderr);
}

void log_tick(std::uint64_t now_ns) {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    all.places.tick(now_ns);
}

}  // namespace lanes::engine
