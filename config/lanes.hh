// From a lane as written to a LaneSpec: which of send, receive, patch and relay it is, which keys
// that role takes, and the values of all of them. Checks that need more than one lane come later
// (checks.hh). config.cc feeds YAML lanes, tables.cc rows.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "config/key_ring.hh"
#include "config/lane_fields.hh"
#include "config/ports.hh"
#include "lanes/spec.hh"

namespace lanes::config {

/// Where a lane's parts stand, for what is found when all lanes are there. Line 0: the part is
/// absent or was not understood, and takes no part in comparisons.
struct LanePlaces {
    Place name;
    Place id;
    Place takes;  ///< send, patch: the `match`, or else the key that names the source port
};

class LaneReader {
  public:
    LaneReader(NodeSpec& node, PortTable& ports, KeyRing& keys, Diagnostics& diagnostics)
        : node_(node), ports_(ports), keys_(keys), diagnostics_(diagnostics) {}

    /// Appends a lane to the node, and its places; after an error that lane is incomplete.
    void add(const LaneFields& fields);

    /// One for each of node.lanes.
    const std::vector<LanePlaces>& places() const noexcept { return places_; }

  private:
    std::optional<Role> read_role(const LaneFields& fields);
    void refuse_foreign_keys(const LaneFields& fields, Role role);
    void read_identity(const LaneFields& fields, std::optional<Role> role, LaneSpec& lane,
                       LanePlaces& places);
    void read_values(const LaneFields& fields, LaneSpec& lane);
    void read_ports(const LaneFields& fields, LaneSpec& lane);
    void read_patch(const LaneFields& fields, LaneSpec& lane);
    void read_over(const LaneFields& fields, std::optional<Role> role, LaneSpec& lane);

    NodeSpec& node_;
    PortTable& ports_;
    KeyRing& keys_;
    Diagnostics& diagnostics_;
    std::vector<LanePlaces> places_;
};

/// The port that `scalar` names, marked as used.
std::optional<PortIndex> read_port_name(const Scalar& scalar, const Field& field, PortTable& ports,
                                        Diagnostics& diagnostics);

/// One entry of `over` (paths.cc). `role` is nothing when it is not clear what the lane does.
PathSpec read_path_spec(const PathFields& fields, const Owner& owner, std::optional<Role> role,
                        const NodeSpec& node, PortTable& ports, Diagnostics& diagnostics);

/// The `match` of a lane whose source port is of that kind (match.cc); nullptr after an error.
std::unique_ptr<MatchSpec> read_match(const LaneFields& fields,
                                      std::optional<engine::PortKind> kind,
                                      Diagnostics& diagnostics);

/// `cipher` and the keys of a lane (sealing.cc); sealed unless it says `none`.
void read_sealing(const LaneFields& fields, std::optional<Role> role, LaneSpec& lane, KeyRing& keys,
                  Diagnostics& diagnostics);

/// For a node without `state`: says what its sealed lanes lose (sealing.cc).
void warn_without_state(const NodeSpec& node, const Place& at, Diagnostics& diagnostics);

}  // namespace lanes::config
