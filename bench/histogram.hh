// Histogram: counts of values over eighteen octaves and more with a fixed relative error, as in
// G. Tene's HdrHistogram: each power of two is cut into as many equal parts, so that every value is
// known to better than 0.1 % and percentiles far out in the tail stay exact. Debian has no C or C++
// library of it. Recording is a few instructions and never allocates.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lanes::bench {

class Histogram {
  public:
    /// Values above are counted as this one, and the true maximum is kept.
    static constexpr std::uint64_t value_max = (std::uint64_t{1} << 40) - 1;

    Histogram() : counts_(index_of(value_max) + 1) {}

    void record(std::uint64_t value) noexcept {
        ++counts_[index_of(value < value_max ? value : value_max)];
        ++count_;
        sum_ += value;
        min_ = value < min_ ? value : min_;
        max_ = value > max_ ? value : max_;
    }

    void add(const Histogram& other) noexcept {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        count_ += other.count_;
        sum_ += other.sum_;
        min_ = other.min_ < min_ ? other.min_ : min_;
        max_ = other.max_ > max_ ? other.max_ : max_;
    }

    std::uint64_t count() const noexcept { return count_; }
    std::uint64_t min() const noexcept { return count_ == 0 ? 0 : min_; }
    std::uint64_t max() const noexcept { return max_; }
    double mean() const noexcept {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

    /// The least value that at least `percent` of all values do not exceed; 0 when empty.
    std::uint64_t percentile(double percent) const noexcept {
        if (count_ == 0) return 0;
        const double wanted = std::ceil(percent / 100 * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen != 0 && static_cast<double>(seen) >= wanted) {
                const std::uint64_t top = highest_of(i);
                return top < min_ ? min_ : top > max_ ? max_ : top;
            }
        }
        return max_;
    }

  private:
    /// Parts of the upper half of each power of two.
    static constexpr unsigned half_bits = 10;
    static constexpr std::uint64_t half = std::uint64_t{1} << half_bits;

    static constexpr std::size_t index_of(std::uint64_t value) noexcept {
        if (value < 2 * half) return value;
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - half_bits - 1;
        return (std::size_t{shift} << half_bits) + (value >> shift);
    }
    static constexpr std::uint64_t highest_of(std::size_t index) noexcept {
        if (index < 2 * half) return index;
        const std::size_t shift = (index >> half_bits) - 1;
        const std::uint64_t part = index - (shift << half_bits);
        return ((part + 1) << shift) - 1;
    }

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t min_ = ~std::uint64_t{0};
    std::uint64_t max_ = 0;
};

}  // namespace lanes::bench
