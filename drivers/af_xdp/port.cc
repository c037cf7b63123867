// The af_xdp driver: an Ethernet port on a network interface whose driver hands frames to us before
// the kernel's network stack makes anything of them, and beside which the kernel lives on. An XDP
// program of ours (filter.c) picks the frames; AF_XDP sockets carry them in both directions,
// in memory that all ports of this driver share (memory.hh).
//
// This file opens a port, in the fastest mode that the interface can, and answers Control. Workers
// have rx.hh and tx.hh.
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include "drivers/af_xdp/memory.hh"
#include "drivers/af_xdp/plan.hh"
#include "drivers/af_xdp/program.hh"
#include "drivers/af_xdp/rx.hh"
#include "drivers/af_xdp/socket.hh"
#include "drivers/af_xdp/tx.hh"
#include "drivers/failure.hh"
#include "drivers/netlink/kernel_neighbours.hh"
#include "drivers/open.hh"
#include "drivers/station/station.hh"
#include "engine/clock.hh"
#include "engine/numa.hh"

namespace lanes::drivers {
namespace {

using engine::Error;
using engine::PortInfo;
using engine::PortSpec;
using engine::Result;
using Attach = AfXdpProgram::Attach;
using Bind = AfXdpUmem::Bind;
using Mode = PortSpec::XdpMode;

/// A transmit ring holds what a few rounds send; a small one stays in the cache.
constexpr std::uint32_t tx_entries_max = 1024;
constexpr std::uint32_t rx_entries_min = 256;
constexpr std::uint32_t frame_overhead_bytes = 18;  ///< Ethernet header and one VLAN tag
constexpr std::uint32_t mtu_max = AfXdpMemory::frame_bytes_max - frame_overhead_bytes;
/// Buffers that a queue keeps for itself: its cache, what is claimed, what is in a burst.
constexpr std::uint32_t frames_at_hand = 4 * engine::burst_max;
/// The kernel takes a closed socket's queue down by and by: how often, and how long we ask again.
constexpr auto busy_pause = std::chrono::milliseconds(5);
constexpr unsigned busy_tries = 400;

/// One way to open, and what it is called.
struct Way {
    Mode mode;
    Attach attach;
    Bind bind;
    const char* name;
};
constexpr Way ways[] = {
    {Mode::zero_copy, Attach::native, Bind::zero_copy, "zero-copy"},
    {Mode::copy, Attach::native, Bind::copy, "copy"},
    {Mode::generic, Attach::generic, Bind::copy, "generic"},
};

class AfXdpPort final : public engine::Port {
  public:
    AfXdpPort(PortInfo info, const Interface& interface, std::string device, Netlink netlink)
        : info_(std::move(info)),
          device_(std::move(device)),
          index_(interface.index),
          device_mtu_(std::min(interface.mtu, mtu_max)),
          neighbours_(std::move(netlink), interface, device_) {}
    ~AfXdpPort() override;

    Result<void> open(const PortSpec& spec, const engine::WorkerCores& cores);

    const PortInfo& info() const noexcept override { return info_; }
    unsigned rx_queues() const noexcept override { return static_cast<unsigned>(rx_.size()); }
    unsigned rx_worker(unsigned queue) const noexcept override { return plan_.rx_worker[queue]; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned worker) noexcept override { return *tx_[worker]; }
    std::optional<engine::MacAddress> next_hop(const engine::IpAddress& destination) override;
    Result<void> silence_host() override;
    engine::Link link() override { return neighbours_.link(); }
    bool answers() const noexcept override { return station_ != nullptr; }
    engine::DeviceLoss loss() noexcept override;

  private:
    Result<void> try_ways(const PortSpec& spec, const engine::WorkerCores& cores,
                          DeviceQueues queues);
    Result<void> try_way(const Way& way, const PortSpec& spec, const engine::WorkerCores& cores,
                         DeviceQueues queues);
    Result<void> open_sockets(Bind bind, const engine::WorkerCores& cores);
    Result<void> open_socket(unsigned queue, const engine::WorkerCores& cores);
    Result<void> make_queues(const PortSpec& spec);
    Result<void> open_station(const PortSpec& spec);
    Result<void> open_filter(const PortSpec& spec);
    std::uint32_t set_sizes(std::uint32_t ring_frames);
    void close_sockets(AfXdpMemory::Share::When when);
    /// What a card wrote to directly it may still write to until the kernel has taken it down.
    AfXdpMemory::Share::When when_free() const noexcept {
        return zero_copy_ ? AfXdpMemory::Share::When::later : AfXdpMemory::Share::When::now;
    }
    void write_note(const Way& way, const PortSpec& spec, DeviceQueues queues,
                    const std::string& before);

