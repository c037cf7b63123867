// The memory driver: two ports of one process that name the same `device` are the two ends of a
// wire of memory. Frames move by descriptor, never by copy, and all memory ports of a process with
// the same frame size share one FramePool, so that a frame received on one is passed to any
// other. This is the port that tests and benchmarks use; it has no kernel in it.
//
// Each direction of each queue is a single-producer, single-consumer ring (Lamport 1983, with each
// side caching the other's index as in FastForward's successors).
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "drivers/open.hh"
#include "engine/frame_pool.hh"

namespace lanes::drivers {
namespace {

using engine::Burst;
using engine::Frame;
using engine::FramePool;
using engine::PortInfo;
using engine::WorkerCounters;

/// One direction of one queue. `tail_` moves on the sending thread, `head_` on the receiving one.
class Ring {
  public:
    explicit Ring(std::uint32_t frames) : slots_(frames), mask_(frames - 1) {
        wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    ~Ring() { ::close(wake_fd_); }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    std::uint32_t room() noexcept {
        if (seen_head_ + slots_.size() - local_tail_ < engine::burst_max) {
            seen_head_ = head_.load(std::memory_order_acquire);
        }
        return static_cast<std::uint32_t>(seen_head_ + slots_.size() - local_tail_);
    }
    /// Caller has made sure of room().
    void put(const Frame& frame) noexcept { slots_[local_tail_++ & mask_] = frame; }
    void put(std::span<const Frame> frames) noexcept {
        const std::size_t at = local_tail_ & mask_;
        const std::size_t before_end = std::min(frames.size(), slots_.size() - at);
        const auto first = frames.first(before_end);
        const auto rest = frames.subspan(before_end);
        std::memcpy(&slots_[at], first.data(), first.size_bytes());
        std::memcpy(slots_.data(), rest.data(), rest.size_bytes());
        local_tail_ += frames.size();
    }
    void publish() noexcept {
        if (local_tail_ == tail_.load(std::memory_order_relaxed)) return;
        // seq_cst, as armed_ is: either the receiver that arms sees these frames, or this thread
        // sees it armed.
        tail_.store(local_tail_, std::memory_order_seq_cst);
        if (armed_.load(std::memory_order_seq_cst) && armed_.exchange(false)) {
            ::eventfd_write(wake_fd_, 1);
        }
    }

    unsigned get(Burst& burst) noexcept {
        if (seen_tail_ - local_head_ < burst.room()) {
            seen_tail_ = tail_.load(std::memory_order_acquire);
        }
        const auto waiting = static_cast<unsigned>(seen_tail_ - local_head_);
        const unsigned n = waiting < burst.room() ? waiting : burst.room();
        if (n == 0) return 0;
        const std::size_t at = local_head_ & mask_;
        const std::size_t before_end = std::min<std::size_t>(n, slots_.size() - at);
        burst.append({&slots_[at], before_end});
        burst.append({slots_.data(), n - before_end});
        local_head_ += n;
        head_.store(local_head_, std::memory_order_release);
        return n;
    }
    bool arm() noexcept {
        eventfd_t count;
        ::eventfd_read(wake_fd_, &count);  // of an earlier sleep
        armed_.store(true, std::memory_order_seq_cst);
        if (tail_.load(std::memory_order_seq_cst) == local_head_) return true;
        armed_.store(false, std::memory_order_relaxed);
        return false;
    }
    int wake_fd() const noexcept { return wake_fd_; }

  private:
    std::vector<Frame> slots_;
    const std::uint64_t mask_;
    int wake_fd_ = -1;
    /// Writer: sender. Partner: get() acquire.
    alignas(engine::cache_line) std::atomic<std::uint64_t> tail_{0};
    std::uint64_t local_tail_ = 0;
    std::uint64_t seen_head_ = 0;
    /// Writer: receiver (release). Partner: room() acquire.
    alignas(engine::cache_line) std::atomic<std::uint64_t> head_{0};
    std::uint64_t local_head_ = 0;
    std::uint64_t seen_tail_ = 0;
    /// Writers: receiver arms, sender disarms.
    alignas(engine::cache_line) std::atomic<bool> armed_{false};
};

/// What two ports share. rings[end][queue] carries what port `end` sends.
struct Wire {
    ~Wire() {
        FramePool::Cache cache(*memory);
        Burst burst;
        for (auto& end : rings) {
            for (auto& ring : end) {
                for (burst.clear(); ring->get(burst) != 0; burst.clear()) {
                    for (const Frame& frame : burst) cache.give(frame.token);
                }
            }
        }
    }

