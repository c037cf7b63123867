// Rights that are given up: dumps, privileges, identity, capabilities, files; each in the thread
// that confines, in one that was there, and in one that comes later, as the kernel tells it.
#include "sandbox/rights.hh"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "sandbox/landlock.hh"
#include "sandbox/report.hh"
#include "tests/sandbox/child.hh"
#include "tests/sanitizers.hh"

using namespace lanes;
using sandbox::Access;
using sandbox::Reopen;
using test::confined;
using test::Ending;
using test::everywhere;
using test::rules_of;
using test::Where;

namespace {

bool root() {
    if (::geteuid() == 0) return true;
    std::cout << "skipped: needs root\n";
    return false;
}

bool landlock(int abi = 1) {
    if (sandbox::landlock_abi() >= abi) return true;
    std::cout << "skipped: this kernel's landlock is older than ABI " << abi << '\n';
    return false;
}

/// A folder that goes with the test.
class Folder {
  public:
    Folder() {
        char name[] = "/tmp/lanes-sandbox-XXXXXX";
        if (::mkdtemp(name) != nullptr) path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string operator/(const std::string& name) const { return path_ + '/' + name; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

int open_file(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    ::close(fd);
    return 0;
}

/// In a child: what the report says of all threads must be true of each.
int of_every_thread(const std::function<bool(const sandbox::ThreadReport&)>& holds) {
    auto report = sandbox::read_report();
    if (!report) return 100;
    if (report->threads.size() < 2) return 101;
    return std::all_of(report->threads.begin(), report->threads.end(), holds) ? 0 : 1;
}

bool is_control(const sandbox::ThreadReport& thread) {
    return thread.tid == ::getpid();
}

}  // namespace

TEST_CASE("no thread gains privileges and every one is filtered") {
    const bool has_landlock = sandbox::landlock_abi() > 0;
    const Ending ending = confined(rules_of("memory"), Where::main_thread, [=] {
        return of_every_thread([=](const auto& thread) {
            return thread.no_new_privileges && thread.seccomp_mode == 2 &&
                   thread.seccomp_filters >= 1 && thread.landlocked == has_landlock;
        });
    });
    CHECK(ending.status == 0);
}

TEST_CASE("core dumps are off and cannot be turned on, and nobody may look inside") {
    const Ending ending = confined(rules_of("memory"), Where::main_thread, [] {
        const auto report = sandbox::read_report();
        if (!report || report.value().dumpable || report.value().core_bytes_max != 0) return 1;
        const rlimit some{1, 1};
        return ::setrlimit(RLIMIT_CORE, &some) == 0 ? 2 : errno == EPERM ? 0 : 3;
    });
    CHECK(ending.status == 0);
    const Ending again = confined(rules_of("memory"), Where::worker, [] {
        return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 ? 1 : errno;
    });
    CHECK(again.status == (test::sanitized ? 1 : EPERM));  // LeakSanitizer turns it on
}

TEST_CASE("workers keep no capability, Control what its drivers need, and none can come back") {
    if (!root()) return;
    struct Case {
        const char* driver;
        Reopen reopen;
        std::vector<std::string> kept;
    };
    const Case cases[] = {
        {"memory", Reopen::never, {}},
        {"udp", Reopen::never, {}},
        {"pcap", Reopen::never, {}},
        {"tap", Reopen::never, {}},
        {"tun", Reopen::never, {}},
        {"tap", Reopen::allowed, {"net_admin"}},
        {"af_packet", Reopen::never, {"net_admin"}},
        {"af_packet", Reopen::allowed, {"net_admin", "net_raw"}},
        {"af_xdp", Reopen::never, {"net_admin"}},
        {"dpdk", Reopen::never, {"net_admin"}},
    };
    for (const Case& each : cases) {
        INFO(each.driver);
        auto rules = rules_of(each.driver);
        rules.reopen = each.reopen;
        const Ending ending = confined(rules, Where::main_thread, [&] {
            return of_every_thread([&](const auto& thread) {
                const auto kept = is_control(thread) ? each.kept : std::vector<std::string>{};
                return sandbox::capability_names(thread.effective) == kept &&
                       sandbox::capability_names(thread.permitted) == kept &&
                       sandbox::capability_names(thread.bounding) == each.kept &&
                       thread.inheritable == 0 && thread.ambient == 0;
            });
        });
        CHECK(ending.status == 0);
    }
}

TEST_CASE("a port below 1024 keeps the right to be bound, where its driver binds later") {
    auto rules = rules_of("af_packet");
    rules.ports[0].listen = 500;
    const auto names = sandbox::capability_names(sandbox::rights_for(rules).capabilities);
    CHECK(names == std::vector<std::string>{"net_bind_service", "net_admin"});
}

TEST_CASE("with a user, every thread is that user, has its group and no other") {
    if (!root()) return;
    auto rules = rules_of("af_packet");
    rules.user = "nobody";
    const Ending ending = confined(rules, Where::main_thread, [] {
        return of_every_thread([](const auto& thread) {
            const auto kept = is_control(thread) ? std::vector<std::string>{"net_admin"}
                                                 : std::vector<std::string>{};
            return thread.user == 65534 && thread.group == 65534 && thread.groups.empty() &&
                   sandbox::capability_names(thread.effective) == kept;
        });
    });
    CHECK(ending.status == 0);
}

TEST_CASE("a user or group that does not exist is refused by name") {
    if (!root()) return;
    for (const char* what : {"user", "group"}) {
        auto rules = rules_of("memory");
        rules.user = std::string(what) == "user" ? "no-such-user" : "nobody";
        rules.group = "no-such-group";
        CHECK(confined(rules, Where::main_thread, [] { return 0; }).status == 201);
    }
}

TEST_CASE("a state directory that root made goes to the user, others stay") {
    if (!root()) return;
    Folder folder;
    ::chmod(folder.path().c_str(), 0755);
    for (const char* name : {"state", "shared"}) std::filesystem::create_directory(folder / name);
    ::chmod((folder / "state").c_str(), 0700);
    CHECK(open_file(folder / "state/old", O_WRONLY | O_CREAT) == 0);
    auto rules = rules_of("memory");
    rules.user = "nobody";
    rules.paths = {{folder / "state", Access::write}};
    const Ending ending = confined(rules, Where::worker, [&] {
        if (open_file(folder / "state/old", O_RDWR) != 0) return 1;
        return open_file(folder / "state/new", O_WRONLY | O_CREAT);
    });
    CHECK(ending.status == 0);
    rules.paths = {{folder / "shared", Access::write}};
    CHECK(confined(rules, Where::main_thread, [] { return 0; }).status == 201);
    struct stat found {};
    REQUIRE(::stat((folder / "shared").c_str(), &found) == 0);
    CHECK(found.st_uid == 0);
}

TEST_CASE("only the node's files can be read, and fewer be written") {
    if (!landlock()) return;
    Folder folder;
    for (const char* name : {"node", "state", "other"}) {
        std::filesystem::create_directory(folder / name);
        REQUIRE(open_file(folder / name + "/file", O_WRONLY | O_CREAT) == 0);
    }
    auto rules = rules_of("memory");
    rules.paths = {{folder / "node", Access::read},
                   {folder / "state", Access::write},
                   {folder / "absent", Access::read}};
    for (const Where where : everywhere) {
        INFO(name_of(where));
        const auto opens = [&](const std::string& path, int flags) {
            return confined(rules, where, [&] { return open_file(path, flags); }).status;
        };
        CHECK(opens(folder / "node/file", O_RDONLY) == 0);
        CHECK(opens(folder / "node/file", O_WRONLY) == EACCES);
        CHECK(opens(folder / "node/new", O_WRONLY | O_CREAT) == EACCES);
        CHECK(opens(folder / "state/file", O_RDWR | O_TRUNC) == 0);
        CHECK(opens(folder / "other/file", O_RDONLY) == EACCES);
        CHECK(opens(folder / "other/new", O_WRONLY | O_CREAT) == EACCES);
        CHECK(opens("/etc/passwd", O_RDONLY) == EACCES);
        CHECK(opens("/dev/net/tun", O_RDWR) == EACCES);
        const Ending moved = confined(rules, where, [&] {
            const auto from = folder / "node/file";
            return ::rename(from.c_str(), (folder / "state/mine").c_str()) == 0 ? 0 : errno;
        });
        CHECK((moved.status == EACCES || moved.status == EXDEV));
    }
    const Ending kept = confined(rules, Where::main_thread, [&] {
        if (open_file(folder / "state/.new", O_WRONLY | O_CREAT) != 0) return 1;
        if (::rename((folder / "state/.new").c_str(), (folder / "state/new").c_str()) != 0)
            return 2;
        return ::unlink((folder / "state/new").c_str()) == 0 ? 0 : 3;
    });
    CHECK(kept.status == 0);
}

TEST_CASE("TCP ports that were not named cannot be listened on, and no connection leaves") {
    if (!landlock(4)) return;
    auto rules = rules_of("memory");
    rules.tcp_ports = {41791};
    const auto tcp = [](auto call, std::uint16_t port) {
        return [=] {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            address.sin_port = htons(port);
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            return call(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
                       ? 0
                       : errno;
        };
    };
    for (const Where where : everywhere) {
        CHECK(confined(rules, where, tcp(&::bind, 41791)).status == 0);
        CHECK(confined(rules, where, tcp(&::bind, 41792)).status == EACCES);
        CHECK(confined(rules, where, tcp(&::connect, 41791)).status == EACCES);
    }
}

TEST_CASE("abstract sockets of others are out of reach") {
    if (!landlock(6)) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "lanes-sandbox-" + std::to_string(::getpid());
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto len = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(server, reinterpret_cast<sockaddr*>(&address), len) == 0);
    REQUIRE(::listen(server, 8) == 0);
    for (const Where where : everywhere) {
        const Ending ending = confined(rules_of("memory"), where, [&] {
            const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            return ::connect(fd, reinterpret_cast<sockaddr*>(&address), len) == 0 ? 0 : errno;
        });
        CHECK(ending.status == EPERM);
    }
    ::close(server);
}

TEST_CASE("what needs privileges after the start is refused with `needs restart`") {
    const auto ask = [](const std::string& driver, Reopen reopen) {
        const auto answer = sandbox::may_open(rules_of(driver).ports[0], reopen, {});
        if (answer) return std::string("may");
        CHECK(answer.error().message.find("port lan: needs restart: ") == 0);
        return std::string("restart");
    };
    for (const char* driver : {"memory", "udp", "pcap"}) {
        CHECK(ask(driver, Reopen::never) == "may");
        CHECK(ask(driver, Reopen::allowed) == "may");
    }
    for (const char* driver : {"af_packet", "tap", "tun"}) {
        CHECK(ask(driver, Reopen::never) == "restart");
        CHECK(ask(driver, Reopen::allowed) == "may");
    }
    for (const char* driver : {"af_xdp", "dpdk"}) {
        CHECK(ask(driver, Reopen::never) == "restart");
        CHECK(ask(driver, Reopen::allowed) == "restart");
    }
}

TEST_CASE("another capture file needs a restart, the same ones do not") {
    if (!landlock()) return;
    Folder folder;
    for (const char* name : {"in.pcap", "out.pcap", "other.pcap"}) {
        REQUIRE(open_file(folder / name, O_WRONLY | O_CREAT) == 0);
    }
    auto rules = rules_of("pcap");
    rules.ports[0].read = folder / "in.pcap";
    rules.ports[0].write = folder / "out.pcap";
    const auto asks = [&](const std::string& read, const std::string& write) {
        return confined(rules, Where::main_thread,
                        [&] {
                            engine::PortSpec next = rules.ports[0];
                            next.read = read;
                            next.write = write;
                            return sandbox::confinement().may_open(next) ? 0 : 1;
                        })
            .status;
    };
    CHECK(asks(folder / "in.pcap", folder / "out.pcap") == 0);
    CHECK(asks("", folder / "out.pcap") == 0);
    CHECK(asks(folder / "other.pcap", "") == 1);
    CHECK(asks("", folder / "other.pcap") == 1);
    CHECK(asks("", folder / "new.pcap") == 1);
}

TEST_CASE("before it is confined a process reports that nothing is in force") {
    auto report = sandbox::read_report();
    REQUIRE(report);
    REQUIRE(!report->threads.empty());
    CHECK(report->threads[0].seccomp_filters == 0);
    CHECK_FALSE(report->threads[0].landlocked);
    CHECK(report->dumpable);
    CHECK_FALSE(sandbox::confinement().enforced);
}
