// See ports.hh.
#include "lanes/ports.hh"

#include <algorithm>

namespace lanes {

Ports::Slot* Ports::find(std::string_view name) noexcept {
    for (Slot& slot : slots_) {
        if (slot.taken() && slot.spec.name == name) return &slot;
    }
    return nullptr;
}

// A port that has another name now but is still the same device: it must close before it opens.
Ports::Slot* Ports::find_renamed(const engine::PortSpec& spec,
                                 const std::vector<engine::PortSpec>& next) noexcept {
    for (Slot& slot : slots_) {
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

engine::Result<Ports::Change> Ports::prepare(const std::vector<engine::PortSpec>& next) {
    Change change;
    for (const engine::PortSpec& spec : next) {
        Slot* slot = find(spec.name);
        if (slot == nullptr) slot = find_renamed(spec, next);
        if (slot != nullptr) {
            // A port that could neither change nor come back is tried again.
            const bool differs = slot->spec != spec || !slot->port;
            if (differs) change.changed.emplace_back(slot->shared.index, spec);
            change.slot_of.push_back(slot->shared.index);
            continue;
        }
        const auto free =
            std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.taken(); });
        if (free == slots_.end()) {
            undo(change);
            return engine::Error{0, "more than " + std::to_string(engine::ports_max) +
                                        " ports at once: remove some before adding others"};
        }
        const auto index = static_cast<PortIndex>(free - slots_.begin());
        free->shared.index = index;
        if (auto opened = open(index, spec); !opened) {
            undo(change);
            return opened.error();
        }
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