    std::shared_ptr<FramePool> memory;
    std::vector<std::unique_ptr<Ring>> rings[2];
    bool taken[2] = {false, false};
};

std::mutex registry_mutex;  // guards the three below; set-up path only
std::map<std::string, std::weak_ptr<Wire>> wires;
std::map<std::uint32_t, std::weak_ptr<FramePool>> memories;

class MemoryRx final : public engine::RxQueue {
  public:
    MemoryRx(Ring& ring, FramePool& memory) : ring_(ring), memory_(memory), cache_(memory) {}

    unsigned receive(Burst& burst, WorkerCounters&) noexcept override { return ring_.get(burst); }
    void release(Burst& burst) noexcept override {
        for (const Frame& frame : burst) {
            if (frame.data != nullptr) cache_.give(frame.token);
        }
    }
    int wake_fd() const noexcept override { return ring_.wake_fd(); }
    bool prepare_sleep() noexcept override { return ring_.arm(); }
    engine::FrameMemory* memory() const noexcept override { return &memory_; }

  private:
    Ring& ring_;
    FramePool& memory_;
    FramePool::Cache cache_;
};

class MemoryTx final : public engine::TxQueue {
  public:
    MemoryTx(Ring& ring, FramePool& memory) : ring_(ring), memory_(memory), cache_(memory) {}
    ~MemoryTx() override {
        for (unsigned i = 0; i < claimed_; ++i) cache_.give(room_[i].token);
    }

    unsigned claim(std::span<Frame> room, std::uint32_t len) noexcept override {
        if (len > memory_.frame_bytes()) return 0;
        const std::uint32_t free = ring_.room();
        auto n = static_cast<unsigned>(room.size() < free ? room.size() : free);
        if (n > engine::burst_max) n = engine::burst_max;
        while (claimed_ < n) {
            const Frame frame = cache_.take();
            if (frame.data == nullptr) break;
            room_[claimed_++] = frame;
        }
        if (n > claimed_) n = claimed_;
        for (unsigned i = 0; i < n; ++i) room[i] = room_[i];
        return n;
    }

    void send(std::span<const Frame> frames, WorkerCounters& worker) noexcept override {
        // The frames are a subsequence of the claimed room; what was left out stays claimed.
        unsigned kept = 0;
        std::size_t next = 0;
        for (unsigned i = 0; i < claimed_; ++i) {
            if (next < frames.size() && frames[next].token == room_[i].token) {
                put(frames[next++], worker);
            } else {
                room_[kept++] = room_[i];
            }
        }
        LANES_CHECK(next == frames.size());
        claimed_ = kept;
    }

    unsigned pass(std::span<const Frame> frames, WorkerCounters& worker) noexcept override {
        const std::uint32_t free = ring_.room();
        const auto n = static_cast<unsigned>(frames.size() < free ? frames.size() : free);
        std::uint64_t bytes = 0;
        for (unsigned i = 0; i < n; ++i) bytes += frames[i].len;
        ring_.put(frames.first(n));
        worker.sent.add(n);
        counters.frames.add(n);
        counters.bytes.add(bytes);
        return n;
    }

    unsigned pass_room() noexcept override { return ring_.room(); }
    void flush(WorkerCounters&) noexcept override { ring_.publish(); }
    std::uint32_t max_len() const noexcept override { return memory_.frame_bytes(); }
    engine::FrameMemory* memory() const noexcept override { return &memory_; }

  private:
    void put(const Frame& frame, WorkerCounters& worker) noexcept {
        ring_.put(frame);
        worker.sent.add(1);
        counters.frames.add(1);
        counters.bytes.add(frame.len);
    }

