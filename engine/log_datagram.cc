// See log_datagram.hh.
#include "engine/log_datagram.hh"

#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace lanes::engine {
namespace {

int open_socket(int family) noexcept {
    return ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

}  // namespace

Result<DatagramSocket> DatagramSocket::to_path(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Error{ENAMETOOLONG, "the socket " + path + " has a path of " +
                                       std::to_string(path.size()) + " bytes; expected at most " +
                                       std::to_string(sizeof address.sun_path - 1)};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    DatagramSocket made(open_socket(AF_UNIX));
    if (made.fd_ < 0) return system_error(errno, "a socket for " + path);
    std::memcpy(&made.address_, &address, sizeof address);
    made.address_bytes_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return made;
}

Result<DatagramSocket> DatagramSocket::to_server(const Endpoint& server) {
    DatagramSocket made(open_socket(server.address.v6 ? AF_INET6 : AF_INET));
    if (made.fd_ < 0) return system_error(errno, "a socket for " + to_string(server));
    if (server.address.v6) {
        sockaddr_in6 in6{};
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(server.port);
        std::memcpy(&in6.sin6_addr, server.address.bytes.data(), sizeof in6.sin6_addr);
        std::memcpy(&made.address_, &in6, sizeof in6);
        made.address_bytes_ = sizeof in6;
    } else {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(server.port);
        std::memcpy(&in.sin_addr, server.address.bytes.data(), sizeof in.sin_addr);
        std::memcpy(&made.address_, &in, sizeof in);
        made.address_bytes_ = sizeof in;
    }
    return made;
}

DatagramSocket::DatagramSocket(DatagramSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(other.address_),
      address_bytes_(other.address_bytes_) {}

DatagramSocket::~DatagramSocket() {
    if (fd_ >= 0) ::close(fd_);
}

int DatagramSocket::send(std::string_view bytes) const noexcept {
    const auto* const to = reinterpret_cast<const sockaddr*>(&address_);
    while (::sendto(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to,
                    address_bytes_) < 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

}  // namespace lanes::engine
