// See service.hh.
#include "tools/service.hh"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "engine/log.hh"

namespace lanes::tools {
namespace {

/// Told three times in an interval, so that one late round does no harm.
constexpr std::uint64_t feeds_per_interval = 3;

std::uint64_t number_in(const char* variable) {
    const char* const text = std::getenv(variable);
    if (text == nullptr) return 0;
    std::uint64_t number = 0;
    const char* const end = text + std::strlen(text);
    const auto read = std::from_chars(text, end, number);
    return read.ec == std::errc{} && read.ptr == end ? number : 0;
}

/// A socket that is connected to the manager's; -1: there is none, or it cannot be reached.
int connect_to(const char* path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t len = std::strlen(path);
    if (len == 0 || len > sizeof address.sun_path) return -1;
    std::memcpy(address.sun_path, path, len);
    if (path[0] == '@') address.sun_path[0] = 0;  // an abstract one
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + len);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), bytes) == 0) return fd;
    const int code = errno;
    ::close(fd);
    errno = code;
    return -1;
}

}  // namespace

Service::Service() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) return;
    fd_ = connect_to(path);
    if (fd_ < 0) {
        engine::log(engine::Severity::warning, engine::events::service, {},
                    engine::system_error(
                        errno, "tell the service manager at NOTIFY_SOCKET " + std::string(path))
                        .message);
        return;
    }
    const std::uint64_t pid = number_in("WATCHDOG_PID");
    if (pid == 0 || pid == static_cast<std::uint64_t>(::getpid())) {
        watchdog_ns_ = number_in("WATCHDOG_USEC") * 1000;
    }
}

Service::~Service() {
    if (fd_ >= 0) ::close(fd_);
}

// Nobody waits for a manager that does not listen: what it misses, it misses.
void Service::tell(const std::string& message) const {
    if (fd_ >= 0) ::send(fd_, message.data(), message.size(), MSG_NOSIGNAL);
}

void Service::ready(std::string_view status) {
    tell("READY=1\nSTATUS=" + std::string(status));
}

void Service::reloading(std::uint64_t now_ns) {
    tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_ns / 1000));
}

void Service::stopping() {
    tell("STOPPING=1");
}

void Service::alive(const std::vector<std::unique_ptr<engine::Worker>>& workers,
                    std::uint64_t now_ns) {
    if (watchdog_ns_ == 0 || now_ns - fed_ns_ < watchdog_ns_ / feeds_per_interval) return;
    fed_ns_ = now_ns;
    if (all_moved(workers)) tell("WATCHDOG=1");
}

bool Service::all_moved(const std::vector<std::unique_ptr<engine::Worker>>& workers) {
    rounds_.resize(workers.size());
    bool moved = true;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const std::uint64_t rounds = workers[i]->counters().rounds.get();
        if (rounds == rounds_[i] && !workers[i]->asleep()) moved = false;
        rounds_[i] = rounds;
    }
    return moved;
}

}  // namespace lanes::tools
