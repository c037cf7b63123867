// The af_packet driver: an Ethernet port on a network interface of the kernel, which goes on using
// it beside us. Works on every interface that there is, needs no library, and is what `lanes`
// takes where nothing faster fits. One pair of sockets per worker: af_packet_rx.hh receives,
// af_packet_tx.hh sends; this file opens them and answers Control's questions, which it hands on
// to the kernel's own routing and neighbour tables (netlink.hh).
#include <linux/filter.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "drivers/af_packet_rx.hh"
#include "drivers/af_packet_tx.hh"
#include "drivers/failure.hh"
#include "drivers/netlink.hh"
#include "drivers/open.hh"

namespace lanes::drivers {
namespace {

using engine::IpAddress;
using engine::IpPrefix;
using engine::MacAddress;
using engine::PortInfo;
using engine::PortSpec;
using engine::Result;

/// A transmit ring holds what one round sends; a small one stays in the cache.
constexpr std::uint32_t tx_slots_max = 512;
/// A ring of longer frames has fewer of them.
constexpr std::uint64_t ring_bytes_max = 128u << 20;
constexpr std::uint32_t ring_slots_min = 64;
constexpr std::uint32_t frame_overhead_bytes = 18;  ///< Ethernet header and one VLAN tag

constexpr MacAddress broadcast_mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// RFC 1112, 6.4 and RFC 2464, 7: the MAC address of a multicast group is made from the group's.
std::optional<MacAddress> group_mac(const IpAddress& ip) {
    const auto& b = ip.bytes;
    if (ip.v6) {
        if (b[0] != 0xff) return std::nullopt;
        return MacAddress{{0x33, 0x33, b[12], b[13], b[14], b[15]}};
    }
    if (b[0] == 255 && b[1] == 255 && b[2] == 255 && b[3] == 255) return broadcast_mac;
    if (b[0] < 224 || b[0] > 239) return std::nullopt;
    return MacAddress{{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[1] & 0x7f), b[2], b[3]}};
}

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

class AfPacketPort final : public engine::Port {
  public:
    AfPacketPort(PortInfo info, std::string device, int index, Netlink netlink)
        : info_(std::move(info)),
          device_(std::move(device)),
          index_(index),
          netlink_(std::move(netlink)) {}

    Result<void> open_queues(const PortSpec& spec, unsigned queues, std::uint32_t device_mtu);

    const PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return *tx_[queue]; }
    std::optional<MacAddress> next_hop(const IpAddress& destination) override;
    Result<void> silence_host() override;
    engine::DeviceLoss loss() noexcept override;

  private:
    bool on_link(const IpAddress& destination) const;
    Result<Descriptor> swallow(const IpAddress& own);

    PortInfo info_;
    std::string device_;
    int index_;
    Netlink netlink_;
    std::vector<std::unique_ptr<AfPacketRx>> rx_;
    std::vector<std::unique_ptr<AfPacketTx>> tx_;
    std::vector<Descriptor> silencers_;
};

std::uint32_t ring_slots(std::uint32_t wanted, std::uint32_t frame_bytes) {
    std::uint32_t slots = std::max(wanted, ring_slots_min);
    while (slots > ring_slots_min && std::uint64_t{slots} * frame_bytes > ring_bytes_max)
        slots /= 2;
    return slots;
}

Result<void> AfPacketPort::open_queues(const PortSpec& spec, unsigned queues,
                                       std::uint32_t device_mtu) {
    const std::uint32_t frame_bytes = device_mtu + frame_overhead_bytes;
    const std::uint32_t slots = ring_slots(spec.ring_frames, frame_bytes);
    for (unsigned queue = 0; queue < queues; ++queue) {
        auto rx = AfPacketRx::open(index_, slots, frame_bytes);
        if (!rx) return rx.error();
        rx_.push_back(std::move(*rx));
        auto tx = AfPacketTx::open(index_, std::min(slots, tx_slots_max), device_mtu);
        if (!tx) return tx.error();
        tx_.push_back(std::move(*tx));
    }
    std::uint32_t group = 0;
    for (auto& rx : rx_) {
        if (queues == 1) break;
        auto joined = rx->join_fanout(group);
        if (!joined) return joined.error();
        group = *joined;
    }
    if (spec.promiscuous == PortSpec::Promiscuous::yes) {
        if (auto joined = rx_[0]->join_promiscuous(index_); !joined) return joined.error();
    }
    // Until all had joined, each received the frames of all.
    for (auto& rx : rx_) rx->drain();
    info_.note = "TPACKET_V2 on " + device_ + ", " + std::to_string(queues) +
                 (queues == 1 ? " queue" : " queues, fanout by flow hash") + ", rings of " +
                 std::to_string(rx_[0]->slots()) + " frames in, " +
                 std::to_string(tx_[0]->slots()) + " out";
    return {};
}

