// Telnet, byte by byte: what a client says, well or badly, and what must come back.
#include "manage/telnet_talk.hh"

#include <string.h>

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "engine/log.hh"
#include "tests/sanitizers.hh"

using namespace lanes::manage;
using namespace std::string_literals;

namespace {

constexpr std::uint64_t second = 1'000'000'000;

Answer echo(std::string_view line, Rights rights) {
    return {0, "<" + std::string(line) + (rights == Rights::write ? "|w>\n" : "|r>\n")};
}

struct Bed {
    explicit Bed(const char* password = nullptr) : gate{"texas", nullptr} {
        lanes::engine::log_only(lanes::engine::Severity::error);
        if (password != nullptr) {
            gate.password = std::make_shared<const lanes::crypto::Password>(
                lanes::crypto::Password::of(password));
        }
        talk = std::make_unique<TelnetTalk>(echo, gate, "telnet from 127.0.0.1:1");
        say("");  // the greeting
    }
    ~Bed() { lanes::engine::log_only(lanes::engine::Severity::debug); }

    /// What comes back for these bytes, in pieces of at most `piece`.
    std::string say(std::string_view bytes, std::size_t piece = read_bytes_max) {
        std::string out;
        while (talk->ready()) talk->step(now_ns, out);
        while (!bytes.empty()) {
            const std::size_t len = std::min(piece, bytes.size());
            talk->take(bytes.substr(0, len));
            bytes.remove_prefix(len);
            while (talk->ready() && !talk->over()) talk->step(now_ns, out);
        }
        return out;
    }

    TelnetGate gate;
    std::unique_ptr<TelnetTalk> talk;
    std::uint64_t now_ns = 1000 * second;
};

const std::string prompt = "texas> ";

std::string answer(const std::string& line) {
    return "<" + line + "|r>\r\n" + prompt;
}

}  // namespace

TEST_CASE("a telnet session greets with the node's name and a prompt") {
    Bed bed;
    TelnetTalk talk(echo, bed.gate, "somebody");
    std::string out;
    REQUIRE(talk.ready());
    talk.step(0, out);
    CHECK(out ==
          "node texas of lanes; `help` lists what can be said, `exit` ends this\r\n" + prompt);
}

TEST_CASE("a line ends as any client may end it, in pieces of any size") {
    for (const std::size_t piece : {1u, 2u, 3u, 4096u}) {
        Bed bed;
        CHECK(bed.say("a\r\nb\nc\r\0d\re\n"s, piece) ==
              answer("a") + answer("b") + answer("c") + answer("d") + answer("e"));
        CHECK(bed.say("\r\n\r\n", piece) == prompt + prompt);
        CHECK(bed.say("  a  b \t c  \n", piece) == answer("a  b   c"));
    }
}

TEST_CASE("backspace takes back a character, also one of several bytes; ^U the line") {
    Bed bed;
    CHECK(bed.say("shoo\x7fw\n") == answer("show"));
    CHECK(bed.say("ab\xe2\x82\xac\x08\x08"
                  "c\n") == answer("ac"));
    CHECK(bed.say("\x7f\x7f\x08x\n") == answer("x"));
    CHECK(bed.say("abc\x15"
                  "d\n") == answer("d"));
    CHECK(bed.say("abc\xff\xf7\xff\xf7z\n") == answer("az"));
    CHECK(bed.say("abc\xff\xf8z\n") == answer("z"));
}

TEST_CASE("options that we do not have are refused once each, and refusals are not answered") {
    Bed bed;
    CHECK(bed.say("\xff\xfb\x18") == "\xff\xfe\x18");  // WILL TERMINAL-TYPE: DONT
    CHECK(bed.say("\xff\xfd\x03") == "\xff\xfc\x03");  // DO SUPPRESS-GO-AHEAD: WONT
    CHECK(bed.say("\xff\xfd\x01") == "\xff\xfc\x01");  // DO ECHO: WONT, there is no password
    CHECK(bed.say("\xff\xfc\x18\xff\xfe\x03") == "");
    CHECK(bed.say("sh\xff\xfb\x1fow\n") == "\xff\xfe\x1f" + answer("show"));
    CHECK(bed.say("\xff\xfb\xff") == "\xff\xfe\xff");
}

