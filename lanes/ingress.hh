// Ingress: the stage behind every receive queue. Sorts what a burst holds into lane packets (when
// lanes arrive over this port) and frames (when lanes leave from it), finds the lane of each,
// groups them into runs of one lane, and lets sending, receiving or forwarding deal with a run.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/worker.hh"
#include "lanes/carrier.hh"
#include "lanes/lane_table.hh"
#include "lanes/match_table.hh"
#include "lanes/reassembly.hh"
#include "lanes/receive.hh"
#include "lanes/workshop.hh"

namespace lanes {

/// What comes in over one port is for; immutable, replaced as a whole by Control. The table of
/// matches changes while it stays.
struct PortPlan {
    PortIndex index = no_port;
    bool carries = false;                 ///< lane packets may arrive
    Listener listener;                    ///< and are recognised by this
    const MatchTable* matches = nullptr;  ///< lanes that frames go into; nullptr: none

    PortPlan(PortIndex port, const engine::PortInfo& info, bool port_carries,
             const MatchTable* port_matches)
        : index(port), carries(port_carries), listener(info), matches(port_matches) {}

    bool sources() const noexcept { return matches != nullptr; }
};

class Ingress final : public engine::Stage {
  public:
    Ingress(const LaneTable& table, Reassembly& reassembly, const Workshops& workshops)
        : table_(table), reassembly_(reassembly), workshops_(workshops) {}

    void run(engine::WorkerContext& worker, engine::RxQueue& queue,
             engine::Burst& burst) noexcept override;

    /// Control only. The former plan may go after Quiescent::wait(). nullptr: everything is
    /// dropped.
    void publish(const PortPlan* plan) noexcept { plan_.store(plan, std::memory_order_release); }

  private:
    void arrive(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                const PortPlan& plan, std::span<const LanePacket> packets,
                const std::uint32_t* ids) noexcept;
    void arrive_run(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                    const PortPlan& plan, Lane& lane, std::span<const LanePacket> packets) noexcept;
    void depart(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                const PortPlan& plan, std::span<engine::Frame* const> frames) noexcept;
    void depart_run(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                    const PortPlan& plan, Lane& lane,
                    std::span<engine::Frame* const> frames) noexcept;
    void take_packets(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                      const PortPlan& plan, Lane& lane,
                      std::span<const LanePacket> packets) noexcept;
    void take_frames(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
                     std::span<engine::Frame* const> frames) noexcept;

    const LaneTable& table_;
    Reassembly& reassembly_;
    const Workshops& workshops_;
    /// Writer: Control (release); readers: workers (acquire).
    std::atomic<const PortPlan*> plan_{nullptr};
};

}  // namespace lanes
