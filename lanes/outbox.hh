// Outbox: how Control sends. Control has no transmit queues; it writes whole lane packets
// (announcements, heartbeats) into this ring, which the first worker serves like any receive
// queue, and Dispatch sends them over every path of their lane. One producer, one consumer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/region.hh"
#include "engine/result.hh"
#include "engine/worker.hh"
#include "lanes/heartbeat.hh"
#include "lanes/lane_table.hh"
#include "lanes/wire.hh"

namespace lanes {

class Outbox final : public engine::RxQueue {
  public:
    static constexpr std::uint32_t packet_bytes_max =
        wire::header_bytes + wire::inner_bytes + heartbeat_bytes_max + wire::tag_bytes;
    static_assert(packet_bytes_max >= wire::announce_bytes);
    static constexpr std::uint64_t slots = 1024;

    static engine::Result<std::unique_ptr<Outbox>> create();
    ~Outbox() override;

    /// Control: packets that push() takes now.
    std::uint64_t room() const noexcept;
    /// Control: queues a lane packet of up to packet_bytes_max bytes; there is room().
    void push(std::span<const std::byte> packet) noexcept;
    /// Control: tells the worker, if it sleeps and there were push() calls since the last bell.
    void ring_bell() noexcept;

    unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override;
    void release(engine::Burst& burst) noexcept override;
    int wake_fd() const noexcept override { return bell_fd_; }

  private:
    static constexpr std::size_t slot_bytes = 1024;
    static_assert(engine::headroom_bytes + packet_bytes_max <= slot_bytes);

    std::byte* slot(std::uint64_t number) const noexcept {
        return region_.data() + number % slots * slot_bytes + engine::headroom_bytes;
    }

    engine::Region region_;
    std::unique_ptr<std::uint32_t[]> lengths_ = std::make_unique<std::uint32_t[]>(slots);
    int bell_fd_ = -1;
    bool pushed_ = false;  ///< Control: since the last bell
    /// Writer: Control (release). Partner: receive().
    alignas(engine::cache_line) std::atomic<std::uint64_t> tail_{0};
    /// Writer: the worker (release). Partner: room().
    alignas(engine::cache_line) std::atomic<std::uint64_t> head_{0};
};

/// The stage behind an Outbox.
class Dispatch final : public engine::Stage {
  public:
    explicit Dispatch(const LaneTable& table) : table_(table) {}
    void run(engine::WorkerContext& worker, engine::RxQueue& queue,
             engine::Burst& burst) noexcept override;

  private:
    const LaneTable& table_;
};

}  // namespace lanes
