// DpdkDevice: an ethdev from its probing to its removal: found by PCI address or made from the text
// of a virtual device, configured for so many queues, started, and taken out of DPDK again when the
// object goes, so that the same device can be opened afresh. Control only.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/dpdk/pool.hh"
#include "engine/port.hh"
#include "engine/worker_cores.hh"

namespace lanes::drivers {

class DpdkDevice {
  public:
    /// How many queues a device has for the workers, and how long they are.
    struct Queues {
        std::vector<unsigned> receivers;  ///< workers; in turn, if there are more queues
        std::uint16_t rx = 0;
        std::uint16_t tx = 0;
        std::uint16_t rx_descriptors = 0;
        std::uint16_t tx_descriptors = 0;

        unsigned receiver(unsigned queue) const noexcept {
            return receivers[queue % receivers.size()];
        }
    };

    DpdkDevice() = default;
    DpdkDevice(DpdkDevice&& other) noexcept;
    DpdkDevice& operator=(DpdkDevice&& other) noexcept;
    ~DpdkDevice();

    /// Finds or makes the device; the EAL has been started. An error tells what DPDK said.
    static engine::Result<DpdkDevice> probe(const std::string& device);

    /// Decides on MTU, queues and offloads and tells the device.
    engine::Result<void> configure(const engine::PortSpec& spec, const engine::WorkerCores& cores);
    /// Sets up the queues, with frames from `pool`, and starts.
    engine::Result<void> start(const engine::PortSpec& spec, const engine::WorkerCores& cores,
                               const MbufPool& pool);

    std::uint16_t id() const noexcept { return id_; }
    const Queues& queues() const noexcept { return queues_; }
    std::uint32_t mtu() const noexcept { return mtu_; }
    int node() const noexcept;
    /// The device's own MAC address, or one that was drawn if it has none.
    engine::MacAddress mac() const;
    /// Frames that fit every buffer: what the card writes of the longest frame.
    std::uint32_t frame_bytes() const noexcept;
    /// What was lost; `refused`: frames that the transmit queues offered in vain, which some
    /// devices count as errors.
    engine::DeviceLoss loss(std::uint64_t refused) const noexcept;
    /// Whether it finishes the checksums of frames sent with udp6_by_device.
    bool finishes_udp6() const noexcept;
    /// For the operator: driver, queues, descriptors, link, memory.
    std::string note() const;

  private:
    void plan_queues(const engine::PortSpec& spec, const engine::WorkerCores& cores);
    engine::Result<void> set_mtu(const engine::PortSpec& spec);
    void set_filters(const engine::PortSpec& spec);
    void remove() noexcept;

    bool open_ = false;
    bool started_ = false;
    std::uint16_t id_ = 0;
    std::uint32_t mtu_ = 0;
    rte_eth_dev_info info_{};
    rte_eth_conf configuration_{};
    Queues queues_;
    std::string filters_;  ///< for the note: what could not be had
};

}  // namespace lanes::drivers
