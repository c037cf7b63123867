// See lookup.hh.
#include "bench/pipeline/lookup.hh"

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "bench/clocks.hh"
#include "bench/statistics.hh"
#include "engine/limits.hh"
#include "lanes/lane_table.hh"

namespace lanes::bench {
namespace {

using engine::burst_max;

std::unique_ptr<LaneTable> make_table(std::uint32_t lanes, engine::Quiescent& quiescent) {
    auto table = LaneTable::create(lanes, 1, quiescent);
    if (!table) throw std::runtime_error(table.error().message);
    for (std::uint32_t n = 0; n < lanes; ++n) {
        auto lane = (*table)->add(n + 1);
        if (!lane) throw std::runtime_error(lane.error().message);
        (*table)->publish(**lane);
    }
    return std::move(*table);
}

/// Clocks per look-up of the ids in turn, burst by burst.
double measure(const LaneTable& table, const std::vector<std::uint32_t>& ids, unsigned bursts,
               std::size_t& next) {
    Lane* found[burst_max];
    const std::uint64_t before = read_clock();
    for (unsigned i = 0; i < bursts; ++i) {
        LaneTable::Reader(table).find({ids.data() + next, burst_max}, found);
        if (found[0] == nullptr) throw std::runtime_error("a lane was not found");
        next = (next + burst_max) % ids.size();
    }
    return static_cast<double>(read_clock() - before) / (bursts * burst_max);
}

}  // namespace

LookupResult run_lookup(const LookupOptions& options) {
    engine::Quiescent quiescent;
    const auto one = make_table(1, quiescent);
    const auto many = make_table(options.lanes, quiescent);
    std::mt19937 random(1);
    std::vector<std::uint32_t> same(1 << 16, 1);
    std::vector<std::uint32_t> any(1 << 22);
    for (std::uint32_t& id : any) id = static_cast<std::uint32_t>(random() % options.lanes + 1);
    LookupResult result;
    std::size_t next_same = 0;
    std::size_t next_any = 0;
    for (unsigned trial = 0; trial < options.trials; ++trial) {
        result.only.push_back(measure(*one, same, options.bursts, next_same));
        result.random.push_back(measure(*many, any, options.bursts, next_any));
    }
    return result;
}

}  // namespace lanes::bench
