// See check.hh.
#include "engine/check.hh"

#include <cstdio>
#include <cstdlib>

namespace lanes::engine {

void check_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, condition);
    std::abort();
}

}  // namespace lanes::engine
