// See ports.hh.
#include "lanes/ports.hh"

#include <algorithm>
#include <utility>

namespace lanes {

void name_by_slot(std::vector<LaneSpec>& lanes, const std::vector<PortIndex>& slot_of) {
    const auto slot = [&](PortIndex& port) {
        if (port != no_port) port = slot_of[port];
    };
    for (LaneSpec& lane : lanes) {
        slot(lane.port);
        slot(lane.patch_to);
        for (PathSpec& path : lane.paths) slot(path.port);
    }
}

const Ports::Slot* Ports::find(std::string_view name) const noexcept {
    for (const Slot& slot : slots_) {
        if (slot.taken() && slot.spec.name == name) return &slot;
    }
    return nullptr;
}

// A port that has another name now but is still the same device: it must close before it opens.
const Ports::Slot* Ports::find_renamed(const engine::PortSpec& spec,
                                       const std::vector<engine::PortSpec>& next) const noexcept {
    for (const Slot& slot : slots_) {
        const bool same_device = slot.spec.driver == spec.driver && !spec.device.empty() &&
                                 slot.spec.device == spec.device;
        const bool same_socket = spec.device.empty() && slot.spec.driver == spec.driver &&
                                 slot.spec.listen == spec.listen &&
                                 slot.spec.addresses == spec.addresses && !spec.addresses.empty();
        const bool gone = std::none_of(next.begin(), next.end(), [&](const auto& other) {
            return other.name == slot.spec.name;
        });
        if (slot.taken() && gone && (same_device || same_socket)) return &slot;
    }
    return nullptr;
}

engine::Result<Ports::Change> Ports::compare(const std::vector<engine::PortSpec>& next) const {
    Change change;
    std::uint64_t promised = 0;
    for (const engine::PortSpec& spec : next) {
        const Slot* slot = find(spec.name);
        if (slot == nullptr) slot = find_renamed(spec, next);
        if (slot != nullptr) {
            // A port that could neither change nor come back is tried again.
            const bool differs = slot->spec != spec || !slot->port;
            if (differs) change.changed.emplace_back(slot->shared.index, spec);
            change.slot_of.push_back(slot->shared.index);
            continue;
        }
        PortIndex index = 0;
        while (index < slots_.size() && (slots_[index].taken() || (promised >> index & 1) != 0)) {
            ++index;
        }
        if (index == slots_.size()) {
            return engine::Error{0, "more than " + std::to_string(engine::ports_max) +
                                        " ports at once: remove some before adding others"};
        }
        promised |= std::uint64_t{1} << index;
        change.added.push_back(index);
        change.slot_of.push_back(index);
    }
    for (const Slot& slot : slots_) {
        const bool kept = std::find(change.slot_of.begin(), change.slot_of.end(),
                                    slot.shared.index) != change.slot_of.end();
        if (slot.taken() && !kept) change.removed.push_back(slot.shared.index);
    }
    return change;
}

engine::Result<Ports::Change> Ports::prepare(const std::vector<engine::PortSpec>& next) {
    auto change = compare(next);
    if (!change) return change;
    if (const auto refused = objections(*change, next); !refused.empty()) {
        return engine::Error{0, refused.front()};
    }
    Change opened;
    for (std::size_t i = 0; i < next.size(); ++i) {
        const PortIndex index = change->slot_of[i];
        if (slots_[index].taken()) continue;
        slots_[index].shared.index = index;
        if (auto port = open(index, next[i]); !port) {
            undo(opened);
            return port.error();
        }
        opened.added.push_back(index);
    }
    return change;
}

std::vector<std::string> Ports::objections(const Change& change,
                                           const std::vector<engine::PortSpec>& next) const {
    std::vector<std::string> all;
    for (std::size_t i = 0; gate_ && i < next.size(); ++i) {
        const PortIndex index = change.slot_of[i];
        const Slot& slot = slots_[index];
        if (slot.taken() && slot.port && slot.spec == next[i]) continue;
        if (auto admitted = gate_(next[i]); !admitted) all.push_back(admitted.error().message);
    }
    return all;
}

void Ports::undo(const Change& change) {
    for (const PortIndex index : change.added) drop(index);
}

engine::Result<void> Ports::open(PortIndex index, const engine::PortSpec& spec) {
    auto port = open_(spec, cores_.starting_at(index));
    if (!port) return port.error();
    Slot& slot = slots_[index];
    slot.spec = spec;
    slot.port = std::move(*port);
    slot.shared.port.store(slot.port.get(), std::memory_order_release);
    return {};
}

engine::Result<std::unique_ptr<engine::Port>> Ports::renew(PortIndex index) {
    Slot& slot = slots_[index];
    std::unique_ptr<engine::Port> former;
    if (slot.port && slot.port->renew()) return former;
    if (gate_) {
        if (auto admitted = gate_(slot.spec); !admitted) return admitted.error();
    }
    // The former one stays until this one is there: lanes of two paths use it still.
    auto fresh = open_(slot.spec, cores_.starting_at(index));
    if (!fresh) return fresh.error();
    former = std::exchange(slot.port, std::move(*fresh));
    slot.shared.port.store(slot.port.get(), std::memory_order_release);
    return former;
}

void Ports::close(PortIndex index) {
    Slot& slot = slots_[index];
    slot.shared.port.store(nullptr, std::memory_order_release);
    slot.port.reset();
}

void Ports::drop(PortIndex index) {
    close(index);
    Slot& slot = slots_[index];
    slot.ingress.reset();
    slot.plan.reset();
    slot.matches.reset();
    slot.spec = {};
    slot.egress = false;
}

}  // namespace lanes
