// See lookup.hh.
#include "bench/pipeline/lookup.hh"

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include "bench/clocks.hh"
#include "bench/statistics.hh"
#include "engine/bytes.hh"
#include "engine/limits.hh"
#include "lanes/lane_table.hh"
#include "lanes/match_table.hh"

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

/// Rules for the addresses 1 to n, lane by lane.
struct Matches {
    Matches(std::uint32_t lanes, Lane* lane) : rules(make_rules(lanes)), table(rules) {
        MatchSpec match;
        match.has_destination = true;
        match.destination.len = 32;
        for (std::uint32_t n = 1; n <= lanes; ++n) {
            auto* address = reinterpret_cast<std::byte*>(match.destination.address.bytes.data());
            engine::store_be(address, n);
            auto rule = table.add(&match, n, lane);
            if (!rule) throw std::runtime_error(rule.error().message);
            table.publish(**rule);
        }
        table.flush();
    }

    static MatchRules make_rules(std::uint32_t lanes) {
        auto rules = MatchRules::create(lanes);
        if (!rules) throw std::runtime_error(rules.error().message);
        return std::move(*rules);
    }

    MatchRules rules;
    MatchTable table;
};

/// The same for look-ups by match. What is in the time is what a look-up costs and, for both
/// tables, four bytes written per key.
double measure(const MatchTable& table, const std::vector<std::uint32_t>& addresses,
               unsigned bursts, std::size_t& next) {
    FlowKey keys[burst_max];
    for (FlowKey& key : keys) {
        key.ether_type = 0x0800;
        key.version = 4;
        key.known = FlowKey::has_ip;
    }
    Lane* found[burst_max];
    const std::uint64_t before = read_clock();
    for (unsigned i = 0; i < bursts; ++i) {
        for (unsigned k = 0; k < burst_max; ++k) {
            auto* address = reinterpret_cast<std::byte*>(keys[k].destination.data());
            engine::store_be(address, addresses[next + k]);
        }
        table.find(keys, found);
        if (found[0] == nullptr) throw std::runtime_error("a match was not found");
        next = (next + burst_max) % addresses.size();
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
    Lane* const lane = LaneTable::Reader(*one).find(1);
    const Matches one_rule(1, lane);
    const Matches many_rules(options.lanes, lane);
    LookupResult result;
    std::size_t next[4] = {};
    for (unsigned trial = 0; trial < options.trials; ++trial) {
        const unsigned bursts = options.bursts;
        result.by_id.only.push_back(measure(*one, same, bursts, next[0]));
        result.by_id.random.push_back(measure(*many, any, bursts, next[1]));
        result.by_match.only.push_back(measure(one_rule.table, same, bursts, next[2]));
        result.by_match.random.push_back(measure(many_rules.table, any, bursts, next[3]));
    }
    return result;
}

}  // namespace lanes::bench
