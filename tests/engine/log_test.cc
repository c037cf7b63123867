// The log: one line per message, whatever the message holds.
#include "engine/log.hh"

#include <unistd.h>

#include <catch2/catch.hpp>

#include <cstdio>
#include <string>

#include "engine/result.hh"

using namespace lanes::engine;

namespace {

/// What `speak` writes to stderr.
template <typename Speak>
std::string heard(Speak&& speak) {
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    std::fflush(stderr);
    const int former = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file), STDERR_FILENO);
    speak();
    std::fflush(stderr);
    ::dup2(former, STDERR_FILENO);
    ::close(former);
    std::rewind(file);
    std::string text(4096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
}

/// What log() writes to stderr.
std::string printed(Severity severity, std::string_view message) {
    return heard([&] { log(severity, message); });
}

}  // namespace

TEST_CASE("a message is one line with its severity") {
    CHECK(printed(Severity::error, "no") == "lanes: error: no\n");
    CHECK(printed(Severity::warning, "hm") == "lanes: warning: hm\n");
    CHECK(printed(Severity::notice, "so") == "lanes: so\n");
    CHECK(printed(Severity::info, "") == "lanes: \n");
    CHECK(printed(Severity::debug, "x") == "lanes: debug: x\n");
}

TEST_CASE("nothing from outside can forge a line or steer a terminal") {
    CHECK(printed(Severity::info, "a\nlanes: error: b") == "lanes: a\\x0alanes: error: b\n");
    CHECK(printed(Severity::info, "\r\t\x1b[2J\x7f") == "lanes: \\x0d\\x09\\x1b[2J\\x7f\n");
    CHECK(printed(Severity::info, std::string_view("a\0b", 3)) == "lanes: a\\x00b\n");
    CHECK(printed(Severity::info, "%s %n %d") == "lanes: %s %n %d\n");
    CHECK(printed(Severity::info, "gr\xc3\xbc\xc3\x9f") == "lanes: gr\xc3\xbc\xc3\x9f\n");
    CHECK(printed(Severity::info,
                  "\xc2\x9b"
                  "2J\xff") ==
          "lanes: \\xc2\\x9b"
          "2J\\xff\n");
}

TEST_CASE("once it is open, what repeats is counted, and told at the end") {
    LogSettings settings;
    settings.to = {LogPlace::standard_error};
    settings.level = Severity::notice;
    const std::string said = heard([&] {
        REQUIRE(open_log("n", settings));
        for (int i = 0; i < 3; ++i) log(Severity::notice, events::port, {{Key::port, "p"}}, "gone");
        log(Severity::info, "not severe enough");
        log_quietly(Severity::error, events::config, {}, "printed already");
        log_tick(0);
        close_log();
        log_only(Severity::debug);
        log(Severity::info, "alone");
    });
    CHECK(said == "lanes: gone\nlanes: gone (repeated 2 times in 1 s)\nlanes: alone\n");
}

TEST_CASE("a log that cannot be opened says why, and the former goes on") {
    LogSettings settings;
    settings.to = {LogPlace::syslog};
    settings.socket = "/" + std::string(120, 'x');
    const auto opened = open_log("n", settings);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find("log: syslog: ") == 0);
    CHECK(printed(Severity::notice, "still here") == "lanes: still here\n");
}

TEST_CASE("a system error carries its code and the system's words") {
    const Error error = system_error(2, "open /nowhere");
    CHECK(error.code == 2);
    CHECK(error.message == "open /nowhere: No such file or directory");
    CHECK(system_error(99999, "x").message == "x: unknown error");
}
