// Selector: picks loads for one goal of an MLRsearch. RFC 9971 leaves this to implementations; this
// one goes the way that FD.io CSIT's library goes, in its own words:
//
//   A goal is reached by phases. Each phase has a narrower width and more time for each load than
//   the one before; the first decides by one short trial. A phase begins with the interval of the
//   one before: it is halved first if that makes it narrow enough, then whichever of its ends is
//   still in use is confirmed with the phase's longer time, the lower first. If an end turns out
//   wrong, loads further and further that way are tried until one is a bound; then the interval is
//   halved.
//
// A load once chosen is tried again until the phase knows what it is, or it has become irrelevant.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/search/ladder.hh"

namespace lanes::bench {

class Selector {
  public:
    Selector(const Goal& goal, const Ladder& ladder);

    struct Nomination {
        int rung = 0;
        double seconds = 0;
    };

    /// From where to look for bounds at first.
    void start_at(int rung) { hint_lower_ = hint_upper_ = rung; }

    /// The load that this goal wants tried next; nothing if it is reached or cannot be.
    std::optional<Nomination> nominate(const Ladder& ladder);

    GoalResult result(const Ladder& ladder) const;
    double seconds_left(const Ladder& ladder) const;
    unsigned phase() const noexcept { return static_cast<unsigned>(phase_); }
    unsigned phases() const noexcept { return static_cast<unsigned>(phases_.size()); }
    const Goal& goal() const noexcept { return goal_; }

  private:
    struct Phase {
        Target target;
        int width = 0;  ///< rungs
    };
    enum class Step : std::uint8_t { down, up, other };
    struct Choice {
        int rung = 0;
        Step step = Step::other;
    };

    std::optional<int> choose(const Ladder& ladder, const RelevantBounds& bounds);
    std::optional<Choice> choose_anew(const Ladder& ladder, const RelevantBounds& bounds) const;
    std::optional<Choice> confirm_hints(const RelevantBounds& bounds) const;
    std::optional<Choice> step_down(const Ladder& ladder, int upper) const;
    std::optional<Choice> step_up(const Ladder& ladder, int lower) const;
    std::optional<Choice> narrow(const Ladder& ladder, int lower, int upper) const;
    int stride() const { return phases_[phase_].width * stride_; }

    Goal goal_;
    std::vector<Phase> phases_;
    std::size_t phase_ = 0;
    /// Bounds of the phase before.
    std::optional<int> hint_lower_;
    std::optional<int> hint_upper_;
    std::optional<Choice> current_;
    std::size_t tried_before_ = 0;  ///< trials at the current load when it was chosen
    int stride_ = 1;                ///< widths that the next step away from a bound goes
};

}  // namespace lanes::bench
