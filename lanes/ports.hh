// Ports: the open ports of a node in their slots. A slot keeps its index while the node runs, so
// that a port may be closed and opened again under the lanes that use it. Control only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/port.hh"
#include "engine/result.hh"
#include "lanes/ingress.hh"
#include "lanes/lane.hh"
#include "lanes/spec.hh"

namespace lanes {

/// In masks of slots.
constexpr std::uint64_t port_bit(PortIndex slot) noexcept {
    return std::uint64_t{1} << slot;
}

/// Lanes that name ports by their place in a list name them by slot from now on.
void name_by_slot(std::vector<LaneSpec>& lanes, const std::vector<PortIndex>& slot_of);

/// Opens a port by the driver its spec names. The composition root knows the drivers.
using PortOpener = std::function<engine::Result<std::unique_ptr<engine::Port>>(
    const engine::PortSpec&, const engine::WorkerCores&)>;

/// Whether a port may be opened now; the error says why not, and what to do.
using PortGate = std::function<engine::Result<void>(const engine::PortSpec&)>;

class Ports {
  public:
    struct Slot {
        PortSlot shared;
        engine::PortSpec spec;
        std::unique_ptr<engine::Port> port;
        std::unique_ptr<Ingress> ingress;
        std::unique_ptr<MatchTable> matches;  ///< nullptr: no lane takes frames of it
        std::unique_ptr<const PortPlan> plan;
        bool egress = false;  ///< some lane sends out of it

        bool taken() const noexcept { return !spec.name.empty(); }
    };

    Ports(PortOpener open, engine::WorkerCores cores)
        : open_(std::move(open)), cores_(std::move(cores)) {}

    /// How a list of ports differs from what is open.
    struct Change {
        std::vector<PortIndex> slot_of;  ///< of each port of the new list
        std::vector<PortIndex> added;    ///< slots opened for it, in the order of the list
        std::vector<std::pair<PortIndex, engine::PortSpec>> changed;  ///< and what they become
        std::vector<PortIndex> removed;

        std::uint64_t changed_mask() const noexcept {
            std::uint64_t mask = 0;
            for (const auto& [slot, spec] : changed) mask |= std::uint64_t{1} << slot;
            return mask;
        }
    };

    /// What prepare() would do; touches nothing.
    engine::Result<Change> compare(const std::vector<engine::PortSpec>& next) const;
    /// Compares, and opens what is new; on an error nothing has changed.
    engine::Result<Change> prepare(const std::vector<engine::PortSpec>& next);
    /// From now on a port is opened, for the first time or again, only if `gate` has no objection,
    /// which is asked of all before any is touched.
    void admit_by(PortGate gate) { gate_ = std::move(gate); }
    /// The objections to what `change` is to open; none: it may.
    std::vector<std::string> objections(const Change& change,
                                        const std::vector<engine::PortSpec>& next) const;
    /// Closes what prepare() opened.
    void undo(const Change& change);

    /// Takes up the device of a port that was deleted and is there anew, or opens one that is
    /// closed. On success the lanes of the port are to be planned again. Returns what the port was,
    /// if it is another object now: workers may still use that.
    engine::Result<std::unique_ptr<engine::Port>> renew(PortIndex index);

    engine::Result<void> open(PortIndex index, const engine::PortSpec& spec);
    /// No worker may use the port any more.
    void close(PortIndex index);
    /// Closes and gives the slot away.
    void drop(PortIndex index);

    Slot& at(PortIndex index) noexcept { return slots_[index]; }
    std::array<Slot, engine::ports_max>& slots() noexcept { return slots_; }
    const std::array<Slot, engine::ports_max>& slots() const noexcept { return slots_; }

  private:
    const Slot* find(std::string_view name) const noexcept;
    const Slot* find_renamed(const engine::PortSpec& spec,
                             const std::vector<engine::PortSpec>& next) const noexcept;

    PortOpener open_;
    PortGate gate_;
    engine::WorkerCores cores_;
    std::array<Slot, engine::ports_max> slots_;
};

}  // namespace lanes
