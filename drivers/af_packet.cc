// The af_packet driver: an Ethernet port on a network interface of the kernel, which goes on using
// it beside us. Works on every interface that there is, needs no library, and is what `lanes`
// takes where nothing faster fits. One pair of sockets per worker: af_packet_rx.hh receives,
// af_packet_tx.hh sends; this file opens them and answers Control's questions, which it hands on
// to the kernel's own routing and neighbour tables (kernel_neighbours.hh).
#include <algorithm>
#include <cerrno>
#include <vector>

#include "drivers/af_packet_rx.hh"
#include "drivers/af_packet_tx.hh"
#include "drivers/failure.hh"
#include "drivers/kernel_neighbours.hh"
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

class AfPacketPort final : public engine::Port {
  public:
    AfPacketPort(PortInfo info, std::string device, int index, Netlink netlink)
        : info_(std::move(info)),
          device_(std::move(device)),
          index_(index),
          neighbours_(std::move(netlink), index, device_) {}

    Result<void> open_queues(const PortSpec& spec, const engine::WorkerCores& cores,
                             std::uint32_t device_mtu);

    const PortInfo& info() const noexcept override { return info_; }
    unsigned rx_queues() const noexcept override { return static_cast<unsigned>(rx_.size()); }
    unsigned rx_worker(unsigned queue) const noexcept override { return receivers_[queue]; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned worker) noexcept override { return *tx_[worker]; }
    std::optional<MacAddress> next_hop(const IpAddress& destination) override;
    Result<void> silence_host() override;
    engine::DeviceLoss loss() noexcept override;

  private:
    PortInfo info_;
    std::string device_;
    int index_;
    KernelNeighbours neighbours_;
    std::vector<unsigned> receivers_;  ///< workers, one for each of rx_
    std::vector<std::unique_ptr<AfPacketRx>> rx_;
    std::vector<std::unique_ptr<AfPacketTx>> tx_;
};

std::uint32_t ring_slots(std::uint32_t wanted, std::uint32_t frame_bytes) {
    std::uint32_t slots = std::max(wanted, ring_slots_min);
    while (slots > ring_slots_min && std::uint64_t{slots} * frame_bytes > ring_bytes_max)
        slots /= 2;
    return slots;
}

Result<void> AfPacketPort::open_queues(const PortSpec& spec, const engine::WorkerCores& cores,
                                       std::uint32_t device_mtu) {
    const std::uint32_t frame_bytes = device_mtu + frame_overhead_bytes;
    const std::uint32_t slots = ring_slots(spec.ring_frames, frame_bytes);
    receivers_ = cores.receivers(spec.workers, engine::workers_max);
    const auto queues = static_cast<unsigned>(receivers_.size());
    for (const unsigned worker : receivers_) {
        const engine::OnNode local(cores.node(worker));
        auto rx = AfPacketRx::open(index_, slots, frame_bytes);
        if (!rx) return rx.error();
        rx_.push_back(std::move(*rx));
    }
    for (unsigned worker = 0; worker < cores.count(); ++worker) {
        const engine::OnNode local(cores.node(worker));
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

std::optional<MacAddress> AfPacketPort::next_hop(const IpAddress& destination) {
    return neighbours_.next_hop(destination, info_.addresses);
}

Result<void> AfPacketPort::silence_host() {
    return neighbours_.silence(info_);
}

engine::DeviceLoss AfPacketPort::loss() noexcept {
    engine::DeviceLoss loss;
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
                                               spec.device, interface->index, std::move(*netlink));
    if (auto opened = port->open_queues(spec, cores, interface->mtu); !opened) {
        const engine::Error& error = opened.error();
        return failure(spec, 0, spec.device + ": " + error.message, remedy_for(error.code));
    }
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace lanes::drivers
