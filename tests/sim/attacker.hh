// Attacker: hears everything that the sender puts on the network, forgets nothing, and can put any
// packet of its own before any receiver, at any later time. It knows the public keys and holds no
// secret. It replays single packets, announcements, and whole stretches of a former session with
// the announcement in front; changes header fields; joins the header of one packet to the body of
// another; cuts; makes things up; floods with forged announcements; and now and then, where a
// public key is all it takes, forges one with a right mac1.
#pragma once

#include <cstdint>
#include <vector>

#include "crypto/announce.hh"
#include "tests/sim/dice.hh"
#include "tests/sim/network.hh"
#include "tests/sim/scenario.hh"

namespace lanes::sim {

class Attacker {
  public:
    /// `scenario` for what is public: with keys and without a psk whoever knows a receiver's public
    /// key can make a right mac1.
    Attacker(const TrueTime& time, Dice dice, Network& network, const Scenario& scenario);

    void hear(const Packet& packet);
    /// One attack, of one packet or of some hundred.
    void act();

  private:
    void inject(Packet packet);
    void inject(Bytes bytes) { inject(std::make_shared<const Bytes>(std::move(bytes))); }
    const Packet& any_heard() { return heard_[dice_.below(heard_.size())]; }

    void replay_announcements();
    void replay_stretch();
    void tamper();
    void splice();
    void make_up();
    void flood();
    void forge();

    static constexpr std::size_t heard_max = 60'000;

    /// Rarer than the receiver's token bucket fills, or it would starve what is genuine.
    static constexpr std::uint64_t forge_gap_ns = 1'000'000'000;

    const TrueTime& time_;
    Dice dice_;
    Network& network_;
    std::size_t receivers_;
    std::vector<crypto::Mac1> mac1_;  ///< of each receiver, where it can be made
    std::uint64_t forge_ns_ = 0;      ///< when next at the earliest
    unsigned target_ = 0;
    std::vector<Packet> heard_;
    std::vector<std::size_t> announcements_;  ///< places in heard_, each announcement once or twice
};

}  // namespace lanes::sim
