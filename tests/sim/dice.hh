// Dice: everything that a seed decides. Each part of the simulated world has dice of its own, so
// that a packet more on the network does not change when a machine crashes: neighbouring runs stay
// comparable, and a failing seed can be looked at with a fault taken away.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/random.hh"

namespace lanes::sim {

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
class Dice {
  public:
    explicit Dice(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
        mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
        return mixed ^ mixed >> 31;
    }
    /// 0 to n - 1; n is not 0. The bias of the remainder is of no matter here.
    std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept {
        return least + below(most - least + 1);
    }
    double part() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }
    bool chance(double share) noexcept { return part() < share; }
    /// Between the two, every order of magnitude as likely as the next; `least` is not 0.
    std::uint64_t magnitude(std::uint64_t least, std::uint64_t most) noexcept {
        const double low = std::log(static_cast<double>(least));
        const double high = std::log(static_cast<double>(most));
        return static_cast<std::uint64_t>(std::exp(low + (high - low) * part()));
    }
    /// Waiting time of a Poisson process; at least 1.
    std::uint64_t wait(std::uint64_t mean) noexcept {
        return 1 + static_cast<std::uint64_t>(-std::log(1 - part()) * static_cast<double>(mean));
    }
    template <typename T>
    const T& one_of(std::span<const T> choices) noexcept {
        return choices[below(choices.size())];
    }
    /// Dice that are thrown independently of these from now on.
    Dice split() noexcept { return Dice(next()); }

  private:
    std::uint64_t state_;
};

/// The machines' source of randomness. It never goes back, whatever restarts: what a kernel that
/// keeps its seed gives. (A cloned virtual machine that draws the same secrets again is beyond what
/// the protocol can mend.)
class DiceRandom final : public crypto::Random {
  public:
    explicit DiceRandom(Dice dice) noexcept : dice_(dice) {}

    void fill(std::span<std::byte> bytes) noexcept override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(dice_.next() >> 32);
    }

  private:
    Dice dice_;
};

}  // namespace lanes::sim
