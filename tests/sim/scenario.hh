// Scenario: what one seed says about a run: how the lane is set up, which faults there are and how
// often, how fast the traffic is. Each class of faults is left out of about half of the seeds
// (swarm testing; Groce and others, 2012): what needs many restarts and no loss is found so too.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "crypto/aead.hh"
#include "lanes/spec.hh"
#include "tests/sim/dice.hh"
#include "tests/sim/network.hh"

namespace lanes::sim {

struct Scenario {
    static constexpr std::uint32_t lane = 101;
    static constexpr unsigned receivers_max = 3;

    crypto::Suite suite = crypto::Suite::aes_256_gcm;
    KeySpec sender_keys;
    std::vector<KeySpec> receiver_keys;  ///< one for each receiver
    std::uint16_t subspaces = 1;
    std::uint32_t window = 64;
    std::uint64_t packet_limit = 0;
    unsigned paths = 1;

    std::uint64_t faults_ns = 0;     ///< how long faults last
    std::uint64_t burst_gap_ns = 0;  ///< mean time between bursts of payloads
    unsigned burst_max = 1;
    unsigned surge = 1;              ///< times as much traffic in every other stretch of time
    std::uint64_t surge_ns = 1;      ///< how long such a stretch is
    std::uint32_t former_epoch = 0;  ///< what the sender's record says at first; 0: it has none
    double strange = 0;              ///< share of packets whose inside only a broken sender makes
    std::uint64_t disk_ns_max = 0;   ///< how long a save takes

    Network::Faults network;
    std::uint64_t attack_gap_ns = 0;  ///< mean; 0: no attacks
    bool attacked_at_last = false;    ///< attacks go on when the other faults have ended

    /// What befalls machines, and how often: 0 and never, or a weight among the others.
    struct Weights {
        unsigned clock_jump = 0;
        unsigned clock_drift = 0;
        unsigned clock_zero = 0;  ///< 1970: a machine without a battery, before it hears of time
        unsigned clock_mended = 0;
        unsigned crash = 0;
        unsigned stop = 0;
        unsigned sleep = 0;
        unsigned bad_disk = 0;
        unsigned good_disk = 0;
        unsigned renew = 0;
        unsigned sum() const noexcept;
    };
    Weights weights;
    std::uint64_t misfortune_gap_ns = 0;  ///< mean
    std::uint64_t jump_ns_min = 10'000'000;
    std::uint64_t jump_ns_max = 1;
    std::uint64_t down_ns_max = 1;
    double failing_saves = 0;  ///< while a disk is bad
    double cut_saves = 0;      ///< power is cut at a save
    double lost = 0;           ///< share of restarts that find no state
    double set_back = 0;       ///< share that find an older one
    double reboot = 0.3;       ///< share that reboot the machine

    std::uint64_t rekey_ns() const noexcept { return sender_keys.rekey_seconds * ns_per_second; }
    std::uint64_t lead_ns() const noexcept;

    static constexpr std::uint64_t ns_per_second = 1'000'000'000;

    /// `random` makes the keys.
    static Scenario of(Dice dice, crypto::Random& random);
};

}  // namespace lanes::sim
