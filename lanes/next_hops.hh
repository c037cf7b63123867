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

    /// Asks again for what is unknown (every time) and for what is known (when `all`), and says in
    /// the log when an address appears, changes or goes away. Nothing here blocks.
    enum class Ask { unknown, all };
    void refresh(Ask ask);

  private:
    struct Entry {
        const PortSlot* slot = nullptr;
        NextHop hop;
        bool wanted = true;
        bool reported = false;  ///< that it is unknown
        unsigned misses = 0;    ///< refreshes in a row without an answer
    };
    using Key = std::pair<PortIndex, engine::IpAddress>;

    void refresh_one(const Key& key, Entry& entry);

    std::map<Key, std::unique_ptr<Entry>> entries_;
};

}  // namespace lanes
