// PortTestbed: a Testbed made of two open ports. One thread sends frames of a Profile through the
// first port, another counts what comes out of the second (the same port may be both); each drives
// its queues directly, as a worker of the engine does. What lies between the ports is the
// system under test, and nobody here knows what it is.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "bench/traffic/profile.hh"
#include "bench/traffic/time_source.hh"
#include "bench/trial.hh"
#include "engine/port.hh"

namespace lanes::bench {

/// Where generator and sink run. A thread without a core of its own runs where the kernel puts it,
/// and gives way while it waits (for machines with fewer cores than threads).
struct Cores {
    std::optional<unsigned> generator;
    std::optional<unsigned> sink;
};

/// A trial that is under way.
struct Glimpse {
    double seconds = 0;  ///< since it began
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t corrupt = 0;
};

/// With how many queues each port was opened: the flows are spread over those of the first, and all
/// of the second are listened to.
struct Queues {
    unsigned from = 1;
    unsigned to = 1;
};

class PortTestbed final : public Testbed {
  public:
    /// The ports stay the caller's and outlive this; while a trial runs nobody else uses their
    /// queues. Throws std::runtime_error, which names the port or the value that does not fit.
    PortTestbed(engine::Port& from, engine::Port& to, const Profile& profile, const Cores& cores,
                const Queues& queues = {});
    /// Whole trials in the caller's thread, in the time of `time`.
    PortTestbed(engine::Port& from, engine::Port& to, const Profile& profile, SteppedTime& time,
                const Queues& queues = {});
    ~PortTestbed() override;

    Trial run(double rate_pps, double seconds) override;
    Trial burst(std::uint64_t frames) override;
    Calibration calibrate() override;
    double frame_bits() const override;

    const Profile& profile() const noexcept;

    /// Called in the caller's thread several times a second while a trial runs on threads.
    void watch(std::function<void(const Glimpse&)> watcher);

    /// Ends the trial that is under way, which then returns what it found so far; any thread.
    void stop() noexcept;

  private:
    class Bench;
    std::unique_ptr<Bench> bench_;
};

}  // namespace lanes::bench
