// World: one run of one seed. Advances true time from event to event, never by waiting; everything
// in it is decided by the seed. A run has up to four parts: faults; recovery, until the promises
// say that all must flow; a clean stretch of more than one session in which nothing may be lost;
// and, in half of the seeds, a last stretch with the attacker alone. Throws Breach.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "tests/sim/misfortunes.hh"
#include "tests/sim/recovery.hh"

namespace lanes::sim {

/// What there was in a run, for the reader of a summary.
struct Summary {
    Counts counts;  ///< of all receivers
    std::uint64_t handed = 0;
    std::uint64_t payloads = 0;
    std::uint64_t sessions = 0;
    std::uint64_t stopped = 0;
    double seconds = 0;           ///< of true time
    double longest_recovery = 0;  ///< seconds that the promises allowed a receiver
    unsigned receivers = 0;
    unsigned prompt = 0;  ///< receivers that had to recover at once
    unsigned waited = 0;  ///< receivers that had to wait for true time: `stale-sender` or `clock`
    unsigned attacked_at_last = 0;

    void add(const Summary& other);
};

class World {
  public:
    World(std::uint64_t seed, Mutation mutation, crypto::Backend& backend, bool verbose);
    ~World();

    /// Throws Breach.
    Summary run();
    /// Of true time, since the run began.
    double seconds() const;

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

struct Verdict {
    std::uint64_t seed = 0;
    bool held = true;
    Breach breach;
    double seconds = 0;  ///< when it was broken
    Summary summary;     ///< of a run that held
};

/// Runs one seed.
Verdict run_seed(std::uint64_t seed, Mutation mutation, crypto::Backend& backend, bool verbose);

}  // namespace lanes::sim
