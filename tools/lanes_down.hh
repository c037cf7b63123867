// LanesDown: lanes that were taken out of service and are to come back as they were, at the place
// that they had in the order of matches. A lane's place is kept as the name of the one behind it,
// and follows as that one leaves or as another comes in between. Running keeps it in step.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lanes/spec.hh"

namespace lanes::tools {

class LanesDown {
  public:
    struct Down {
        LaneSpec lane;       ///< its ports are those of the applied NodeSpec
        std::string before;  ///< the lane in service that it stands before; empty: behind all
    };

    /// `behind` is the lane that stood behind `lane` when it left; empty: none did.
    void add(LaneSpec lane, std::string_view behind);
    const Down* find(std::string_view name) const noexcept;
    /// The lane is not to come back. Nothing happens when it is not down.
    void forget(std::string_view name);

    // What happens to the lanes that are in service:

    /// `name` leaves, and stands before `behind` until then.
    void left(std::string_view name, std::string_view behind);
    /// `name`, which was down, is back at its place, and is forgotten here.
    void back(std::string_view name);
    /// `name` has come, behind all others.
    void came(std::string_view name);
    /// All are as the node file has them.
    void clear() { all_.clear(); }

    /// In alphabetical order.
    std::vector<std::string> names() const;

  private:
    std::size_t move_up(std::string_view name, std::string_view behind);

    std::vector<Down> all_;  ///< those before the same lane stand in their order
};

}  // namespace lanes::tools
