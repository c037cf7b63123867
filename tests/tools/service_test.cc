// What a service manager hears from a node: by a real socket, with real workers.
#include "tools/service.hh"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include "tests/engine/worker_bed.hh"

namespace lanes::test {
namespace {

using engine::PollMode;
using engine::Program;
using engine::Quiescent;
using engine::Worker;
using tools::Service;

constexpr std::uint64_t second_ns = 1'000'000'000;

/// The manager's end, and the environment that it gives to what it starts.
class Manager {
  public:
    explicit Manager(bool abstract = false) {
        char folder[] = "/tmp/lanes-service-XXXXXX";
        REQUIRE(::mkdtemp(folder) != nullptr);
        folder_ = folder;
        std::string path = folder_ + "/notify";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path);
        if (abstract) {
            address.sun_path[0] = 0;
            path[0] = '@';
        }
        fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const auto len = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
        REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), len) == 0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~Manager() {
        ::close(fd_);
        std::filesystem::remove_all(folder_);
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
            ::unsetenv(name);
        }
    }
    /// The next message; empty: there is none.
    std::string heard() const {
        char text[512];
        const ssize_t len = ::recv(fd_, text, sizeof text, MSG_DONTWAIT);
        return len < 0 ? "" : std::string(text, static_cast<std::size_t>(len));
    }

  private:
    int fd_;
    std::string folder_;
};

/// A worker with a queue that can hold it in the middle of a round.
struct Post {
    explicit Post(PollMode mode) {
        workers.push_back(std::make_unique<Worker>(0, 0, mode, quiescent));
        workers[0]->publish(&program);
        REQUIRE(workers[0]->start());
        // Until its thread runs, a worker looks asleep.
        REQUIRE(soon([&] { return workers[0]->counters().rounds.get() != 0; }));
    }
    ~Post() {
        queue.hold = false;
        workers[0]->stop();
    }
    SteeredRx queue;
    Count count;
    Program program{{{&queue, &count}}, {}};
    Quiescent quiescent;
    std::vector<std::unique_ptr<Worker>> workers;
};

}  // namespace

TEST_CASE("a manager hears when a node is ready, reloads and stops") {
    const Manager manager(GENERATE(false, true));
    Service service;
    service.ready("2 lanes");
    CHECK(manager.heard() == "READY=1\nSTATUS=2 lanes");
    service.reloading(5'000'123'000);
    CHECK(manager.heard() == "RELOADING=1\nMONOTONIC_USEC=5000123");
    service.stopping();
    CHECK(manager.heard() == "STOPPING=1");
    CHECK(manager.heard().empty());
}

TEST_CASE("without a manager, or with one that is gone, a node goes on") {
    ::unsetenv("NOTIFY_SOCKET");
    Service nobody;
    nobody.ready("");
    ::setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    Service lost;
    lost.ready("");
    ::unsetenv("NOTIFY_SOCKET");
    auto manager = std::make_unique<Manager>();
    Service left;
    manager.reset();
    left.stopping();
}

TEST_CASE("the watchdog is fed three times an interval while workers move or sleep") {
    const Manager manager;
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    Service service;
    Post post(GENERATE(PollMode::busy, PollMode::adaptive));
    std::uint64_t now_ns = 10 * second_ns;
    for (unsigned i = 0; i < 5; ++i, now_ns += second_ns) {
        const std::uint64_t rounds = post.workers[0]->counters().rounds.get();
        REQUIRE(soon([&] {
            return post.workers[0]->asleep() || post.workers[0]->counters().rounds.get() > rounds;
        }));
        service.alive(post.workers, now_ns);
        CHECK(manager.heard() == "WATCHDOG=1");
        service.alive(post.workers, now_ns + second_ns / 2);
        CHECK(manager.heard().empty());
    }
}

TEST_CASE("the watchdog starves while a worker is stuck, and is fed again when it moves") {
    const Manager manager;
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    Service service;
    Post post(PollMode::sleep);
    post.queue.hold = true;
    post.queue.arrive();  // wakes it; it then hangs on its way back to sleep
    REQUIRE(soon([&] { return post.queue.held.load(); }));
    std::uint64_t now_ns = 10 * second_ns;
    service.alive(post.workers, now_ns);
    manager.heard();  // rounds were made until now
    service.alive(post.workers, now_ns += second_ns);
    CHECK(manager.heard().empty());
    post.queue.hold = false;
    REQUIRE(soon([&] { return post.workers[0]->asleep(); }));
    service.alive(post.workers, now_ns + second_ns);
    CHECK(manager.heard() == "WATCHDOG=1");
}

TEST_CASE("a watchdog that is another process's is not fed") {
    const Manager manager;
    ::setenv("WATCHDOG_USEC", "3000000", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
    Service service;
    service.alive({}, second_ns);
    CHECK(manager.heard().empty());
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    Service own;
    own.alive({}, 5 * second_ns);
    CHECK(manager.heard() == "WATCHDOG=1");
}

}  // namespace lanes::test
