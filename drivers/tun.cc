// The tap and tun drivers: an interface of this host whose other end is the engine. One
// implementation serves both; they differ in one flag and in what a frame is (tap: Ethernet, tun:
// an IP packet, bare). Each worker has a descriptor of its own (IFF_MULTI_QUEUE), and the kernel
// keeps a flow on one of them.
//
// The kernel offers one system call per frame here, in both directions; io_uring would batch them
// but not make them fewer copies, and no vnet header is used, so the kernel hands over finished
// checksums and no super-frames. The interface is not persistent: it goes when the port closes.
// Addresses, MTU and up are set by netlink at open.
//
// While the interface is down, writes fail (counted as tx_refused) and reads find nothing; both
// resume by themselves when it is up again. If somebody deletes the interface, its descriptors
// would report an error for ever and keep a sleeping worker awake; a queue that sees this replaces
// its descriptor by one that never reports anything. Only opening the port again makes a new
// interface, with CAP_NET_ADMIN and /dev/net/tun, which the sandbox takes away.
//
// Control opens and closes; a queue pair is called by its worker only.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "drivers/buffered_tx.hh"
#include "drivers/failure.hh"
#include "drivers/netlink/netlink.hh"
#include "drivers/open.hh"
#include "engine/descriptor.hh"

namespace lanes::drivers {
namespace {

using engine::Burst;
using engine::Drop;
using engine::Frame;
using engine::PortKind;
using engine::PortSpec;
using engine::Result;
using engine::WorkerCounters;

/// An Ethernet header with one VLAN tag.
constexpr std::uint32_t ethernet_bytes = 18;

/// The descriptor that a receive and a transmit queue share; both belong to one worker.
struct Device {
    engine::Descriptor tun;
    engine::Descriptor
        quiet;  ///< never readable; takes the place of `tun` when the interface is gone
    bool gone = false;

    void leave() noexcept {
        gone = true;
        // Closes the last reference to the interface's queue, which also takes it out of any epoll.
        ::dup2(quiet.get(), tun.get());
    }
};

class TunRx final : public engine::RxQueue {
  public:
    TunRx(Device& device, Slots slots) : device_(device), slots_(std::move(slots)) {}

    unsigned receive(Burst& burst, WorkerCounters& worker) noexcept override {
        const unsigned before = burst.size();
        unsigned slot = 0;
        // Bounded also when every frame is too long and none enters the burst.
        for (unsigned tries = burst.room(); tries != 0; --tries) {
            // One byte more than fits shows that a frame was cut; it lies in the tailroom.
            const ssize_t got =
                ::read(device_.tun.get(), slots_.data(slot), slots_.frame_bytes() + 1);
            if (got < 0) {
                if (errno == EINTR) continue;
                if (errno == EBADFD && !device_.gone) device_.leave();
                break;
            }
            const auto len = static_cast<std::uint32_t>(got);
            if (len > slots_.frame_bytes()) {
                worker.received.add(1);
                worker.drop(Drop::rx_truncated);
                continue;
            }
            burst.push(slots_.frame(slot++, len));
        }
        return burst.size() - before;
    }

    void release(Burst&) noexcept override {}
    int wake_fd() const noexcept override { return device_.tun.get(); }

  private:
    Device& device_;
    Slots slots_;
};

class TunTx final : public BufferedTx {
  public:
    TunTx(Device& device, Slots slots) : BufferedTx(std::move(slots)), device_(device) {}

  private:
    void transmit(std::span<const Frame> frames, WorkerCounters& worker) noexcept override {
        unsigned sent = 0;
        std::uint64_t bytes = 0;
        for (const Frame& frame : frames) {
            if (write(frame)) {
                ++sent;
                bytes += frame.len;
            } else {
                worker.drop(errno == EAGAIN ? Drop::tx_full : Drop::tx_refused);
            }
        }
        count_sent(sent, bytes, worker);
    }

    bool write(const Frame& frame) noexcept {
        if (device_.gone) {
            errno = ENODEV;
            return false;
        }
        while (::write(device_.tun.get(), frame.data, frame.len) < 0) {
            if (errno != EINTR) return false;
        }
        return true;
    }

    Device& device_;
};

class TunPort final : public engine::Port {
  public:
    TunPort(const PortSpec& spec, PortKind kind) : spec_(spec), kind_(kind) {}

    Result<void> open(unsigned queues);

    const engine::PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return *tx_[queue]; }
    engine::DeviceLoss loss() noexcept override;
    engine::Link link() override;

  private:
    bool tap() const noexcept { return kind_ == PortKind::ethernet; }
    Result<void> add_device();
    Result<void> add_queues();
    Result<void> configure();