    Ring& ring_;
    FramePool& memory_;
    FramePool::Cache cache_;
    unsigned claimed_ = 0;
    std::array<Frame, engine::burst_max> room_;
};

class MemoryPort final : public engine::Port {
  public:
    MemoryPort(PortInfo info, std::shared_ptr<Wire> wire, unsigned end)
        : info_(std::move(info)), wire_(std::move(wire)), end_(end) {
        for (std::size_t queue = 0; queue < wire_->rings[end].size(); ++queue) {
            rx_.push_back(
                std::make_unique<MemoryRx>(*wire_->rings[1 - end][queue], *wire_->memory));
            tx_.push_back(std::make_unique<MemoryTx>(*wire_->rings[end][queue], *wire_->memory));
        }
    }
    ~MemoryPort() override {
        const std::lock_guard lock(registry_mutex);
        wire_->taken[end_] = false;
    }

    const PortInfo& info() const noexcept override { return info_; }
    engine::RxQueue& rx(unsigned queue) noexcept override { return *rx_[queue]; }
    engine::TxQueue& tx(unsigned queue) noexcept override { return *tx_[queue]; }

  private:
    PortInfo info_;
    std::shared_ptr<Wire> wire_;  // declared before the queues: it outlives them
    unsigned end_;
    std::vector<std::unique_ptr<MemoryRx>> rx_;
    std::vector<std::unique_ptr<MemoryTx>> tx_;
};

/// The frame size of a port: its MTU, an Ethernet header with one tag, in few classes so that
/// ports of nearly the same MTU share a memory.
std::uint32_t frame_bytes_for(std::uint32_t mtu) {
    for (const std::uint32_t size : {2048u, 10240u}) {
        if (mtu + 18 + engine::headroom_bytes <= size) return size;
    }
    return engine::frame_bytes_max + engine::headroom_bytes;
}

engine::Result<std::shared_ptr<FramePool>> shared_memory(std::uint32_t frame_bytes) {
    if (auto memory = memories[frame_bytes].lock()) return memory;
    // Enough for several wires with full rings; what is not used costs no page.
    auto memory = FramePool::create(frame_bytes, 256 * 1024);
    if (memory) memories[frame_bytes] = *memory;
    return memory;
}

engine::Result<std::shared_ptr<Wire>> find_wire(const engine::PortSpec& spec, unsigned queues,
                                                std::uint32_t frame_bytes) {
    if (auto wire = wires[spec.device].lock()) return wire;
    auto memory = shared_memory(frame_bytes);
    if (!memory) return memory.error();
    auto wire = std::make_shared<Wire>();
    wire->memory = *memory;
    for (auto& end : wire->rings) {
        for (unsigned i = 0; i < queues; ++i)
            end.push_back(std::make_unique<Ring>(spec.ring_frames));
    }
    wires[spec.device] = wire;
    return wire;
}

}  // namespace

OpenResult open_memory(const engine::PortSpec& spec, const engine::WorkerCores& cores) {
    const unsigned queues = cores.count();
    const std::lock_guard lock(registry_mutex);
    const std::string who = "port " + spec.name + ": memory wire " + spec.device;
    const std::uint32_t mtu = spec.mtu == 0 ? 1500 : spec.mtu;
    auto wire = find_wire(spec, queues, frame_bytes_for(mtu));
    if (!wire) return engine::Error{wire.error().code, who + ": " + wire.error().message};
    if ((*wire)->rings[0].size() != queues) {
        return engine::Error{0, who + " has another number of queues at its other end"};
    }
    const unsigned end = (*wire)->taken[0] ? 1 : 0;
    if ((*wire)->taken[end]) {
        return engine::Error{0, who + " has two ends already: a third port cannot use it"};
    }
    (*wire)->taken[end] = true;
    PortInfo info;
    info.name = spec.name;
    info.driver = "memory";
    info.kind = engine::PortKind::ethernet;
    info.mac.bytes = {0x02, 0x4c, 0x4e, 0, 0, static_cast<std::uint8_t>(end + 1)};
    info.addresses = spec.addresses;
    info.mtu = mtu;
    info.listen = spec.listen;
    info.source_port = spec.source_port;
    info.note = "end " + std::to_string(end) + " of wire " + spec.device;
    return std::unique_ptr<engine::Port>(
        std::make_unique<MemoryPort>(std::move(info), std::move(*wire), end));
}

}  // namespace lanes::drivers
