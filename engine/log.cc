// See log.hh. The back-end is the C library's syslog.
#include "engine/log.hh"

#include <syslog.h>

#include <cstdio>
#include <string>

namespace lanes::engine {
namespace {

std::string escaped(std::string_view message) {
    std::string line;
    line.reserve(message.size());
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            line += c;
        } else {
            char text[8];
            std::snprintf(text, sizeof text, "\\x%02x", byte);
            line += text;
        }
    }
    return line;
}

const char* name_of(Severity severity) {
    switch (severity) {
        case Severity::error:
            return "error: ";
        case Severity::warning:
            return "warning: ";
        case Severity::notice:
            return "";
        case Severity::info:
            return "";
        case Severity::debug:
            return "debug: ";
    }
    return "";
}

bool opened = false;
Severity least_severe = Severity::debug;

}  // namespace

void open_log() {
    ::openlog("lanes", LOG_PID | LOG_NDELAY, LOG_DAEMON);
    opened = true;
}

void log_only(Severity least) {
    least_severe = least;
}

void log(Severity severity, std::string_view message) {
    if (severity > least_severe) return;
    const std::string line = escaped(message);
    // Not LOG_PERROR: a person wants neither the PID nor a missing severity on the terminal.
    std::fprintf(stderr, "lanes: %s%s\n", name_of(severity), line.c_str());
    log_quietly(severity, message);
}

void log_quietly(Severity severity, std::string_view message) {
    if (!opened) return;
    const std::string line = escaped(message);
    ::syslog(static_cast<int>(severity), "%s%s", name_of(severity), line.c_str());
}

}  // namespace lanes::engine
