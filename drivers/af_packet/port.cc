// The af_packet driver: an Ethernet port on a network interface of the kernel, which goes on using
// it beside us. Works on every interface that there is, needs no library, and is what `lanes`
// takes where nothing faster fits. One pair of sockets per worker: rx.hh receives,
// tx.hh sends; this file opens them and answers Control's questions, which it hands on
// to the kernel's own routing and neighbour tables (kernel_neighbours.hh).
//
// An interface that is deleted and made anew is another one to the kernel. A socket can be bound to
// it without any privilege, unless it has joined others by fanout: those never leave. So a port of
// several receive queues keeps fresh sockets, unbound and without rings, for some renewals.
#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "drivers/af_packet/rx.hh"
#include "drivers/af_packet/tx.hh"
#include "drivers/failure.hh"
#include "drivers/netlink/kernel_neighbours.hh"
#include "drivers/open.hh"
#include "engine/numa.hh"

namespace lanes::drivers {
namespace {

using engine::IpAddress;
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
/// How often a port of several receive queues takes up an interface that was made anew.
constexpr std::size_t renewals_max = 8;

class AfPacketPort final : public engine::Port {
  public:
    AfPacketPort(PortInfo info, std::string device, const Interface& interface, Netlink netlink)
        : info_(std::move(info)),
          device_(std::move(device)),
          index_(interface.index),
          neighbours_(std::move(netlink), interface, device_) {}

    Result<void> open_queues(const PortSpec& spec, const engine::WorkerCores& cores,
                             const Interface& device);

    const PortInfo& info() const noexcept override { return info_; }
    unsigned rx_queues() const noexcept override { return static_cast<unsigned>(rx_.size()); }
    unsigned rx_worker(unsigned queue) const noexcept override { return receivers_[queue]; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned worker) noexcept override { return *tx_[worker]; }
    std::optional<MacAddress> next_hop(const IpAddress& destination) override;
    Result<void> silence_host() override;
    engine::DeviceLoss loss() noexcept override;
    engine::Link link() override { return neighbours_.link(); }
    Result<void> renew() override;

  private:
    using RxQueues = std::vector<std::unique_ptr<AfPacketRx>>;

    Result<RxQueues> open_rx(std::vector<engine::Descriptor> sockets, int index);
    Result<void> renew_rx(int index);
    bool fanout() const noexcept { return receivers_.size() > 1; }