    const PortSpec spec_;
    const PortKind kind_;
    engine::PortInfo info_;
    std::optional<Netlink> netlink_;
    int index_ = 0;  ///< of the interface that this port made
    std::vector<std::unique_ptr<Device>> devices_;
    std::vector<std::unique_ptr<TunRx>> rx_;
    std::vector<std::unique_ptr<TunTx>> tx_;
};

std::string_view remedy_of(int code) {
    switch (code) {
        case EPERM:
            return "it needs CAP_NET_ADMIN: run as root or grant the capability";
        case EBUSY:
            return "an interface of this name exists: end the program that made it, delete it by "
                   "`ip link delete`, or choose another `device`";
        case E2BIG:
            return "the kernel gives it no more queues: use fewer workers";
        default:
            return "";
    }
}

Result<void> TunPort::add_device() {
    const std::string what = (tap() ? "tap " : "tun ") + spec_.device;
    auto device = std::make_unique<Device>();
    device->tun = engine::Descriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!device->tun) {
        return failure(
            spec_, errno, what + ": open /dev/net/tun",
            errno == EACCES || errno == EPERM
                ? "run as root, or let this user read and write it"
                : "load the module by `modprobe tun`; in a container, pass the device in");
    }
    ifreq request{};
    std::strncpy(request.ifr_name, spec_.device.c_str(), IFNAMSIZ - 1);
    // The first queue makes the interface and joins none, which another program may be using.
    request.ifr_flags = static_cast<short>((tap() ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
                                           IFF_MULTI_QUEUE | (devices_.empty() ? IFF_TUN_EXCL : 0));
    if (::ioctl(device->tun.get(), TUNSETIFF, &request) != 0) {
        return failure(spec_, errno, "make " + what, remedy_of(errno));
    }
    device->quiet = engine::Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!device->quiet) return failure(spec_, errno, what + ": eventfd", "");
    devices_.push_back(std::move(device));
    return {};
}

Result<void> TunPort::add_queues() {
    const std::uint32_t frame_bytes = info_.mtu + (tap() ? ethernet_bytes : 0);
    for (const auto& device : devices_) {
        auto in = Slots::map(engine::burst_max, frame_bytes);
        if (!in) return in.error();
        auto out = Slots::map(BufferedTx::frames_max, frame_bytes);
        if (!out) return out.error();
        rx_.push_back(std::make_unique<TunRx>(*device, std::move(*in)));
        tx_.push_back(std::make_unique<TunTx>(*device, std::move(*out)));
    }
    return {};
}

Result<void> TunPort::configure() {
    const std::string what = (tap() ? "tap " : "tun ") + spec_.device;
    const auto named = [&](const engine::Error& error) {
        return engine::Error{error.code, "port " + spec_.name + ": " + what + ": " + error.message};
    };
    auto opened = Netlink::open();
    if (!opened) return named(opened.error());
    Netlink* const netlink = &netlink_.emplace(std::move(*opened));
    auto made = netlink->interface(spec_.device);
    if (!made) return named(made.error());
    const int index = index_ = made->index;
    if (spec_.mtu != 0 && spec_.mtu != made->mtu) {
        if (auto set = netlink->set_mtu(index, spec_.mtu); !set) return named(set.error());
    }
    for (const engine::IpPrefix& prefix : spec_.addresses) {
        if (auto added = netlink->add_address(index, prefix); !added) return named(added.error());
    }
    if (auto up = netlink->set_up(index); !up) return named(up.error());
    made = netlink->interface(spec_.device);
    if (!made) return named(made.error());
    info_.mtu = made->mtu;
    if (tap()) {
        // The engine's end is a station of its own and must not speak with the interface's MAC.
        info_.mac = made->mac;
        info_.mac.bytes[5] ^= 1;
    }
    return {};
}

engine::DeviceLoss TunPort::loss() noexcept {
    engine::DeviceLoss loss;
    // What the host sends through the interface is what we receive.
    if (auto found = netlink_->look_up(spec_.device); found) loss.rx_lost = found->tx_dropped;
    return loss;
}

engine::Link TunPort::link() {
    using State = engine::Link::State;
    const std::string& device = spec_.device;
    auto found = netlink_->look_up(device);
    if (!found && found.error().code != ENODEV) return {};
    if (!found || found->index != index_) {
        return {State::down,
                device + " was deleted; it is made anew within seconds, or the log says why not",
                true};
    }
    if (!found->up)
        return {State::down, device + " is set down: ip link set dev " + device + " up"};
    return {State::up, ""};
}

Result<void> TunPort::open(unsigned queues) {
    for (unsigned queue = 0; queue < queues; ++queue) {
        if (auto added = add_device(); !added) return added.error();
    }
    if (auto configured = configure(); !configured) return configured.error();
    if (auto added = add_queues(); !added) return added.error();
    info_.name = spec_.name;
    info_.driver = tap() ? "tap" : "tun";
    info_.kind = kind_;
    // The addresses belong to the host's side of the interface; the engine has none here.
    info_.listen = spec_.listen;
    info_.source_port = spec_.source_port;
    info_.note = (tap() ? "tap " : "tun ") + spec_.device + ", " + std::to_string(queues) +
                 (queues == 1 ? " queue" : " queues") + ", mtu " + std::to_string(info_.mtu);
    return {};
}

OpenResult open_either(const PortSpec& spec, unsigned queues, PortKind kind) {
    auto port = std::make_unique<TunPort>(spec, kind);
    if (auto opened = port->open(queues); !opened) return opened.error();
    return std::unique_ptr<engine::Port>(std::move(port));
}

}  // namespace

OpenResult open_tap(const PortSpec& spec, const engine::WorkerCores& cores) {
    return open_either(spec, cores.count(), PortKind::ethernet);
}

OpenResult open_tun(const PortSpec& spec, const engine::WorkerCores& cores) {
    return open_either(spec, cores.count(), PortKind::ip);
}

}  // namespace lanes::drivers
