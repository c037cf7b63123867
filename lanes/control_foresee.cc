// See control.hh. What another spec would change, and what it cannot.
#include <algorithm>

#include "lanes/control.hh"

namespace lanes {

// What is laid out when the node starts, for as long as it runs.
std::vector<std::string> Control::restarts(const NodeSpec& next) const {
    struct Fixed {
        bool changed;
        std::string_view what;
        std::string_view why;
    };
    LogSpec log = next.log;
    log.level = spec_.log.level;
    const Fixed all[] = {
        {next.cores != spec_.cores, "workers", "tables and rings have a share for each"},
        {next.poll != spec_.poll, "poll", "threads start with it"},
        {next.node != spec_.node, "node", "records and sockets have its name"},
        {next.state != spec_.state, "state", "sessions go on from what is recorded there"},
        {next.backend != spec_.backend, "crypto.backend", "each worker opened it at its start"},
        {log != spec_.log, "log",
         "its sockets are opened at the start; only its `level` can change"},
        {next.manage != spec_.manage, "manage", "sockets and password are taken at the start"},
        {next.sandbox != spec_.sandbox, "sandbox", "what was given up does not come back"},
    };
    std::vector<std::string> reasons;
    for (const auto& [changed, what, why] : all) {
        if (!changed) continue;
        reasons.push_back("`" + std::string(what) +
                          "` cannot change while lanes runs: restart it for that (" +
                          std::string(why) + ")");
    }
    return reasons;
}

void Control::tell(const Ports::Change& change, const std::vector<engine::PortSpec>& next,
                   Difference& difference) const {
    const auto has = [](const std::vector<PortIndex>& slots, PortIndex slot) {
        return std::find(slots.begin(), slots.end(), slot) != slots.end();
    };
    const std::uint64_t changed = change.changed_mask();
    for (std::size_t i = 0; i < next.size(); ++i) {
        const PortIndex slot = change.slot_of[i];
        const std::string& former = ports_.slots()[slot].spec.name;
        if (has(change.added, slot)) {
            difference.ports.push_back(next[i].name + " is opened");
        } else if ((changed & port_bit(slot)) != 0) {
            difference.ports.push_back(
                next[i].name + (former == next[i].name ? "" : ", which is " + former + " now,") +
                " is closed and opened again");
        }
    }
    for (const PortIndex slot : change.removed) {
        difference.ports.push_back(ports_.slots()[slot].spec.name + " is closed");
    }
}

engine::Result<Difference> Control::foresee(NodeSpec next) {
    Difference difference;
    difference.restart = restarts(next);
    for (const LaneSpec& lane : next.lanes) {
        if (auto ok = keeper_->check(lane); !ok) return ok.error();
    }
    auto ports = ports_.compare(next.ports);
    if (!ports) return ports.error();
    tell(*ports, next.ports, difference);
    for (std::string& one : ports_.objections(*ports, next.ports)) {
        difference.restart.push_back(std::move(one));
    }
    std::uint64_t not_open = 0;
    for (const PortIndex slot : ports->added) not_open |= port_bit(slot);
    name_by_slot(next.lanes, ports->slot_of);
    auto lanes = fleet_.foresee(next.lanes, ports->changed_mask(), not_open, difference);
    if (!lanes) return lanes.error();
    return difference;
}

}  // namespace lanes
