// See sample.hh.
#include "bench/soak/sample.hh"

#include <algorithm>
#include <cmath>

namespace lanes::bench {

std::vector<SeriesName> series_of(const std::vector<std::string>& watched) {
    std::vector<SeriesName> all = {{"loss", "%", Budgeted::loss},
                                   {"latency p50", "us", Budgeted::latency},
                                   {"latency p99", "us", Budgeted::latency},
                                   {"memory", "MiB", Budgeted::memory},
                                   {"descriptors", "", Budgeted::descriptors},
                                   {"threads", "", Budgeted::threads}};
    for (std::size_t i = 0; i < watched.size(); ++i) {
        const auto same = std::count(watched.begin(), watched.begin() + static_cast<long>(i),  //
                                     watched[i]);
        const std::string whose =
            " of " + watched[i] + (same == 0 ? "" : " " + std::to_string(same + 1));
        all.push_back({"memory" + whose, "MiB", Budgeted::memory});
        all.push_back({"descriptors" + whose, "", Budgeted::descriptors});
        all.push_back({"threads" + whose, "", Budgeted::threads});
    }
    return all;
}

void Traffic::add(const Traffic& other) noexcept {
    sent += other.sent;
    received += other.received;
    lost += other.lost;
    sink_lost += other.sink_lost;
    corrupt += other.corrupt;
    duplicates += other.duplicates;
    reordered += other.reordered;
}

double Traffic::loss_percent() const noexcept {
    return sent == 0 ? 0 : 100 * static_cast<double>(lost + corrupt) / static_cast<double>(sent);
}

Traffic traffic_of(const Trial& trial) noexcept {
    const std::uint64_t sink_lost = std::min(trial.sink_lost, trial.lost);
    return {trial.sent,    trial.received,   trial.lost - sink_lost, sink_lost,
            trial.corrupt, trial.duplicates, trial.reordered};
}

History::History(std::size_t series, std::size_t samples_max)
    : columns_(fixed + series), cells_(columns_ * samples_max) {}

void History::add(const Sample& sample) {
    if (samples_ > 0 && sample.piece != last_piece()) {
        for (const auto& [name, count] : drops_now_) drops_before_[name] += count;
        drops_now_.clear();
    }
    const std::size_t begin = samples_ * columns_;
    if (cells_.size() < begin + columns_) cells_.resize(begin + columns_);
    const auto cell = cells_.begin() + static_cast<std::ptrdiff_t>(begin);
    cell[0] = sample.piece;
    cell[1] = sample.x_seconds;
    cell[2] = sample.piece_seconds;
    for (std::size_t i = 0; i < columns_ - fixed; ++i) {
        cell[static_cast<std::ptrdiff_t>(fixed + i)] = i < sample.values.size()  //
                                                           ? sample.values[i]
                                                           : std::nan("");
    }
    ++samples_;
    steal_seconds_ += sample.steal_seconds;
    traffic_.add(sample.traffic);
    for (const auto& [name, count] : sample.drops) drops_now_[name] = count;
}

double History::last_x_seconds() const noexcept {
    return samples_ == 0 ? 0 : row(samples_ - 1)[1];
}

unsigned History::last_piece() const noexcept {
    return samples_ == 0 ? 0 : static_cast<unsigned>(row(samples_ - 1)[0]);
}

DropCounts History::drops() const {
    DropCounts all = drops_before_;
    for (const auto& [name, count] : drops_now_) all[name] += count;
    return all;
}

std::vector<Piece> History::pieces(std::size_t series, double warm_up) const {
    std::vector<Piece> all;
    unsigned number = 0;
    for (std::size_t i = 0; i < samples_; ++i) {
        const auto cells = row(i);
        const double value = cells[fixed + series];
        if (cells[2] <= warm_up || std::isnan(value)) continue;
        const auto piece = static_cast<unsigned>(cells[0]);
        if (all.empty() || piece != number) all.emplace_back();
        number = piece;
        all.back().x.push_back(cells[1]);
        all.back().y.push_back(value);
    }
    return all;
}

std::span<const double> History::row(std::size_t sample) const noexcept {
    return std::span(cells_).subspan(sample * columns_, columns_);
}

}  // namespace lanes::bench
