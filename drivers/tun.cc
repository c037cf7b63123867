// The tap and tun drivers: an interface of this host whose other end is the engine. One
// implementation serves both; they differ in one flag and in what a frame is (tap: Ethernet, tun:
// an IP packet, bare). Each worker has a descriptor of its own (IFF_MULTI_QUEUE), and the kernel
// keeps a flow on one of them.
//
// The kernel offers one system call per frame here, in both directions. So each read is to bring as
// much as possible: the host's stack may hand over super-frames of up to 64 KiB and leave checksums
// to us (vnet header, TUNSETOFFLOAD); they are cut into frames of the interface's MTU here, one
// copy of each. What is written goes frame by frame: the kernel's own GRO does not look at it.
// io_uring would batch calls but not make them fewer copies. The interface is not persistent: it
// goes when the port closes. Addresses, MTU and up are set by netlink at open.
//
// While the interface is down, writes fail (counted as tx_refused) and reads find nothing; both
// resume by themselves when it is up again. If somebody deletes the interface, its descriptors
// would report an error for ever and keep a sleeping worker awake; a queue that sees this replaces
// its descriptor by one that never reports anything.
//
// Control opens and closes; a queue pair is called by its worker only.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "drivers/buffered_tx.hh"
#include "drivers/cutter.hh"
#include "drivers/descriptor.hh"
#include "drivers/failure.hh"
#include "drivers/netlink.hh"
#include "drivers/open.hh"

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
    Descriptor tun;
    Descriptor quiet;  ///< never readable; takes the place of `tun` when the interface is gone
    bool gone = false;

    void leave() noexcept {
        gone = true;
        // Closes the last reference to the interface's queue, which also takes it out of any epoll.
        ::dup2(quiet.get(), tun.get());
    }
};

class TunRx final : public engine::RxQueue {
  public:
    /// `slots` hold frames as long as the interface has them, `scratch` (one slot) a super-frame.
    TunRx(Device& device, Slots slots, Slots scratch, Cutter cutter, Link link)
        : device_(device),
          slots_(std::move(slots)),
          scratch_(std::move(scratch)),
          cutter_(std::move(cutter)),
          link_(link) {}

    unsigned receive(Burst& burst, WorkerCounters& worker) noexcept override {
        const unsigned before = burst.size();
        unsigned slot = 0;
        cutter_.rewind();
        cutter_.cut(burst);
        // Bounded also when every frame is too long and none enters the burst. A super-frame that
        // is not cut up yet leaves no room.
        for (unsigned tries = burst.room(); tries != 0 && burst.room() != 0; --tries) {
            VnetHeader offload;
            const ssize_t got = read(slot, offload);
            if (got < 0) {
                if (errno == EINTR) continue;
                if (errno == EBADFD && !device_.gone) device_.leave();
                break;
            }
            const auto len = static_cast<std::uint32_t>(got);
            if (!take(slot, len, offload, burst)) {
                worker.received.add(1);
                worker.drop(Drop::rx_truncated);
                continue;
            }
            ++slot;
        }
        return burst.size() - before;
    }

    void release(Burst&) noexcept override {}
    int wake_fd() const noexcept override { return device_.tun.get(); }
    /// What is left of a super-frame waits here, where the descriptor does not show it.
    bool prepare_sleep() noexcept override { return !cutter_.pending(); }

  private:
    /// Reads a frame into `slot`, and what of a super-frame does not fit there into scratch_, at
    /// the place that it will have. Returns the frame's length, or -1 and errno.
    ssize_t read(unsigned slot, VnetHeader& offload) noexcept {
        const std::uint32_t fits = slots_.frame_bytes();
        std::array<iovec, 3> pieces = {
            iovec{&offload, sizeof offload}, iovec{slots_.data(slot), fits},
            iovec{scratch_.data(0) + fits, scratch_.frame_bytes() - fits}};
        const ssize_t got =
            ::readv(device_.tun.get(), pieces.data(), static_cast<int>(pieces.size()));
        const auto header = static_cast<ssize_t>(sizeof offload);
        return got < header ? (got < 0 ? got : 0) : got - header;
    }

    /// False when the frame is too long for the interface, or cannot be cut.
    bool take(unsigned slot, std::uint32_t len, const VnetHeader& offload, Burst& burst) noexcept {
        const std::uint32_t fits = slots_.frame_bytes();
        if (offload.gso_type != VnetHeader::gso_none) {
            std::byte* super = slots_.data(slot);
            if (len > fits) {
                super = scratch_.data(0);
                std::memcpy(super, slots_.data(slot), fits);
            }
            if (!cutter_.begin({super, len}, offload, link_)) return false;
            cutter_.cut(burst);
            return true;
        }
        if (len > fits) return false;
        Frame frame = slots_.frame(slot, len);
        if ((offload.flags & VnetHeader::needs_checksum) != 0 &&
            complete_checksum(frame.bytes(), offload)) {
            frame.checksum = engine::Checksum::valid;
        }
        burst.push(frame);
        return true;
    }

