// Sending: from a run of frames of one lane to lane packets on every path of that lane. Called by
// the ingress stage, on the worker that received the frames; the worker's number is the subspace.
#pragma once

#include <span>

#include "engine/memory.hh"
#include "engine/worker.hh"
#include "lanes/lane.hh"

namespace lanes {

/// Sends `frames` (at most burst_max) into `lane`. `memory` is that of the queue they came from.
/// Frames that a path could share are handed on (data == nullptr); every other one has been copied
/// or counted as dropped.
void send_run(engine::WorkerContext& worker, const engine::FrameMemory* memory, Lane& lane,
              const Plan& plan, std::span<engine::Frame* const> frames) noexcept;

}  // namespace lanes
