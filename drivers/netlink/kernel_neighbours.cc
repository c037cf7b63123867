// See kernel_neighbours.hh.
#include "drivers/netlink/kernel_neighbours.hh"

#include <linux/filter.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "drivers/failure.hh"
#include "drivers/station/group_mac.hh"

namespace lanes::drivers {
namespace {

using engine::IpAddress;
using engine::IpPrefix;
using engine::MacAddress;
using engine::PortInfo;
using engine::PortSpec;
using engine::Result;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t len = 0;
};

SocketAddress socket_address(const IpAddress& ip, std::uint16_t port, int index) {
    SocketAddress made;
    if (ip.v6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&v6.sin6_addr, ip.bytes.data(), 16);
        const bool link_local = ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80;
        if (link_local) v6.sin6_scope_id = static_cast<std::uint32_t>(index);
        made.len = sizeof v6;
        std::memcpy(&made.storage, &v6, sizeof v6);
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, ip.bytes.data(), 4);
        made.len = sizeof v4;
        std::memcpy(&made.storage, &v4, sizeof v4);
    }
    return made;
}

bool on_link(const std::vector<IpPrefix>& own, const IpAddress& destination) {
    return std::any_of(own.begin(), own.end(),
                       [&](const IpPrefix& prefix) { return prefix.contains(destination); });
}

}  // namespace

std::optional<MacAddress> KernelNeighbours::next_hop(const IpAddress& destination,
                                                     const std::vector<IpPrefix>& own) {
    if (const auto group = group_mac(destination)) return group;
    IpAddress hop = destination;
    auto route = netlink_.route(index_, destination);
    if (route) {
        if (route->type == Route::Type::broadcast) return broadcast_mac;
        if (route->type != Route::Type::unicast) return std::nullopt;
        hop = route->next_hop;
    } else if (!on_link(own, destination)) {
        return std::nullopt;
    }
    auto found = netlink_.neighbour(index_, hop);
    if (!found) return std::nullopt;
    if (!found->fresh) {
        // If this fails there is nothing to tell anybody but "not known", and that is said below.
        const auto probed = netlink_.probe(index_, hop);
        static_cast<void>(probed);
    }
    if (!found->known) return std::nullopt;
    return found->mac;
}

Result<engine::Descriptor> KernelNeighbours::swallow(const IpAddress& own, std::uint16_t listen) {
    const int family = own.v6 ? AF_INET6 : AF_INET;
    engine::Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) return engine::system_error(errno, "open a UDP socket");
    const int on = 1;
    // An address may be set on the interface later, or never: then the kernel is silent anyway.
    const bool set =
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (own.v6 ? ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on)
                : ::setsockopt(socket.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof on)) == 0 &&
        ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, device_.c_str(),
                     static_cast<socklen_t>(device_.size())) == 0;
    if (!set) return engine::system_error(errno, "prepare a UDP socket");
    // A filter that accepts zero bytes of everything: dropped before it is queued.
    sock_filter drop_all = {BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program = {1, &drop_all};
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
        return engine::system_error(errno, "attach a filter to a UDP socket");
    }
    const SocketAddress address = socket_address(own, listen, index_);
    const void* where = &address.storage;
    // Somebody else who listens there keeps the kernel silent as well.
    if (::bind(socket.get(), static_cast<const sockaddr*>(where), address.len) != 0 &&
        errno != EADDRINUSE) {
        return engine::system_error(errno, "bind UDP " + to_string(engine::Endpoint{own, listen}));
    }
    return socket;
}

Result<void> KernelNeighbours::silence(const PortInfo& info) {
    std::vector<engine::Descriptor> sockets;
    for (const IpPrefix& own : info.addresses) {
        auto socket = swallow(own.address, info.listen);
        if (!socket) {
            return engine::Error{socket.error().code,
                                 "port " + info.name + ": " + socket.error().message};
        }
        sockets.push_back(std::move(*socket));
    }
    silencers_ = std::move(sockets);
    return {};
}

engine::Link KernelNeighbours::link() {
    using State = engine::Link::State;
    auto interface = netlink_.look_up(device_);
    if (!interface && interface.error().code != ENODEV) return {};
    if (!interface) {
        return {State::down, "there is no interface " + device_ +
                                 " any more: make it anew, or put its driver right"};
    }
    if (interface->index != index_) {
        return link_of_another(*interface, device_ + " was deleted and made anew");
    }
    if (interface->mac != mac_) {
        return link_of_another(*interface,
                               device_ + " has another MAC address, " + to_string(interface->mac));
    }
    if (!interface->up) {
        return {State::down, device_ + " is set down: ip link set dev " + device_ + " up"};
    }
    if (!interface->carrier) {
        return {State::down, device_ + " has no carrier: look at the cable and at its other end"};
    }
    return {State::up, ""};
}

engine::Link KernelNeighbours::link_of_another(const Interface& other,
                                               const std::string& what) const {
    using State = engine::Link::State;
    if (!other.up) {
        return {State::down, what + ", but is set down: ip link set dev " + device_ + " up"};
    }
    return {State::down, what + "; it is taken up within seconds, or the log says why not", true};
}

PortInfo KernelNeighbours::move_to(const Interface& device, const PortInfo& former) {
    PortInfo info = former;
    info.mac = device.mac;
    // Rings and slots are as long as they were.
    info.mtu = std::min(former.mtu, device.mtu);
    index_ = device.index;
    mac_ = device.mac;
    silencers_.clear();
    return info;
}

Result<Interface> ethernet_interface(Netlink& netlink, const PortSpec& spec) {
    auto interface = netlink.interface(spec.device);
    if (!interface) return failure(spec, 0, interface.error().message, "correct `device`");
    if (interface->type != ARPHRD_ETHER && interface->type != ARPHRD_LOOPBACK) {
        return failure(spec, 0, "interface " + spec.device + " is not an Ethernet interface",
                       "name one that is");
    }
    if (!interface->up) {
        return failure(spec, 0, "interface " + spec.device + " is down",
                       "set it up: ip link set dev " + spec.device + " up");
    }
    if (spec.mtu > interface->mtu) {
        const std::string mtu = std::to_string(spec.mtu);
        return failure(spec, 0,
                       "mtu " + mtu + " is more than the " + std::to_string(interface->mtu) +
                           " of " + spec.device,
                       "lower `mtu`, or: ip link set dev " + spec.device + " mtu " + mtu);
    }
    return *interface;
}

PortInfo info_of_interface(const PortSpec& spec, const Interface& interface, std::string driver) {
    PortInfo info;
    info.name = spec.name;
    info.driver = std::move(driver);
    info.kind = engine::PortKind::ethernet;
    info.mac = interface.mac;
    info.addresses = spec.addresses.empty() ? interface.addresses : spec.addresses;
    info.mtu = spec.mtu == 0 ? interface.mtu : spec.mtu;
    info.listen = spec.listen;
    info.source_port = spec.source_port;
    return info;
}

}  // namespace lanes::drivers
