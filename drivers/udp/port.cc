// The udp driver: lane packets in datagrams of the kernel's sockets, the carrier that needs no
// interface of its own and works wherever a program may open a socket. (af_packet carries the same
// datagrams without the kernel's UDP; what this driver costs more is the kernel's socket layer.)
//
// Each worker has a receive socket at address:listen and a transmit socket at address:source_port
// + worker; they are apart because a transmit socket must never accept anything: its filter drops
// all, so that nothing that comes back has any effect, not even an ICMP error. Receive sockets of
// several workers share the address (SO_REUSEPORT) and a program picks one by the UDP source port,
// which is what tells the sender's workers apart: one subspace stays on one worker.
//
// The queues are in rx.hh and tx.hh. Destinations are a table that Control appends to; a
// worker sees an index only after its entry was written, because the program that carries the index
// is published later.
//
// Control opens, closes and adds endpoints; a queue is called by its worker only.
#include <ifaddrs.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "drivers/failure.hh"
#include "drivers/open.hh"
#include "drivers/udp/address.hh"
#include "drivers/udp/rx.hh"
#include "drivers/udp/tx.hh"
#include "engine/descriptor.hh"

namespace lanes::drivers {
namespace {

using engine::Endpoint;
using engine::IpAddress;
using engine::PortSpec;
using engine::Result;

/// What one socket asks the kernel to hold, in bytes: some milliseconds at 10 Gbit/s.
constexpr int socket_buffer_bytes = 8 << 20;

/// The interface that an address is on.
struct Interface {
    int index = 0;             ///< 0: none, the address is unspecified or nobody has it
    std::uint32_t mtu = 1500;  ///< taken where the kernel does not say
    std::string name;
    bool up = false;
    bool carrier = false;
    bool asked = false;  ///< the kernel did answer
};

Interface interface_of(const IpAddress& address) {
    Interface found;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return found;
    found.asked = true;
    const SocketAddress ours = to_socket_address(address, 0);
    for (const ifaddrs* one = all; one != nullptr && found.index == 0; one = one->ifa_next) {
        if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != ours.any.sa_family) continue;
        SocketAddress theirs{};
        std::memcpy(&theirs, one->ifa_addr, len_of(ours));
        const bool same = address.v6 ? std::memcmp(&theirs.v6.sin6_addr, &ours.v6.sin6_addr,
                                                   sizeof ours.v6.sin6_addr) == 0
                                     : theirs.v4.sin_addr.s_addr == ours.v4.sin_addr.s_addr;
        if (!same) continue;
        found.index = static_cast<int>(::if_nametoindex(one->ifa_name));
        found.name = one->ifa_name;
        found.up = (one->ifa_flags & IFF_UP) != 0;
        found.carrier = (one->ifa_flags & IFF_RUNNING) != 0;
    }
    ::freeifaddrs(all);
    return found;
}

std::uint32_t mtu_of(const Interface& interface) {
    if (interface.index == 0) return interface.mtu;
    ifreq request{};
    std::strncpy(request.ifr_name, interface.name.c_str(), IFNAMSIZ - 1);
    const engine::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::ioctl(socket.get(), SIOCGIFMTU, &request) != 0) return interface.mtu;
    return static_cast<std::uint32_t>(std::clamp(request.ifr_mtu, 68, 65535));
}

bool set_option(int fd, int level, int option, int value) noexcept {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

int get_option(int fd, int level, int option) noexcept {
    int value = 0;
    socklen_t len = sizeof value;
    ::getsockopt(fd, level, option, &value, &len);
    return value;
}

class UdpPort final : public engine::Port {
  public:
    UdpPort(const PortSpec& spec, engine::PortInfo info, engine::Region endpoints)
        : spec_(spec), info_(std::move(info)), endpoints_(std::move(endpoints)) {}

    Result<void> add_queue(unsigned queue, unsigned queues);
    void describe(unsigned queues);

    const engine::PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return *tx_[queue]; }
    Result<std::uint32_t> add_endpoint(const Endpoint& destination) override;
    engine::DeviceLoss loss() noexcept override {
        engine::DeviceLoss loss;
        for (const auto& queue : rx_) loss.rx_lost += queue->lost();
        return loss;
    }
    engine::Link link() override;
    Result<void> renew() override;

  private:
    const IpAddress& local() const noexcept { return spec_.addresses.front().address; }
    std::uint32_t datagram_bytes() const noexcept { return info_.mtu - (local().v6 ? 48 : 28); }
    SocketAddress* table() const noexcept {
        return reinterpret_cast<SocketAddress*>(endpoints_.data());
    }
    Result<engine::Descriptor> open_socket() const;
    Result<void> bind_socket(const engine::Descriptor& socket, std::uint16_t port,
                             std::string_view remedy) const;
    Result<void> add_rx(unsigned queue, unsigned queues);
    Result<void> add_tx(unsigned queue);
    void send_groups_by(int fd) const noexcept;
    bool steer(unsigned queues) const;

    const PortSpec spec_;
    engine::PortInfo info_;
    engine::Region endpoints_;  ///< SocketAddress[endpoints_max]; writer: Control
    std::map<Endpoint, std::uint32_t> indices_;
    int index_ = 0;  ///< of the interface that has our address; 0: none
    std::vector<std::unique_ptr<UdpRx>> rx_;
    std::vector<std::unique_ptr<UdpTx>> tx_;
    std::string note_;
};