bool AfPacketPort::on_link(const IpAddress& destination) const {
    return std::any_of(info_.addresses.begin(), info_.addresses.end(),
                       [&](const IpPrefix& own) { return own.contains(destination); });
}

std::optional<MacAddress> AfPacketPort::next_hop(const IpAddress& destination) {
    if (const auto group = group_mac(destination)) return group;
    IpAddress hop = destination;
    auto route = netlink_.route(index_, destination);
    if (route) {
        if (route->type == Route::Type::broadcast) return broadcast_mac;
        if (route->type != Route::Type::unicast) return std::nullopt;
        hop = route->next_hop;
    } else if (!on_link(destination)) {
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

Result<Descriptor> AfPacketPort::swallow(const IpAddress& own) {
    const int family = own.v6 ? AF_INET6 : AF_INET;
    Descriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
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
    const SocketAddress address = socket_address(own, info_.listen, index_);
    const void* where = &address.storage;
    // Somebody else who listens there keeps the kernel silent as well.
    if (::bind(socket.get(), static_cast<const sockaddr*>(where), address.len) != 0 &&
        errno != EADDRINUSE) {
        return engine::system_error(errno,
                                    "bind UDP " + to_string(engine::Endpoint{own, info_.listen}));
    }
    return socket;
}

Result<void> AfPacketPort::silence_host() {
    std::vector<Descriptor> sockets;
    for (const IpPrefix& own : info_.addresses) {
        auto socket = swallow(own.address);
        if (!socket) {
            return engine::Error{socket.error().code,
                                 "port " + info_.name + ": " + socket.error().message};
        }
        sockets.push_back(std::move(*socket));
    }
    silencers_ = std::move(sockets);
    return {};
}

engine::DeviceLoss AfPacketPort::loss() noexcept {
    engine::DeviceLoss loss;
    for (auto& rx : rx_) loss.rx_lost += rx->lost();
    return loss;
}

PortInfo info_of(const PortSpec& spec, const Interface& interface) {
    PortInfo info;
    info.name = spec.name;
    info.driver = "af_packet";
    info.kind = engine::PortKind::ethernet;
    info.mac = interface.mac;
    info.addresses = spec.addresses.empty() ? interface.addresses : spec.addresses;
    info.mtu = spec.mtu == 0 ? interface.mtu : spec.mtu;
    info.listen = spec.listen;
    info.source_port = spec.source_port;
    return info;
}

std::string remedy_for(int code) {
    if (code == EPERM || code == EACCES) {
        return "needs CAP_NET_RAW (and CAP_NET_ADMIN for promiscuous): run as root, or `setcap "
               "cap_net_raw,cap_net_admin+ep` on the program";
    }
    if (code == ENOMEM) return "lower `ring_frames`, or use fewer workers";
    return {};
}

}  // namespace

OpenResult open_af_packet(const PortSpec& spec, unsigned queues) {
    LANES_CHECK(queues >= 1 && queues <= engine::workers_max);
    auto netlink = Netlink::open();
    if (!netlink) return failure(spec, 0, netlink.error().message, "");
    auto interface = netlink->interface(spec.device);
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
    auto port = std::make_unique<AfPacketPort>(info_of(spec, *interface), spec.device,
                                               interface->index, std::move(*netlink));
    if (auto opened = port->open_queues(spec, queues, interface->mtu); !opened) {
        const engine::Error& error = opened.error();
        return failure(spec, 0, spec.device + ": " + error.message, remedy_for(error.code));
    }
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace lanes::drivers
