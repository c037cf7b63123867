// From what an operator wants of a lane to what its workers do: the only place where a LaneSpec
// becomes a Plan. Control only; may fail, and is called for every lane before anything changes.
#pragma once

#include <array>

#include "engine/result.hh"
#include "lanes/lane.hh"
#include "lanes/next_hops.hh"
#include "lanes/ports.hh"
#include "lanes/slab.hh"
#include "lanes/spec.hh"

namespace lanes {

/// Where the plans of a node lie: those with one path or none, which are nearly all, close together
/// and on huge pages, for a worker that needs another lane's plan for each packet.
class PlanStore {
  public:
    static engine::Result<PlanStore> create(std::uint32_t plans_max);

    /// With room for `paths` paths; may be written until it becomes const.
    PlanPtr make(unsigned paths);
    void free(const Plan* plan) noexcept;

  private:
    static constexpr std::size_t kinds = 2;  ///< without a path, and with one
    std::array<Slab, kinds> slabs_;
};

/// Says that nobody needs the next hops of `plan` any more.
void leave_next_hops(const Plan& plan, NextHops& next_hops);

/// `spec` names ports by slot. The plan's next hops are to be left when it goes. The error names
/// the lane.
engine::Result<PlanPtr> build_plan(const LaneSpec& spec, Ports& ports, NextHops& next_hops,
                                   PlanStore& plans);

/// The address whose MAC leads to the far end of a path: a gateway that was named, or the far end.
const engine::IpAddress& next_hop_of(const PathSpec& path) noexcept;

/// The slots that `spec` uses in any way, a bit each.
std::uint64_t ports_of(const LaneSpec& spec) noexcept;

}  // namespace lanes
