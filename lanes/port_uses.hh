// PortUses: what the lanes of a node want of each port, counted, so that a change of some lanes
// tells what became of the ports without asking all the others. Control only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lanes/spec.hh"

namespace lanes {

class PortUses {
  public:
    /// `spec` names ports by slot.
    void add(const LaneSpec& spec) noexcept { count(spec, 1); }
    void remove(const LaneSpec& spec) noexcept { count(spec, -1); }

    /// Sets of slots, a bit each.
    struct Masks {
        std::uint64_t sources = 0;  ///< frames go into lanes
        std::uint64_t carries = 0;  ///< lane packets arrive
        std::uint64_t egress = 0;   ///< something is sent out of them
        bool announces = false;     ///< some lane is to be announced

        bool operator==(const Masks&) const = default;
    };
    const Masks& masks() const noexcept { return masks_; }

    /// Lanes that take frames of a port.
    std::size_t takers() const noexcept { return takers_; }

  private:
    using Counts = std::array<std::uint32_t, engine::ports_max>;
    void count(const LaneSpec& spec, int by) noexcept;

    Counts sources_{};
    Counts carries_{};
    Counts egress_{};
    std::size_t announcing_ = 0;
    std::size_t takers_ = 0;
    Masks masks_;
};

/// Whether frames of the lane's port go into it.
inline bool takes_frames(const LaneSpec& spec) noexcept {
    return spec.role == Role::send || spec.role == Role::patch;
}

}  // namespace lanes
