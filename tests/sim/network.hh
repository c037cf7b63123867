// Network: carries each packet of the sender to every receiver, over one or two paths, and does to
// it on the way what networks do. While faults last: loss (single and in blackouts), duplication,
// delay, hence reordering, changed bits, cut and lengthened packets. Afterwards: 1 ms, in order,
// nothing else. Packets arrive in rounds of a quantum of time, so that a receiver has bursts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "tests/sim/dice.hh"
#include "tests/sim/machine_clock.hh"

namespace lanes::sim {

using Bytes = std::vector<std::byte>;
/// Shared by all copies on the way.
using Packet = std::shared_ptr<const Bytes>;

class Network {
  public:
    /// Shares of packets, but for the times.
    struct Faults {
        double loss = 0;
        double duplicate = 0;
        double corrupt = 0;
        double cut = 0;
        double lengthen = 0;
        double late = 0;                    ///< delayed by up to late_ns_max, others by jitter_ns
        std::uint64_t jitter_ns = 0;        ///< mean
        std::uint64_t late_ns_max = 1;      ///< every magnitude as likely
        std::uint64_t blackout_ns = 0;      ///< mean length; 0: none
        std::uint64_t blackout_gap_ns = 1;  ///< mean
    };
    struct Totals {
        std::uint64_t put = 0;  ///< copies for one receiver over one path, duplicates, injections
        std::uint64_t lost = 0;
        std::uint64_t handed = 0;
        std::uint64_t on_the_way = 0;
    };

    Network(const TrueTime& time, Dice dice, unsigned receivers, unsigned paths)
        : time_(time), dice_(dice), receivers_(receivers), paths_(paths) {}

    void set_faults(const Faults& faults) noexcept;
    void set_perfect() noexcept;

    /// A packet of the sender, to all receivers.
    void send(const Packet& packet);
    /// A packet of the attacker, to one.
    void inject(unsigned receiver, Packet packet);

    /// When the next packets arrive; the greatest number: none are on the way.
    std::uint64_t next_ns() const noexcept;
    /// When the last of those that are on the way arrives.
    std::uint64_t last_ns() const noexcept { return last_ns_; }
    /// Takes the packets that arrive at next_ns() at one receiver.
    std::pair<unsigned, std::vector<Packet>> take();

    const Totals& totals() const noexcept { return totals_; }

  private:
    void carry(unsigned receiver, const Packet& packet);
    void put(unsigned receiver, Packet packet, std::uint64_t delay_ns);
    bool blacked_out() noexcept;
    Packet damaged(Packet packet);

    static constexpr std::uint64_t quantum_ns = 1'000'000;

    const TrueTime& time_;
    Dice dice_;
    unsigned receivers_;
    unsigned paths_;
    bool perfect_ = true;
    Faults faults_;
    std::uint64_t blackout_at_ns_ = 0;
    std::uint64_t blackout_end_ns_ = 0;
    std::uint64_t last_ns_ = 0;
    std::map<std::pair<std::uint64_t, unsigned>, std::vector<Packet>> arrivals_;
    Totals totals_;
};

}  // namespace lanes::sim
