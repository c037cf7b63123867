// LossCurve: frame loss at 100 %, 90 %, 80 % ... of the highest rate, until two loads in a row have
// lost nothing (RFC 2544, section 26.3). A state machine as RateSearch is.
#pragma once

#include <optional>
#include <vector>

namespace lanes::bench {

struct LossPoint {
    double load_percent = 0;
    double loss_ratio = 0;
};

class LossCurve {
  public:
    /// The next load, in percent of the highest rate; nothing when the curve is done.
    std::optional<double> next() const {
        if (lossless_ >= 2 || percent_ <= 0) return std::nullopt;
        return percent_;
    }

    void add(double loss_ratio) {
        points_.push_back({percent_, loss_ratio});
        lossless_ = loss_ratio > 0 ? 0 : lossless_ + 1;
        percent_ -= 10;
    }

    const std::vector<LossPoint>& points() const noexcept { return points_; }

  private:
    double percent_ = 100;
    unsigned lossless_ = 0;  ///< loads in a row
    std::vector<LossPoint> points_;
};

}  // namespace lanes::bench