    PortInfo info_;
    std::string device_;
    int index_;
    KernelNeighbours neighbours_;
    std::vector<unsigned> receivers_;  ///< workers, one for each of rx_
    std::vector<int> nodes_;           ///< of memory, one for each of rx_
    std::uint32_t rx_slots_ = 0;
    std::uint32_t frame_bytes_ = 0;
    PortSpec::Promiscuous promiscuous_ = PortSpec::Promiscuous::yes;
    RxQueues rx_;
    RxQueues former_rx_;             ///< what they were before the last renewal
    std::uint64_t former_lost_ = 0;  ///< frames that those of all renewals lost
    std::vector<std::vector<engine::Descriptor>>
        spares_;  ///< sockets for a renewal each, one for each rx_
    std::vector<std::unique_ptr<AfPacketTx>> tx_;
};

std::uint32_t ring_slots(std::uint32_t wanted, std::uint32_t frame_bytes) {
    std::uint32_t slots = std::max(wanted, ring_slots_min);
    while (slots > ring_slots_min && std::uint64_t{slots} * frame_bytes > ring_bytes_max)
        slots /= 2;
    return slots;
}

Result<std::vector<engine::Descriptor>> open_sockets(std::size_t count) {
    std::vector<engine::Descriptor> sockets;
    while (sockets.size() < count) {
        auto socket = open_packet_socket();
        if (!socket) return socket.error();
        sockets.push_back(std::move(*socket));
    }
    return sockets;
}

Result<AfPacketPort::RxQueues> AfPacketPort::open_rx(std::vector<engine::Descriptor> sockets,
                                                     int index) {
    RxQueues queues;
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        const engine::OnNode local(nodes_[i]);
        auto rx = AfPacketRx::open(std::move(sockets[i]), index, rx_slots_, frame_bytes_);
        if (!rx) return rx.error();
        queues.push_back(std::move(*rx));
    }
    std::uint32_t group = 0;
    for (auto& rx : queues) {
        if (!fanout()) break;
        auto joined = rx->join_fanout(group);
        if (!joined) return joined.error();
        group = *joined;
    }
    if (promiscuous_ == PortSpec::Promiscuous::yes) {
        if (auto joined = queues[0]->join_promiscuous(index); !joined) return joined.error();
    }
    // Until all had joined, each received the frames of all.
    for (auto& rx : queues) rx->drain();
    return queues;
}

Result<void> AfPacketPort::open_queues(const PortSpec& spec, const engine::WorkerCores& cores,
                                       const Interface& device) {
    promiscuous_ = spec.promiscuous;
    frame_bytes_ = device.mtu + frame_overhead_bytes;
    rx_slots_ = ring_slots(spec.ring_frames, frame_bytes_);
    receivers_ = cores.receivers(spec.workers, engine::workers_max);
    for (const unsigned worker : receivers_) nodes_.push_back(cores.node(worker));
    auto sockets = open_sockets(receivers_.size());
    if (!sockets) return sockets.error();
    auto queues = open_rx(std::move(*sockets), device.index);
    if (!queues) return queues.error();
    rx_ = std::move(*queues);
    for (unsigned worker = 0; worker < cores.count(); ++worker) {
        const engine::OnNode local(cores.node(worker));
        auto tx = AfPacketTx::open(device.index, std::min(rx_slots_, tx_slots_max), device.mtu);
        if (!tx) return tx.error();
        tx_.push_back(std::move(*tx));
    }
    while (fanout() && spares_.size() < renewals_max) {
        auto spare = open_sockets(receivers_.size());
        if (!spare) return spare.error();
        spares_.push_back(std::move(*spare));
    }
    info_.note = "TPACKET_V2 on " + device_ + ", " + std::to_string(rx_.size()) +
                 (fanout() ? " queues, fanout by flow hash" : " queue") + ", rings of " +
                 std::to_string(rx_[0]->slots()) + " frames in, " +
                 std::to_string(tx_[0]->slots()) + " out";
    return {};
}

Result<void> AfPacketPort::renew_rx(int index) {
    if (!fanout()) {
        if (auto bound = rx_[0]->rebind(index); !bound) return bound;
        if (promiscuous_ == PortSpec::Promiscuous::no) return {};
        return rx_[0]->join_promiscuous(index);
    }
    if (spares_.empty()) {
        return engine::Error{
            0, "its sockets for " + std::to_string(renewals_max) + " renewals are used up"};
    }
    auto queues = open_rx(std::move(spares_.back()), index);
    spares_.pop_back();
    if (!queues) return queues.error();
    for (std::size_t i = 0; i < rx_.size(); ++i) {
        former_lost_ += rx_[i]->lost();
        (*queues)[i]->counters.frames.add(rx_[i]->counters.frames.get());
        (*queues)[i]->counters.bytes.add(rx_[i]->counters.bytes.get());
        (*queues)[i]->counters.bursts.add(rx_[i]->counters.bursts.get());
    }
    former_rx_ = std::exchange(rx_, std::move(*queues));
    return {};
}

Result<void> AfPacketPort::renew() {
    auto device = neighbours_.device();
    if (!device) return device.error();
    if (device->index != index_) {
        for (auto& tx : tx_) {
            if (auto bound = tx->rebind(device->index); !bound) return bound;
        }
        if (auto renewed = renew_rx(device->index); !renewed) return renewed;
        index_ = device->index;
    }
    info_ = neighbours_.move_to(*device, info_);
    return {};
}

std::optional<MacAddress> AfPacketPort::next_hop(const IpAddress& destination) {
    return neighbours_.next_hop(destination, info_.addresses);
}

Result<void> AfPacketPort::silence_host() {
    return neighbours_.silence(info_);
}

engine::DeviceLoss AfPacketPort::loss() noexcept {
    engine::DeviceLoss loss;
    loss.rx_lost = former_lost_;
    for (auto& rx : rx_) loss.rx_lost += rx->lost();
    return loss;
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

OpenResult open_af_packet(const PortSpec& spec, const engine::WorkerCores& cores) {
    LANES_CHECK(cores.count() >= 1 && cores.count() <= engine::workers_max);
    auto netlink = Netlink::open();
    if (!netlink) return failure(spec, 0, netlink.error().message, "");
    auto interface = ethernet_interface(*netlink, spec);
    if (!interface) return interface.error();
    auto port = std::make_unique<AfPacketPort>(info_of_interface(spec, *interface, "af_packet"),
                                               spec.device, *interface, std::move(*netlink));
    if (auto opened = port->open_queues(spec, cores, *interface); !opened) {
        const engine::Error& error = opened.error();
        return failure(spec, 0, spec.device + ": " + error.message, remedy_for(error.code));
    }
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace lanes::drivers
