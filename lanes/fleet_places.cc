// See fleet.hh. In which order lanes look at a frame: places between places, and the rules in the
// ports' tables that keep to them.
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "lanes/fleet.hh"

namespace lanes {
namespace {

constexpr std::uint64_t places_end = std::uint64_t{1} << 62;

/// Lanes that take every frame stand behind all that look at it first.
std::uint64_t order_of(const LaneSpec& spec, std::uint64_t place) {
    return spec.match ? place : places_end + place;
}

}  // namespace

// Places for lanes that had none, between those that have one. When there is no room left between
// two of them, all places are given anew and all rules are built anew with them.
void Fleet::give_places(Change& change, std::string_view before) {
    std::vector<Staged*> added;
    for (Staged& staged : change.staged) {
        const LaneSpec& spec = staged.spec ? *staged.spec : *staged.old->spec;
        if (!takes_frames(spec)) staged.place = 0;
        if (takes_frames(spec) && staged.place == 0) added.push_back(&staged);
    }
    if (added.empty()) return;
    auto at = places_.end();
    std::uint64_t last = places_.empty() ? 0 : places_.back();
    std::uint64_t step = place_step;
    if (!before.empty()) {
        const std::uint64_t end = entries_.find(before)->second.place;
        at = std::lower_bound(places_.begin(), places_.end(), end);
        last = at == places_.begin() ? 0 : *(at - 1);
        step = (end - last) / (added.size() + 1);
    } else if ((places_end - last) / place_step <= added.size()) {
        step = 0;
    }
    if (step == 0) return make_whole(change, before);
    std::vector<std::uint64_t> places;
    for (Staged* staged : added) {
        staged->place = last += step;
        places.push_back(last);
    }
    places_.insert(at, places.begin(), places.end());
}

// Of a change of some lanes, one of the whole set, with places for all.
void Fleet::make_whole(Change& change, std::string_view before) {
    change.whole = true;
    ++whole_changes_;
    for (Staged& staged : change.staged) {
        if (staged.old != nullptr) staged.old->kept_by = whole_changes_;
    }
    for (Entry* entry : change.removed) entry->kept_by = whole_changes_;
    for (auto& [name, entry] : entries_) {
        if (entry.kept_by == whole_changes_ || !takes_frames(*entry.spec)) continue;
        Staged staged;
        staged.old = &entry;
        staged.lane = entry.lane;
        staged.place = entry.place;
        staged.kept = true;
        change.staged.push_back(std::move(staged));
    }
    const std::uint64_t end = before.empty() ? places_end : entries_.find(before)->second.place;
    const auto key = [&](const Staged& staged) {
        const bool is_new = staged.place == 0;
        return std::tuple(is_new ? end : staged.place, !is_new);
    };
    std::stable_sort(change.staged.begin(), change.staged.end(),
                     [&](const Staged& a, const Staged& b) { return key(a) < key(b); });
    std::uint64_t place = 0;
    for (Staged& staged : change.staged) {
        const LaneSpec& spec = staged.spec ? *staged.spec : *staged.old->spec;
        if (!takes_frames(spec)) continue;
        staged.place = place += place_step;
        change.places.push_back(place);
    }
}

// All rules in tables of their own, which commit() puts in the place of those that are there.
engine::Result<void> Fleet::build_tables(Change& change) {
    // From the last to the first: rules of one value are put in front of those behind them.
    for (std::size_t i = change.staged.size(); i-- > 0;) {
        Staged& staged = change.staged[i];
        const LaneSpec& spec = staged.spec ? *staged.spec : *staged.old->spec;
        if (!takes_frames(spec)) continue;
        auto& table = change.tables[spec.port];
        if (!table) table = std::make_unique<MatchTable>(rules_);
        auto rule = table->add(spec.match.get(), order_of(spec, staged.place), staged.lane);
        if (!rule) return engine::Error{0, "lane " + spec.name + ": " + rule.error().message};
        table->publish(**rule);
        staged.rule = *rule;
    }
    for (auto& table : change.tables) {
        if (table) table->flush();
    }
    return {};
}

// Rules for those lanes whose rule changes, in the tables that workers use; not to be found yet.
engine::Result<void> Fleet::add_rules(Change& change) {
    for (Staged& staged : change.staged) {
        const LaneSpec& spec = staged.spec ? *staged.spec : *staged.old->spec;
        if (!takes_frames(spec)) continue;
        const Entry* old = staged.old;
        const bool stays = old != nullptr && old->rule != nullptr && !staged.fresh &&
                           old->spec->port == spec.port && old->place == staged.place &&
                           same_match(*old->spec, spec);
        if (stays) continue;
        auto& table = ports_.at(spec.port).matches;
        if (!table) table = std::make_unique<MatchTable>(rules_);
        auto rule = table->add(spec.match.get(), order_of(spec, staged.place), staged.lane);
        if (!rule) return engine::Error{0, "lane " + spec.name + ": " + rule.error().message};
        staged.rule = *rule;
    }
    return {};
}

}  // namespace lanes
