// See outbox.hh.
#include "lanes/outbox.hh"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/check.hh"
#include "lanes/forward.hh"

namespace lanes {

engine::Result<std::unique_ptr<Outbox>> Outbox::create() {
    auto region = engine::Region::map(slots * slot_bytes, engine::Region::Pages::small);
    if (!region) return region.error();
    auto outbox = std::make_unique<Outbox>();
    outbox->region_ = std::move(*region);
    outbox->bell_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (outbox->bell_fd_ < 0) return engine::system_error(errno, "eventfd");
    return outbox;
}

Outbox::~Outbox() {
    if (bell_fd_ >= 0) ::close(bell_fd_);
}

std::uint64_t Outbox::room() const noexcept {
    return slots - (tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire));
}

void Outbox::push(std::span<const std::byte> packet) noexcept {
    LANES_CHECK(packet.size() <= packet_bytes_max && room() != 0);
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    std::memcpy(slot(tail), packet.data(), packet.size());
    lengths_[tail % slots] = static_cast<std::uint32_t>(packet.size());
    tail_.store(tail + 1, std::memory_order_release);
    pushed_ = true;
}

void Outbox::ring_bell() noexcept {
    if (!std::exchange(pushed_, false)) return;
    ::eventfd_write(bell_fd_, 1);
}

unsigned Outbox::receive(engine::Burst& burst, engine::WorkerCounters&) noexcept {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    const std::uint64_t waiting = tail_.load(std::memory_order_acquire) - head;
    if (waiting == 0) return 0;
    const unsigned n = waiting < burst.room() ? static_cast<unsigned>(waiting) : burst.room();
    for (unsigned i = 0; i < n; ++i) {
        engine::Frame frame;
        frame.data = slot(head + i);
        frame.len = lengths_[(head + i) % slots];
        burst.push(frame);
    }
    // The bell is answered when the last packet is taken; Control rings after it has pushed, so
    // none is left behind an answered bell.
    if (n == waiting) {
        eventfd_t rung;
        ::eventfd_read(bell_fd_, &rung);
    }
    return n;
}

void Outbox::release(engine::Burst& burst) noexcept {
    head_.store(head_.load(std::memory_order_relaxed) + burst.size(), std::memory_order_release);
}

void Dispatch::run(engine::WorkerContext& worker, engine::RxQueue&, engine::Burst& burst) noexcept {
    const LaneTable::Reader reader(table_);
    for (const engine::Frame& frame : burst) {
        Lane* lane = reader.find(wire::read_header(frame.data).lane);
        const Plan* plan = lane == nullptr ? nullptr : lane->plan.load(std::memory_order_acquire);
        if (plan == nullptr || plan->role != Role::send) {
            // The lane went while its packet was under way.
            worker.counters.drop(engine::Drop::no_lane);
            continue;
        }
        Item item{frame.data, frame.len, nullptr};
        send_packets(worker, nullptr, lane->shares[worker.index], *plan, {&item, 1});
    }
}

}  // namespace lanes
