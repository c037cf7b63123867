// From what an operator wants of a lane to what its workers do: the only place where a LaneSpec
// becomes a Plan. Control only; may fail, and is called for every lane before anything changes.
#pragma once

#include "engine/result.hh"
#include "lanes/lane.hh"
#include "lanes/next_hops.hh"
#include "lanes/ports.hh"
#include "lanes/spec.hh"

namespace lanes {

/// `spec` names ports by slot. The error names the lane.
engine::Result<PlanPtr> build_plan(const LaneSpec& spec, Ports& ports, NextHops& next_hops);

/// The address whose MAC leads to the far end of a path: a gateway that was named, or the far end.
const engine::IpAddress& next_hop_of(const PathSpec& path) noexcept;

/// The slots that `spec` uses in any way, a bit each.
std::uint64_t ports_of(const LaneSpec& spec) noexcept;

}  // namespace lanes
