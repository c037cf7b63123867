// The client of management against servers that answer in pieces, lie, go away or say nothing; and
// lines that must come apart again as they were put together.
#include "tools/client.hh"

#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

#include "manage/grammar.hh"

using namespace lanes;
using namespace lanes::tools;
using Catch::Contains;

namespace {

/// A server at a socket of its own; `serve` gets each connection in turn.
class Server {
  public:
    using Serve = std::function<void(int fd)>;

    explicit Server(Serve serve) : serve_(std::move(serve)) {
        char made[] = "/tmp/lanes-client-XXXXXX";
        folder = ::mkdtemp(made);
        path = folder + "/node.sock";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const auto* where = static_cast<const sockaddr*>(static_cast<const void*>(&address));
        REQUIRE(::bind(fd_, where, sizeof address) == 0);
        REQUIRE(::listen(fd_, 8) == 0);
        thread_ = std::thread([this] {
            for (int fd; (fd = ::accept(fd_, nullptr, nullptr)) >= 0; ::close(fd)) {
                ++connections;
                serve_(fd);
            }
        });
    }
    ~Server() {
        ::shutdown(fd_, SHUT_RDWR);
        thread_.join();
        ::close(fd_);
        std::filesystem::remove_all(folder);
    }

    std::string folder, path;
    std::atomic<int> connections = 0;

  private:
    Serve serve_;
    int fd_ = -1;
    std::thread thread_;
};

/// A line that the client sent; empty: it went away.
std::string read_line(int fd) {
    std::string line;
    char c = 0;
    while (::read(fd, &c, 1) == 1 && c != '\n') line += c;
    return line;
}

void say(int fd, const std::string& text) {
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

/// Until the client goes away.
void stay(int fd) {
    char bytes[256];
    while (::read(fd, bytes, sizeof bytes) > 0) {
    }
}

}  // namespace

TEST_CASE("several lines go over one connection, and each gets its own answer") {
    Server server([](int fd) {
        for (std::string line; !(line = read_line(fd)).empty();) {
            const std::string text = "you said " + line + "\n";
            say(fd, "1 " + std::to_string(text.size()) + "\n" + text);
        }
    });
    Client client(server.path);
    for (const char* line : {"show lanes", "why a"}) {
        const auto answer = client.ask(line);
        REQUIRE(answer);
        CHECK(answer.value().status == 1);
        CHECK(answer.value().text == std::string("you said ") + line + "\n");
    }
    CHECK(server.connections == 1);
}

TEST_CASE("an answer that comes byte by byte is the same answer") {
    Server server([](int fd) {
        read_line(fd);
        for (const char c : std::string("0 12\nhello\nworld\n")) say(fd, std::string(1, c));
        stay(fd);
    });
    Client client(server.path);
    const auto answer = client.ask("x");
    REQUIRE(answer);
    CHECK(answer.value().text == "hello\nworld\n");
}

TEST_CASE("what is no answer is told as such") {
    const char* lies[] = {"hello\n",          "0\n",     "0 \n",   "0 -1\n",
                          "300 1\nx",         "-1 1\nx", "0 1x\n", "0 99999999999999999999\n",
                          "0 999999999999\n", "\n",      " 0 1\n"};
    for (const std::string lie : lies) {
        INFO(lie);
        Server server([&](int fd) {
            read_line(fd);
            say(fd, lie);
            stay(fd);
        });
        Client client(server.path);
        const auto answer = client.ask("x");
        REQUIRE(!answer);
        CHECK_THAT(answer.error().message, Contains("does not speak as a node"));
    }
    Server endless([](int fd) {
        read_line(fd);
        say(fd, std::string(100'000, '7'));
    });
    Client client(endless.path);
    const auto answer = client.ask("x");
    REQUIRE(!answer);
}

TEST_CASE("a node that ends within its answer, and one that says nothing, are told apart") {
    Server half([](int fd) {
        read_line(fd);
        say(fd, "0 100\nhalf of it");
    });
    Client cut(half.path);
    const auto short_answer = cut.ask("x");
    REQUIRE(!short_answer);
    CHECK_THAT(short_answer.error().message, Contains("ended before its answer was whole"));
    CHECK(half.connections == 1);  // it was not sent again

    Server silent([](int fd) { stay(fd); });
    Client waiting(silent.path, 30);
    const auto none = waiting.ask("x");
    REQUIRE(!none);
    CHECK_THAT(none.error().message, Contains("does not answer within"));
}

TEST_CASE("a connection that the node closed meanwhile is made again before a line is sent") {
    Server server([](int fd) {
        read_line(fd);
        say(fd, "0 3\nok\n");
    });
    Client client(server.path);
    REQUIRE(client.ask("one"));
    // The server closes after each answer; the client must see that, however soon it asks.
    for (int tries = 0; server.connections < 3 && tries < 100; ++tries) {
        const auto answer = client.ask("more");
        if (!answer) CHECK_THAT(answer.error().message, Contains("answer"));
    }
    CHECK(server.connections >= 3);
}

TEST_CASE("nobody listens, no socket, a path that is too long: each with what to do") {
    std::string path;
    {
        Server server([](int fd) { stay(fd); });
        path = server.folder + "/none.sock";
        const auto none = Client(path).ask("x");
        REQUIRE(!none);
        CHECK_THAT(none.error().message, Contains("start it with `lanes run FILE`"));
        CHECK(running_nodes(server.folder) == std::vector<std::string>{"node"});
    }
    CHECK(running_nodes("/nowhere/at/all").empty());
    const auto too_long = Client("/tmp/" + std::string(200, 'x')).ask("x");
    REQUIRE(!too_long);
    const auto line = Client("/tmp/x").ask(std::string(5000, 'x'));
    REQUIRE(!line);
    CHECK_THAT(line.error().message, Contains("at most 4095 bytes"));
}

TEST_CASE("arguments come apart at the node as they were given here") {
    const std::vector<std::vector<std::string>> lines = {
        {"show", "lanes", "--json"},
        {"lane", "add", "{name: a, over: {port: wan, to: \"192.0.2.1:4790\"}}"},
        {"why", "it's", "a \\ b", "", "\"", "'"},
        {"lane", "add", "{name: a,  id: 1}"}};
    for (const auto& words : lines) {
        const manage::Words apart = manage::split(line_of(words));
        REQUIRE(!apart.open);
        std::vector<std::string> found;
        for (const manage::Word& word : apart.all) found.push_back(word.text);
        CHECK(found == words);
    }
    CHECK(line_of({"lane", "add", "{a: 1,\n b: 2}"}) == "lane add \"{a: 1,  b: 2}\"");
    CHECK(!manage::split(line_of({"--json"})).all.front().quoted);
}
