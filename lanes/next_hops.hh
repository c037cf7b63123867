// NextHops: the MAC addresses behind which the destinations of lanes are, one entry per port and
// destination however many lanes go there. Control asks the ports (they ask the kernel's neighbour
// table) and stores the answer where workers read it with one load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/address.hh"
#include "lanes/lane.hh"

namespace lanes {

class NextHops {
  public:
    /// The entry for `destination` as seen from the port in `slot`; the same one for the same pair.
    /// Each call asks for a call of leave().
    const NextHop* find(const PortSlot& slot, const engine::IpAddress& destination);
    /// Somebody who found the entry needs it no more. It goes with the last of them: no worker may
    /// see it any more.
    void leave(const NextHop& hop);

    /// Asks for entries that are new since this or refresh() was called.
    void ask_new();

    /// Asks again for what is unknown (each call) and what is known (each tenth call), and says in
    /// the log when an address appears or changes. Nothing here blocks, and a call asks for a
    /// bounded number: with very many destinations a whole turn takes several calls.
    void refresh();

  private:
    struct Entry {
        NextHop hop;
        const PortSlot* slot = nullptr;
        std::size_t users = 0;
        bool reported = false;  ///< that it is unknown
        unsigned misses = 0;    ///< questions in a row without an answer
        unsigned rest = 0;      ///< calls of refresh() to sit out
    };
    using Key = std::pair<PortIndex, engine::IpAddress>;
    using Entries = std::map<Key, Entry>;

    void refresh_one(const Key& key, Entry& entry);

    Entries entries_;
    std::vector<Key> new_;
    std::unordered_map<const NextHop*, Entries::iterator> by_hop_;
    Key next_;  ///< where the next refresh() goes on
};

}  // namespace lanes
