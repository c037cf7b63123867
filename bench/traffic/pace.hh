// Pace: when frames are due. Burst k of a constant rate is due at start + k * burst / rate, counted
// from the start each time, so that no error adds up. Frames of a capture may instead keep the gaps
// that they were recorded with, all stretched by one factor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "bench/traffic/replay.hh"

namespace lanes::bench {

class Pace {
  public:
    Pace() = default;

    /// As many whole bursts as are due within `length_ns`, but one at least; `rate_pps` is above 0.
    Pace(double rate_pps, std::uint32_t burst, std::uint64_t length_ns) noexcept
        : interval_ns_(1e9 * burst / rate_pps), burst_(burst) {
        const double bursts = static_cast<double>(length_ns) * 1e-9 * rate_pps / burst;
        frames_ = std::max(static_cast<std::uint64_t>(std::llround(bursts)), std::uint64_t{1});
        frames_ *= burst;
    }

    /// The frames of `replay`, which outlives this, over and over, at a mean of `rate_pps`.
    Pace(double rate_pps, const Replay& replay, std::uint64_t length_ns) noexcept
        : interval_ns_(1e9 / rate_pps), recorded_(&replay) {
        const double recorded_pps = replay.recorded_pps();
        if (recorded_pps > 0) stretch_ = recorded_pps / rate_pps;
        while (frames_ == 0 || due_of(frames_) < length_ns) ++frames_;
    }

    void start(std::uint64_t now_ns) noexcept {
        start_ns_ = now_ns;
        due_ns_ = due_of(0);
    }

    /// When the next frame should leave.
    std::uint64_t due_ns() const noexcept { return due_ns_; }
    double interval_ns() const noexcept { return interval_ns_; }
    std::uint64_t left() const noexcept { return frames_ - given_; }

    /// Frames that should have left by `now_ns` and have not, at most `most`.
    std::uint64_t due(std::uint64_t now_ns, std::uint64_t most) const noexcept {
        if (now_ns < due_ns_) return 0;
        most = std::min(most, left());
        std::uint64_t owed = burst_ - within_;
        for (std::uint64_t k = number_ + 1; owed < most && due_of(k) <= now_ns; ++k) owed += burst_;
        return std::min(owed, most);
    }

    /// A frame leaves at `now_ns`; calls `late(nanoseconds)` if a burst begins with it.
    template <typename Late>
    void give(std::uint64_t now_ns, Late&& late) noexcept {
        if (within_ == 0) late(now_ns > due_ns_ ? now_ns - due_ns_ : 0);
        ++given_;
        if (++within_ < burst_) return;
        within_ = 0;
        due_ns_ = due_of(++number_);
    }

  private:
    std::uint64_t due_of(std::uint64_t k) const noexcept {
        double after_ns = interval_ns_ * static_cast<double>(k);
        if (recorded_ != nullptr) {
            const std::uint64_t round = k / recorded_->frames.size();
            const auto& frame = recorded_->frames[k % recorded_->frames.size()];
            after_ns = static_cast<double>(round * recorded_->round_ns + frame.due_ns) * stretch_;
        }
        return start_ns_ + static_cast<std::uint64_t>(after_ns);
    }

    double interval_ns_ = 0;  ///< between bursts
    std::uint32_t burst_ = 1;
    const Replay* recorded_ = nullptr;
    double stretch_ = 1;  ///< of recorded gaps
    std::uint64_t frames_ = 0;
    std::uint64_t start_ns_ = 0;
    std::uint64_t due_ns_ = 0;  ///< of burst number_
    std::uint64_t number_ = 0;  ///< the burst that leaves now
    std::uint32_t within_ = 0;  ///< frames of it that have left
    std::uint64_t given_ = 0;
};

}  // namespace lanes::bench
