// What a soak remembers: a Sample after each interval, and the History of them that is judged in
// the end. A soak that looks for leaks must not grow itself, so a History takes all its memory when
// it is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bench/trend.hh"
#include "bench/trial.hh"

namespace lanes::bench {

/// Which budget a series has.
enum class Budgeted : std::uint8_t { memory, descriptors, threads, loss, latency };

/// One thing that is watched, in the order of Sample::values.
struct SeriesName {
    std::string name;  ///< "memory of lanes"; other runs of the same soak say the same
    std::string unit;
    Budgeted budget;
};

/// The series of a soak that watches processes of these names besides this one.
std::vector<SeriesName> series_of(const std::vector<std::string>& watched);

/// Frames of one interval, or of all.
struct Traffic {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t lost = 0;       ///< without those that the sink's own port lost
    std::uint64_t sink_lost = 0;  ///< by the sink's own port
    std::uint64_t corrupt = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t reordered = 0;

    void add(const Traffic& other) noexcept;
    /// Lost and corrupt of all sent.
    double loss_percent() const noexcept;
};
Traffic traffic_of(const Trial& trial) noexcept;

using DropCounts = std::map<std::string, std::uint64_t>;

struct Sample {
    unsigned piece = 0;        ///< 0; 1 when the soak was resumed once, ...
    double x_seconds = 0;      ///< soaked until now, in all pieces
    double piece_seconds = 0;  ///< in this one
    std::int64_t unix_seconds = 0;
    double steal_seconds = 0;    ///< taken from this machine during the interval
    std::vector<double> values;  ///< by series; NaN where there is none
    Traffic traffic;             ///< of the interval
    DropCounts drops;            ///< of the nodes, since the piece began
};

class History {
  public:
    /// For `samples_max` samples of `series` values; more are taken too, but cost memory then.
    History(std::size_t series, std::size_t samples_max);

    void add(const Sample& sample);

    std::size_t samples() const noexcept { return samples_; }
    double last_x_seconds() const noexcept;
    unsigned last_piece() const noexcept;
    double steal_seconds() const noexcept { return steal_seconds_; }
    const Traffic& traffic() const noexcept { return traffic_; }
    /// Of all pieces.
    DropCounts drops() const;

    /// Values of one series, x in seconds, without those of the first `warm_up` seconds of each
    /// piece and without those that are not there.
    std::vector<Piece> pieces(std::size_t series, double warm_up) const;

  private:
    static constexpr std::size_t fixed =
        3;  ///< piece, x and seconds of the piece before the values
    std::span<const double> row(std::size_t sample) const noexcept;

    std::size_t columns_;
    std::size_t samples_ = 0;
    std::vector<double> cells_;
    double steal_seconds_ = 0;
    Traffic traffic_;
    DropCounts drops_before_;  ///< of former pieces
    DropCounts drops_now_;
};

}  // namespace lanes::bench
