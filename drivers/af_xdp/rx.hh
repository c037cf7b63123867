// AfXdpRx: one receive queue of an af_xdp port: takes frames from the receive ring of a socket,
// where the kernel put them into buffers that this queue had lent it through the fill ring. No copy
// is made here, and none on the way out of any port of the same memory.
//
// The kernel is lent ring_frames buffers and no more, however many lie in the one ring or the
// other, so that the frames of a port are bounded.
//
// Where no kernel speaks for the port (take: all), the queue shows what it received to the Station
// first. Called by the worker, but for lent(), socket() and wake(), which are Control's.
#pragma once

#include <cstdint>
#include <memory>

#include "drivers/af_xdp/memory.hh"
#include "drivers/af_xdp/socket.hh"
#include "drivers/station/station.hh"
#include "engine/descriptor.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class AfXdpRx final : public engine::RxQueue {
  public:
    /// A queue on `socket` that lends the kernel at most `frames` frames of `share`.
    AfXdpRx(AfXdpSocket& socket, const AfXdpMemory::Share& share, std::uint32_t frames);

    /// Lets `station` answer through `tx`, the transmit queue of the same worker.
    engine::Result<void> attach(Station& station, engine::TxQueue& tx);
    /// Control: wakes the worker, because the station has something to send.
    void wake() const noexcept;

    unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override;
    void release(engine::Burst& burst) noexcept override;
    int wake_fd() const noexcept override { return socket_.fd; }
    int asked_fd() const noexcept override { return asked_.get(); }
    bool prepare_sleep() noexcept override;
    engine::FrameMemory* memory() const noexcept override { return &pool_; }

    AfXdpSocket& socket() const noexcept { return socket_; }
    /// What the kernel was lent; the socket is closed.
    LentFrames& lent() noexcept { return lent_; }

  private:
    void take(const xdp_desc& descriptor, engine::Burst& burst,
              engine::WorkerCounters& worker) noexcept;
    void fill() noexcept;
    void nudge() noexcept;
    unsigned serve(engine::Burst& burst, unsigned first, engine::WorkerCounters& worker) noexcept;

    AfXdpSocket& socket_;
    engine::FramePool& pool_;
    std::byte* const base_;
    const std::uint32_t chunk_bytes_;
    const std::uint32_t frames_max_;
    engine::FramePool::Cache cache_;
    LentFrames lent_;
    std::uint32_t lent_count_ = 0;
    Station* station_ = nullptr;
    engine::TxQueue* tx_ = nullptr;
    bool served_ = false;
    engine::Descriptor asked_;  ///< eventfd: the station has something to send
};

}  // namespace lanes::drivers
