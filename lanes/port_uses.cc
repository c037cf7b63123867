// See port_uses.hh.
#include "lanes/port_uses.hh"

namespace lanes {

void PortUses::count(const LaneSpec& spec, int by) noexcept {
    const auto use = [by](Counts& counts, std::uint64_t& mask, PortIndex port) {
        counts[port] += static_cast<std::uint32_t>(by);
        const std::uint64_t bit = std::uint64_t{1} << port;
        mask = counts[port] != 0 ? mask | bit : mask & ~bit;
    };
    const auto step = static_cast<std::size_t>(by);
    if (takes_frames(spec)) {
        use(sources_, masks_.sources, spec.port);
        takers_ += step;
    }
    if (spec.role == Role::patch) use(egress_, masks_.egress, spec.patch_to);
    if (spec.role == Role::receive) use(egress_, masks_.egress, spec.port);
    if (spec.role == Role::relay) use(carries_, masks_.carries, spec.port);
    for (const PathSpec& path : spec.paths) {
        if (spec.role == Role::receive) {
            use(carries_, masks_.carries, path.port);
        } else {
            use(egress_, masks_.egress, path.port);
        }
    }
    if (spec.keys && spec.role == Role::send) announcing_ += step;
    masks_.announces = announcing_ != 0;
}

}  // namespace lanes
