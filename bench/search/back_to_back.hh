// BackToBack: the longest burst of back-to-back frames that comes through without loss (RFC 2544,
// section 26.4, as RFC 9004 has it now), repeated, with mean and deviation, and the time of buffer
// that it speaks of. A state machine as RateSearch is: lengths double until a burst is lost, then
// the interval is halved; further repetitions begin at what the first one found. A burst that loses
// is sent once more before it counts (binary search with loss verification), because one bad moment
// of a software system says nothing about its buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace lanes::bench {

struct BackToBackOptions {
    unsigned repetitions = 50;     ///< RFC 2544: at least 50
    std::uint64_t frames_max = 0;  ///< RFC 2544: two seconds at the highest rate
    double resolution = 0.005;     ///< of the length, or one frame
    unsigned verifications = 1;    ///< further chances of a burst that loses
};

/// So many repetitions in which no burst was too long are enough to know that none will be.
inline constexpr std::size_t unbounded_repetitions = 3;

struct BackToBackResult {
    std::vector<double> frames;  ///< longest burst of each repetition, 0: none came through
    double mean = 0;
    double deviation = 0;  ///< standard deviation
    /// Every repetition ended at frames_max: no buffer was filled, so nothing is known of it.
    bool unbounded = false;
};

class BackToBack {
  public:
    explicit BackToBack(const BackToBackOptions& options) : options_(options) {}

    /// Frames of the next burst; nothing when all repetitions are done.
    std::optional<std::uint64_t> next();
    void add(bool lossless);
    /// Longer bursts cannot be sent or counted than up to here; replaces add().
    void lower_max(std::uint64_t frames);

    BackToBackResult result() const;
    unsigned repetition() const noexcept { return static_cast<unsigned>(found_.size()); }

  private:
    bool narrow() const;
    void begin_repetition();

    BackToBackOptions options_;
    std::vector<double> found_;
    std::uint64_t good_ = 0;            ///< longest without loss in this repetition
    std::optional<std::uint64_t> bad_;  ///< shortest with loss
    std::uint64_t length_ = 64;
    std::uint64_t step_ = 64;
    unsigned losses_ = 0;  ///< of the current length
};

/// Time that a buffer holds, by the burst that filled it while the system took frames out of it at
/// `throughput_pps`; 0 for the latter leaves the correction of RFC 9004 out.
double buffer_seconds(double frames, double burst_pps, double throughput_pps);

}  // namespace lanes::bench
