// See moment.hh.
#include "lanes/moment.hh"

#include <time.h>

namespace lanes {
namespace {

std::uint64_t read_ns(clockid_t which) noexcept {
    timespec now;
    ::clock_gettime(which, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * ns_per_second +
           static_cast<std::uint64_t>(now.tv_nsec);
}

class SystemClock final : public Clock {
  public:
    Moment now() noexcept override { return {read_ns(CLOCK_BOOTTIME), read_ns(CLOCK_REALTIME)}; }
};

}  // namespace

Clock& system_clock() noexcept {
    static SystemClock clock;
    return clock;
}

}  // namespace lanes
