// NextHops: the MAC addresses behind which the destinations of lanes are, one entry per port and
// destination however many lanes go there. Control asks the ports (they ask the kernel's neighbour
// table) and stores the answer where workers read it with one load.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "engine/address.hh"
#include "lanes/lane.hh"

namespace lanes {

class NextHops {
  public:
    /// The entry for `destination` as seen from the port in `slot`; the same one for the same pair.
    const NextHop* find(const PortSlot& slot, const engine::IpAddress& destination);

    /// Entries that no call of find() asked for since begin() go with sweep(), which must run when
    /// no worker can see them any more.
    void begin();
    void sweep();

    /// Asks again for what is unknown (each call) and what is known (each tenth call), and says in
    /// the log when an address appears or changes. Nothing here blocks, and a call asks for a
    /// bounded number: with very many destinations a whole turn takes several calls.
    void refresh();

  private:
    struct Entry {
        const PortSlot* slot = nullptr;
        NextHop hop;
        bool wanted = true;
        bool reported = false;  ///< that it is unknown
        unsigned misses = 0;    ///< questions in a row without an answer
        unsigned rest = 0;      ///< calls of refresh() to sit out
    };
    using Key = std::pair<PortIndex, engine::IpAddress>;

    void refresh_one(const Key& key, Entry& entry);

    std::map<Key, std::unique_ptr<Entry>> entries_;
    Key next_;  ///< where the next refresh() goes on
};

}  // namespace lanes
