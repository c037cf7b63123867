// See worker_cores.hh.
#include "engine/worker_cores.hh"

#include "engine/numa.hh"

namespace lanes::engine {

WorkerCores::WorkerCores(const std::vector<unsigned>& cores) {
    for (const unsigned core : cores) nodes_.push_back(node_of_core(core));
}

WorkerCores WorkerCores::starting_at(unsigned first) const {
    WorkerCores copy = *this;
    copy.first_ = first % count();
    return copy;
}

std::vector<unsigned> WorkerCores::receivers(const std::vector<unsigned>& named,
                                             unsigned queues_max) const {
    std::vector<unsigned> workers = named;
    if (named.empty()) {
        // Each its own where there is one for each; ports of few queues begin at different ones.
        const unsigned first = queues_max >= count() ? 0 : first_;
        for (unsigned i = 0; i < count(); ++i) workers.push_back((first + i) % count());
    }
    if (workers.size() > queues_max) workers.resize(queues_max);
    return workers;
}

}  // namespace lanes::engine
