// LaneLoop: what one worker of the bench does with one burst after the other. The time-stamp
// counter is read before and after the one round that is measured; whatever makes, moves and takes
// frames away is outside. One object per worker, all of it on the thread that drives that worker.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/pipeline/node_bed.hh"

namespace lanes::bench {

class LaneLoop {
  public:
    LaneLoop(NodeBed& bed, const Case& options, unsigned worker);

    /// Takes `bursts` bursts of 64 frames through; returns the clocks spent in measured rounds.
    std::uint64_t run(unsigned bursts);

    /// Whether the phases of measured rounds are timed from now on, and of no others.
    void time_phases(engine::Worker::Phases phases) noexcept { phases_ = phases; }

    /// Frames that should have come out, or been refused, and were not: must be 0.
    std::uint64_t lost() const noexcept { return sent_ - arrived_; }

  private:
    void make_burst();
    template <typename Touch>
    void through_tap(Touch&& touch);
    void keep_copies();
    void inject_copies();
    void forge();
    std::uint64_t measured_round();
    void round(std::size_t node);
    std::uint64_t take_away();
    std::uint64_t refused() const;

    NodeBed& bed_;
    const Case& options_;
    unsigned worker_;
    engine::Worker::Phases phases_ = engine::Worker::Phases::ignored;
    engine::WorkerCounters counters_;
    std::vector<std::uint32_t> lanes_;  ///< of the next frames, in turn
    std::size_t next_lane_ = 0;
    std::size_t next_size_ = 0;
    std::uint32_t random_ = 1;
    std::uint64_t sent_ = 0;
    std::uint64_t arrived_ = 0;

    /// Copies of the burst that was last in the tap.
    std::vector<std::byte> copies_;
    std::vector<std::uint32_t> copy_lens_;
};

}  // namespace lanes::bench