    PortInfo info_;
    std::string device_;
    int index_;
    std::uint32_t device_mtu_;
    KernelNeighbours neighbours_;
    std::optional<AfXdpProgram> program_;
    std::optional<AfXdpMemory::Share> share_;
    AfXdpPlan plan_;
    AfXdpUmem::Sizes sizes_{};
    bool zero_copy_ = false;
    std::unique_ptr<AfXdpUmem> umem_;
    std::vector<AfXdpSocket*> rx_sockets_;  ///< one for each receive queue
    std::vector<AfXdpSocket*> tx_sockets_;  ///< one for each worker
    std::vector<std::unique_ptr<AfXdpTx>> tx_;
    std::vector<std::unique_ptr<AfXdpRx>> rx_;
    std::unique_ptr<Station> station_;  ///< where no kernel speaks for the port
    engine::Descriptor filter_;         ///< packet socket that opens the card's address filter
};

AfXdpPort::~AfXdpPort() {
    program_.reset();
    close_sockets(when_free());
}

void AfXdpPort::close_sockets(AfXdpMemory::Share::When when) {
    if (!umem_) return;
    umem_->close();
    for (auto& rx : rx_) share_->give_back(rx->lent().take_back_all(), when);
    for (auto& queue : umem_->queues()) share_->give_back(queue->sent.take_back_all(), when);
    rx_.clear();
    tx_.clear();
    rx_sockets_.clear();
    tx_sockets_.clear();
    umem_.reset();
}

std::string remedy_for(int code) {
    if (code == EPERM || code == EACCES) {
        return "; needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF: run as root, or `setcap "
               "cap_net_raw,cap_net_admin,cap_bpf+ep` on the program";
    }
    if (code == EAFNOSUPPORT) return "; this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)";
    return {};
}

Result<void> AfXdpPort::open(const PortSpec& spec, const engine::WorkerCores& cores) {
    const DeviceQueues queues = device_queues(device_);
    auto program = AfXdpProgram::load(spec, info_, queues.rx);
    if (!program) return program.error();
    program_ = std::move(*program);
    if (auto opened = try_ways(spec, cores, queues); !opened) return opened.error();
    if (auto opened = open_filter(spec); !opened) return opened.error();
    for (unsigned queue = 0; queue < rx_.size(); ++queue) {
        if (auto served = program_->serve(queue, rx_[queue]->socket().fd); !served) {
            return served.error();
        }
    }
    return {};
}

Result<void> AfXdpPort::try_ways(const PortSpec& spec, const engine::WorkerCores& cores,
                                 DeviceQueues queues) {
    std::string names;   // what did not go,
    std::string before;  // and why
    Error last;
    for (const Way& way : ways) {
        if (spec.mode != Mode::automatic && spec.mode != way.mode) continue;
        auto opened = try_way(way, spec, cores, queues);
        if (opened) {
            if (!last.message.empty()) before += "not " + names + ": " + last.message;
            write_note(way, spec, queues, before);
            return {};
        }
        close_sockets(when_free());
        const Error& error = opened.error();
        // Another program, a busy queue or missing rights do not go away with another mode.
        if (error.code == EBUSY || error.code == EEXIST || error.code == EPERM) return error;
        if (!names.empty() && error.message != last.message) {
            before += "not " + names + ": " + last.message + "; ";
            names.clear();
        }
        names += std::string(names.empty() ? "" : ", not ") + way.name;
        last = error;
    }
    if (spec.mode != Mode::automatic) return last;
    return Error{last.code, before + "not " + names + ": " + last.message};
}

Result<void> AfXdpPort::try_way(const Way& way, const PortSpec& spec,
                                const engine::WorkerCores& cores, DeviceQueues queues) {
    if (auto attached = program_->attach(index_, device_, way.attach); !attached) {
        return attached.error();
    }
    zero_copy_ = way.bind == Bind::zero_copy;
    plan_ = plan_queues(cores, spec.workers, queues,
                        zero_copy_ ? SendQueues::received : SendQueues::any);
    const std::uint32_t need = set_sizes(spec.ring_frames);
    auto share = AfXdpMemory::join(device_mtu_ + frame_overhead_bytes, need);
    if (!share) return share.error();
    share_ = std::move(*share);
    for (unsigned turn = 0;; ++turn) {
        auto opened = open_sockets(way.bind, cores);
        if (opened) break;
        close_sockets(when_free());
        if (opened.error().code != EBUSY || turn == busy_tries) {
            return Error{
                opened.error().code,
                opened.error().message + (opened.error().code == EBUSY
                                              ? "; another program has a socket there, stop it"
                                              : "")};
        }
        std::this_thread::sleep_for(busy_pause);
    }
    return make_queues(spec);
}

// Sizes the rings for the plan; returns how many frames they hold together.
std::uint32_t AfXdpPort::set_sizes(std::uint32_t ring_frames) {
    const auto rx = static_cast<std::uint32_t>(plan_.rx_worker.size());
    const auto tx = static_cast<std::uint32_t>(plan_.tx_queue.size());
    // A worker with several queues divides its frames among them.
    const std::uint32_t each = std::bit_ceil(plan_.queues_of_a_worker_max());
    sizes_.rx = std::max(ring_frames / each, rx_entries_min);
    sizes_.tx = std::min(ring_frames, tx_entries_max);
    sizes_.completion = std::bit_ceil(sizes_.tx * plan_.senders_max());
    return rx * sizes_.rx + tx * sizes_.tx + plan_.queues_used() * sizes_.completion +
           (rx + tx) * frames_at_hand;
}

Result<void> AfXdpPort::open_sockets(Bind bind, const engine::WorkerCores& cores) {
    auto umem = AfXdpUmem::create(*share_, device_, bind, sizes_);
    if (!umem) return umem.error();
    umem_ = std::move(*umem);
    tx_sockets_.assign(cores.count(), nullptr);
    const auto rx = static_cast<unsigned>(plan_.rx_worker.size());
    for (unsigned queue = 0; queue < rx; ++queue) {
        if (auto opened = open_socket(queue, cores); !opened) return opened.error();
    }
    for (unsigned worker = 0; worker < cores.count(); ++worker) {
        if (tx_sockets_[worker] != nullptr) continue;
        const engine::OnNode local(cores.node(worker));
        const unsigned queue = plan_.tx_queue[worker];
        auto opened = umem_->open(
            queue, AfXdpUmem::Use::transmit,
            plan_.senders(queue) > 1 ? LentFrames::Users::several : LentFrames::Users::one);
        if (!opened) return opened.error();
        tx_sockets_[worker] = *opened;
    }
    return {};
}

Result<void> AfXdpPort::open_socket(unsigned queue, const engine::WorkerCores& cores) {
    const unsigned worker = plan_.rx_worker[queue];
    const engine::OnNode local(cores.node(worker));
    const bool sends = plan_.tx_queue[worker] == queue;
    auto opened =
        umem_->open(queue, sends ? AfXdpUmem::Use::both : AfXdpUmem::Use::receive,
                    plan_.senders(queue) > 1 ? LentFrames::Users::several : LentFrames::Users::one);
    if (!opened) return opened.error();
    rx_sockets_.push_back(*opened);
    if (sends) tx_sockets_[worker] = *opened;
    return {};
}

Result<void> AfXdpPort::make_queues(const PortSpec& spec) {
    for (AfXdpSocket* socket : tx_sockets_) {
        tx_.push_back(
            std::make_unique<AfXdpTx>(*socket, *share_, device_mtu_ + frame_overhead_bytes));
    }
    for (AfXdpSocket* socket : rx_sockets_) {
        if (auto set = AfXdpUmem::busy_poll(*socket, spec.busy_poll_us); !set) return set.error();
        rx_.push_back(std::make_unique<AfXdpRx>(*socket, *share_, sizes_.rx));
    }
    if (spec.take == PortSpec::Take::all) return open_station(spec);
    return {};
}

Result<void> AfXdpPort::open_station(const PortSpec& spec) {
    station_ = std::make_unique<Station>(info_, spec.gateways);
    for (unsigned queue = 0; queue < rx_.size(); ++queue) {
        auto attached = rx_[queue]->attach(*station_, *tx_[plan_.rx_worker[queue]]);
        if (!attached) return attached.error();
    }
    return {};
}

// What the card must let through besides its own address. Goes with the descriptor.
Result<void> AfXdpPort::open_filter(const PortSpec& spec) {
    const bool all = spec.take == PortSpec::Take::all;
    const bool promiscuous = spec.promiscuous == PortSpec::Promiscuous::yes;
    if (!all && !promiscuous) return {};
    // Lane packets to a group come with `take: lanes`, too; neighbour solicitations must come where
    // the engine answers them.
    packet_mreq request{};
    request.mr_ifindex = index_;
    request.mr_type = all && promiscuous ? PACKET_MR_PROMISC : PACKET_MR_ALLMULTI;
    filter_ = engine::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    if (!filter_ || ::setsockopt(filter_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request,
                                 sizeof request) != 0) {
        return engine::system_error(
            errno, all && promiscuous ? "set it promiscuous" : "let all multicast in");
    }
    return {};
}

void AfXdpPort::write_note(const Way& way, const PortSpec& spec, DeviceQueues queues,
                           const std::string& before) {
    const auto rx = plan_.rx_worker.size();
    const bool all = spec.take == PortSpec::Take::all;
    info_.note = std::string("AF_XDP, ") + way.name + " mode, on " + device_ + ", " +
                 std::to_string(rx) + (rx == 1 ? " queue" : " queues") + ", takes " +
                 (all ? "all frames" : "lane packets") + ", frames in memory " +
                 std::to_string(share_->number());
    if (spec.busy_poll_us != 0) info_.note += ", busy polling";
    if (queues.rx > rx) {
        info_.note += "; what arrives on its other " + std::to_string(queues.rx - rx) +
                      " queues is lost to lanes: ethtool -L " + device_ + " combined " +
                      std::to_string(rx);
    }
    if (!before.empty()) info_.note += " (" + before + ")";
}

std::optional<engine::MacAddress> AfXdpPort::next_hop(const engine::IpAddress& destination) {
    if (!station_) return neighbours_.next_hop(destination, info_.addresses);
    const auto found = station_->next_hop(destination, engine::monotonic_ns());
    if (station_->waiting()) rx_[0]->wake();
    return found;
}

Result<void> AfXdpPort::silence_host() {
    if (station_) return {};
    return neighbours_.silence(info_);
}

engine::DeviceLoss AfXdpPort::loss() noexcept {
    engine::DeviceLoss loss;
    const auto statistics = [](const AfXdpSocket& socket) noexcept {
        xdp_statistics found{};
        socklen_t len = sizeof found;
        ::getsockopt(socket.fd, SOL_XDP, XDP_STATISTICS, &found, &len);
        return found;
    };
    for (const auto& rx : rx_) {
        // An empty fill ring is no count of its own: what it costs is in rx_dropped.
        const xdp_statistics found = statistics(rx->socket());
        loss.rx_lost += found.rx_dropped + found.rx_ring_full;
    }
    for (const auto& tx : tx_) {
        const std::uint64_t invalid = statistics(tx->socket()).tx_invalid_descs;
        loss.tx_lost += invalid - std::min(invalid, tx->invalidated());
    }
    return loss;
}

}  // namespace

OpenResult open_af_xdp(const PortSpec& spec, const engine::WorkerCores& cores) {
    LANES_CHECK(cores.count() >= 1 && cores.count() <= engine::workers_max);
    auto netlink = Netlink::open();
    if (!netlink) return failure(spec, 0, netlink.error().message, "");
    auto interface = ethernet_interface(*netlink, spec);
    if (!interface) return interface.error();
    PortInfo info = info_of_interface(spec, *interface, "af_xdp");
    if (info.mtu > mtu_max) {
        const std::string most = std::to_string(mtu_max);
        return failure(
            spec, 0,
            "mtu " + std::to_string(info.mtu) + " of " + spec.device + " is more than the " + most +
                " of AF_XDP",
            "set `mtu: " + most + "` or less, or: ip link set dev " + spec.device + " mtu " + most);
    }
    auto port =
        std::make_unique<AfXdpPort>(std::move(info), *interface, spec.device, std::move(*netlink));
    if (auto opened = port->open(spec, cores); !opened) {
        const Error& error = opened.error();
        return failure(spec, 0, spec.device + ": " + error.message + remedy_for(error.code), "");
    }
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace lanes::drivers
