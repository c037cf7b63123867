// See rx.hh.
#include "drivers/af_xdp/rx.hh"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace lanes::drivers {
namespace {

using engine::Burst;
using engine::Drop;
using engine::Frame;
using engine::WorkerCounters;

/// Buffers are lent so many at a time.
constexpr std::uint32_t fill_batch = engine::burst_max;

bool empty(const xsk_ring_cons& ring) noexcept {
    return std::atomic_ref(*ring.producer).load(std::memory_order_acquire) == ring.cached_cons;
}

}  // namespace

AfXdpRx::AfXdpRx(AfXdpSocket& socket, const AfXdpMemory::Share& share, std::uint32_t frames)
    : socket_(socket),
      pool_(share.pool()),
      base_(pool_.region().data()),
      chunk_bytes_(share.chunk_bytes()),
      frames_max_(frames),
      cache_(pool_),
      lent_(pool_.size(), LentFrames::Users::one) {
    while (lent_count_ + fill_batch <= frames_max_) {
        const std::uint32_t before = lent_count_;
        fill();
        if (lent_count_ == before) break;
    }
}

engine::Result<void> AfXdpRx::attach(Station& station, engine::TxQueue& tx) {
    asked_ = engine::Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!asked_) return engine::system_error(errno, "eventfd");
    station_ = &station;
    tx_ = &tx;
    return {};
}

void AfXdpRx::wake() const noexcept {
    ::eventfd_write(asked_.get(), 1);
}

unsigned AfXdpRx::receive(Burst& burst, WorkerCounters& worker) noexcept {
    const unsigned before = burst.size();
    xsk_ring_cons& ring = socket_.rx;
    std::uint32_t at = 0;
    const std::uint32_t n = ::xsk_ring_cons__peek(&ring, burst.room(), &at);
    if (n != 0) {
        for (std::uint32_t i = 0; i < n; ++i) {
            take(*::xsk_ring_cons__rx_desc(&ring, at + i), burst, worker);
        }
        ::xsk_ring_cons__release(&ring, n);
        lent_count_ -= n;
    }
    fill();
    if (n == 0) nudge();
    // The first time in any case: the station announces the port's addresses.
    if (station_ == nullptr || (n == 0 && served_ && !station_->waiting())) {
        return burst.size() - before;
    }
    served_ = true;
    return serve(burst, before, worker);
}

void AfXdpRx::take(const xdp_desc& descriptor, Burst& burst, WorkerCounters& worker) noexcept {
    Frame frame;
    frame.token = pool_.token_at(descriptor.addr);
    lent_.take_back(frame.token);
    frame.data = base_ + descriptor.addr;
    frame.len = descriptor.len;
    frame.headroom = static_cast<std::uint32_t>(descriptor.addr) & (chunk_bytes_ - 1);
    const std::uint32_t used = frame.headroom + frame.len;
    if (used + engine::tailroom_bytes > chunk_bytes_) [[unlikely]] {
        worker.received.add(1);
        worker.drop(Drop::rx_truncated);
        cache_.give(frame.token);
        return;
    }
    frame.tailroom = chunk_bytes_ - used;
    burst.push(frame);
}

void AfXdpRx::fill() noexcept {
    if (lent_count_ + fill_batch > frames_max_) return;
    xsk_ring_prod& ring = socket_.queue->fill;
    std::uint32_t at = 0;
    // The ring has room: it is as large as what is lent at most.
    if (::xsk_ring_prod__reserve(&ring, fill_batch, &at) != fill_batch) return;
    std::uint32_t n = 0;
    for (; n < fill_batch; ++n) {
        const Frame frame = cache_.take();
        if (frame.data == nullptr) break;
        *::xsk_ring_prod__fill_addr(&ring, at + n) = pool_.offset_of(frame.token);
        lent_.lend(frame.token);
    }
    ring.cached_prod -= fill_batch - n;
    ::xsk_ring_prod__submit(&ring, n);
    lent_count_ += n;
}

// A driver that does not look by itself wants to be called: when it ran out of buffers, and always
// when the worker does its polling.
void AfXdpRx::nudge() noexcept {
    if (socket_.busy_polls || ::xsk_ring_prod__needs_wakeup(&socket_.queue->fill) != 0) {
        ::recvfrom(socket_.fd, nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
    }
}

unsigned AfXdpRx::serve(Burst& burst, unsigned first, WorkerCounters& worker) noexcept {
    std::array<Frame, engine::burst_max> taken;
    const unsigned n = station_->serve(burst, first, *tx_, worker, taken);
    for (unsigned i = 0; i < n; ++i) cache_.give(taken[i].token);
    return burst.size() - first;
}

void AfXdpRx::release(Burst& burst) noexcept {
    for (const Frame& frame : burst) {
        if (frame.data != nullptr) cache_.give(frame.token);
    }
}

bool AfXdpRx::prepare_sleep() noexcept {
    if (station_ != nullptr) {
        eventfd_t count;
        ::eventfd_read(asked_.get(), &count);
        if (station_->waiting()) return false;
    }
    fill();
    nudge();
    return empty(socket_.rx);
}

}  // namespace lanes::drivers