TEST_CASE("IAC IAC is a byte, and subnegotiation is skipped whatever is in it") {
    Bed bed;
    CHECK(bed.say("a\xff\xff\n") == "the line is not UTF-8\r\n" + prompt);
    for (const std::size_t piece : {1u, 4096u}) {
        CHECK(bed.say("x\xff\xfa\x18\x00\n\xff\xff\xf0stop\n\xff\xf0y\n"s, piece) == answer("xy"));
        CHECK(bed.say("\xff\xfa\xff\xf4\xff\xf0z\n"s, piece) == answer("z"));
    }
    // Within a subnegotiation without an end nothing is a command, however long it is.
    CHECK(bed.say("\xff\xfa" + std::string(100'000, '\n')) == "");
    CHECK(bed.say("\xff\xf0ok\n") == answer("ok"));
}

TEST_CASE("an interrupt or a break throws the line away; other commands do nothing") {
    Bed bed;
    CHECK(bed.say("stop\xff\xf4") == "\r\n" + prompt);
    CHECK(bed.say("a\xff\xf2"
                  "b\n") == answer("ab"));  // DM, as it comes with an interrupt
    CHECK(bed.say("stop\xff\xf3") == "\r\n" + prompt);
    CHECK(bed.say("stop\x03") == "\r\n" + prompt);
    CHECK(bed.say("x\xff\xf1\xff\xf9\xff\xf5\xff\xef\xff\x01y\n") == answer("xy"));
    CHECK(bed.say("\xff\xf6") == "[node texas is here]\r\n");
    CHECK(bed.say("a\x01\x02\x1b[A\x00z\n"s) == answer("a[Az"));
}

TEST_CASE("a line of 4095 bytes is heard, a longer one is refused, and the next is heard") {
    Bed bed;
    const std::string longest(4095, 'x');
    CHECK(bed.say(longest + "\n") == answer(longest));
    const std::string refused = "a line may have at most 4096 bytes\r\n" + prompt;
    CHECK(bed.say(longest + "x\n") == refused);
    CHECK(bed.say(std::string(100'000, 'y') + "\nb\n") == refused + answer("b"));
}

TEST_CASE("exit, quit, ^D on an empty line and a browser end the session") {
    for (const std::string last : {"exit\r\n", "quit\n", "\x04", "POST / HTTP/1.1\r\nstop\r\n"}) {
        Bed bed;
        CHECK(bed.say(last) == "");
        CHECK(bed.talk->over());
    }
    Bed bed;
    CHECK(bed.say("a\x04\n") == answer("a"));
    CHECK_FALSE(bed.talk->over());
}

TEST_CASE("without a password file nobody may change anything") {
    Bed bed;
    CHECK_THAT(bed.say("enable\n"), Catch::Contains("nobody may change the node over telnet"));
    CHECK(bed.say("a\n") == answer("a"));
}

TEST_CASE("the password lets a session write, unseen, until it is disabled") {
    Bed bed("open sesame");
    CHECK(bed.say("enable\r\n") == "\xff\xfb\x01password: ");
    CHECK(bed.say("\xff\xfd\x01") == "");  // DO ECHO is what was asked for
    CHECK(bed.say("open sesame\r\n") == "\xff\xfc\x01\r\ntexas# ");
    CHECK(bed.say("\xff\xfe\x01") == "");
    CHECK(bed.say("a\n") == "<a|w>\r\ntexas# ");
    CHECK(bed.say("enable\n") == "this session may change the node already\r\ntexas# ");
    CHECK(bed.say("disable\n") == prompt);
    CHECK(bed.say("a\n") == answer("a"));
}

TEST_CASE("a wrong password is refused for a second to all, and the third ends the session") {
    Bed bed("open sesame");
    TelnetTalk other(echo, bed.gate, "another");
    std::string heard;
    while (other.ready()) other.step(bed.now_ns, heard);
    const std::vector<std::string> wrongs = {"open sesame ", "", std::string(5000, 'x')};
    for (const std::string& wrong : wrongs) {
        const bool last = &wrong == &wrongs.back();
        bed.say("enable\n");
        CHECK(bed.say(wrong + "\n") ==
              "\xff\xfc\x01\r\n" + (last ? "wrong once too often\r\n"s : "wrong\r\n" + prompt));
        CHECK(bed.talk->over() == last);
        other.take("enable\n");
        heard.clear();
        while (other.ready()) other.step(bed.now_ns, heard);
        CHECK_THAT(heard, Catch::Contains("try again in a second"));
        bed.now_ns += second;
    }
    other.take("enable\nopen sesame\n");
    heard.clear();
    while (other.ready()) other.step(bed.now_ns, heard);
    CHECK(heard.ends_with("texas# "));
}

TEST_CASE("an interrupt ends the question for the password, and what is typed is seen again") {
    Bed bed("open sesame");
    bed.say("enable\n");
    CHECK(bed.say("open\x03") == "\xff\xfc\x01\r\n" + prompt);
    CHECK(bed.say(" sesame\n") == answer("sesame"));
}

TEST_CASE("whatever bytes come, the node hears text and what comes back is telnet") {
    std::mt19937 random(20261123);
    for (int round = 0; round < 300; ++round) {
        Bed bed(round % 2 == 0 ? "open sesame" : nullptr);
        std::string bytes;
        const char likely[] = {'\xff', '\xfa', '\xf0', '\xfb', '\xfd', '\xf4',
                               '\r',   '\n',   'a',    '\x7f', 'e'};
        while (bytes.size() < 2000) {
            bytes +=
                random() % 4 == 0 ? static_cast<char>(random()) : likely[random() % sizeof likely];
            if (random() % 50 == 0) bytes += "enable\n";
        }
        const std::string out = bed.say(bytes, 1 + random() % 64);
        for (std::size_t i = 0; i < out.size(); ++i) {
            const auto byte = static_cast<unsigned char>(out[i]);
            if (byte == '\n') CHECK(out.at(i - 1) == '\r');
            if (byte != 0xff) continue;
            const auto verb = static_cast<unsigned char>(out.at(++i));
            if (verb != 0xff) {
                CHECK((verb == 0xfc || verb == 0xfe || verb == 0xfb));
                ++i;
            }
        }
    }
}

namespace {

/// A password that stands nowhere as it is but where a test puts it.
class Hidden {
  public:
    static constexpr std::size_t len = 24;

    Hidden() {
        std::random_device random;
        for (char& c : masked_) c = static_cast<char>(('a' + random() % 26) ^ mask);
    }
    void write(char* to) const {
        for (std::size_t i = 0; i < len; ++i) to[i] = static_cast<char>(masked_[i] ^ mask);
    }
    /// The mappings that it is in, of those that this process can write to, freed memory included.
    /// Not the stack: registers go there at any time, and other calls over them.
    std::vector<std::string> found() const {
        std::vector<std::string> places;
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            unsigned long first = 0;
            unsigned long end = 0;
            char access[8] = {};
            if (std::sscanf(line.c_str(), "%lx-%lx %7s", &first, &end, access) != 3) continue;
            if (access[0] != 'r' || access[1] != 'w' || end - first > most_bytes) continue;
            if (line.ends_with("[stack]")) continue;
            const auto* at = reinterpret_cast<const volatile char*>(first);
            for (const auto* last = at + (end - first) - len; at <= last; ++at) {
                if (is_at(at)) places.push_back(line);
            }
        }
        return places;
    }

  private:
    static constexpr char mask = 0x55;
    static constexpr unsigned long most_bytes = 64ul << 20;

    bool is_at(const volatile char* at) const {
        for (std::size_t i = 0; i < len; ++i) {
            if ((at[i] ^ mask) != masked_[i]) return false;
        }
        return true;
    }

    std::array<char, len> masked_;
};

}  // namespace

TEST_CASE("a password that was said is nowhere in memory any more") {
    if (lanes::test::sanitized) return;  // they keep what was freed, and much besides
    const Hidden hidden;
    // Not on the stack, where nobody looks.
    std::string said = "enable\r\n" + std::string(Hidden::len, '-') + "\r\n";
    char* const password = said.data() + 8;
    hidden.write(password);
    Bed bed;
    bed.gate.password = std::make_shared<const lanes::crypto::Password>(
        lanes::crypto::Password::of({password, Hidden::len}));
    CHECK_FALSE(hidden.found().empty());
    // All in one segment: the password waits while `enable` is answered.
    CHECK(bed.say(said).ends_with("texas# "));
    ::explicit_bzero(said.data(), said.size());
    CHECK(hidden.found() == std::vector<std::string>{});
}
