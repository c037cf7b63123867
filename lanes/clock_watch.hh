// ClockWatch: says in the log when the host's clock was set while the node runs. Lanes go by the
// boot clock; only the stamps of announcements, and what receivers think of them, go by the time of
// day, so that a clock that was set is the cause of refusals that show later, and elsewhere.
#pragma once

#include <cstdint>

#include "lanes/moment.hh"

namespace lanes {

class ClockWatch {
  public:
    /// Smaller steps are those of a clock that is being kept right.
    static constexpr std::uint64_t step_ns = 60 * ns_per_second;

    /// `now`: the clocks as the node starts.
    explicit ClockWatch(Moment now) : seen_(now) {}

    /// To be called once a second. `sealed`: some lane of the node is.
    enum class Lanes : std::uint8_t { clear, sealed };
    void look(Moment now, Lanes lanes);

  private:
    Moment seen_;
};

}  // namespace lanes
