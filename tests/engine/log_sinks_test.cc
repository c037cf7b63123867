// The sinks of the log on sockets of the test's own: RFC 5424 read back by a parser that was
// written from the RFC alone, the journal's protocol, and what happens to a place that is gone or
// full.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <regex>
#include <string>

#include "engine/clock.hh"
#include "engine/log_events.hh"
#include "engine/log_rfc5424.hh"
#include "engine/log_sink.hh"
#include "engine/log_text.hh"

// A namespace of its own: the sources of this program are compiled as one.
namespace lanes::test::log_sinks {

using namespace lanes::engine;

namespace {

struct Syslog {
    unsigned priority = 0;
    std::string timestamp, host, app, process, id, sd_id;
    std::map<std::string, std::string> parameters;
    bool marked = false;  ///< a byte order mark
    std::string text;
};

/// RFC 5424 section 6, and nothing else. Stops the test at what is not in its grammar.
class Parser {
  public:
    explicit Parser(std::string_view rest) : rest_(rest) {}

    Syslog parse() {
        Syslog line;
        take("<");
        line.priority = static_cast<unsigned>(std::stoul(until('>', 3)));
        REQUIRE(line.priority <= 191);
        take("1 ");
        line.timestamp = until(' ', 32);
        line.host = printable(255);
        line.app = printable(48);
        line.process = printable(128);
        line.id = printable(32);
        take("[");
        line.sd_id = name(" ");
        REQUIRE(line.sd_id.find('@') != std::string::npos);
        while (next() == ' ') {
            take(" ");
            const std::string key = name("=");
            take("=\"");
            line.parameters[key] = value();
        }
        take("]");
        if (!rest_.empty()) take(" ");
        line.marked = rest_.substr(0, 3) == "\xef\xbb\xbf";
        line.text = rest_.substr(line.marked ? 3 : 0);
        return line;
    }

  private:
    char next() const {
        REQUIRE_FALSE(rest_.empty());
        return rest_[0];
    }
    void take(std::string_view text) {
        REQUIRE(rest_.substr(0, text.size()) == text);
        rest_.remove_prefix(text.size());
    }
    std::string until(char end, std::size_t max) {
        const std::size_t at = rest_.find(end);
        REQUIRE(at != std::string_view::npos);
        REQUIRE(at >= 1);
        REQUIRE(at <= max);
        const std::string text(rest_.substr(0, at));
        rest_.remove_prefix(at + 1);
        return text;
    }
    std::string printable(std::size_t max) {
        std::string text = until(' ', max);
        for (const char c : text) REQUIRE((c > 32 && c < 127));
        return text;
    }
    std::string name(std::string_view ends) {
        const std::size_t at = rest_.find_first_of(ends);
        REQUIRE(at != std::string_view::npos);
        const std::string text(rest_.substr(0, at));
        REQUIRE((text.size() >= 1 && text.size() <= 32));
        for (const char c : text) REQUIRE((c > 32 && c < 127 && c != '=' && c != ']' && c != '"'));
        rest_.remove_prefix(at);
        return text;
    }
    std::string value() {
        std::string text;
        while (next() != '"') {
            if (next() == '\\') {
                rest_.remove_prefix(1);
                REQUIRE((next() == '"' || next() == '\\' || next() == ']'));
            } else {
                REQUIRE(next() != ']');
            }
            text += next();
            rest_.remove_prefix(1);
        }
        take("\"");
        return text;
    }

