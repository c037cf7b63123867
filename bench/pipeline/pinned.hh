// Pinned: the calling thread is on one core for the object's life, and afterwards where it was
// before: whoever measures one case after the other does not inherit the cores of the one before.
// Made and destroyed by the same thread.
#pragma once

#include <sched.h>

namespace lanes::bench {

class Pinned {
  public:
    /// Throws std::runtime_error, and then nothing has changed.
    explicit Pinned(unsigned core);
    ~Pinned();
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;

  private:
    cpu_set_t former_;
};

}  // namespace lanes::bench
