// Which worker receives from which queue of a device, and sends through which: the arithmetic of an
// af_xdp port's queues, apart from the sockets. Used while a port opens.
#pragma once

#include <string>
#include <vector>

#include "engine/port.hh"

namespace lanes::drivers {

/// The queues that a device has in use (ethtool -l); one of each where it does not say.
struct DeviceQueues {
    unsigned rx = 1;
    unsigned tx = 1;
};
DeviceQueues device_queues(const std::string& device);

struct AfXdpPlan {
    /// The worker of each receive queue of the device that is served, from queue 0 on. Workers have
    /// several where there are fewer of them: a queue that nobody served would lose what lands
    /// there.
    std::vector<unsigned> rx_worker;
    /// The device queue that each worker sends through: one that it receives from, or else the one
    /// that the fewest send through.
    std::vector<unsigned> tx_queue;

    /// How many workers send through device queue `queue`.
    unsigned senders(unsigned queue) const noexcept;
    unsigned senders_max() const noexcept;
    /// How many queues the worker receives from that has the most of them.
    unsigned queues_of_a_worker_max() const noexcept;
    /// The device queues that are used at all.
    unsigned queues_used() const noexcept;
};

/// Where a card itself takes buffers from our rings (zero-copy), a queue that is only sent through
/// would receive nothing for the kernel either: then workers share those that are received from.
enum class SendQueues : std::uint8_t { any, received };

AfXdpPlan plan_queues(const engine::WorkerCores& cores, const std::vector<unsigned>& named,
                      DeviceQueues queues, SendQueues senders);

}  // namespace lanes::drivers
