// Forwarding without a tunnel's ends: a patch hands the frames of one port to another, a relay
// hands lane packets on, unopened, under a new carrier header. Called by the ingress stage.
#pragma once

#include <span>

#include "engine/port.hh"
#include "engine/worker.hh"
#include "lanes/lane.hh"
#include "lanes/receive.hh"

namespace lanes {

/// Sends `frames` (at most burst_max) out of the plan's port as they are.
void patch_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
               const Plan& plan, std::span<engine::Frame* const> frames) noexcept;

/// Sends `packets` (at most burst_max) out over each of the plan's paths. Nothing in them changes:
/// sequence and subspace stay the sender's, so that the receiver's window judges them.
void relay_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
               const Plan& plan, std::span<const LanePacket> packets) noexcept;

/// Sends lane packets as they are over each path of `plan`; returns how many went over the path
/// that took most. `items` are at most burst_max.
unsigned send_packets(engine::WorkerContext& worker, const engine::FrameMemory* memory,
                      LaneShare& share, const Plan& plan, std::span<Item> items) noexcept;

}  // namespace lanes
