// soak(): trial after trial, and after each a look at what grows. All that it touches is handed in,
// so that a test can let a week pass in a moment and leak what it likes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "bench/soak/process.hh"
#include "bench/soak/sample.hh"
#include "bench/trial.hh"

namespace lanes::bench {

/// What a soak sees of the world besides its traffic.
class Surroundings {
  public:
    virtual ~Surroundings() = default;
    virtual double now_seconds() = 0;  ///< steady
    virtual std::int64_t unix_seconds() = 0;
    virtual double steal_seconds() = 0;  ///< so far
    virtual Usage own_usage() = 0;
    /// Of the processes that are watched; nothing for one that has ended.
    virtual std::vector<std::optional<Usage>> watched_usage() = 0;
    virtual DropCounts drops() = 0;
    /// Whether somebody wants it to end before its time.
    virtual bool stopped() = 0;
    /// Called after each interval; throws if something that goes on beside the traffic has failed.
    virtual void check() = 0;
};

struct SoakPlan {
    double total_seconds = 0;  ///< of all pieces together
    double interval_seconds = 0;
    double rate_pps = 0;  ///< 0: as fast as the port takes them
    unsigned piece = 0;
    double x_seconds = 0;  ///< that former pieces have soaked
};

enum class SoakEnd : std::uint8_t {
    time,          ///< it has run as long as it should
    stopped,       ///< somebody wanted it to end
    watched_died,  ///< a watched process has ended
};

/// Runs until one of these; `take` gets each sample as it is made.
SoakEnd soak(const SoakPlan& plan, Testbed& testbed, Surroundings& world,
             const std::function<void(const Sample&)>& take);

}  // namespace lanes::bench
