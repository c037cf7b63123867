// WorkerWatch: what workers lack that the host took from them while they run: their core, and
// descriptors to sleep with. Looks once a second and says in the log what changed. Control only.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/limits.hh"
#include "engine/worker.hh"

namespace lanes {

class WorkerWatch {
  public:
    /// To be called once a second.
    void look(const std::vector<std::unique_ptr<engine::Worker>>& workers);

  private:
    struct Seen {
        bool elsewhere = false;
        bool lacks_descriptors = false;
    };
    std::array<Seen, engine::workers_max> seen_;
};

}  // namespace lanes
