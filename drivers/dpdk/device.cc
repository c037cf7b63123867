// See device.hh.
#include "drivers/dpdk/device.hh"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string_view>

#include "drivers/dpdk/eal.hh"
#include "engine/numa.hh"

namespace lanes::drivers {
namespace {

using engine::Error;
using engine::PortSpec;
using engine::Result;
using engine::system_error;

/// A transmit ring holds what a round or two send; a small one stays in the cache.
constexpr std::uint16_t tx_descriptors_max = 1024;
/// Ethernet header, two VLAN tags, frame check sequence: what cards count beside the MTU.
constexpr std::uint32_t frame_overhead_bytes = 26;

/// What some devices do that others do not.
struct Habits {
    std::string_view driver;
    bool all_queues;      ///< frames arrive at all queues that it has, used or not
    bool in_pairs;        ///< as many receive queues as transmit queues, or it refuses
    bool counts_refused;  ///< what it did not take when offered counts as an error
    bool half_checksums;  ///< asked to check, it hands over frames whose checksums are not finished
};
constexpr std::array habits = {
    Habits{"net_af_packet", true, true, true, false},
    Habits{"net_tap", false, true, true, false},
    Habits{"net_virtio", false, false, false, true},
    Habits{"net_virtio_user", false, false, false, true},
};

Habits habits_of(const rte_eth_dev_info& info) {
    for (const Habits& row : habits) {
        if (row.driver == info.driver_name) return row;
    }
    return {};
}

std::mutex in_use_mutex;
std::array<bool, RTE_MAX_ETHPORTS> in_use{};  ///< by ports of ours

/// The name that DPDK gives a device: of the text without its arguments, a PCI address in full.
std::string device_name(const std::string& device) {
    std::string name = device.substr(0, device.find(','));
    if (!is_pci_address(device)) return name;
    unsigned domain = 0, bus = 0, slot = 0, function = 0;
    if (std::sscanf(name.c_str(), "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4) {
        domain = 0;
        std::sscanf(name.c_str(), "%x:%x.%x", &bus, &slot, &function);
    }
    char text[32];
    std::snprintf(text, sizeof text, "%.4x:%.2x:%.2x.%x", domain, bus, slot, function);
    return text;
}

/// RTE_MAX_ETHPORTS if there is none.
std::uint16_t find_device(const std::string& name) {
    for (std::uint16_t id = 0; id < RTE_MAX_ETHPORTS; ++id) {
        rte_eth_dev_info info{};
        if (::rte_eth_dev_is_valid_port(id) == 0) continue;
        if (::rte_eth_dev_info_get(id, &info) != 0 || info.device == nullptr) continue;
        if (name == ::rte_dev_name(info.device)) return id;
    }
    return RTE_MAX_ETHPORTS;
}

/// What an operator can do about a device that DPDK did not find or take.
std::string remedy_for(const std::string& name, const std::string& device) {
    namespace fs = std::filesystem;
    if (!is_pci_address(device)) {
        return "correct `device`: a PCI address, or a virtual device such as net_memif0,role=client"
               " (its driver is a librte_net_*.so of DPDK's)";
    }
    const fs::path folder = fs::path("/sys/bus/pci/devices") / name;
    std::error_code error;
    if (!fs::exists(folder, error)) return "there is no such PCI device: see `lspci -D`";
    const fs::path driver = fs::read_symlink(folder / "driver", error);
    const std::string bind = "dpdk-devbind.py --bind=vfio-pci " + name;
    if (error) return "no kernel driver holds it: modprobe vfio-pci && " + bind;
    const std::string holder = driver.filename();
    if (holder != "vfio-pci") {
        return "the kernel's driver " + holder + " holds it: modprobe vfio-pci && " + bind;
    }
    return "see `dmesg` for what vfio-pci says of it";
}

std::string counted(unsigned n, const char* what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

Result<DpdkDevice> DpdkDevice::probe(const std::string& device) {
    const std::string name = device_name(device);
    const EalWords words;
    // One that the operator's `eal` arguments made, or that was there when the EAL started.
    std::uint16_t id = find_device(name);
    if (id == RTE_MAX_ETHPORTS) {
        const int code = -::rte_dev_probe(device.c_str());
        if (code > 0) {
            return system_error(
                code, "open " + device + words.reason() + "; " + remedy_for(name, device));
        }
        id = find_device(name);
        if (id == RTE_MAX_ETHPORTS) {
            return Error{0, device + " is no network device" + words.reason() + "; " +
                                remedy_for(name, device)};
        }
    }
    DpdkDevice made;
    {
        const std::lock_guard lock(in_use_mutex);
        if (in_use[id]) return Error{0, name + " is open as another port"};
        made.open_ = in_use[id] = true;
    }
    made.id_ = id;
    if (const int code = -::rte_eth_dev_info_get(id, &made.info_); code != 0) {
        return system_error(code, "ask " + name + " what it can do");
    }
    return made;
}

DpdkDevice::DpdkDevice(DpdkDevice&& other) noexcept {
    *this = std::move(other);
}

DpdkDevice& DpdkDevice::operator=(DpdkDevice&& other) noexcept {
    if (this == &other) return *this;
    remove();
    open_ = std::exchange(other.open_, false);
    started_ = std::exchange(other.started_, false);
    id_ = other.id_;
    mtu_ = other.mtu_;
    info_ = other.info_;
    configuration_ = other.configuration_;
    queues_ = std::move(other.queues_);
    filters_ = std::move(other.filters_);
    return *this;
}

DpdkDevice::~DpdkDevice() {
    remove();
}

void DpdkDevice::remove() noexcept {
    if (!std::exchange(open_, false)) return;
    // Failures leave a device that the next probe() finds, or that says why it cannot be opened.
    const EalWords unheard;
    if (std::exchange(started_, false)) ::rte_eth_dev_stop(id_);
    ::rte_eth_dev_close(id_);
    ::rte_dev_remove(info_.device);
    const std::lock_guard lock(in_use_mutex);
    in_use[id_] = false;
}

void DpdkDevice::plan_queues(const PortSpec& spec, const engine::WorkerCores& cores) {
    const Habits device = habits_of(info_);
    const unsigned rx_max = std::max<unsigned>(1, info_.max_rx_queues);
    queues_.receivers = cores.receivers(spec.workers, rx_max);
    unsigned rx = static_cast<unsigned>(queues_.receivers.size());
    unsigned tx = std::min<unsigned>(cores.count(), std::max<unsigned>(1, info_.max_tx_queues));
    if (device.all_queues) rx = rx_max;
    if (device.in_pairs) rx = tx = std::max(rx, tx);
    queues_.rx = static_cast<std::uint16_t>(rx);
    queues_.tx = static_cast<std::uint16_t>(tx);
    const std::uint32_t wanted = std::min<std::uint32_t>(spec.ring_frames, 32768);
    queues_.rx_descriptors = static_cast<std::uint16_t>(wanted);
    queues_.tx_descriptors = std::min(static_cast<std::uint16_t>(wanted), tx_descriptors_max);
}

Result<void> DpdkDevice::set_mtu(const PortSpec& spec) {
    std::uint16_t own = 0;
    if (::rte_eth_dev_get_mtu(id_, &own) != 0 || own == 0) own = RTE_ETHER_MTU;
    mtu_ = spec.mtu == 0 ? std::min(own, info_.max_mtu) : spec.mtu;
    if (mtu_ > info_.max_mtu || mtu_ < info_.min_mtu) {
        return Error{0, "mtu " + std::to_string(mtu_) + " is not within the device's " +
                            std::to_string(info_.min_mtu) + " to " + std::to_string(info_.max_mtu) +
                            ": correct `mtu`"};
    }
    return {};
}

Result<void> DpdkDevice::configure(const PortSpec& spec, const engine::WorkerCores& cores) {
    if (auto ok = set_mtu(spec); !ok) return ok;
    plan_queues(spec, cores);
    rte_eth_conf& conf = configuration_;
    conf.rxmode.mtu = mtu_;
    // The engine looks at every UDP checksum; all others are those of the frames' owners.
    if (!habits_of(info_).half_checksums) {
        conf.rxmode.offloads = info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
    }
    conf.txmode.offloads =
        info_.tx_offload_capa & (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
    const std::uint64_t spread =
        info_.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP);
    if (queues_.rx > 1 && spread != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = spread;
    }
    const EalWords words;
    int code = -::rte_eth_dev_configure(id_, queues_.rx, queues_.tx, &conf);
    if (code != 0) {
        return system_error(code, "configure " + counted(queues_.rx, "receive queue") + " and " +
                                      counted(queues_.tx, "transmit queue") + words.reason());
    }
    if (spec.mtu != 0) {
        code = -::rte_eth_dev_set_mtu(id_, static_cast<std::uint16_t>(mtu_));
        if (code != 0 && code != ENOTSUP) {
            return system_error(code, "set an MTU of " + std::to_string(mtu_) + words.reason());
        }
    }
    code =
        -::rte_eth_dev_adjust_nb_rx_tx_desc(id_, &queues_.rx_descriptors, &queues_.tx_descriptors);
    if (code != 0) return system_error(code, "ask how long its queues may be" + words.reason());
    return {};
}

Result<void> DpdkDevice::start(const PortSpec& spec, const engine::WorkerCores& cores,
                               const MbufPool& pool) {
    const EalWords words;
    for (std::uint16_t queue = 0; queue < queues_.rx; ++queue) {
        const int node = cores.node(queues_.receiver(queue));
        const engine::OnNode local(node);
        rte_eth_rxconf conf = info_.default_rxconf;
        conf.offloads = configuration_.rxmode.offloads;
        const int code = -::rte_eth_rx_queue_setup(
            id_, queue, queues_.rx_descriptors,
            static_cast<unsigned>(node < 0 ? this->node() : node), &conf, pool.raw());
        if (code != 0) return system_error(code, "set up a receive queue" + words.reason());
    }
    for (std::uint16_t queue = 0; queue < queues_.tx; ++queue) {
        const int node = cores.node(std::min<unsigned>(queue, cores.count() - 1));
        const engine::OnNode local(node);
        rte_eth_txconf conf = info_.default_txconf;
        conf.offloads = configuration_.txmode.offloads;
        const int code =
            -::rte_eth_tx_queue_setup(id_, queue, queues_.tx_descriptors,
                                      static_cast<unsigned>(node < 0 ? this->node() : node), &conf);
        if (code != 0) return system_error(code, "set up a transmit queue" + words.reason());
    }
    if (const int code = -::rte_eth_dev_start(id_); code != 0) {
        return system_error(code, "start" + words.reason());
    }
    started_ = true;
    set_filters(spec);
    ::rte_eth_stats_reset(id_);
    return {};
}

void DpdkDevice::set_filters(const PortSpec& spec) {
    const EalWords unheard;  // many virtual devices have no filters to set
    if (spec.promiscuous == PortSpec::Promiscuous::yes) {
        const bool done = ::rte_eth_promiscuous_enable(id_) == 0;
        if (!done) filters_ = ", its address filter cannot be turned off";
        return;
    }
    ::rte_eth_promiscuous_disable(id_);
    // Neighbour solicitations come to groups, which are too many to name one by one.
    const bool v6 = std::any_of(spec.addresses.begin(), spec.addresses.end(),
                                [](const engine::IpPrefix& own) { return own.address.v6; });
    if (v6) ::rte_eth_allmulticast_enable(id_);
}

int DpdkDevice::node() const noexcept {
    return ::rte_eth_dev_socket_id(id_);
}

engine::MacAddress DpdkDevice::mac() const {
    rte_ether_addr address{};
    if (::rte_eth_macaddr_get(id_, &address) != 0 || ::rte_is_zero_ether_addr(&address) != 0) {
        ::rte_eth_random_addr(address.addr_bytes);
    }
    engine::MacAddress mac;
    std::memcpy(mac.bytes.data(), address.addr_bytes, mac.bytes.size());
    return mac;
}

std::uint32_t DpdkDevice::frame_bytes() const noexcept {
    return mtu_ + frame_overhead_bytes;
}

engine::DeviceLoss DpdkDevice::loss(std::uint64_t refused) const noexcept {
    rte_eth_stats stats{};
    if (::rte_eth_stats_get(id_, &stats) != 0) return {};
    const std::uint64_t not_lost = habits_of(info_).counts_refused ? refused : 0;
    const std::uint64_t tx_lost = stats.oerrors > not_lost ? stats.oerrors - not_lost : 0;
    return {stats.imissed + stats.rx_nombuf, tx_lost};
}

bool DpdkDevice::finishes_udp6() const noexcept {
    return (configuration_.txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
}

std::string DpdkDevice::note() const {
    rte_eth_link link{};
    const bool known = ::rte_eth_link_get_nowait(id_, &link) == 0;
    std::string text = std::string(info_.driver_name) + " " + ::rte_dev_name(info_.device) + ", " +
                       counted(queues_.rx, "receive queue") + " of " +
                       std::to_string(queues_.rx_descriptors) + ", " +
                       counted(queues_.tx, "transmit queue") + " of " +
                       std::to_string(queues_.tx_descriptors);
    if (known) {
        text += link.link_status == RTE_ETH_LINK_DOWN
                    ? ", link is down"
                    : ", link at " + std::to_string(link.link_speed) + " Mbit/s";
    }
    if (configuration_.rxmode.offloads != 0) text += ", checks UDP checksums";
    if (finishes_udp6()) text += ", finishes those over IPv6";
    text += filters_;
    text += eal_has_hugepages() ? ", hugepages" : ", no hugepages";
    if (node() >= 0) text += ", NUMA node " + std::to_string(node());
    return text;
}

}  // namespace lanes::drivers
