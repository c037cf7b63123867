// See pinned.hh.
#include "bench/pipeline/pinned.hh"

#include <pthread.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace lanes::bench {

Pinned::Pinned(unsigned core) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (core < CPU_SETSIZE) CPU_SET(core, &cores);
    int failed = ::pthread_getaffinity_np(::pthread_self(), sizeof former_, &former_);
    if (failed == 0) failed = ::pthread_setaffinity_np(::pthread_self(), sizeof cores, &cores);
    if (failed != 0) {
        throw std::runtime_error("core " + std::to_string(core) + ": " + std::strerror(failed));
    }
}

Pinned::~Pinned() {
    // It fails only if none of those cores is left, and then the kernel has chosen others already.
    ::pthread_setaffinity_np(::pthread_self(), sizeof former_, &former_);
}

}  // namespace lanes::bench
