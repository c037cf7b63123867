// The `ports` of a node file: read by the key table of their driver (port_keys.cc) into
// engine::PortSpec, and kept with what the lanes must know of them: name, kind, place. config.cc
// calls read_ports(); whatever reads lanes looks ports up by name here.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/port_keys.hh"
#include "config/scalars.hh"
#include "config/tree.hh"
#include "lanes/spec.hh"

namespace lanes::config {

class PortTable {
  public:
    struct Facts {
        std::string name;
        Place at;
        const DriverKeys* driver = nullptr;  ///< nullptr: not known, and reported
        bool used = false;                   ///< some lane names it
    };

    void add(Facts facts) { facts_.push_back(std::move(facts)); }

    /// Marks the port as used.
    std::optional<PortIndex> use(std::string_view name) noexcept;

    const Facts& operator[](PortIndex port) const noexcept { return facts_[port]; }
    const std::vector<Facts>& all() const noexcept { return facts_; }
    std::vector<std::string_view> names() const;

    /// Nothing while the driver is not known.
    std::optional<engine::PortKind> kind(PortIndex port) const noexcept;

    /// Whether some lane named a port that is not here: then nobody can say which are unused.
    bool missed() const noexcept { return missed_; }
    /// Whether some port's driver is not known: then nobody can say what its ports are.
    bool missed_driver() const noexcept {
        return std::any_of(facts_.begin(), facts_.end(),
                           [](const Facts& facts) { return facts.driver == nullptr; });
    }

  private:
    std::vector<Facts> facts_;
    bool missed_ = false;
};

/// Fills node.ports and `table`, one entry for each port, good or not. `node.cores` is known.
void read_ports(const Node& ports, NodeSpec& node, PortTable& table, Diagnostics& diagnostics);

/// Reports `child` as a key that its map does not take.
void unknown_key(const Node& child, const std::string& within,
                 std::span<const std::string_view> valid, Diagnostics& diagnostics);

}  // namespace lanes::config
