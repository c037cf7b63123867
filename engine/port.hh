// Port, RxQueue, TxQueue: the one interface that every driver implements and the only thing the
// rest of the engine knows of devices. Virtual calls happen once per burst, never per frame.
//
// A queue belongs to one worker, and only that worker's thread calls it. A Port belongs to
// Control, which opens it, asks it and closes it; closing happens when no worker uses the queues.
//
// Two ways lead out of a frame's receive queue:
//   pass   when the transmit queue's memory() is the receive queue's, the very frame is handed
//          on, and the transmit side gives its buffer back to that memory;
//   claim  otherwise the worker claims room in the transmit queue (a slot of a ring, a datagram
//          of a batch) and writes into it, straight from the received bytes. The cipher is the
//          copy; on a clear lane memcpy is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/address.hh"
#include "engine/counters.hh"
#include "engine/drop.hh"
#include "engine/frame.hh"
#include "engine/limits.hh"
#include "engine/result.hh"
#include "engine/worker_cores.hh"

namespace lanes::engine {

/// A memory that frames live in. Ports pass frames to each other when they share one, and copy
/// otherwise; what it is made of only the drivers know that share it (FramePool is one).
class FrameMemory {
  protected:
    FrameMemory() = default;
    ~FrameMemory() = default;
};

/// What travels through a port: whole Ethernet frames, IP packets, lane packets in UDP datagrams
/// (the addresses are the kernel's business), opaque messages, or bytes.
enum class PortKind : std::uint8_t { ethernet, ip, carrier, datagram, stream };

/// What an operator says of a port; plain values, checked by config. A driver reads the fields
/// that concern it, and config refuses the others by name (config/port_keys.cc lists them).
struct PortSpec {
    std::string name;
    std::string driver;
    std::string device;  ///< interface; memory: the wire that two ports share; dpdk: PCI address or
                         ///< virtual device, such as net_null0,size=64
    std::vector<IpPrefix> addresses;    ///< tap, tun: set on it; others: speak from these
    std::uint32_t mtu = 0;              ///< bytes; 0: the device's own, or 1500
    std::uint16_t listen = 4790;        ///< UDP port at which lane packets arrive
    std::uint16_t source_port = 61440;  ///< UDP source port of subspace 0; subspace n adds n
    std::string read;                   ///< pcap: file to replay; empty: receives nothing
    std::string write;                  ///< pcap: file to record into; empty: counts and discards
    std::uint32_t repeat = 1;           ///< pcap: times that the file is replayed; 0: for ever
    enum class Pace : std::uint8_t { recorded, fast } pace = Pace::recorded;  ///< pcap: replay
    enum class Promiscuous : std::uint8_t { no, yes } promiscuous = Promiscuous::yes;
    std::uint32_t ring_frames = 4096;  ///< frames of each ring, power of two
    /// Workers that receive from it (af_packet, af_xdp, dpdk); empty: all, or as many as the device
    /// has queues.
    std::vector<unsigned> workers;
    /// af_xdp: frames that the engine takes from the kernel: lane packets that are for it, or all.
    enum class Take : std::uint8_t { lanes, all } take = Take::lanes;
    /// af_xdp: how frames come; automatic tries the three in this order.
    enum class XdpMode : std::uint8_t { automatic, zero_copy, copy, generic };
    XdpMode mode = XdpMode::automatic;
    std::uint32_t busy_poll_us = 0;  ///< af_xdp: time that the kernel polls the device; 0: never
    /// Where no kernel speaks for the port (dpdk; af_xdp that takes all): next hop of what is not
    /// on the link, at most one for each of IPv4 and IPv6.
    std::vector<IpAddress> gateways;
    std::vector<std::string> eal;  ///< dpdk: the node's own arguments for the EAL, as they are

    bool operator==(const PortSpec&) const = default;
};

/// What a port turned out to be once it was open.
struct PortInfo {
    std::string name;
    std::string driver;
    PortKind kind = PortKind::ethernet;
    MacAddress mac;                   ///< own MAC (ethernet kind); zeros if it has none
    std::vector<IpPrefix> addresses;  ///< the engine's own addresses here
    std::uint32_t mtu = 1500;         ///< largest IP packet, in bytes (Ethernet header excluded)
    std::uint16_t listen = 4790;
    std::uint16_t source_port = 61440;
    bool finishes_udp6 = false;  ///< frames may be sent with udp6_by_device
    std::string note;            ///< one line on how it was opened, for the operator
};

/// What a device lost before the engine could see or count it; read by Control.
struct DeviceLoss {
    std::uint64_t rx_lost = 0;  ///< receive ring full
    std::uint64_t tx_lost = 0;  ///< accepted for transmission, then refused by the device
};

/// What the medium of a port says of itself.
struct Link {
    enum class State : std::uint8_t { unknown, up, down };
    State state = State::unknown;
    std::string why;  ///< down: one line for the operator, with what to do
    /// Down, because the device was deleted; and now it is there anew, or can be made anew. `why`
    /// is then what happened, and behind a semicolon what is done about it.
    bool renewed = false;
};

class RxQueue {
  public:
    virtual ~RxQueue() = default;

    /// Appends received frames to `burst`, at most burst.room(), and returns how many. Each has
    /// headroom_bytes before and tailroom_bytes behind it unless the driver's page says otherwise
    /// (the frame's own fields always tell the truth), and stays valid until released.
    /// The worker counts the frames returned (worker.received, this queue's counters). The driver
    /// counts only those that it drops itself (too long, broken): once in worker.received and once
    /// in the reason's counter. Non-blocking.
    virtual unsigned receive(Burst& burst, WorkerCounters& worker) noexcept = 0;

