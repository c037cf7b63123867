// Where memory lies: on machines of several NUMA nodes what a worker touches for each frame should
// lie beside its core. Pages of frame pools and slots do by themselves, since workers touch them
// first; what the kernel or a device driver allocates while a port opens is asked for here, by
// libnuma. Set-up path only; on machines of one node none of it does anything.
#pragma once

namespace lanes::engine {

/// The NUMA node of a core; -1 when the machine has but one, or the core is unknown.
int node_of_core(unsigned core) noexcept;

/// While it lives, what this thread allocates is asked for on `node` (-1: wherever).
class OnNode {
  public:
    explicit OnNode(int node) noexcept;
    ~OnNode();
    OnNode(const OnNode&) = delete;
    OnNode& operator=(const OnNode&) = delete;

  private:
    bool set_ = false;
};

}  // namespace lanes::engine
