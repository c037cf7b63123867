// The governor of the log on a clock of the test's own: what is said, what is counted, and that
// nothing is forgotten.
#include "engine/log_governor.hh"

#include <algorithm>
#include <catch2/catch.hpp>

#include <string>
#include <vector>

// A namespace of its own: the sources of this program are compiled as one.
namespace lanes::test::log_governor {

using namespace lanes::engine;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

Message of(const Event& event, const std::string& lane, const std::string& text,
           Severity severity = Severity::warning) {
    Message message{severity, &event, {}, text};
    if (!lane.empty()) message.fields.push_back({Key::lane, lane});
    return message;
}

std::string value(const Message& message, Key key) {
    for (const Field& field : message.fields) {
        if (field.key == key) return field.value;
    }
    return "";
}

/// All that a log would have, and a clock.
struct Log {
    Governor governor;
    std::uint64_t now_ns = 7 * second;
    std::vector<Message> lines;

    void say(const Message& message) {
        if (governor.admit(message, now_ns, lines)) lines.push_back(message);
    }
    void pass(std::uint64_t seconds) {
        for (std::uint64_t i = 0; i < 10 * seconds; ++i) {
            now_ns += second / 10;
            governor.tick(now_ns, lines);
        }
    }
    std::vector<std::string> texts() const {
        std::vector<std::string> all;
        for (const Message& line : lines) all.push_back(line.text);
        return all;
    }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("what is said again within a minute is counted and summed up once") {
    Log log;
    const Message silent = of(events::lane_state, "x", "lane x is silent");
    for (int i = 0; i < 121; ++i) log.say(silent);
    CHECK(log.texts() == Texts{"lane x is silent"});
    log.pass(59);
    CHECK(log.lines.size() == 1);
    log.pass(2);
    REQUIRE(log.lines.size() == 2);
    CHECK(log.lines[1].text == "lane x is silent (repeated 120 times in 60 s)");
    CHECK(log.lines[1].event == &events::lane_state);
    CHECK(log.lines[1].severity == Severity::warning);
    CHECK(value(log.lines[1], Key::lane) == "x");
    CHECK(value(log.lines[1], Key::count) == "120");
    CHECK(value(log.lines[1], Key::seconds) == "60");
    log.pass(120);
    CHECK(log.lines.size() == 2);
    log.say(silent);  // news again
    CHECK(log.lines.size() == 3);
}

TEST_CASE("what goes on for ever is a line a minute") {
    Log log;
    for (int i = 0; i < 3600; ++i) {
        log.say(of(events::state_store, "x", "no room"));
        log.pass(1);
    }
    CHECK(log.lines.size() >= 59);
    CHECK(log.lines.size() <= 61);
    CHECK(log.lines.back().text == "no room (repeated 60 times in 60 s)");
}

TEST_CASE("what is about another lane, another event or says something else is no repeat") {
    Log log;
    log.say(of(events::lane_state, "x", "silent"));
    log.say(of(events::lane_state, "y", "silent"));
    log.say(of(events::lane_keys, "x", "silent"));
    log.say(of(events::lane_state, "x", "up"));
    log.say(of(events::general, "", "one"));
    log.say(of(events::general, "", "other"));
    log.say(of(events::general, "", "one"));  // repeated, though another was in between
    CHECK(log.texts() == Texts{"silent", "silent", "silent", "up", "one", "other"});
}

TEST_CASE("a repeat that was held is told before the change that follows it") {
    Log log;
    log.say(of(events::lane_state, "x", "silent"));
    log.say(of(events::lane_state, "x", "silent"));
    log.pass(5);
    log.say(of(events::lane_state, "x", "up"));
    CHECK(log.texts() == Texts{"silent", "silent (repeated once in 5 s)", "up"});
}

TEST_CASE("a lane that flaps is told eight times, then once a minute, and last as it is") {
    Log log;
    for (int i = 0; i < 100; ++i) log.say(of(events::lane_state, "x", i % 2 ? "up" : "silent"));
    CHECK(log.lines.size() == Governor::changes_max);
    log.pass(61);
    REQUIRE(log.lines.size() == Governor::changes_max + 1);
    CHECK(log.lines.back().text == "up (the last of 92 changes in 60 s)");
    log.say(of(events::lane_state, "x", "silent"));
    CHECK(log.lines.size() == Governor::changes_max + 1);
    log.pass(61);
    CHECK(log.lines.back().text == "silent (the last of 1 change in 60 s)");
}

TEST_CASE("a thousand lanes at once are a burst and a number") {
    Log log;
    for (int i = 0; i < 1000; ++i) {
        log.say(of(events::lane_state, "lane" + std::to_string(i), "silent",
                   i == 500 ? Severity::error : Severity::notice));
    }
    CHECK(log.lines.size() == events::lane_state.burst);
    log.pass(11);
    REQUIRE(log.lines.size() == events::lane_state.burst + 1);
    CHECK(log.lines.back().text ==
          "980 more messages of the kind lane_state were left out in 10 s");
    CHECK(value(log.lines.back(), Key::count) == "980");
    CHECK(log.lines.back().severity == Severity::error);
    // One each second from then on, and other events all the while.
    for (int i = 0; i < 9; ++i) log.say(of(events::lane_state, "more" + std::to_string(i), "up"));
    log.say(of(events::reload, "", "reloaded"));
    CHECK(log.lines.size() >= events::lane_state.burst + 1 + 9 + 1);
}

TEST_CASE("the last state of a lane that was told of is told, burst or not") {
    Log log;
    log.say(of(events::lane_state, "x", "silent"));
    for (int i = 0; i < 1000; ++i) {
        log.say(of(events::lane_state, "lane" + std::to_string(i), "silent"));
    }
    log.say(of(events::lane_state, "x", "up"));
    CHECK(log.lines.size() == events::lane_state.burst);
    log.pass(61);
    const Texts all = log.texts();
    CHECK(std::count(all.begin(), all.end(), "up (the last of 1 change in 60 s)") == 1);
}

TEST_CASE("what somebody does again is said again, within bounds") {
    Log log;
    for (int i = 0; i < 1000; ++i) log.say(of(events::reload, "", "reloaded"));
    CHECK(log.lines.size() == events::reload.burst);
    for (int i = 0; i < 3600; ++i) {
        log.say(of(events::reload, "", "reloaded"));
        log.pass(1);
    }
    CHECK(log.lines.size() <= 3600 + 2 * events::reload.burst);
    CHECK(log.lines.size() >= 3600);
}

TEST_CASE("names that somebody makes up cost no memory, and no count is lost") {
    Log log;
    std::uint64_t said = 0;
    for (int i = 0; i < 20000; ++i) {
        const std::string name = "made-up-" + std::to_string(i % 7000);
        log.say(of(*events::all[static_cast<std::size_t>(i) % std::size(events::all)], name, "x"));
        ++said;
        if (i % 10 == 0) log.pass(1);
        REQUIRE(log.governor.things() <= Governor::things_max);
    }
    log.governor.flush(log.now_ns, log.lines);
    CHECK(log.governor.things() == 0);
    std::uint64_t told = 0;
    for (const Message& line : log.lines) {
        const std::string count = value(line, Key::count);
        told += count.empty() ? 1 : std::stoull(count);
    }
    CHECK(told == said);
}

TEST_CASE("in the end all that was counted is said") {
    Log log;
    for (int i = 0; i < 3; ++i) log.say(of(events::lane_state, "x", "silent"));
    for (int i = 0; i < 30; ++i) log.say(of(events::reload, "", "again"));
    log.pass(1);
    log.governor.flush(log.now_ns, log.lines);
    const Texts all = log.texts();
    CHECK(std::count(all.begin(), all.end(), "silent (repeated 2 times in 1 s)") == 1);
    CHECK(all[events::reload.burst + 1].find("10 more messages of the kind reload") == 0);
}

TEST_CASE("every event has a name of its own that syslog takes") {
    std::vector<std::string_view> names;
    for (const Event* event : events::all) {
        INFO(event->name);
        CHECK(event->name.size() <= 32);
        CHECK(event->name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
              std::string_view::npos);
        CHECK(std::count(names.begin(), names.end(), event->name) == 0);
        CHECK(event->burst >= 1);
        CHECK(event->per_second >= 1);
        names.push_back(event->name);
    }
}

}  // namespace lanes::test::log_governor