    Device& device_;
    Slots slots_;
    Slots scratch_;
    Cutter cutter_;
    Link link_;
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
        // No offload: what is written is finished. The header lies in the slot's headroom.
        const VnetHeader nothing;
        std::byte* start = frame.data - sizeof nothing;
        std::memcpy(start, &nothing, sizeof nothing);
        while (::write(device_.tun.get(), start, sizeof nothing + frame.len) < 0) {
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

  private:
    bool tap() const noexcept { return kind_ == PortKind::ethernet; }
    Result<void> add_device();
    Result<void> add_queues();
    Result<void> configure();

    const PortSpec spec_;
    const PortKind kind_;
    engine::PortInfo info_;
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

/// Lets the host's stack leave checksums and the cutting of long segments to us.
Result<void> offer_offloads(const Device& device) {
    const int header_bytes = sizeof(VnetHeader);
    if (::ioctl(device.tun.get(), TUNSETVNETHDRSZ, &header_bytes) != 0) {
        return engine::system_error(errno, "TUNSETVNETHDRSZ");
    }
    constexpr unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    constexpr unsigned udp = 0x20 | 0x40;  // TUN_F_USO4, TUN_F_USO6: kernel 6.2
    // Not to have an offload is no error: then the kernel does that work before it hands over.
    for (const unsigned offloads : {tcp | udp, tcp}) {
        if (::ioctl(device.tun.get(), TUNSETOFFLOAD, offloads) == 0) break;
    }
    return {};
}

Result<void> TunPort::add_device() {
    const std::string what = (tap() ? "tap " : "tun ") + spec_.device;
    auto device = std::make_unique<Device>();
    device->tun = Descriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
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
    request.ifr_flags = static_cast<short>((tap() ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_VNET_HDR |
                                           IFF_MULTI_QUEUE | (devices_.empty() ? IFF_TUN_EXCL : 0));
    if (::ioctl(device->tun.get(), TUNSETIFF, &request) != 0) {
        return failure(spec_, errno, "make " + what, remedy_of(errno));
    }
    if (auto offered = offer_offloads(*device); !offered) {
        return failure(spec_, offered.error().code, what + ": " + offered.error().message, "");
    }
    device->quiet = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!device->quiet) return failure(spec_, errno, what + ": eventfd", "");
    devices_.push_back(std::move(device));
    return {};
}

Result<void> TunPort::add_queues() {
    const std::uint32_t frame_bytes = info_.mtu + (tap() ? ethernet_bytes : 0);
    for (const auto& device : devices_) {
        auto in = Slots::map(engine::burst_max, frame_bytes);
        if (!in) return in.error();
        auto scratch = Slots::map(1, std::max(frame_bytes, engine::frame_bytes_max));
        if (!scratch) return scratch.error();
        auto cutter = Cutter::create(frame_bytes);
        if (!cutter) return cutter.error();
        auto out = Slots::map(BufferedTx::frames_max, frame_bytes);
        if (!out) return out.error();
        rx_.push_back(std::make_unique<TunRx>(*device, std::move(*in), std::move(*scratch),
                                              std::move(*cutter),
                                              tap() ? Link::ethernet : Link::ip));
        tx_.push_back(std::make_unique<TunTx>(*device, std::move(*out)));
    }
    return {};
}

Result<void> TunPort::configure() {
    const std::string what = (tap() ? "tap " : "tun ") + spec_.device;
    const auto named = [&](const engine::Error& error) {
        return engine::Error{error.code, "port " + spec_.name + ": " + what + ": " + error.message};
    };
    auto netlink = Netlink::open();
    if (!netlink) return named(netlink.error());
    auto made = netlink->interface(spec_.device);
    if (!made) return named(made.error());
    const int index = made->index;
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
    if (auto netlink = Netlink::open(); netlink) {
        if (auto found = netlink->interface(spec_.device); found) loss.rx_lost = found->tx_dropped;
    }
    return loss;
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

OpenResult open_tap(const PortSpec& spec, unsigned queues) {
    return open_either(spec, queues, PortKind::ethernet);
}

OpenResult open_tun(const PortSpec& spec, unsigned queues) {
    return open_either(spec, queues, PortKind::ip);
}

}  // namespace lanes::drivers
