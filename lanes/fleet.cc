// See fleet.hh. This half makes changes, the other one (fleet_commit.cc) makes them true.
#include "lanes/fleet.hh"

#include <algorithm>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "engine/clock.hh"
#include "engine/log.hh"
#include "lanes/announcer.hh"

namespace lanes {
namespace {

/// Whether a lane object can go on as that: its numbering and its windows still mean the same.
bool same_object(const LaneSpec& a, const LaneSpec& b) {
    return a.id == b.id && a.role == b.role && a.window == b.window && same_sealing(a, b);
}

/// Whether keys that may seal so many packets of the one plan may seal as many of the other.
bool same_limit(const LaneSpec& spec, const Plan* a, const Plan* b) {
    if (!spec.keys || spec.role != Role::send || a == nullptr || b == nullptr) return true;
    const crypto::Suite suite = suite_of(spec.cipher);
    return packet_limit(suite, a->packet_max) == packet_limit(suite, b->packet_max);
}

/// How far apart places are, so that others find room between them; and where they end.
constexpr std::uint64_t place_step = std::uint64_t{1} << 24;
constexpr std::uint64_t places_end = std::uint64_t{1} << 62;

/// Lanes that take every frame stand behind all that look at it first.
std::uint64_t order_of(const LaneSpec& spec, std::uint64_t place) {
    return spec.match ? place : places_end + place;
}

bool same_match(const LaneSpec& a, const LaneSpec& b) {
    return a.match && b.match ? *a.match == *b.match : a.match == b.match;
}

std::size_t window_words(const LaneSpec& spec) {
    return spec.window / Window::block_numbers * clear_subspaces;
}

}  // namespace

Fleet::Entry* Fleet::find(std::string_view name) noexcept {
    const auto at = entries_.find(name);
    return at == entries_.end() ? nullptr : &at->second;
}

// What becomes of one lane. A `spec` of nullptr is the old one.
engine::Result<Fleet::Staged> Fleet::stage(std::unique_ptr<const LaneSpec> given, Entry* old,
                                           std::uint64_t reopened) {
    Staged staged;
    staged.old = old;
    staged.place = old == nullptr ? 0 : old->place;
    const LaneSpec& spec = given ? *given : *old->spec;
    const bool untouched = old != nullptr && old->plan && (ports_of(spec) & reopened) == 0;
    if (untouched && (!given || same(*old->spec, spec))) {
        staged.lane = old->lane;
        staged.kept = true;
        return staged;
    }
    auto plan = build_plan(spec, ports_, next_hops_, plans_);
    if (!plan) return plan.error();
    staged.plan = std::move(*plan);
    if (old != nullptr && same_object(*old->spec, spec) &&
        same_limit(spec, old->plan.get(), staged.plan.get())) {
        staged.lane = old->lane;
    } else {
        auto lane = new_lane(spec);
        if (!lane) {
            discard(std::move(staged.plan));
            return lane.error();
        }
        staged.lane = *lane;
        staged.fresh = true;
    }
    staged.spec = std::move(given);
    return staged;
}

engine::Result<Fleet::Change> Fleet::prepare(std::vector<LaneSpec> specs, std::uint64_t reopened) {
    Change change;
    change.whole = true;
    change.staged.reserve(specs.size());
    // A lane that goes and comes again within a millisecond still counts on from there.
    start_ms_ = std::max(engine::unix_ms(), start_ms_ + 1);
    ++whole_changes_;
    std::uint64_t place = 0;
    for (LaneSpec& given : specs) {
        auto spec = std::make_unique<const LaneSpec>(std::move(given));
        Entry* old = find(spec->name);
        if (old != nullptr) old->kept_by = whole_changes_;
        const bool takes = takes_frames(*spec);
        auto staged = stage(std::move(spec), old, reopened);
        if (!staged) {
            undo(change);
            return staged.error();
        }
        if (takes) change.places.push_back(place += place_step);
        staged->place = takes ? place : 0;
        change.tally.kept += staged->kept ? 1 : 0;
        change.tally.renewed += !staged->kept && !staged->fresh ? 1 : 0;
        change.tally.added += old == nullptr ? 1 : 0;
        change.tally.replaced += staged->fresh && old != nullptr ? 1 : 0;
        change.staged.push_back(std::move(*staged));
    }
    for (auto& [name, entry] : entries_) {
        if (entry.kept_by != whole_changes_) change.removed.push_back(&entry);
    }
    change.tally.removed = change.removed.size();
    if (auto built = build_tables(change); !built) {
        undo(change);
        return built.error();
    }
    return change;
}

engine::Result<void> Fleet::check(const LaneChange& change) const {
    const auto failed = [](const std::string& why) { return engine::Error{0, why}; };
    std::unordered_set<std::string_view> names;
    std::unordered_set<const Lane*> leaving;  // or becoming others
    for (const std::string& name : change.remove) {
        const Lane* leaves = lane(name);
        if (leaves == nullptr) return failed("lane " + name + ": there is no lane of this name");
        if (!names.insert(name).second) return failed("lane " + name + " is named twice");
        leaving.insert(leaves);
    }
    for (const LaneSpec& spec : change.put) {
        if (!names.insert(spec.name).second) return failed("lane " + spec.name + " is named twice");
        leaving.insert(lane(spec.name));
    }
    const LaneTable::Reader ids(table_);
    std::unordered_map<std::uint32_t, std::string_view> seen;
    for (const LaneSpec& spec : change.put) {
        if ((spec.id == 0) != (spec.role == Role::patch)) {
            return failed("lane " + spec.name + ": lane id " + std::to_string(spec.id) +
                          "; expected one from 1 on, and 0 for a patch");
        }
        if (spec.id == 0) continue;
        std::string_view owner;
        const Lane* known = ids.find(spec.id);
        if (known != nullptr && leaving.count(known) == 0) {
            const auto is_it = [&](const auto& item) { return item.second.lane == known; };
            owner = std::find_if(entries_.begin(), entries_.end(), is_it)->first;
        }
        const auto [at, first] = seen.emplace(spec.id, spec.name);
        if (!first) owner = at->second;
        if (owner.empty()) continue;
        return failed("lane " + spec.name + ": lane id " + std::to_string(spec.id) +
                      " is already lane " + std::string(owner) +
                      "'s; expected an id of its own for each lane");
    }
    if (change.before.empty()) return {};
    const auto before = entries_.find(change.before);
    const bool removed =
        std::find(change.remove.begin(), change.remove.end(), change.before) != change.remove.end();
    if (before != entries_.end() && takes_frames(*before->second.spec) && !removed) return {};
    return failed("lane " + change.before +
                  ": no lane of this name takes frames, so that others could stand before it");
}

engine::Result<Fleet::Change> Fleet::prepare(LaneChange wanted) {
    if (auto good = check(wanted); !good) return good.error();
    Change change;
    start_ms_ = std::max(engine::unix_ms(), start_ms_ + 1);
    change.staged.reserve(wanted.put.size());
    for (LaneSpec& given : wanted.put) {
        auto spec = std::make_unique<const LaneSpec>(std::move(given));
        Entry* old = find(spec->name);
        auto staged = stage(std::move(spec), old, 0);
        if (!staged) {
            undo(change);
            return staged.error();
        }
        if (staged->kept) continue;
        ++(old == nullptr  ? change.tally.added
           : staged->fresh ? change.tally.replaced
                           : change.tally.renewed);
        change.staged.push_back(std::move(*staged));
    }
    for (const std::string& name : wanted.remove) change.removed.push_back(find(name));
    change.tally.removed = change.removed.size();
    change.tally.kept =
        entries_.size() - change.removed.size() - change.tally.replaced - change.tally.renewed;
    give_places(change, wanted.before);
    auto added = change.whole ? build_tables(change) : add_rules(change);
    if (!added) {
        undo(change);
        return added.error();
    }
    return change;
}

Fleet::Change Fleet::replan(std::uint64_t reopened) {
    Change change;
    start_ms_ = std::max(engine::unix_ms(), start_ms_ + 1);
    for (auto& [name, entry] : entries_) {
        if ((ports_of(*entry.spec) & reopened) == 0) continue;
        auto staged = stage(nullptr, &entry, reopened);
        if (!staged) {
            engine::log(engine::Severity::error, staged.error().message);
            staged =
                Staged{&entry, nullptr, entry.lane, nullptr, nullptr, entry.place, false, false};
        }
        change.staged.push_back(std::move(*staged));
    }
    if (auto added = add_rules(change); !added) {
        engine::log(engine::Severity::error, added.error().message);
    }
    return change;
}

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

engine::Result<Lane*> Fleet::new_lane(const LaneSpec& spec) {
    auto lane = table_.add(spec.id);
    if (!lane) return engine::Error{0, "lane " + spec.name + ": " + lane.error().message};
    for (unsigned worker = 0; worker < table_.workers(); ++worker) {
        // A restarted sender is ahead of all it ever sent: 2^20 packets per millisecond is more
        // than any worker sends.
        LaneShare& share = (*lane)->shares[worker];
        share.next_sequence.set(start_ms_ << 20);
        // And its fragments do not meet what is left at the receiver of those it sent before.
        // Nobody cuts a frame every 64 ns.
        share.next_fragment = static_cast<std::uint32_t>(engine::unix_ns() >> 6);
    }
    if (spec.role != Role::receive || spec.keys) return lane;  // sessions bring their own windows
    auto words = windows_.take(window_words(spec));
    if (!words) {
        table_.unreserve();
        table_.free(**lane);
        return engine::Error{0, "lane " + spec.name + ": " + words.error().message};
    }
    (*lane)->windows = *words;
    (*lane)->window_words = static_cast<std::uint32_t>(spec.window / Window::block_numbers);
    return lane;
}

void Fleet::undo(Change& change) {
    for (Staged& staged : change.staged) {
        if (staged.rule != nullptr && !change.whole) {
            const LaneSpec& spec = staged.spec ? *staged.spec : *staged.old->spec;
            ports_.at(spec.port).matches->cancel(*staged.rule);
        }
        discard(std::move(staged.plan));
        if (!staged.fresh) continue;
        table_.unreserve();
        discard(*staged.lane);
    }
    change.staged.clear();
}

void Fleet::suspend(std::uint64_t ports) {
    for (auto& [name, entry] : entries_) {
        if ((ports_of(*entry.spec) & ports) == 0) continue;
        entry.lane->plan.store(nullptr, std::memory_order_release);
    }
}

Lane* Fleet::lane(std::string_view name) const noexcept {
    const auto at = entries_.find(name);
    return at == entries_.end() ? nullptr : at->second.lane;
}

}  // namespace lanes