Result<engine::Descriptor> UdpPort::open_socket() const {
    engine::Descriptor socket(::socket(local().v6 ? AF_INET6 : AF_INET,
                                       SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
    if (!socket) {
        return failure(spec_, errno, "open a UDP socket",
                       errno == EAFNOSUPPORT ? "this kernel has no IPv6: use an IPv4 address" : "");
    }
    if (local().v6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    return socket;
}

Result<void> UdpPort::bind_socket(const engine::Descriptor& socket, std::uint16_t port,
                                  std::string_view remedy) const {
    const SocketAddress address = to_socket_address(local(), port);
    if (::bind(socket.get(), &address.any, len_of(address)) == 0) return {};
    const int code = errno;
    if (code == EADDRNOTAVAIL) remedy = "no interface has this address: add it, or mend `address`";
    if (code == EACCES) remedy = "ports below 1024 need CAP_NET_BIND_SERVICE: use a higher one";
    if (code == EINVAL) remedy = "an IPv6 link-local address cannot be used: choose a global one";
    return failure(spec_, code, "bind " + engine::to_string(Endpoint{local(), port}), remedy);
}

Result<void> UdpPort::add_rx(unsigned queue, unsigned queues) {
    auto socket = open_socket();
    if (!socket) return socket.error();
    const int fd = socket->get();
    // More than SO_RCVBUF gives needs CAP_NET_ADMIN; the note says what came of it.
    if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, socket_buffer_bytes)) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, socket_buffer_bytes);
    }
    const bool coalesces = set_option(fd, SOL_UDP, UDP_GRO, 1);
    // The first one binds alone, so that a second process (or port) at this address is refused
    // instead of silently sharing its packets; only then is the address opened to its siblings.
    if (queue != 0) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    auto bound =
        bind_socket(*socket, spec_.listen,
                    "another program or port has it: end that, or choose another `listen`");
    if (!bound) return bound.error();
    if (queue == 0 && queues > 1) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    auto slots = Slots::map(engine::burst_max, coalesces ? 65535 : datagram_bytes());
    if (!slots) return slots.error();
    rx_.push_back(std::make_unique<UdpRx>(std::move(*socket), std::move(*slots)));
    return {};
}

Result<void> UdpPort::add_tx(unsigned queue) {
    auto socket = open_socket();
    if (!socket) return socket.error();
    const int fd = socket->get();
    const bool v6 = local().v6;
    sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program{1, &drop_all};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
        return failure(spec_, errno, "attach a filter to a UDP socket", "");
    }
    if (!set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, socket_buffer_bytes)) {
        set_option(fd, SOL_SOCKET, SO_SNDBUF, socket_buffer_bytes);
    }
    // PROBE: never fragments, and does not believe what ICMP says of the path's MTU.
    set_option(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
               v6 ? IPV6_PMTUDISC_PROBE : IP_PMTUDISC_PROBE);
    set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
    // Multicast leaves by the interface of our address, whatever the routing table says.
    if (index_ == 0) index_ = interface_of(local()).index;
    send_groups_by(fd);
    auto bound = bind_socket(*socket, static_cast<std::uint16_t>(spec_.source_port + queue),
                             "another program or port has it: choose another `source_port`");
    if (!bound) return bound.error();
    const bool segments = set_option(fd, SOL_UDP, UDP_SEGMENT, 0);
    auto slots = Slots::map(BufferedTx::frames_max, datagram_bytes());
    if (!slots) return slots.error();
    tx_.push_back(
        std::make_unique<UdpTx>(std::move(*socket), std::move(*slots), table(),
                                segments ? UdpTx::Segmentation::on : UdpTx::Segmentation::off));
    return {};
}

void UdpPort::send_groups_by(int fd) const noexcept {
    if (index_ == 0) return;
    ip_mreqn by{};
    by.imr_ifindex = index_;
    local().v6 ? ::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index_, sizeof index_)
               : ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by);
}

