// Sessions and listeners over real sockets: limits, hung clients, the rights of a socket's file.
// The clock is the test's.
#include "manage/server.hh"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "engine/log.hh"
#include "tests/manage/fake_node.hh"

using namespace lanes::manage;
using lanes::manage::test::FakeNode;

namespace {

using Kind = Listener::Kind;

constexpr std::uint64_t second = 1'000'000'000;

/// The other end of a session.
struct Client {
    explicit Client(lanes::engine::Descriptor socket) : fd(std::move(socket)) {}

    bool say(std::string_view text) const {
        return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
               static_cast<ssize_t>(text.size());
    }
    /// What is there by now.
    std::string hear() const {
        std::string all;
        char room[65536];
        ssize_t len = 0;
        while ((len = ::recv(fd.get(), room, sizeof room, MSG_DONTWAIT)) > 0) {
            all.append(room, static_cast<std::size_t>(len));
        }
        return all;
    }
    /// Whether the other end has closed; what it said is lost.
    bool ended() const {
        char room[65536];
        ssize_t len = 0;
        while ((len = ::recv(fd.get(), room, sizeof room, MSG_DONTWAIT)) > 0) {
        }
        return len == 0 || errno == ECONNRESET;
    }

    lanes::engine::Descriptor fd;
};

struct Bed {
    explicit Bed(std::vector<Listener> listeners = {}) {
        lanes::engine::log_only(lanes::engine::Severity::error);
        auto made = Server::create(node, std::move(listeners), nullptr);
        REQUIRE(made);
        server = std::move(*made);
    }
    ~Bed() { lanes::engine::log_only(lanes::engine::Severity::debug); }

