// Machine: what a sender and a receiver have in common: a clock, a disk, a process that may not be
// running, and what they share with the rest of the world.
#pragma once

#include <cstdint>

#include "crypto/aead.hh"
#include "crypto/random.hh"
#include "tests/sim/attacker.hh"
#include "tests/sim/disk.hh"
#include "tests/sim/log.hh"
#include "tests/sim/machine_clock.hh"
#include "tests/sim/mutation.hh"
#include "tests/sim/network.hh"
#include "tests/sim/promises.hh"
#include "tests/sim/scenario.hh"

namespace lanes::sim {

/// The rest of the world, as machines see it.
struct Surroundings {
    const Scenario& scenario;
    const TrueTime& time;
    const Log& log;
    Network& network;
    Attacker& attacker;
    Ledger& ledger;
    crypto::Backend& backend;
    crypto::Random& random;
    Mutation mutation;
};

/// Which session: a sender whose record and clock were set back gives a stamp a second time.
struct SessionName {
    std::uint64_t stamp = 0;  ///< 0: none
    std::uint32_t key = 0;    ///< of its first subspace, in the ledger

    bool operator==(const SessionName&) const = default;
};

inline constexpr std::uint64_t never = ~std::uint64_t{0};

class Machine {
  public:
    Machine(const Surroundings& around, Dice dice)
        : clock(around.time, 1 + (dice.part() - 0.5) * 2e-4), disk(dice.split()) {}

    MachineClock clock;
    Disk disk;
    double cut_saves = 0;               ///< share of saves at which the power fails
    std::uint64_t asleep_until_ns = 0;  ///< suspended: nothing runs, the boot clock goes on
    std::uint64_t start_at_ns = never;  ///< when the process is to be started again
};

}  // namespace lanes::sim
