// See listener.hh.
#include "manage/listener.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "engine/log.hh"

namespace lanes::manage {
namespace {

using engine::Error;
using engine::Result;
using engine::system_error;

constexpr int backlog = 128;
constexpr int lock_tries = 20;
constexpr useconds_t lock_pause_us = 50'000;
constexpr const char* group_name = "lanes";

/// "management socket /run/lanes/a.sock": begins every message about it.
std::string named(Listener::Kind kind, const std::string& path) {
    return (kind == Listener::Kind::http ? "metrics socket " : "management socket ") + path;
}

Result<sockaddr_un> address_of(const std::string& path, const std::string& where) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Error{0, where + ": its path has " + std::to_string(path.size()) +
                            " bytes; expected at most " +
                            std::to_string(sizeof address.sun_path - 1)};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* generic(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

/// Keeps others of us away from a folder. Whoever can read it can lock it, too: not for ever.
engine::Descriptor locked(const std::string& folder) {
    engine::Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int i = 0; lock && i < lock_tries && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
        ::usleep(lock_pause_us);
    }
    return lock;
}

/// Removes the socket of a node that is dead. An error when it lives, or is something else.
Result<void> clear(const std::string& path, const sockaddr_un& address, const std::string& where) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) return {};
        return system_error(errno, where);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return Error{0, where + ": something else is there, which stays"};
    }
    const engine::Descriptor probe(
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe) return system_error(errno, where);
    const bool answered = ::connect(probe.get(), generic(address), sizeof address) == 0;
    // Only a socket that no one listens at refuses so.
    if (answered || errno != ECONNREFUSED) {
        return Error{EADDRINUSE, where +
                                     ": another node is running there; stop it, or give this one "
                                     "another socket"};
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return system_error(errno, where + ": the old one");
    }
    return {};
}

/// The group's number; nothing when there is none of that name.
bool find_group(gid_t& id) {
    std::vector<char> room(16384);
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(group_name, &entry, room.data(), room.size(), &found) != 0) return false;
    if (found == nullptr) return false;
    id = found->gr_gid;
    return true;
}

/// Whoever can write to the folder could put a link into the socket's place: it is not followed.
Result<void> set_rights(const std::string& path, const std::string& where) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return system_error(errno, where);
    }
    if (gid_t id = 0;
        find_group(id) && id != status.st_gid &&
        ::fchownat(AT_FDCWD, path.c_str(), static_cast<uid_t>(-1), id, AT_SYMLINK_NOFOLLOW) != 0) {
        engine::log(
            engine::Severity::warning, engine::events::management, {{engine::Key::place, path}},
            system_error(errno, where + ": the group " + group_name + " may not use it").message);
    }
    if (::fchmodat(AT_FDCWD, path.c_str(), 0660, AT_SYMLINK_NOFOLLOW) != 0) {
        return system_error(errno, where);
    }
    return {};
}

bool loopback(const engine::IpAddress& address) {
    if (!address.v6) return address.bytes[0] == 127;
    return std::all_of(address.bytes.begin(), address.bytes.end() - 1,
                       [](std::uint8_t byte) { return byte == 0; }) &&
           address.bytes.back() == 1;
}

std::string unix_peer(int fd) {
    ucred peer{};
    socklen_t len = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) return "somebody";
    return "pid " + std::to_string(peer.pid) + ", uid " + std::to_string(peer.uid) + ", gid " +
           std::to_string(peer.gid);
}

std::string telnet_peer(const sockaddr_storage& from) {
    char text[INET6_ADDRSTRLEN] = "?";
    std::uint16_t port = 0;
    if (from.ss_family == AF_INET6) {
        const auto& in6 = reinterpret_cast<const sockaddr_in6&>(from);
        ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
        port = ntohs(in6.sin6_port);
        return "telnet from [" + std::string(text) + "]:" + std::to_string(port);
    }
    const auto& in = reinterpret_cast<const sockaddr_in&>(from);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    port = ntohs(in.sin_port);
    return "telnet from " + std::string(text) + ":" + std::to_string(port);
}

void set(int fd, int level, int option) {
    const int yes = 1;
    ::setsockopt(fd, level, option, &yes, sizeof yes);
}

}  // namespace

Result<Listener> Listener::at_path(const std::string& path, Kind kind) {
    const std::string where = named(kind, path);
    const auto address = address_of(path, where);
    if (!address) return address.error();
    const std::filesystem::path folder = std::filesystem::path(path).parent_path();
    const std::string folder_name = folder.empty() ? "." : folder.string();
    if (::mkdir(folder_name.c_str(), 0755) != 0 && errno != EEXIST) {
        return system_error(errno, where + ": folder " + folder_name);
    }
    // Two nodes that start at once look one after the other.
    const engine::Descriptor lock = locked(folder_name);
    if (auto free = clear(path, address.value(), where); !free) return free.error();
    engine::Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::bind(fd.get(), generic(address.value()), sizeof(sockaddr_un)) != 0) {
        return system_error(errno, where);
    }
    Listener listener(kind, std::move(fd), path);
    listener.path_ = path;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
        listener.device_ = status.st_dev;
        listener.inode_ = status.st_ino;
    }
    // Nobody can connect before it listens, so nobody slips in before it has its rights.
    if (auto good = set_rights(path, where); !good) return good.error();
    if (::listen(listener.fd(), backlog) != 0) {
        return system_error(errno, where);
    }
    return listener;
}

Result<Listener> Listener::at_loopback(const engine::Endpoint& endpoint, Kind kind) {
    const std::string protocol = kind == Kind::http ? "http" : "telnet";
    const std::string where = protocol + " at " + to_string(endpoint);
    if (!loopback(endpoint.address)) {
        return Error{
            0, where + ": expected an address of loopback; " + protocol + " is not encrypted"};
    }
    sockaddr_storage address{};
    socklen_t len = 0;
    if (endpoint.address.v6) {
        auto& in6 = reinterpret_cast<sockaddr_in6&>(address);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(endpoint.port);
        std::memcpy(&in6.sin6_addr, endpoint.address.bytes.data(), 16);
        len = sizeof in6;
    } else {
        auto& in = reinterpret_cast<sockaddr_in&>(address);
        in.sin_family = AF_INET;
        in.sin_port = htons(endpoint.port);
        std::memcpy(&in.sin_addr, endpoint.address.bytes.data(), 4);
        len = sizeof in;
    }
    engine::Descriptor fd(
        ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return system_error(errno, where);
    set(fd.get(), SOL_SOCKET, SO_REUSEADDR);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), len) != 0 ||
        ::listen(fd.get(), backlog) != 0) {
        return system_error(errno, where);
    }
    return Listener(kind, std::move(fd), where);
}

Listener::~Listener() {
    if (!fd_ || path_.empty()) return;
    struct stat status {};
    if (::lstat(path_.c_str(), &status) != 0) return;
    if (status.st_dev == device_ && status.st_ino == inode_) ::unlink(path_.c_str());
}

engine::Descriptor Listener::accept(std::string& peer) const {
    sockaddr_storage from{};
    socklen_t len = sizeof from;
    engine::Descriptor fd(::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&from), &len,
                                    SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd || kind_ == Kind::http) return fd;
    if (kind_ == Kind::socket) {
        peer = unix_peer(fd.get());
        return fd;
    }
    peer = telnet_peer(from);
    set(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    set(fd.get(), SOL_SOCKET, SO_KEEPALIVE);
    // Else the mark of an urgent interrupt leaves the stream, and the IAC before it takes its
    // place.
    set(fd.get(), SOL_SOCKET, SO_OOBINLINE);
    return fd;
}

}  // namespace lanes::manage
