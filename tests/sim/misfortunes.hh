// Misfortunes: what befalls machines while faults last: clocks jump and drift, processes crash or
// are stopped, machines reboot or sleep, disks fail, lose what they knew, or come back from an
// older backup. And how all of it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tests/sim/receiver.hh"
#include "tests/sim/sender.hh"

namespace lanes::sim {

using Receivers = std::vector<std::unique_ptr<Receiver>>;

class Misfortunes {
  public:
    Misfortunes(const Surroundings& around, Dice dice, Sender& sender, Receivers& receivers);

    std::uint64_t next_ns() const noexcept { return next_ns_; }
    void strike();
    /// Says when machines come back that have lost their power by themselves; starts those whose
    /// time has come.
    void look_after();
    /// When the next machine is to be started or wakes.
    std::uint64_t next_start_ns() const noexcept;
    /// All is well from now on.
    void end();

  private:
    Machine& machine(std::size_t number);
    bool up(std::size_t number) const;
    enum class Ending { crash, stop };
    void take_down(std::size_t number, Ending ending);
    void start(std::size_t number);
    void to_disk(std::size_t number, Machine& machine);
    void to_clock(std::size_t number, Machine& machine);

    const Surroundings& around_;
    Dice dice_;
    Sender& sender_;
    Receivers& receivers_;
    std::vector<bool> forgot_;  ///< by machine: the disk was changed since the process ended
    std::uint64_t next_ns_;
    bool ended_ = false;
};

}  // namespace lanes::sim