    std::string_view rest_;
};

/// Whether a line has nothing that steers: by an own, naive look at its code points.
bool harmless_line(const std::string& line) {
    for (std::size_t i = 0; i < line.size();) {
        const auto at = [&](std::size_t k) {
            return i + k < line.size() ? static_cast<unsigned char>(line[i + k]) : 0u;
        };
        const unsigned first = at(0);
        unsigned value = first, more = 0;
        if (first >= 0xf0 && first <= 0xf4) {
            value = first & 7, more = 3;
        } else if (first >= 0xe0 && first < 0xf0) {
            value = first & 15, more = 2;
        } else if (first >= 0xc2 && first < 0xe0) {
            value = first & 31, more = 1;
        } else if (first >= 0x80) {
            return false;
        }
        for (unsigned k = 1; k <= more; ++k) {
            if (at(k) < 0x80 || at(k) > 0xbf) return false;
            value = value << 6 | (at(k) & 63);
        }
        if (more == 2 && (value < 0x800 || (value >= 0xd800 && value <= 0xdfff))) return false;
        if (more == 3 && (value < 0x10000 || value > 0x10ffff)) return false;
        if (value < 0x20 || (value >= 0x7f && value <= 0x9f)) return false;
        i += more + 1;
    }
    return true;
}

const LogOrigin origin{"texas", "host.example", 3};
constexpr std::uint64_t moment_ns = 1'065'910'455'003'456'789;  // 2003-10-11T22:14:15.003456

Message message_of(std::string text, std::vector<Field> fields = {}) {
    return {Severity::warning, &events::lane_state, std::move(fields), std::move(text), moment_ns};
}

/// A datagram socket in a folder of its own, as a syslogd has it.
class Receiver {
  public:
    Receiver() {
        char name[] = "/tmp/lanes-log-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        folder = name;
        path = folder + "/log";
        open();
    }
    ~Receiver() {
        close();
        std::filesystem::remove_all(folder);
    }
    void open() {
        fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
    std::string take() const {
        std::array<char, 65536> bytes;
        const ssize_t len = ::recv(fd, bytes.data(), bytes.size(), 0);
        return len < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(len));
    }