engine::Link UdpPort::link() {
    using State = engine::Link::State;
    const std::string own = engine::to_string(local());
    if (local().unspecified()) return {};
    const Interface found = interface_of(local());
    if (!found.asked) return {};
    if (found.index == 0) {
        return {State::down, "no interface has the address " + own + " any more: ip address add"};
    }
    if (found.index != index_) {
        return {State::down, own + " is on " + found.name + " now, another interface than it was",
                true};
    }
    if (!found.up) {
        return {State::down, found.name + " is set down: ip link set dev " + found.name + " up"};
    }
    if (!found.carrier) {
        return {State::down, found.name + " has no carrier: look at the cable and its other end"};
    }
    return {State::up, ""};
}

// The sockets are bound to an address, and work again as soon as some interface has it. What they
// send to groups leaves by the interface that they were told.
Result<void> UdpPort::renew() {
    index_ = interface_of(local()).index;
    for (const auto& queue : tx_) send_groups_by(queue->fd());
    return {};
}

Result<void> UdpPort::add_queue(unsigned queue, unsigned queues) {
    if (auto added = add_rx(queue, queues); !added) return added.error();
    return add_tx(queue);
}

/// Lets the UDP source port choose among the receive sockets. The program starts at the datagram's
/// payload; the port is found from the IP header on (behind IPv6 extension headers it is not found,
/// which costs order only).
bool UdpPort::steer(unsigned queues) const {
    constexpr auto ip = static_cast<std::uint32_t>(SKF_NET_OFF);
    std::vector<sock_filter> code;
    if (local().v6) {
        code.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ip + 40));
    } else {
        code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ip));
        code.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f));
        code.push_back(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2));
        code.push_back(BPF_STMT(BPF_MISC | BPF_TAX, 0));
        code.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_IND, ip));
    }
    code.push_back(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, queues));
    code.push_back(BPF_STMT(BPF_RET | BPF_A, 0));
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(rx_.front()->fd(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                        sizeof program) == 0;
}

void UdpPort::describe(unsigned queues) {
    const int fd = rx_.front()->fd();
    // The kernel reports twice what it was asked for, its own books included.
    const int bytes = get_option(fd, SOL_SOCKET, SO_RCVBUF) / 2;
    std::string& note = info_.note;
    note = std::to_string(queues) + (queues == 1 ? " socket at " : " sockets at ") +
           engine::to_string(Endpoint{local(), spec_.listen}) + ", receive buffer " +
           std::to_string(bytes >> 10) + " KiB";
    if (bytes < socket_buffer_bytes) note += " (raise net.core.rmem_max for more)";
    note += get_option(fd, SOL_UDP, UDP_GRO) != 0 ? ", coalescing" : ", no coalescing";
    if (queues > 1) note += steer(queues) ? ", steered by source port" : ", spread by the kernel";
}

Result<std::uint32_t> UdpPort::add_endpoint(const Endpoint& destination) {
    if (destination.address.v6 != local().v6) {
        return failure(spec_, 0,
                       "speaks from " + engine::to_string(local()) + " and cannot send to " +
                           engine::to_string(destination),
                       "use a port that has an address of the same family");
    }
    if (const auto known = indices_.find(destination); known != indices_.end()) {
        return known->second;
    }
    const auto index = static_cast<std::uint32_t>(indices_.size());
    if (index == endpoints_max) {
        return failure(spec_, 0, "has 1048576 destinations, and no room for more", "");
    }
    table()[index] = to_socket_address(destination.address, destination.port);
    indices_.emplace(destination, index);
    return index;
}

}  // namespace

OpenResult open_udp(const PortSpec& spec, const engine::WorkerCores& cores) {
    const unsigned queues = cores.count();
    if (spec.addresses.size() != 1) {
        return failure(spec, 0, "a udp port speaks from exactly one address",
                       "give it one `address`, and use two ports for two");
    }
    const IpAddress& local = spec.addresses.front().address;
    engine::PortInfo info;
    info.name = spec.name;
    info.driver = "udp";
    info.kind = engine::PortKind::carrier;
    info.addresses = spec.addresses;
    info.mtu = spec.mtu != 0 ? spec.mtu : mtu_of(interface_of(local));
    info.listen = spec.listen;
    info.source_port = spec.source_port;
    auto endpoints =
        engine::Region::map(endpoints_max * sizeof(SocketAddress), engine::Region::Pages::small);
    if (!endpoints) return endpoints.error();
    auto port = std::make_unique<UdpPort>(spec, std::move(info), std::move(*endpoints));
    for (unsigned queue = 0; queue < queues; ++queue) {
        if (auto added = port->add_queue(queue, queues); !added) return added.error();
    }
    port->describe(queues);
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace lanes::drivers
