// See back_to_back.hh.
#include "bench/search/back_to_back.hh"

#include <algorithm>
#include <cmath>

namespace lanes::bench {

bool BackToBack::narrow() const {
    if (!bad_) return good_ >= options_.frames_max;
    const auto width = static_cast<double>(*bad_ - good_);
    return width <= std::max(1.0, options_.resolution * static_cast<double>(*bad_));
}

void BackToBack::begin_repetition() {
    const std::uint64_t last = static_cast<std::uint64_t>(found_.back());
    good_ = 0;
    bad_.reset();
    losses_ = 0;
    length_ = std::clamp<std::uint64_t>(last, 1, std::max<std::uint64_t>(1, options_.frames_max));
    // Repetitions differ by little, mostly.
    step_ = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(options_.resolution * static_cast<double>(last)));
}

std::optional<std::uint64_t> BackToBack::next() {
    if (found_.size() >= options_.repetitions || options_.frames_max == 0) return std::nullopt;
    // The longest bursts take longest; what never fills a buffer thrice will not the fiftieth time.
    if (found_.size() >= unbounded_repetitions && result().unbounded) return std::nullopt;
    return std::min(length_, options_.frames_max);
}

void BackToBack::add(bool lossless) {
    const std::uint64_t length = std::min(length_, options_.frames_max);
    if (!lossless && ++losses_ <= options_.verifications) return;
    losses_ = 0;
    if (lossless) {
        good_ = std::max(good_, length);
    } else {
        bad_ = length;
    }
    if (narrow() || (bad_ && *bad_ <= 1)) {
        found_.push_back(static_cast<double>(good_));
        begin_repetition();
        return;
    }
    if (good_ != 0 && bad_) {
        length_ = good_ + (*bad_ - good_) / 2;
    } else if (good_ != 0) {
        step_ *= found_.empty() ? 2 : 4;
        length_ = found_.empty() ? good_ * 2 : good_ + step_;
    } else {
        step_ = std::min(step_ * 4, *bad_ / 2);
        length_ = std::max<std::uint64_t>(1, *bad_ - std::max<std::uint64_t>(1, step_));
    }
}

void BackToBack::lower_max(std::uint64_t frames) {
    options_.frames_max = std::min(frames, std::min(length_, options_.frames_max) - 1);
    good_ = std::min(good_, options_.frames_max);
    losses_ = 0;
    if (narrow() && options_.frames_max != 0) {
        found_.push_back(static_cast<double>(good_));
        begin_repetition();
    }
}

BackToBackResult BackToBack::result() const {
    BackToBackResult result{.frames = found_};
    if (found_.empty()) return result;
    const double count = static_cast<double>(found_.size());
    for (const double frames : found_) result.mean += frames / count;
    double squares = 0;
    for (const double frames : found_) squares += (frames - result.mean) * (frames - result.mean);
    if (found_.size() > 1) result.deviation = std::sqrt(squares / (count - 1));
    result.unbounded = std::all_of(found_.begin(), found_.end(), [this](double frames) {
        return frames >= static_cast<double>(options_.frames_max);
    });
    return result;
}

double buffer_seconds(double frames, double burst_pps, double throughput_pps) {
    if (burst_pps <= 0) return 0;
    return frames / burst_pps * std::max(0.0, 1 - throughput_pps / burst_pps);
}

}  // namespace lanes::bench