    std::string folder, path;
    int fd = -1;
};

template <typename Made>
std::unique_ptr<LogSink> good(Made made) {
    REQUIRE(made);
    return std::move(*made);
}

}  // namespace

TEST_CASE("a line of RFC 5424 is what its grammar says, to the byte") {
    const std::string line =
        rfc5424(origin, message_of("lane x is silent", {{Key::lane, "x"}}), 8000);
    CHECK(line == "<28>1 2003-10-11T22:14:15.003456Z host.example lanes " +
                      std::to_string(::getpid()) +
                      " lane_state [lanes@32473 node=\"texas\" lane=\"x\"] lane x is silent");
    const Syslog read = Parser(line).parse();
    CHECK(read.priority == 28);
    CHECK(read.sd_id == "lanes@32473");
    CHECK_FALSE(read.marked);
    CHECK(Parser(rfc5424({"n", "", 23}, message_of("x"), 8000)).parse().host == "-");
    CHECK(Parser(rfc5424({"n", "", 23}, message_of("x"), 8000)).parse().priority == 188);
    CHECK(Parser(rfc5424({"n", "a b\xc3\xbc", 3}, message_of(""), 8000)).parse().host == "ab");
}

TEST_CASE("values of structured data are escaped, and text beyond ASCII is marked as UTF-8") {
    const std::string value = R"(a"b\c]d[e=)";
    const std::string line =
        rfc5424(origin, message_of("gr\xc3\xbc\xc3\x9f", {{Key::reason, value}}), 8000);
    CHECK(line.find(R"(reason="a\"b\\c\]d[e=")") != std::string::npos);
    const Syslog read = Parser(line).parse();
    CHECK(read.parameters.at("reason") == value);
    CHECK(read.marked);
    CHECK(read.text == "gr\xc3\xbc\xc3\x9f");
}

TEST_CASE("whatever bytes come, a line is harmless and its parts are found again") {
    const unsigned seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const std::string nasty =
        "\"\\]\n\r\t\x1b\x7f\xc2\x85\xc2\x9b\xe2\x80\xae\xff\xc0\x80 =[\xf0\x9f\x98\x80";
    const auto any = [&](std::size_t len) {
        std::string text;
        while (text.size() < len) {
            text += random() % 3 == 0 ? nasty[random() % nasty.size()]
                                      : static_cast<char>(random() % 256);
        }
        return text;
    };
    for (int i = 0; i < 3000; ++i) {
        const std::string text = harmless(any(random() % 200), log_text_bytes_max);
        const std::string peer = harmless(any(random() % 300), log_value_bytes_max);
        const std::size_t bytes_max = i % 2 == 0 ? 8000 : 300;
        const std::string line = rfc5424(origin, message_of(text, {{Key::peer, peer}}), bytes_max);
        REQUIRE(harmless_line(line));
        const Syslog read = Parser(line).parse();
        REQUIRE(read.parameters.size() == 2);
        REQUIRE(read.parameters.at("peer") == peer);
        if (bytes_max == 8000) {
            REQUIRE(read.text == text);
        } else {
            REQUIRE(line.size() <=
                    std::max<std::size_t>(bytes_max, line.size() - read.text.size()));
        }
    }
}

TEST_CASE("text that would harm is written as bytes, all other text stays as it is") {
    CHECK(harmless("plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", 100) ==
          "plain \xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(harmless(std::string_view("\0\x1f\x7f", 3), 100) == "\\x00\\x1f\\x7f");
    CHECK(harmless("\xc2\x80\xc2\x9f\xc2\xa0", 100) == "\\xc2\\x80\\xc2\\x9f\xc2\xa0");
    CHECK(harmless("\xff\xc3", 100) == "\\xff\\xc3");
    CHECK(harmless("\xe2\x80\xae|\xe2\x81\xa6|\xe2\x80\xa8", 100) ==
          "\\xe2\\x80\\xae|\\xe2\\x81\\xa6|\\xe2\\x80\\xa8");
    CHECK(harmless("abcdefgh", 8) == "abcdefgh");
    CHECK(harmless("abcdefghi", 8) == "abcde...");
    CHECK(harmless("abcd\xc3\xbc"
                   "ef",
                   8) ==
          "abcd\xc3\xbc"
          "ef");
    CHECK(harmless("abcd\xc3\xbc"
                   "efg",
                   8) == "abcd...");
    CHECK(harmless("abc", 2) == "..");
    CHECK(harmless("abc", 0).empty());
}

TEST_CASE("syslog is found again at its path, and none is ever waited for") {
    Receiver syslogd;
    const auto sink = good(make_syslog_sink(origin, syslogd.path));
    CHECK(sink->name() == "syslog at " + syslogd.path);
    REQUIRE(sink->write(message_of("one")) == 0);
    const Syslog read = Parser(syslogd.take()).parse();
    CHECK(read.text == "one");
    CHECK(
        std::regex_match(read.timestamp, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)")));
    syslogd.close();
    CHECK(sink->write(message_of("two")) == ECONNREFUSED);
    std::filesystem::remove(syslogd.path);
    CHECK(sink->write(message_of("three")) == ENOENT);
    syslogd.open();
    REQUIRE(sink->write(message_of("four")) == 0);
    CHECK(Parser(syslogd.take()).parse().text == "four");
    // One that hangs: its queue fills, and then it takes nothing.
    const std::uint64_t began_ns = monotonic_ns();
    int code = 0;
    for (int i = 0; i < 100'000 && code == 0; ++i) code = sink->write(message_of("again"));
    CHECK(code == EAGAIN);
    CHECK(monotonic_ns() - began_ns < 60'000'000'000);
    while (!syslogd.take().empty()) continue;
    CHECK(sink->write(message_of("five")) == 0);
}

TEST_CASE("syslog by UDP is the same line, cut for what every receiver takes") {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t len = sizeof address;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &len) == 0);
    const auto server = parse_endpoint("127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
    REQUIRE(server);
    const auto sink = good(make_syslog_sink(origin, *server));
    REQUIRE(sink->write(message_of(std::string(3000, 'x'), {{Key::lane, "x"}})) == 0);
    std::array<char, 65536> bytes;
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    ::close(fd);
    REQUIRE(got == 2048);
    const Syslog read =
        Parser(std::string_view(bytes.data(), static_cast<std::size_t>(got))).parse();
    CHECK(read.parameters.at("lane") == "x");
    CHECK(read.text.ends_with("xxx..."));
}

TEST_CASE("the journal gets a field a line") {
    Receiver journald;
    const auto sink = good(make_journal_sink(origin, journald.path));
    REQUIRE(sink->write(message_of("lane x is silent", {{Key::lane, "x"}, {Key::count, "3"}})) ==
            0);
    CHECK(journald.take() ==
          "MESSAGE=lane x is silent\nPRIORITY=4\nSYSLOG_IDENTIFIER=lanes\nSYSLOG_FACILITY=3\n"
          "LANES_NODE=texas\nLANES_EVENT=lane_state\nLANES_LANE=x\nLANES_COUNT=3\n");
    journald.close();
    CHECK(sink->write(message_of("x")) == ECONNREFUSED);
    CHECK_FALSE(make_journal_sink(origin, std::string(200, 'x')));
}

TEST_CASE("a stderr that is full, hung up or closed neither waits nor kills") {
    std::array<int, 2> ends;
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    ::fflush(stderr);
    const auto former_action = ::signal(SIGPIPE, SIG_IGN);
    const int former = ::dup(STDERR_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
    const auto sink = make_stderr_sink();
    int first = 0, code = 0;
    std::size_t lines = 0;
    first = sink->write(message_of("one"));
    for (; lines < 100'000 && code == 0; ++lines)
        code = sink->write(message_of(std::string(99, 'x')));
    const bool others_wait = (::fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0;
    std::string text(200, '\0');
    const ssize_t got = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    const int hung_up = sink->write(message_of("two"));
    ::close(STDERR_FILENO);
    const int closed = make_stderr_sink()->write(message_of("three"));
    ::dup2(former, STDERR_FILENO);
    ::close(former);
    ::signal(SIGPIPE, former_action);
    CHECK(first == 0);
    CHECK(code == EAGAIN);
    CHECK(lines > 100);
    CHECK(others_wait);
    CHECK(got == 200);
    CHECK(text.starts_with("lanes: warning: one\nlanes: warning: xxx"));
    CHECK(hung_up == EPIPE);
    CHECK(closed == EBADF);
}

TEST_CASE("a terminal that nobody reads does not keep anybody waiting") {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) {
        WARN("skipped: no pseudo-terminals here");
        return;
    }
    const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave >= 0);
    ::fflush(stderr);
    const int former = ::dup(STDERR_FILENO);
    ::dup2(slave, STDERR_FILENO);
    const auto sink = make_stderr_sink();
    int code = 0;
    for (int i = 0; i < 100'000 && code == 0; ++i)
        code = sink->write(message_of(std::string(99, 'x')));
    // What it took a part of goes on where it stopped.
    std::string text;
    std::array<char, 4096> bytes;
    ::fcntl(master, F_SETFL, O_NONBLOCK);
    const auto drain = [&] {
        for (ssize_t got; (got = ::read(master, bytes.data(), bytes.size())) > 0;) {
            text.append(bytes.data(), static_cast<std::size_t>(got));
        }
    };
    drain();
    int after = EAGAIN;
    for (int i = 0; i < 1000 && after == EAGAIN; ++i) {
        after = sink->write(message_of("last"));
        drain();
    }
    ::dup2(former, STDERR_FILENO);
    ::close(former);
    ::close(slave);
    for (int i = 0; i < 1000 && text.find("last") == std::string::npos; ++i) drain();
    ::close(master);
    CHECK(code == EAGAIN);
    CHECK(after == 0);
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
        const std::string line = text.substr(begin, end - begin);
        CHECK(
            (line == "lanes: warning: " + std::string(99, 'x') || line == "lanes: warning: last"));
    }
}

}  // namespace lanes::test::log_sinks
