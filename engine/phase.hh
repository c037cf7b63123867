// Phases: where a worker's time goes. A round is cut into four phases by reading the time-stamp
// counter at each border, a dozen reads per burst; a worker does so only when it is told to
// (Worker::time_phases), because a border costs some 25 clocks and small bursts would feel it.
// Rounds that received nothing are not counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/clock.hh"

namespace lanes::engine {

enum class Phase : std::uint8_t {
    receive,    ///< receive bursts from the queue, and give them back
    classify,   ///< find the lane of each frame, group them into runs
    transform,  ///< headers, cipher, window and inner checks: what is done to a run
    transmit,   ///< claim, pass, send and flush
};
inline constexpr std::size_t phase_count = 4;

/// The stop watch of one round.
class PhaseClock {
  public:
    /// Time runs in `first` from now on.
    void start(Phase first) noexcept {
        phase_ = first;
        last_ = read_ticks();
    }
    /// Time runs in `next` from now on; returns the phase that it ran in.
    Phase enter(Phase next) noexcept {
        const std::uint64_t now = read_ticks();
        spent_[static_cast<std::size_t>(phase_)] += now - last_;
        last_ = now;
        return std::exchange(phase_, next);
    }
    /// Ticks of read_ticks() in each phase, up to the last border.
    const std::array<std::uint64_t, phase_count>& spent() const noexcept { return spent_; }

  private:
    Phase phase_ = Phase::receive;
    std::uint64_t last_ = 0;
    std::array<std::uint64_t, phase_count> spent_{};
};

/// In `phase` for the length of a block, and then in the former one again.
class InPhase {
  public:
    /// `clock` is nullptr when nobody measures.
    InPhase(PhaseClock* clock, Phase phase) noexcept : clock_(clock) {
        if (clock_ != nullptr) [[unlikely]]
            former_ = clock_->enter(phase);
    }
    ~InPhase() {
        if (clock_ != nullptr) [[unlikely]]
            clock_->enter(former_);
    }
    InPhase(const InPhase&) = delete;
    InPhase& operator=(const InPhase&) = delete;

  private:
    PhaseClock* clock_;
    Phase former_ = Phase::receive;
};

}  // namespace lanes::engine
