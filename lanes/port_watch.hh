// PortWatch: what became of the devices under the ports. Looks once a second, says in the log what
// changed and why, and tells which ports have a device that is there anew. Control only.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "engine/result.hh"
#include "lanes/ports.hh"

namespace lanes {

class PortWatch {
  public:
    /// To be called once a second. Returns a bit for each slot that Ports::renew() is due for; each
    /// wants to hear from renewed() what came of it.
    std::uint64_t look(const Ports& ports);
    void renewed(PortIndex index, const engine::Result<void>& outcome);

  private:
    struct Seen {
        std::string name;
        std::string why;      ///< the link is down; empty: it is not
        std::string refused;  ///< why the last renewal failed
        unsigned rest = 0;    ///< looks to sit out before the next try
    };

    static void note(Seen& seen, const engine::Link& link);

    std::array<Seen, engine::ports_max> seen_;
};

}  // namespace lanes
