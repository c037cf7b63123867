// Places of the log that come and go: what they miss is counted, told to them first when they are
// back, and to the others once.
#include "engine/log_places.hh"

#include <algorithm>
#include <catch2/catch.hpp>

#include <cerrno>
#include <string>
#include <vector>

// A namespace of its own: the sources of this program are compiled as one.
namespace lanes::test::log_places {

using namespace lanes::engine;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

struct Heard {
    std::vector<std::string> texts;
    std::vector<Message> messages;
    int refuses = 0;
    unsigned asked = 0;
};

class TestSink final : public LogSink {
  public:
    TestSink(std::string name, Heard& heard) : name_(std::move(name)), heard_(heard) {}
    int write(const Message& message) override {
        ++heard_.asked;
        if (heard_.refuses != 0) return heard_.refuses;
        heard_.texts.push_back(message.text);
        heard_.messages.push_back(message);
        return 0;
    }
    std::string name() const override { return name_; }

  private:
    std::string name_;
    Heard& heard_;
};

struct Bed {
    Heard syslog, terminal;
    LogPlaces places;
    std::uint64_t now_ns = second;
    unsigned number = 0;

    explicit Bed(LogPlaces::Kind kind = {}) {
        places.add(std::make_unique<TestSink>("syslog", syslog), kind);
        places.add(std::make_unique<TestSink>("stderr", terminal), {true, false});
    }
    void say(LogPlaces::Reach reach = LogPlaces::Reach::everywhere) {
        places.say({Severity::notice, &events::client, {}, "m" + std::to_string(number++)}, reach,
                   now_ns);
    }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a place that was away is told first how much it missed, and why") {
    Bed bed;
    bed.say();
    bed.syslog.refuses = ECONNREFUSED;
    for (int i = 0; i < 12; ++i) bed.say();
    bed.now_ns += 40 * second;
    bed.syslog.refuses = 0;
    bed.say();
    const std::string missed = "syslog did not take 12 messages in 40 s: Connection refused";
    CHECK(bed.syslog.texts == Texts{"m0", missed, "m13"});
    CHECK(bed.syslog.messages[1].severity == Severity::warning);
    CHECK(bed.syslog.messages[1].event == &events::log);
    // The other one has everything, when it went and when it came.
    CHECK(bed.terminal.texts[1] == "m1");
    CHECK(bed.terminal.texts[2] ==
          "syslog takes no messages: Connection refused; they are counted until it does");
    CHECK(bed.terminal.texts.size() == 14 + 2);
    CHECK(std::count(bed.terminal.texts.begin(), bed.terminal.texts.end(), missed) == 1);
}

TEST_CASE("a place is told without waiting for another message, tried once a second") {
    Bed bed;
    bed.syslog.refuses = ENOBUFS;
    bed.say();
    const unsigned asked = bed.syslog.asked;
    for (int i = 0; i < 50; ++i) bed.places.tick(bed.now_ns += second / 10);
    CHECK(bed.syslog.asked - asked >= 4);
    CHECK(bed.syslog.asked - asked <= 5);
    bed.syslog.refuses = 0;
    bed.places.tick(bed.now_ns += second);
    CHECK(bed.syslog.texts ==
          Texts{"syslog did not take 1 message in 6 s: No buffer space available"});
}

TEST_CASE("for a place that is full some messages wait, in order, and what is more is counted") {
    Bed bed;
    bed.syslog.refuses = EAGAIN;
    const auto max = static_cast<unsigned>(LogPlaces::waiting_max);
    while (bed.number < 10) bed.say();
    CHECK(bed.places.waiting());
    CHECK(bed.terminal.texts.size() == 10);
    bed.syslog.refuses = 0;
    bed.places.tick(bed.now_ns += second / 10);
    CHECK_FALSE(bed.places.waiting());
    bed.say();
    CHECK(bed.syslog.texts == Texts(bed.terminal.texts.begin(), bed.terminal.texts.end()));
    CHECK(bed.syslog.texts.size() == 11);
    bed.syslog.refuses = EAGAIN;
    for (unsigned i = 0; i < max; ++i, bed.now_ns += second) bed.say();
    CHECK(bed.terminal.texts.size() == 11 + max);
    bed.say();  // one too many
    CHECK(bed.terminal.texts.back() ==
          "syslog takes no messages: Resource temporarily unavailable; they are counted until it "
          "does");
    bed.syslog.refuses = 0;
    bed.places.tick(bed.now_ns += 2 * second);
    CHECK(bed.syslog.texts.size() == 11 + max + 1);
    CHECK(bed.syslog.texts[11 + max - 1] == "m" + std::to_string(11 + max - 1));
    CHECK(bed.syslog.texts.back() ==
          "syslog did not take 1 message in 2 s: Resource temporarily unavailable");
    // One that goes away while messages wait for it.
    bed.syslog.refuses = EAGAIN;
    bed.say();
    bed.say();
    bed.syslog.refuses = ECONNREFUSED;
    bed.say();
    bed.syslog.refuses = 0;
    bed.say();
    CHECK(bed.syslog.texts[bed.syslog.texts.size() - 2].find("did not take 3 messages") !=
          std::string::npos);
}

TEST_CASE("what nobody asked for and is not there is missed in silence") {
    LogPlaces::Kind maybe;
    maybe.maybe = true;
    Bed bed(maybe);
    bed.syslog.refuses = ENOENT;
    for (int i = 0; i < 5; ++i) bed.say();
    CHECK(bed.terminal.texts == Texts{"m0", "m1", "m2", "m3", "m4"});
    bed.syslog.refuses = 0;  // it came later
    bed.say();
    CHECK(bed.syslog.texts.size() == 2);
    CHECK(bed.syslog.texts[0].find("did not take 5 messages") != std::string::npos);
    CHECK(bed.terminal.texts.size() == 6);
    bed.syslog.refuses = ENOENT;  // from now on it is missed
    bed.say();
    CHECK(bed.terminal.texts.size() == 8);
}

TEST_CASE("what stderr has already goes only to the others") {
    Bed bed;
    bed.say(LogPlaces::Reach::not_stderr);
    CHECK(bed.syslog.texts == Texts{"m0"});
    CHECK(bed.terminal.texts.empty());
}

TEST_CASE("places that fail all at once count each for itself") {
    Bed bed;
    bed.syslog.refuses = ENOENT;
    bed.terminal.refuses = EPIPE;
    for (int i = 0; i < 3; ++i) bed.say();
    bed.syslog.refuses = bed.terminal.refuses = 0;
    bed.places.tick(bed.now_ns += 2 * second);
    REQUIRE_FALSE(bed.syslog.texts.empty());
    CHECK(bed.syslog.texts[0] ==
          "syslog did not take 4 messages in 2 s: No such file or directory");
    REQUIRE_FALSE(bed.terminal.texts.empty());
    CHECK(bed.terminal.texts[0].find("stderr did not take 4 messages in 2 s: Broken pipe") == 0);
}

TEST_CASE("a place that fails now and then does not flood the others") {
    Bed bed;
    for (int i = 0; i < 2000; ++i) {
        bed.syslog.refuses = i % 2 ? ENOBUFS : 0;
        bed.now_ns += second / 100;
        bed.places.tick(bed.now_ns);
        bed.places.say({Severity::notice, &events::lane_state, {{Key::lane, "x"}}, "same"},
                       LogPlaces::Reach::everywhere, bed.now_ns);
        bed.say();
    }
    unsigned about = 0;
    for (const Message& message : bed.terminal.messages) about += message.event == &events::log;
    CHECK(about <= Governor::changes_max + 2);
}

}  // namespace lanes::test::log_places
