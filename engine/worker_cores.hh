// WorkerCores: the workers that a port is opened for: how many there are, where their memory should
// lie, and which of them are to receive from a port that has fewer queues than there are workers.
// Control makes one and hands it to whatever opens a port.
#pragma once

#include <vector>

namespace lanes::engine {

class WorkerCores {
  public:
    /// So many workers, wherever they run.
    WorkerCores(unsigned count) : nodes_(count, -1) {}
    /// One worker on each of these cores.
    explicit WorkerCores(const std::vector<unsigned>& cores);

    unsigned count() const noexcept { return static_cast<unsigned>(nodes_.size()); }
    /// The NUMA node of a worker's core, as OnNode takes it.
    int node(unsigned worker) const noexcept { return nodes_[worker]; }

    /// The same, for a port whose queues go to workers from number `first` (modulo count) on, if
    /// there are not enough for all.
    WorkerCores starting_at(unsigned first) const;

    /// The workers that receive from a port, in the order of its queues: those that the operator
    /// `named`, or else all; as many as the device has queues at most.
    std::vector<unsigned> receivers(const std::vector<unsigned>& named, unsigned queues_max) const;

  private:
    std::vector<int> nodes_;
    unsigned first_ = 0;
};

}  // namespace lanes::engine
