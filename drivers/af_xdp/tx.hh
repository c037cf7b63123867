// AfXdpTx: the transmit queue of one worker on an af_xdp port. Frames that it was given, claimed or
// passed, are named in the transmit ring, the kernel is called once per flush where it wants to
// be, and names them in the completion ring when it is done with them.
//
// In copy and generic mode the kernel moves frames within the call, on the worker's own clock; in
// zero-copy mode the driver takes them when it comes round to it. Only in the former can frames be
// taken back that wait while the link is down: nobody else looks at the ring then.
//
// Ring positions count up for ever: [done, filled) were given by us and are not accounted for.
// Called by the worker, but for invalidated(), which is Control's.
#pragma once

#include <array>
#include <cstdint>

#include "drivers/af_xdp/memory.hh"
#include "drivers/af_xdp/socket.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class AfXdpTx final : public engine::TxQueue {
  public:
    /// A queue on `socket`; `max_len` includes a VLAN tag.
    AfXdpTx(AfXdpSocket& socket, const AfXdpMemory::Share& share, std::uint32_t max_len);
    ~AfXdpTx() override;

    unsigned claim(std::span<engine::Frame> room, std::uint32_t len) noexcept override;
    void send(std::span<const engine::Frame> frames,
              engine::WorkerCounters& worker) noexcept override;
    unsigned pass(std::span<const engine::Frame> frames,
                  engine::WorkerCounters& worker) noexcept override;
    unsigned pass_room() noexcept override { return room(); }
    void flush(engine::WorkerCounters& worker) noexcept override;
    bool pending() const noexcept override { return done_ != filled_ && !stuck_; }
    std::uint32_t max_len() const noexcept override { return max_len_; }
    engine::FrameMemory* memory() const noexcept override { return &pool_; }

    AfXdpSocket& socket() const noexcept { return socket_; }
    /// Descriptors that the kernel counts as invalid because we made them so.
    std::uint64_t invalidated() const noexcept { return invalidated_.get(); }

  private:
    std::uint32_t consumed() const noexcept;
    std::uint32_t room() noexcept;
    bool fits(const engine::Frame& frame) const noexcept;
    void put(const engine::Frame& frame) noexcept;
    void reclaim() noexcept;
    int kick() const noexcept;
    void settle(engine::WorkerCounters& worker, std::uint32_t refused) noexcept;
    void watch_stall(engine::WorkerCounters& worker, std::uint32_t before) noexcept;
    void give_up(engine::WorkerCounters& worker) noexcept;

    AfXdpSocket& socket_;
    engine::FramePool& pool_;
    std::byte* const base_;
    const std::uint32_t max_len_;
    engine::FramePool::Cache cache_;
    unsigned claimed_ = 0;
    std::array<engine::Frame, engine::burst_max> room_;
    std::uint32_t done_ = 0;
    std::uint32_t filled_ = 0;
    std::uint64_t stalled_since_ns_ = 0;  ///< 0: the last flush got something through
    bool stuck_ = false;                  ///< the card takes nothing; do not wait for it
    engine::Counter invalidated_;         ///< writer: the worker
};

}  // namespace lanes::drivers
