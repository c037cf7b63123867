// Crew: the threads that drive the loops of a pipeline, one per worker, each on a core of its own.
// All begin a trial at the same moment. With one worker nothing is started and the caller's own
// thread does it; that thread has its core for the crew's life, and its former ones again after it.
#pragma once

#include <barrier>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "bench/pipeline/lane_loop.hh"
#include "bench/pipeline/pinned.hh"

namespace lanes::bench {

class Crew {
  public:
    struct Turn {
        std::uint64_t clocks = 0;  ///< in measured rounds
        bool disturbed = false;    ///< others had the processor for a part of it
    };

    /// `cores` has one for each loop, or is empty: then the kernel chooses. Throws
    /// std::runtime_error. Destroyed by the thread that made it.
    Crew(std::vector<std::unique_ptr<LaneLoop>>& loops, std::vector<unsigned> cores);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    /// All loops run `bursts`; one turn for each. Throws what a loop threw.
    const std::vector<Turn>& run(unsigned bursts);

  private:
    void serve(std::size_t index);
    void take_turn(std::size_t index);

    std::vector<std::unique_ptr<LaneLoop>>& loops_;
    std::vector<unsigned> cores_;
    std::optional<Pinned> caller_;
    std::vector<Turn> turns_;
    std::vector<std::exception_ptr> failures_;
    unsigned bursts_ = 0;  ///< of the trial that the barrier begins; 0: go home
    std::barrier<> barrier_;
    std::vector<std::thread> threads_;
};

}  // namespace lanes::bench
