// See fleet.hh. Here changes are made; fleet_places.cc says which lane looks at a frame first, and
// fleet_commit.cc makes changes true.
#include "lanes/fleet.hh"

#include <algorithm>
#include <string>
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

std::size_t window_words(const LaneSpec& spec) {
    return spec.window / Window::block_numbers * clear_subspaces;
}

}  // namespace

Fleet::Entry* Fleet::find(std::string_view name) noexcept {
    const auto at = entries_.find(name);
    return at == entries_.end() ? nullptr : &at->second;
}

// Whether a lane goes on as it is, without losing a packet. A `wanted` of nullptr is the old one.
bool Fleet::stays(const Entry* old, const LaneSpec* wanted, std::uint64_t reopened) {
    if (old == nullptr || !old->plan) return false;
    const LaneSpec& spec = wanted == nullptr ? *old->spec : *wanted;
    return (ports_of(spec) & reopened) == 0 && (wanted == nullptr || same(*old->spec, spec));
}

engine::Result<void> Fleet::foresee(const std::vector<LaneSpec>& specs, std::uint64_t reopened,
                                    std::uint64_t not_open, Difference& difference) {
    ++whole_changes_;
    for (const LaneSpec& spec : specs) {
        Entry* old = find(spec.name);
        if (old != nullptr) old->kept_by = whole_changes_;
        if (stays(old, &spec, reopened)) {
            ++difference.keep;
            continue;
        }
        (old == nullptr ? difference.add : difference.change).push_back(spec.name);
        if ((ports_of(spec) & (reopened | not_open)) != 0) continue;
        auto plan = build_plan(spec, ports_, next_hops_, plans_);
        if (!plan) return plan.error();
        discard(std::move(*plan));
    }
    for (const auto& [name, entry] : entries_) {
        if (entry.kept_by != whole_changes_) difference.remove.emplace_back(name);
    }
    std::sort(difference.remove.begin(), difference.remove.end());
    return {};
}

void Fleet::tell(const Change& change, Difference& difference) {
    for (const Staged& staged : change.staged) {
        if (staged.kept) {
            ++difference.keep;
        } else {
            (staged.old == nullptr ? difference.add : difference.change)
                .push_back(staged.spec->name);
        }
    }
    for (const Entry* entry : change.removed) difference.remove.push_back(entry->spec->name);
    std::sort(difference.remove.begin(), difference.remove.end());
}

std::string_view Fleet::behind(std::string_view name) const noexcept {
    const auto at = entries_.find(name);
    if (at == entries_.end() || !takes_frames(*at->second.spec)) return {};
    const Entry* next = nullptr;
    for (const auto& [other, entry] : entries_) {
        if (!takes_frames(*entry.spec) || entry.place <= at->second.place) continue;
        if (next == nullptr || entry.place < next->place) next = &entry;
    }
    return next == nullptr ? std::string_view{} : next->spec->name;
}

// What becomes of one lane. A `spec` of nullptr is the old one.
engine::Result<Fleet::Staged> Fleet::stage(std::unique_ptr<const LaneSpec> given, Entry* old,
                                           std::uint64_t reopened) {
    Staged staged;
    staged.old = old;
    staged.place = old == nullptr ? 0 : old->place;
    const LaneSpec& spec = given ? *given : *old->spec;
    if (stays(old, given.get(), reopened)) {
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
    if (auto differ = check_matches(change, leaving); !differ) return differ;
    if (change.before.empty()) return {};
    const auto before = entries_.find(change.before);
    const bool removed =
        std::find(change.remove.begin(), change.remove.end(), change.before) != change.remove.end();
    if (before != entries_.end() && takes_frames(*before->second.spec) && !removed) return {};
    return failed("lane " + change.before +
                  ": no lane of this name takes frames, so that others could stand before it");
}

// Of two lanes that take the same frames of a port, one would never see any. Costs no look at lanes
// whose match is another.
engine::Result<void> Fleet::check_matches(const LaneChange& change,
                                          const std::unordered_set<const Lane*>& leaving) const {
    const auto refused = [&](const LaneSpec& spec, std::string_view other) {
        const std::string& port = ports_.at(spec.port).spec.name;
        const std::string whose(other);
        return engine::Error{
            0,
            spec.match
                ? "lane " + spec.name + ": its match equals that of lane " + whose +
                      ", so no frame of port " + port +
                      " ever comes to it; expected different matches"
                : "lane " + spec.name + " takes all frames of port " + port + ", as does lane " +
                      whose +
                      "; expected one lane without `match` per port: give one of them a `match`"};
    };
    std::unordered_multimap<std::uint64_t, const LaneSpec*> seen;
    for (const LaneSpec& spec : change.put) {
        if (!takes_frames(spec)) continue;
        const std::uint64_t hash = hash_of(spec.match.get()) + spec.port;
        const auto [first, last] = seen.equal_range(hash);
        for (auto at = first; at != last; ++at) {
            const LaneSpec& other = *at->second;
            if (other.port == spec.port && same_match(other, spec)) {
                return refused(spec, other.name);
            }
        }
        seen.emplace(hash, &spec);
        const auto& table = ports_.at(spec.port).matches;
        if (!table) continue;
        for (const Lane* other : table->lanes_like(spec.match.get())) {
            if (leaving.count(other) != 0) continue;
            const auto is_it = [&](const auto& item) { return item.second.lane == other; };
            const auto owner = std::find_if(entries_.begin(), entries_.end(), is_it);
            if (owner == entries_.end() || !same_match(*owner->second.spec, spec)) continue;
            return refused(spec, owner->first);
        }
    }
    return {};
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
            engine::log(engine::Severity::error, engine::events::lane_changed,
                        {{engine::Key::lane, std::string(name)}}, staged.error().message);
            staged =
                Staged{&entry, nullptr, entry.lane, nullptr, nullptr, entry.place, false, false};
        }
        change.staged.push_back(std::move(*staged));
    }
    if (auto added = add_rules(change); !added) {
        engine::log(engine::Severity::error, engine::events::lane_changed, {},
                    added.error().message);
    }
    return change;
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