    Client connect(Kind kind = Kind::socket) {
        int pair[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
        server->greet(kind, lanes::engine::Descriptor(pair[0]), "a test", now_ns);
        return Client(lanes::engine::Descriptor(pair[1]));
    }
    /// Serves until there is nothing to do.
    void serve() {
        for (int i = 0; i < 100'000; ++i) {
            pollfd entry{server->fd(), POLLIN, 0};
            if (::poll(&entry, 1, 0) == 0) return server->serve(now_ns);
            server->serve(now_ns);
        }
        FAIL("the server never comes to rest");
    }
    /// Time goes by, a second at a time.
    void pass(std::uint64_t seconds) {
        for (std::uint64_t i = 0; i < seconds; ++i) {
            now_ns += second;
            serve();
        }
    }
    std::string ask(const Client& client, const std::string& line) {
        client.say(line + "\n");
        serve();
        return client.hear();
    }

    FakeNode node;
    std::unique_ptr<Server> server;
    std::uint64_t now_ns = 5000 * second;
};

struct Folder {
    Folder() {
        char name[] = "/tmp/lanes-manage-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

Client connect_to(const std::string& path) {
    lanes::engine::Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return Client(std::move(fd));
}

const std::string stopped = "0 23\nnode texas is stopping\n";

}  // namespace

TEST_CASE("a session answers line by line, and stays") {
    Bed bed;
    const Client client = bed.connect();
    CHECK(bed.ask(client, "stop") == "0 23\nnode texas is stopping\n");
    CHECK(bed.ask(client, "stop\nstop\nfrob").starts_with(stopped + stopped + "2 "));
    CHECK(bed.node.asked.size() == 3);
    CHECK(bed.server->sessions(Kind::socket) == 1);
    CHECK(bed.server->quiet());
}

TEST_CASE("who says his last line and shuts down his side still gets all answers") {
    Bed bed;
    const Client client = bed.connect();
    REQUIRE(client.say("stop\nstop\nstop"));
    ::shutdown(client.fd.get(), SHUT_WR);
    bed.serve();
    CHECK(client.hear() == stopped + stopped);
    CHECK(client.ended());
    CHECK(bed.server->sessions(Kind::socket) == 0);
}

TEST_CASE("who goes away before his answer harms nobody") {
    Bed bed;
    const Client other = bed.connect();
    for (int i = 0; i < 100; ++i) {
        const Client client = bed.connect();
        client.say("help\nhelp\nhelp\n");
    }
    bed.serve();
    CHECK(bed.ask(other, "stop") == stopped);
    CHECK(bed.server->sessions(Kind::socket) == 1);
}

TEST_CASE("a client that does not read gets one answer to wait, and goes after 30 seconds") {
    Bed bed;
    const Client hung = bed.connect();
    const Client other = bed.connect();
    const int few = 4096;
    ::setsockopt(hung.fd.get(), SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
    std::string many;
    for (int i = 0; i < 800; ++i) many += "help\n";
    REQUIRE(hung.say(many));
    bed.serve();
    for (int i = 0; i < 1000; ++i) {
        hung.say("stop\n");  // until nothing more goes in
        bed.server->serve(bed.now_ns);
    }
    CHECK_FALSE(bed.server->quiet());
    CHECK(bed.node.asked.empty());
    bed.pass(29);
    CHECK(bed.server->sessions(Kind::socket) == 2);
    CHECK(bed.ask(other, "stop") == stopped);
    bed.pass(2);
    CHECK(bed.server->sessions(Kind::socket) == 1);
    CHECK(bed.server->quiet());
    CHECK(bed.ask(other, "stop") == stopped);
}

TEST_CASE("a slow client that reads a little now and then gets all of it") {
    Bed bed;
    const Client slow = bed.connect();
    std::string many;
    for (int i = 0; i < 800; ++i) many += "help\n";
    REQUIRE(slow.say(many));
    std::string all;
    for (int i = 0; i < 200'000 && (all.size() < 1000 || !bed.server->quiet()); ++i) {
        bed.serve();
        char room[5000];
        const ssize_t len = ::recv(slow.fd.get(), room, sizeof room, MSG_DONTWAIT);
        if (len > 0) all.append(room, static_cast<std::size_t>(len));
        bed.now_ns += second;
    }
    all += slow.hear();
    std::size_t answers = 0;
    for (std::size_t at = 0; at < all.size(); ++answers) {
        REQUIRE(all.substr(at, 2) == "0 ");
        const std::size_t end = all.find('\n', at);
        at = end + 1 + std::stoul(all.substr(at + 2, end - at - 2));
    }
    CHECK(answers == 800);
}

TEST_CASE("the 65th client is refused while all are busy, and takes the place of the silent") {
    Bed bed;
    std::vector<Client> clients;
    for (std::size_t i = 0; i < Server::sessions_max; ++i) clients.push_back(bed.connect());
    const Client refused = bed.connect();
    CHECK_THAT(refused.hear(), Catch::Contains("1 ") && Catch::Contains("all sessions are taken"));
    CHECK(refused.ended());
    bed.pass(4);
    clients[0].say("stop\n");
    bed.serve();
    bed.pass(1);
    const Client welcome = bed.connect();
    CHECK(bed.ask(welcome, "stop") == stopped);
    CHECK(bed.ask(clients[0], "stop") == stopped + stopped);
    CHECK(bed.server->sessions(Kind::socket) == Server::sessions_max);
    const auto gone = std::count_if(clients.begin() + 1, clients.end(),
                                    [](const Client& client) { return client.ended(); });
    CHECK(gone == 1);
}

TEST_CASE("the ninth telnet session is refused, and silence of five minutes ends one") {
    Bed bed;
    std::vector<Client> clients;
    for (std::size_t i = 0; i < Server::telnet_sessions_max; ++i) {
        clients.push_back(bed.connect(Kind::telnet));
    }
    bed.serve();
    CHECK_THAT(clients[0].hear(), Catch::EndsWith("texas> "));
    const Client refused = bed.connect(Kind::telnet);
    CHECK_THAT(refused.hear(), Catch::Contains("all sessions are taken"));
    CHECK(refused.ended());
    const Client socket = bed.connect();
    CHECK(bed.ask(socket, "stop") == stopped);
    bed.pass(200);
    clients[1].say("stop\r\n");
    bed.serve();
    CHECK_THAT(clients[1].hear(), Catch::Contains("`stop` changes the node"));
    bed.pass(101);
    CHECK(bed.server->sessions(Kind::telnet) == 1);
    CHECK_THAT(clients[0].hear(), Catch::Contains("nothing was heard for 300 seconds"));
    CHECK(bed.server->sessions(Kind::socket) == 1);
}

TEST_CASE("a thousand connects, and hung clients among them, leave the socket usable") {
    Folder folder;
    auto listener = Listener::at_path(folder.path + "/node.sock");
    REQUIRE(listener);
    std::vector<Listener> listeners;
    listeners.push_back(std::move(*listener));
    Bed bed(std::move(listeners));
    std::vector<Client> hung;
    for (int i = 0; i < 1000; ++i) {
        Client client = connect_to(folder.path + "/node.sock");
        if (i % 50 == 0) {
            client.say("help");
            hung.push_back(std::move(client));
            bed.serve();
            continue;
        }
        REQUIRE(client.say("stop\n"));
        bed.serve();
        REQUIRE(client.hear() == stopped);
    }
    bed.serve();
    CHECK(bed.server->sessions(Kind::socket) == hung.size());
    CHECK(bed.node.asked.size() == 1000 - hung.size());
}

TEST_CASE("without a descriptor for another client the server does not spin, and tries again") {
    Folder folder;
    auto listener = Listener::at_path(folder.path + "/node.sock");
    REQUIRE(listener);
    std::vector<Listener> listeners;
    listeners.push_back(std::move(*listener));
    Bed bed(std::move(listeners));
    const Client client = connect_to(folder.path + "/node.sock");
    REQUIRE(client.say("stop\n"));
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    lanes::engine::log_only(static_cast<lanes::engine::Severity>(0));
    bed.serve();
    pollfd entry{bed.server->fd(), POLLIN, 0};
    CHECK(::poll(&entry, 1, 0) == 0);
    ::setrlimit(RLIMIT_NOFILE, &before);
    bed.pass(2);
    CHECK(client.hear() == stopped);
}

TEST_CASE("a socket has mode 0660, and goes with its listener") {
    Folder folder;
    const std::string path = folder.path + "/below/node.sock";
    {
        const auto listener = Listener::at_path(path);
        REQUIRE(listener);
        struct stat status {};
        REQUIRE(::lstat(path.c_str(), &status) == 0);
        CHECK(S_ISSOCK(status.st_mode));
        CHECK((status.st_mode & 07777u) == 0660);
        const group* lanes = ::getgrnam("lanes");
        if (lanes != nullptr && ::geteuid() == 0) CHECK(status.st_gid == lanes->gr_gid);
        REQUIRE(::stat((folder.path + "/below").c_str(), &status) == 0);
        CHECK((status.st_mode & 07777u) == 0755);
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a dead node's socket is replaced; a live one's and a file are refused") {
    Folder folder;
    const std::string path = folder.path + "/node.sock";
    {
        const lanes::engine::Descriptor dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(dead.get(), 1) == 0);
    }
    REQUIRE(std::filesystem::exists(path));
    {
        const auto first = Listener::at_path(path);
        REQUIRE(first);
        const auto second_one = Listener::at_path(path);
        REQUIRE_FALSE(second_one);
        CHECK_THAT(second_one.error().message, Catch::Contains("another node is running there"));
        CHECK(std::filesystem::exists(path));
        // One that was replaced meanwhile is not ours to remove.
        std::filesystem::remove(path);
        std::ofstream(path) << "precious";
    }
    const auto file = Listener::at_path(path);
    REQUIRE_FALSE(file);
    CHECK_THAT(file.error().message, Catch::Contains("something else is there"));
    CHECK(std::filesystem::file_size(path) == 8);
    CHECK_FALSE(Listener::at_path(folder.path + "/a/b/c.sock"));
    CHECK_FALSE(Listener::at_path(folder.path + "/" + std::string(120, 'x')));
}

TEST_CASE("telnet listens on loopback and nowhere else, and an interrupt is heard out of band") {
    CHECK_FALSE(Listener::at_telnet(*lanes::engine::parse_endpoint("0.0.0.0:26019")));
    CHECK_FALSE(Listener::at_telnet(*lanes::engine::parse_endpoint("192.0.2.1:26019")));
    CHECK_FALSE(Listener::at_telnet(*lanes::engine::parse_endpoint("[::]:26019")));
    auto listener = Listener::at_telnet({*lanes::engine::parse_ip("127.0.0.1"), 0});
    REQUIRE(listener);
    sockaddr_in address{};
    socklen_t len = sizeof address;
    ::getsockname(listener->fd(), reinterpret_cast<sockaddr*>(&address), &len);
    std::vector<Listener> listeners;
    listeners.push_back(std::move(*listener));
    Bed bed(std::move(listeners));
    Client client(lanes::engine::Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    REQUIRE(::connect(client.fd.get(), reinterpret_cast<sockaddr*>(&address), len) == 0);
    const auto until = [&](const std::string& wanted) {
        std::string all;
        for (int i = 0; i < 2000 && all.find(wanted) == all.npos; ++i) {
            bed.serve();
            ::poll(nullptr, 0, 1);
            all += client.hear();
        }
        return all;
    };
    CHECK_THAT(until("> "), Catch::EndsWith("texas> "));
    // As a telnet client says it: the line is thrown away, and what follows is heard.
    client.say("sto\xff\xf4\xff");
    REQUIRE(::send(client.fd.get(), "\xf2", 1, MSG_OOB) == 1);
    client.say("help\r\n");
    CHECK_THAT(until("show version"), Catch::Contains("show lanes"));
}
