// What the parts of the udp driver share: socket addresses, and the control message that goes with
// a message of several datagrams.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "engine/address.hh"

namespace lanes::drivers {

/// Destinations of one port; a million lanes may each have their own.
inline constexpr std::uint32_t endpoints_max = 1u << 20;

union SocketAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

inline SocketAddress to_socket_address(const engine::IpAddress& address,
                                       std::uint16_t port) noexcept {
    SocketAddress to{};
    if (address.v6) {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(port);
        std::memcpy(&to.v6.sin6_addr, address.bytes.data(), 16);
    } else {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(port);
        std::memcpy(&to.v4.sin_addr, address.bytes.data(), 4);
    }
    return to;
}

inline socklen_t len_of(const SocketAddress& address) noexcept {
    return address.any.sa_family == AF_INET6 ? sizeof address.v6 : sizeof address.v4;
}

/// The control message of one UDP_SEGMENT or UDP_GRO value.
struct alignas(cmsghdr) UdpControl {
    std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

}  // namespace lanes::drivers
