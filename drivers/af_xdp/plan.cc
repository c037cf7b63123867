// See plan.hh.
#include "drivers/af_xdp/plan.hh"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "engine/descriptor.hh"

namespace lanes::drivers {
namespace {

/// Each costs memory for a ring of its own.
constexpr unsigned rx_queues_max = 64;

}  // namespace

DeviceQueues device_queues(const std::string& device) {
    const engine::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    ifreq request{};
    std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
    void* const asked = &channels;
    request.ifr_data = static_cast<char*>(asked);
    if (!socket || ::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return {};
    return {std::max(1u, channels.combined_count + channels.rx_count),
            std::max(1u, channels.combined_count + channels.tx_count)};
}

unsigned AfXdpPlan::senders(unsigned queue) const noexcept {
    return static_cast<unsigned>(std::count(tx_queue.begin(), tx_queue.end(), queue));
}

unsigned AfXdpPlan::senders_max() const noexcept {
    unsigned most = 0;
    for (const unsigned queue : tx_queue) most = std::max(most, senders(queue));
    return most;
}

unsigned AfXdpPlan::queues_of_a_worker_max() const noexcept {
    std::ptrdiff_t most = 0;
    for (const unsigned worker : rx_worker) {
        most = std::max(most, std::count(rx_worker.begin(), rx_worker.end(), worker));
    }
    return static_cast<unsigned>(most);
}

unsigned AfXdpPlan::queues_used() const noexcept {
    unsigned used = static_cast<unsigned>(rx_worker.size());
    std::vector<unsigned> only_sent;
    for (const unsigned queue : tx_queue) {
        if (queue < rx_worker.size()) continue;
        if (std::find(only_sent.begin(), only_sent.end(), queue) != only_sent.end()) continue;
        only_sent.push_back(queue);
        ++used;
    }
    return used;
}

AfXdpPlan plan_queues(const engine::WorkerCores& cores, const std::vector<unsigned>& named,
                      DeviceQueues queues, SendQueues senders) {
    const unsigned rx = std::min(queues.rx, rx_queues_max);
    const std::vector<unsigned> receivers = cores.receivers(named, rx);
    AfXdpPlan plan;
    for (unsigned queue = 0; queue < rx; ++queue) {
        plan.rx_worker.push_back(receivers[queue % receivers.size()]);
    }
    const unsigned tx = senders == SendQueues::received ? rx : std::max(queues.tx, queues.rx);
    constexpr unsigned none = ~0u;
    plan.tx_queue.assign(cores.count(), none);
    for (unsigned queue = rx; queue-- > 0;) plan.tx_queue[plan.rx_worker[queue]] = queue;
    for (unsigned& mine : plan.tx_queue) {
        if (mine != none) continue;
        unsigned best = 0;
        for (unsigned queue = 1; queue < tx; ++queue) {
            if (plan.senders(queue) < plan.senders(best)) best = queue;
        }
        mine = best;
    }
    return plan;
}

}  // namespace lanes::drivers