    /// Gives back all frames of the last receive() whose data is not nullptr. Called exactly once
    /// after every receive() that returned more than zero.
    virtual void release(Burst& burst) noexcept = 0;

    /// A descriptor that polls readable (level-triggered) when receive() may find something;
    /// -1 when there is none, and then the worker looks at least once a millisecond.
    virtual int wake_fd() const noexcept { return -1; }

    /// A descriptor that polls readable when Control wants receive() called though nothing may have
    /// arrived; -1: never. Apart from wake_fd, so that nobody need watch both through a third one,
    /// which would cost the kernel for every frame, asleep or not.
    virtual int asked_fd() const noexcept { return -1; }

    /// The worker is about to poll wake_fd. False: do not, there is something to receive. Only for
    /// queues whose descriptor must be armed first; kernel descriptors need not be.
    virtual bool prepare_sleep() noexcept { return true; }

    /// The frame memory that received frames live in, or nullptr if they cannot be passed.
    virtual FrameMemory* memory() const noexcept { return nullptr; }

    QueueCounters counters;
};

class TxQueue {
  public:
    virtual ~TxQueue() = default;

    /// Room for `room.size()` frames of up to `len` bytes. Fills room[0..n) in order (data, len =
    /// the room's size, headroom of claim_headroom_bytes at least, tailroom, token) and returns n;
    /// less than asked: the queue is full. 0 if no frame of `len` bytes ever fits (see max_len()).
    /// Claiming is free of side effects: room that is not sent is simply claimed again by the next
    /// call.
    virtual unsigned claim(std::span<Frame> room, std::uint32_t len) noexcept = 0;

    /// Sends frames that the last claim() gave, with data and len set to what goes out (data may
    /// have moved forward within the room), in the order of the claim; some may be left out.
    /// Every frame given here is counted by the driver, now or in flush(): in worker.sent and this
    /// queue's counters, or in worker's drops as tx_refused (or tx_full).
    virtual void send(std::span<const Frame> frames, WorkerCounters& worker) noexcept = 0;

    /// Sends frames of memory() without a copy, and owns them from now on. Returns how many were
    /// taken, from the front; the caller keeps (and drops) the rest. Only called when memory() is
    /// not nullptr.
    virtual unsigned pass(std::span<const Frame> frames, WorkerCounters& worker) noexcept;

    /// How many frames pass() would take now, or more.
    virtual unsigned pass_room() noexcept { return 0; }

    /// Pushes out what send() and pass() gathered (one system call per burst, say). Called at the
    /// end of every round in which the queue was used; must be cheap when there is nothing.
    virtual void flush(WorkerCounters& worker) noexcept = 0;

    /// Whether a flush() left frames that the kernel would not take yet; the worker then does not
    /// sleep before it has called flush() again.
    virtual bool pending() const noexcept { return false; }

    /// The longest frame that can be sent, in bytes as the port's kind counts them.
    virtual std::uint32_t max_len() const noexcept = 0;

    virtual FrameMemory* memory() const noexcept { return nullptr; }

    QueueCounters counters;
};

class Port {
  public:
    virtual ~Port() = default;

    virtual const PortInfo& info() const noexcept = 0;

    /// How many receive queues there are; 0: one for each worker.
    virtual unsigned rx_queues() const noexcept { return 0; }
    /// The worker that receive queue `queue` is for; one may have several.
    virtual unsigned rx_worker(unsigned queue) const noexcept { return queue; }
    virtual RxQueue& rx(unsigned queue) noexcept = 0;
    /// The transmit queue of a worker.
    virtual TxQueue& tx(unsigned worker) noexcept = 0;

    /// Carrier ports only, Control only: makes `destination` known and returns its index for
    /// Frame::endpoint. The same destination gives the same index. Others: always 0.
    virtual Result<std::uint32_t> add_endpoint(const Endpoint& destination);

    /// Ethernet ports, Control only: the MAC address that leads to `destination` now, or nothing,
    /// in which case the search for it has been started. Never blocks.
    virtual std::optional<MacAddress> next_hop(const IpAddress& destination);

    /// Ethernet ports, Control only: keeps the host's kernel from answering what arrives for UDP
    /// port `listen` of the engine's addresses (no ICMP port unreachable).
    virtual Result<void> silence_host();

    /// Whether its receive queues must be served in any case, because the port answers its
    /// neighbours and hears from them itself.
    virtual bool answers() const noexcept { return false; }

    /// Control only: what the device lost.
    virtual DeviceLoss loss() noexcept { return {}; }

    /// Control only: whether frames can leave and come. Asks the kernel; never waits for a network.
    virtual Link link() { return {}; }

    /// Control only, while workers go on: takes up the device that link() calls renewed, without
    /// privileges. Afterwards info() and the queues may be others; what they were lives until the
    /// next call, and workers must be told before that. An error: only opening it again helps.
    virtual Result<void> renew();
};

/// Opens a port with one transmit queue for each worker, and as many receive queues as spec.workers
/// names, or one for each. The error names the port.
using OpenPort = Result<std::unique_ptr<Port>> (*)(const PortSpec& spec, const WorkerCores& cores);

}  // namespace lanes::engine
