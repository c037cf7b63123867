// See quiescent.hh.
#include "engine/quiescent.hh"

#include <sched.h>

namespace lanes::engine {

void Quiescent::wait() noexcept {
    // A worker that reads the new epoch also sees everything that Control published before this
    // line: its acquire load meets this release.
    const std::uint64_t target = epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
    for (Slot& slot : slots_) {
        while (slot.seen.load(std::memory_order_acquire) < target) ::sched_yield();
    }
}

}  // namespace lanes::engine
