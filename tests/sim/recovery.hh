// Recovery: from when on each receiver must get every payload, once faults have ended (promises.hh,
// liveness and prompt). Works it out from what the two ends remember, not from what arrives.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/sim/misfortunes.hh"

namespace lanes::sim {

class Recovery {
  public:
    /// Faults have ended, and nothing that they delayed is on the way any more.
    Recovery(const Surroundings& around, const Sender& sender, const Receivers& receivers);

    /// At least ten times a second until known().
    void watch();
    bool known() const noexcept;
    /// True time from which on all payloads that are sealed must arrive; never: not known yet.
    std::uint64_t from_ns(unsigned receiver) const noexcept { return states_[receiver].from_ns; }
    bool prompt(unsigned receiver) const noexcept { return states_[receiver].prompt; }
    /// Whether it had to wait until the sender could make a session that it may accept.
    bool waited(unsigned receiver) const noexcept { return states_[receiver].waited; }
    std::uint64_t latest_ns() const noexcept;

  private:
    struct State {
        std::uint64_t from_ns = never;
        bool prompt = false;
        bool waited = false;
    };

    /// What the saves and looks of both ends may take on top.
    std::uint64_t slack_ns() const noexcept;
    void look_at_once(unsigned receiver);
    bool could_accept(const Receiver& receiver) const;

    const Surroundings& around_;
    const Sender& sender_;
    const Receivers& receivers_;
    std::vector<State> states_;
};

}  // namespace lanes::sim
