// DpdkTx: what one worker sends through a dpdk port. Frames gather in an array of mbufs and leave
// with flush(); what the device does not take stays there and is tried again with the next flush,
// until it has taken nothing for long. A frame counts as sent when the device takes it. Where a
// device has fewer queues than there are workers the last of them share a queue, behind a gate at
// which nobody waits.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "drivers/dpdk/pool.hh"
#include "engine/port.hh"

namespace lanes::drivers {

/// Lets one worker at a time through, and the others go on with something else.
class Gate {
  public:
    bool enter() noexcept { return !taken_.test_and_set(std::memory_order_acquire); }
    void leave() noexcept { taken_.clear(std::memory_order_release); }

  private:
    /// Writers: the workers that share the queue (acquire, release: each other's partners).
    alignas(engine::cache_line) std::atomic_flag taken_;
};

class DpdkTx final : public engine::TxQueue {
  public:
    struct Target {
        std::uint16_t device;
        std::uint16_t queue;
        std::uint32_t max_len;
        Gate* gate;  ///< nullptr: nobody else uses the queue
    };
    DpdkTx(const Target& target, MbufPool& pool) noexcept : target_(target), pool_(pool) {}
    ~DpdkTx() override;

    unsigned claim(std::span<engine::Frame> room, std::uint32_t len) noexcept override;
    void send(std::span<const engine::Frame> frames,
              engine::WorkerCounters& worker) noexcept override;
    unsigned pass(std::span<const engine::Frame> frames,
                  engine::WorkerCounters& worker) noexcept override;
    unsigned pass_room() noexcept override;
    void flush(engine::WorkerCounters& worker) noexcept override;
    bool pending() const noexcept override { return count_ != 0; }
    std::uint32_t max_len() const noexcept override { return target_.max_len; }
    engine::FrameMemory* memory() const noexcept override { return &pool_; }

    /// Frames that the device did not take when they were offered. Any thread.
    std::uint64_t refused() const noexcept { return refused_.get(); }

  private:
    /// Frames of one round, from several ports, and those that wait.
    static constexpr unsigned waiting_max = 4 * engine::burst_max;

    /// Flushes in a row that a device may refuse everything before what waits is dropped: its link
    /// is down then, or nobody empties it.
    static constexpr unsigned in_vain_max = 512;

    void put(const engine::Frame& frame) noexcept;
    void drop_waiting(engine::WorkerCounters& worker) noexcept;
    unsigned submit() noexcept;

    const Target target_;
    MbufPool& pool_;
    unsigned count_ = 0;
    unsigned claimed_ = 0;
    unsigned in_vain_ = 0;
    std::uint64_t bytes_ = 0;  ///< in waiting_
    engine::Counter refused_;
    std::array<rte_mbuf*, waiting_max> waiting_;
    std::array<rte_mbuf*, engine::burst_max> room_;  ///< claimed and not sent
};

}  // namespace lanes::drivers
