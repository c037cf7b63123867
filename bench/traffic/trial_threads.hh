// The threads of a trial: generator and sink, each pinned to its core, and the caller, who waits
// and lets somebody watch. Also how long a sink waits for what is still on its way.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>

#include "bench/traffic/generator.hh"
#include "bench/traffic/port_testbed.hh"
#include "bench/traffic/sink.hh"

namespace lanes::bench {

/// After the last frame has left: the sink waits until nothing of the trial came for 100 ms, and
/// two seconds at most (RFC 2544, section 23, waits two seconds).
class Stragglers {
  public:
    explicit Stragglers(std::uint64_t end_ns) noexcept : end_ns_(end_ns) {}

    std::uint64_t until_ns(std::uint64_t last_ns) const noexcept {
        return std::min(std::max(end_ns_, last_ns) + quiet_ns, end_ns_ + most_ns);
    }
    bool over(std::uint64_t now_ns, std::uint64_t last_ns) const noexcept {
        return now_ns >= until_ns(last_ns);
    }

  private:
    static constexpr std::uint64_t quiet_ns = 100'000'000;
    static constexpr std::uint64_t most_ns = 2'000'000'000;
    std::uint64_t end_ns_;
};

/// What the threads of a trial work with.
struct TrialParts {
    Generator& generator;
    Sink& sink;
    const TimeSource& time;
    const std::atomic<bool>& stop;  ///< the generator is to end early
};

/// Runs both until the offer is over and no straggler comes any more; both have begun. `watcher`
/// may be empty. Throws std::runtime_error when a thread cannot be pinned, before anything is sent.
void run_trial_threads(const TrialParts& parts, const Cores& cores,
                       const std::function<void(const Glimpse&)>& watcher);

}  // namespace lanes::bench
