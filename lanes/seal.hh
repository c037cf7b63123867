// Sealer: writes the packets of a sealed lane. The cipher is the copy: a frame is sealed from where
// it was received straight into the room that the transmit queue gave, or in place where both
// queues share a memory. Only what has to be put together first (bundles, pieces, frames too short
// or without headroom) is copied into that room and sealed there.
//
// With several paths, everything is sealed once, onto the worker's bench, and copied from there to
// each path: sealing the same bytes again for each would be safe only as long as nobody changes
// them in between, and a frame may lie in memory that is shared with somebody.
#pragma once

#include <span>

#include "engine/port.hh"
#include "engine/worker.hh"
#include "lanes/carrier.hh"
#include "lanes/compose.hh"
#include "lanes/lane.hh"
#include "lanes/session.hh"
#include "lanes/workshop.hh"

namespace lanes {

class Sealer {
  public:
    Sealer(engine::WorkerContext& worker, Workshop& workshop, const engine::FrameMemory* memory,
           const Plan& plan, LaneShare& share, SealSession& session) noexcept
        : worker_(worker),
          workshop_(workshop),
          memory_(memory),
          plan_(plan),
          share_(share),
          session_(session),
          key_(session.keys[worker.index]) {}

    /// Each item is a packet of its own. `kinds` is nullptr when all are Ethernet frames.
    void send(std::span<Item> items, const std::uint8_t* kinds) noexcept;
    void send(std::span<const Packet> packets) noexcept;

  private:
    using Jobs = engine::Scratch<crypto::Job, engine::burst_max>;

    void drop(engine::Drop reason, std::uint64_t n) noexcept;
    /// A path that is about to be used by this worker.
    struct Road {
        Road(const PathPlan& path, unsigned worker, std::uint8_t epoch) noexcept;

        Carrier carrier;
        engine::TxQueue* tx = nullptr;  ///< nullptr: its port is closed
        std::uint32_t max_len = 0;
    };

    bool ready(const Road& road, std::size_t n) noexcept;
    void send_to_all(std::span<const Packet> packets) noexcept;
    bool send_fitting(const Road& road, std::span<const Packet> packets) noexcept;
    bool claim_and_seal(const Road& road, std::span<const Packet> packets) noexcept;
    bool seal_and_pass(const Road& road, std::span<const Item> items,
                       const std::uint8_t* kinds) noexcept;
    void fill(crypto::Job& job, const std::byte* source, std::byte* inner, std::uint32_t len,
              std::uint64_t sequence) const noexcept;
    std::uint32_t place(const Packet& packet, std::uint64_t sequence, std::byte* inner,
                        crypto::Job& job) noexcept;
    bool seal(std::span<crypto::Job> jobs) noexcept;

    engine::WorkerContext& worker_;
    Workshop& workshop_;
    const engine::FrameMemory* memory_;
    const Plan& plan_;
    LaneShare& share_;
    SealSession& session_;
    SealKey& key_;
};

}  // namespace lanes
