// The dpdk driver: an Ethernet port on any device that DPDK has a driver for, by PCI address or as
// a virtual device. The kernel has no part in it: frames are DPDK's mbufs from receive ring to
// transmit ring, and what a host's kernel would answer the port answers itself (station.hh).
//
// dpdk_eal starts DPDK, dpdk_pool is the frame memory, dpdk_device sets devices up, dpdk_rx and
// dpdk_tx are the queues; this file puts them together. No other files know of DPDK.
#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "drivers/dpdk/device.hh"
#include "drivers/dpdk/eal.hh"
#include "drivers/dpdk/pool.hh"
#include "drivers/dpdk/rx.hh"
#include "drivers/dpdk/tx.hh"
#include "drivers/failure.hh"
#include "drivers/open.hh"
#include "drivers/station/station.hh"
#include "engine/clock.hh"
#include "engine/numa.hh"

namespace lanes::drivers {
namespace {

using engine::PortInfo;
using engine::PortSpec;
using engine::Result;

/// mbufs of a worker that are in no ring: its cache at DPDK (which overflows at half as much
/// again), a burst received, one claimed, and what waits in a transmit queue.
constexpr unsigned mbufs_per_worker = 768 + 6 * engine::burst_max;
constexpr std::uint32_t ethernet_overhead_bytes = 18;  ///< header and one VLAN tag

class DpdkPort final : public engine::Port {
  public:
    DpdkPort(PortInfo info, DpdkDevice device, MbufPool::Share share)
        : info_(std::move(info)), share_(std::move(share)), device_(std::move(device)) {}

    void make_queues(const PortSpec& spec, const engine::WorkerCores& cores);

    const PortInfo& info() const noexcept override { return info_; }
    unsigned rx_queues() const noexcept override { return static_cast<unsigned>(rx_.size()); }
    unsigned rx_worker(unsigned queue) const noexcept override {
        return device_.queues().receiver(queue);
    }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned worker) noexcept override { return *tx_[worker]; }
    std::optional<engine::MacAddress> next_hop(const engine::IpAddress& destination) override {
        return station_ ? station_->next_hop(destination, engine::monotonic_ns()) : std::nullopt;
    }
    bool answers() const noexcept override { return station_ != nullptr; }
    engine::DeviceLoss loss() noexcept override {
        std::uint64_t refused = 0;
        for (const auto& queue : tx_) refused += queue->refused();
        return device_.loss(refused);
    }

  private:
    PortInfo info_;
    // In this order: a device gives its mbufs back when it closes, queues before it.
    MbufPool::Share share_;
    DpdkDevice device_;
    std::unique_ptr<Station> station_;
    std::vector<std::unique_ptr<Gate>> gates_;
    std::vector<std::unique_ptr<DpdkTx>> tx_;
    std::vector<std::unique_ptr<DpdkRx>> rx_;
};

void DpdkPort::make_queues(const PortSpec& spec, const engine::WorkerCores& cores) {
    MbufPool& pool = share_.pool();
    const DpdkDevice::Queues& queues = device_.queues();
    if (!info_.addresses.empty()) station_ = std::make_unique<Station>(info_, spec.gateways);
    // Workers beyond the last queue share it.
    Gate* gate = nullptr;
    if (cores.count() > queues.tx) gate = gates_.emplace_back(std::make_unique<Gate>()).get();
    for (unsigned worker = 0; worker < cores.count(); ++worker) {
        const engine::OnNode local(cores.node(worker));
        const auto queue = static_cast<std::uint16_t>(std::min<unsigned>(worker, queues.tx - 1u));
        const bool shared = queue == queues.tx - 1u;
        const DpdkTx::Target target{device_.id(), queue, info_.mtu + ethernet_overhead_bytes,
                                    shared ? gate : nullptr};
        tx_.push_back(std::make_unique<DpdkTx>(target, pool));
    }
    for (std::uint16_t queue = 0; queue < queues.rx; ++queue) {
        const unsigned worker = rx_worker(queue);
        const engine::OnNode local(cores.node(worker));
        rx_.push_back(
            std::make_unique<DpdkRx>(device_.id(), queue, pool, station_.get(), *tx_[worker]));
    }
}

PortInfo info_of(const PortSpec& spec, const DpdkDevice& device) {
    PortInfo info;
    info.name = spec.name;
    info.driver = "dpdk";
    info.kind = engine::PortKind::ethernet;
    info.mac = device.mac();
    info.addresses = spec.addresses;
    info.mtu = device.mtu();
    info.finishes_udp6 = device.finishes_udp6();
    info.listen = spec.listen;
    info.source_port = spec.source_port;
    info.note = device.note();
    return info;
}

unsigned mbufs_for(const DpdkDevice::Queues& queues, unsigned workers) {
    return unsigned{queues.rx} * queues.rx_descriptors +
           unsigned{queues.tx} * queues.tx_descriptors + (workers + 1) * mbufs_per_worker;
}

Result<std::unique_ptr<DpdkPort>> open_port(const PortSpec& spec,
                                            const engine::WorkerCores& cores) {
    if (auto started = start_eal(spec.eal, spec.device); !started) return started.error();
    auto device = DpdkDevice::probe(spec.device);
    if (!device) return device.error();
    if (auto done = device->configure(spec, cores); !done) return done.error();
    auto share = MbufPool::take(device->frame_bytes(), mbufs_for(device->queues(), cores.count()),
                                device->node());
    if (!share) return share.error();
    auto done = device->start(spec, cores, share->pool());
    if (!done) {
        // The device holds mbufs of the pool: it goes first.
        const DpdkDevice gone = std::move(*device);
        return done.error();
    }
    PortInfo info = info_of(spec, *device);
    auto port = std::make_unique<DpdkPort>(std::move(info), std::move(*device), std::move(*share));
    port->make_queues(spec, cores);
    return port;
}

}  // namespace

OpenResult open_dpdk(const PortSpec& spec, const engine::WorkerCores& cores) {
    LANES_CHECK(cores.count() >= 1 && cores.count() <= engine::workers_max);
    auto port = open_port(spec, cores);
    if (!port) return failure(spec, 0, spec.device + ": " + port.error().message, "");
    return std::unique_ptr<engine::Port>(std::move(*port));
}

}  // namespace lanes::drivers
