// Sending: from a run of frames of one lane to lane packets on every path of that lane. Called by
// the ingress stage, on the worker that received the frames; the worker's number is the subspace.
#pragma once

#include <span>

#include "engine/port.hh"
#include "engine/worker.hh"
#include "lanes/lane.hh"
#include "lanes/workshop.hh"

namespace lanes {

/// Sends `frames` (at most burst_max) into `lane`. `memory` is that of the queue they came from.
/// Frames that a path could share are handed on (data == nullptr); every other one has been copied,
/// sealed or counted as dropped. Their headroom may be written, and of those handed on everything.
void send_run(engine::WorkerContext& worker, Workshop& workshop, const engine::FrameMemory* memory,
              Lane& lane, const Plan& plan, std::span<engine::Frame* const> frames) noexcept;

}  // namespace lanes
