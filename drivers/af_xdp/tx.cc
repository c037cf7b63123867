// See tx.hh.
#include "drivers/af_xdp/tx.hh"

#include <linux/if_ether.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>

#include "engine/bytes.hh"
#include "engine/clock.hh"

namespace lanes::drivers {
namespace {

using engine::Drop;
using engine::Frame;
using engine::WorkerCounters;

constexpr std::uint32_t header_bytes = 14;
constexpr std::uint32_t vlan_bytes = 4;
/// How long the kernel may take nothing before what waits is dropped; as af_packet's.
constexpr std::uint64_t stall_ns = 100'000'000;
/// Options that no kernel knows make a descriptor invalid: it is counted, skipped, and its frame is
/// never touched nor completed.
constexpr std::uint32_t invalid_options = 0xffff0000;

}  // namespace

AfXdpTx::AfXdpTx(AfXdpSocket& socket, const AfXdpMemory::Share& share, std::uint32_t max_len)
    : socket_(socket),
      pool_(share.pool()),
      base_(pool_.region().data()),
      max_len_(max_len),
      cache_(pool_) {}

AfXdpTx::~AfXdpTx() {
    for (unsigned i = 0; i < claimed_; ++i) cache_.give(room_[i].token);
}

std::uint32_t AfXdpTx::consumed() const noexcept {
    return std::atomic_ref(*socket_.tx.consumer).load(std::memory_order_acquire);
}

std::uint32_t AfXdpTx::room() noexcept {
    return ::xsk_prod_nb_free(&socket_.tx, engine::burst_max);
}

unsigned AfXdpTx::claim(std::span<Frame> room, std::uint32_t len) noexcept {
    if (len > max_len_) return 0;
    const std::uint32_t free = this->room();
    auto n = static_cast<unsigned>(room.size() < free ? room.size() : free);
    if (n > engine::burst_max) n = engine::burst_max;
    if (claimed_ < n) reclaim();
    while (claimed_ < n) {
        Frame frame = cache_.take();
        if (frame.data == nullptr) break;
        frame.tailroom += frame.len - max_len_;
        frame.len = max_len_;
        room_[claimed_++] = frame;
    }
    if (n > claimed_) n = claimed_;
    for (unsigned i = 0; i < n; ++i) room[i] = room_[i];
    return n;
}

bool AfXdpTx::fits(const Frame& frame) const noexcept {
    if (frame.len < header_bytes || frame.len > max_len_) return false;
    return frame.len <= max_len_ - vlan_bytes ||
           engine::load_be<std::uint16_t>(frame.data + 12) == ETH_P_8021Q;
}

void AfXdpTx::put(const Frame& frame) noexcept {
    xdp_desc& descriptor = *::xsk_ring_prod__tx_desc(&socket_.tx, filled_++);
    descriptor.addr = static_cast<std::uint64_t>(frame.data - base_);
    descriptor.len = frame.len;
    descriptor.options = 0;
    socket_.queue->sent.lend(frame.token);
}

void AfXdpTx::send(std::span<const Frame> frames, WorkerCounters& worker) noexcept {
    // The frames are a subsequence of the claimed room; what was left out stays claimed.
    unsigned kept = 0;
    std::size_t next = 0;
    for (unsigned i = 0; i < claimed_; ++i) {
        if (next == frames.size() || frames[next].token != room_[i].token) {
            room_[kept++] = room_[i];
        } else if (fits(frames[next])) {
            put(frames[next++]);
        } else {
            worker.drop(Drop::tx_refused);
            room_[kept++] = room_[i];
            ++next;
        }
    }
    LANES_CHECK(next == frames.size());
    claimed_ = kept;
    socket_.tx.cached_prod = filled_;
}

unsigned AfXdpTx::pass(std::span<const Frame> frames, WorkerCounters& worker) noexcept {
    const std::uint32_t free = room();
    const auto n = static_cast<unsigned>(frames.size() < free ? frames.size() : free);
    for (const Frame& frame : frames.first(n)) {
        if (fits(frame)) {
            put(frame);
        } else {
            worker.drop(Drop::tx_refused);
            cache_.give(frame.token);
        }
    }
    socket_.tx.cached_prod = filled_;
    return n;
}

// Takes back the frames that have left.
void AfXdpTx::reclaim() noexcept {
    AfXdpQueue& queue = *socket_.queue;
    const bool shared = queue.sharing == LentFrames::Users::several;
    if (shared && queue.busy.test_and_set(std::memory_order_acquire)) return;
    for (;;) {
        std::uint32_t at = 0;
        const std::uint32_t n = ::xsk_ring_cons__peek(&queue.completion, engine::burst_max, &at);
        if (n == 0) break;
        for (std::uint32_t i = 0; i < n; ++i) {
            const std::uint64_t token =
                pool_.token_at(*::xsk_ring_cons__comp_addr(&queue.completion, at + i));
            queue.sent.take_back(token);
            cache_.give(token);
        }
        ::xsk_ring_cons__release(&queue.completion, n);
        if (n < engine::burst_max) break;
    }
    if (shared) queue.busy.clear(std::memory_order_release);
}

int AfXdpTx::kick() const noexcept {
    if (::sendto(socket_.fd, nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0) return 0;
    return errno;
}

void AfXdpTx::flush(WorkerCounters& worker) noexcept {
    const std::uint32_t before = done_;
    if (consumed() == filled_) {
        if (done_ != filled_) settle(worker, 0);
        return;
    }
    std::atomic_ref(*socket_.tx.producer).store(filled_, std::memory_order_release);
    // Every turn but the last moves at least one frame on.
    for (std::uint32_t turns = filled_ - consumed(); turns != 0; --turns) {
        if (!socket_.busy_polls && ::xsk_ring_prod__needs_wakeup(&socket_.tx) == 0) break;
        const std::uint32_t start = consumed();
        const int error = kick();
        // EBUSY: the device refused the last of those that the kernel took.
        const bool refused = socket_.copies && error == EBUSY && consumed() != start;
        settle(worker, refused ? 1 : 0);
        reclaim();
        if (error == ENETDOWN || error == ENXIO || error == ENODEV) return give_up(worker);
        if (!socket_.copies || consumed() == start || consumed() == filled_) break;
    }
    settle(worker, 0);
    reclaim();
    watch_stall(worker, before);
}

void AfXdpTx::settle(WorkerCounters& worker, std::uint32_t refused) noexcept {
    // Behind done_ lies what was given up; the kernel only skips it.
    const std::uint32_t ahead = consumed() - done_;
    if (ahead == 0 || ahead > filled_ - done_) return;
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < ahead - refused; ++i) {
        bytes += ::xsk_ring_prod__tx_desc(&socket_.tx, done_ + i)->len;
    }
    done_ += ahead;
    worker.sent.add(ahead - refused);
    counters.frames.add(ahead - refused);
    counters.bytes.add(bytes);
    counters.bursts.add(1);
    if (refused != 0) worker.drop(Drop::tx_refused, refused);
}

void AfXdpTx::watch_stall(WorkerCounters& worker, std::uint32_t before) noexcept {
    if (done_ != before || done_ == filled_) {
        stalled_since_ns_ = 0;
        stuck_ = false;
        return;
    }
    const std::uint64_t now = engine::monotonic_ns();
    if (stalled_since_ns_ == 0) stalled_since_ns_ = now;
    if (now - stalled_since_ns_ > stall_ns) give_up(worker);
}

void AfXdpTx::give_up(WorkerCounters& worker) noexcept {
    if (!socket_.copies) {
        // The card may look at the ring at any time: what is in it stays there.
        stuck_ = true;
        return;
    }
    const std::uint32_t frames = filled_ - done_;
    for (std::uint32_t i = 0; i < frames; ++i) {
        xdp_desc& descriptor = *::xsk_ring_prod__tx_desc(&socket_.tx, done_ + i);
        descriptor.options = invalid_options;
        const std::uint64_t token = pool_.token_at(descriptor.addr);
        socket_.queue->sent.take_back(token);
        cache_.give(token);
    }
    done_ = filled_;
    stalled_since_ns_ = 0;
    if (frames == 0) return;
    invalidated_.add(frames);
    worker.drop(Drop::tx_refused, frames);
}

}  // namespace lanes::drivers
