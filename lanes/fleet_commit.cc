// See fleet.hh. Here changes that fleet.cc made become true, and what they leave is cleared away.
#include <malloc.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/log.hh"
#include "lanes/fleet.hh"

namespace lanes {
namespace {

/// Looks, a second apart, that must find a lane's packets too old: one straggler is not enough.
constexpr unsigned stale_looks_max = 2;

/// Fewer lanes than this are not worth a tidying.
constexpr std::size_t give_back_least = 10'000;

}  // namespace

Fleet::Turnover Fleet::commit(Change change) {
    switch_lanes(change);
    switch_rules(change);
    Turnover turnover;
    for (Entry* entry : change.removed) remove(*entry, turnover);
    for (Staged& staged : change.staged) enter(staged, turnover);
    if (change.whole) places_ = std::move(change.places);
    return turnover;
}

// The old ones leave before the new ones come: an id may move from one lane to another.
void Fleet::switch_lanes(Change& change) {
    for (Staged& staged : change.staged) {
        if (!staged.kept) staged.lane->plan.store(staged.plan.get(), std::memory_order_release);
    }
    for (Entry* entry : change.removed) {
        if (entry->lane->id != 0) table_.retire(*entry->lane);
    }
    for (Staged& staged : change.staged) {
        if (!staged.fresh || staged.old == nullptr) continue;
        Lane& former = *staged.old->lane;
        if (former.id != 0 && former.id == staged.lane->id) {
            table_.replace(former, *staged.lane);
        } else if (former.id != 0) {
            table_.retire(former);
        }
    }
    for (Staged& staged : change.staged) {
        if (!staged.fresh) continue;
        if (staged.lane->id == 0) {
            table_.unreserve();
        } else if (staged.old == nullptr || staged.old->lane->id != staged.lane->id) {
            table_.publish(*staged.lane);
        }
    }
}

// New rules come before the old ones leave: a frame that both take goes to one of their lanes.
void Fleet::switch_rules(Change& change) {
    const auto flush = [&] {
        for (Ports::Slot& slot : ports_.slots()) {
            if (slot.matches) slot.matches->flush();
        }
    };
    if (change.whole) {
        for (std::size_t i = 0; i < change.tables.size(); ++i) {
            auto& matches = ports_.slots()[i].matches;
            if (matches) dead_tables_.push_back(std::move(matches));
            matches = std::move(change.tables[i]);
        }
        return;
    }
    for (Staged& staged : change.staged) {
        if (staged.rule == nullptr) continue;
        const LaneSpec& spec = staged.spec ? *staged.spec : *staged.old->spec;
        ports_.at(spec.port).matches->publish(*staged.rule);
    }
    flush();
    for (Entry* entry : change.removed) retire_rule(*entry);
    for (Staged& staged : change.staged) {
        if (staged.old == nullptr || staged.old->rule == nullptr) continue;
        if (staged.rule != nullptr || (staged.spec && !takes_frames(*staged.spec))) {
            retire_rule(*staged.old);
        } else {
            staged.rule = staged.old->rule;
        }
    }
    flush();
}

void Fleet::retire_rule(Entry& entry) {
    if (entry.rule == nullptr) return;
    MatchTable& table = *ports_.at(entry.spec->port).matches;
    table.retire(*entry.rule);
    dead_rules_.push_back({&table, entry.rule});
    entry.rule = nullptr;
}

void Fleet::enter(Staged& staged, Turnover& turnover) {
    Entry* entry = staged.old;
    if (entry == nullptr) {
        const auto [at, added] = entries_.try_emplace(staged.spec->name);
        LANES_CHECK(added);
        entry = &at->second;
        entry->spec = std::move(staged.spec);
        uses_.add(*entry->spec);
    } else if (!staged.kept) {
        if (entry->plan) dead_plans_.push_back(std::move(entry->plan));
        if (staged.fresh) {
            if (entry->spec->keys) turnover.gone.push_back(entry->lane);
            bury(*entry->lane);
            entry->stale_looks = 0;
        }
        if (staged.spec) rename(*entry, std::move(staged.spec));
    }
    entry->rule = staged.rule;
    entry->place = staged.place;
    if (staged.kept) return;
    entry->lane = staged.lane;
    entry->plan = std::move(staged.plan);
    if (staged.fresh && entry->spec->keys) turnover.came.push_back(entry);
}

// The key lies in the spec.
void Fleet::rename(Entry& entry, std::unique_ptr<const LaneSpec> spec) {
    auto node = entries_.extract(entry.spec->name);
    uses_.remove(*entry.spec);
    entry.spec = std::move(spec);
    uses_.add(*entry.spec);
    node.key() = entry.spec->name;
    entries_.insert(std::move(node));
}

void Fleet::remove(Entry& entry, Turnover& turnover) {
    uses_.remove(*entry.spec);
    if (entry.spec->keys) turnover.gone.push_back(entry.lane);
    bury(*entry.lane);
    if (entry.plan) dead_plans_.push_back(std::move(entry.plan));
    const auto node = entries_.extract(entry.spec->name);  // goes with its key, which is in it
    ++removed_;
}

// Until reclaim(), when no worker uses it any more.
void Fleet::bury(Lane& lane) {
    lane.trace.store(nullptr, std::memory_order_release);
    dead_lanes_.push_back(&lane);
}

void Fleet::reclaim() {
    for (Lane* lane : dead_lanes_) discard(*lane);
    for (PlanPtr& plan : dead_plans_) discard(std::move(plan));
    for (const DeadRule& dead : dead_rules_) dead.table->free(*dead.rule);
    for (Ports::Slot& slot : ports_.slots()) {
        if (slot.matches) slot.matches->sweep();
    }
    dead_lanes_.clear();
    dead_plans_.clear();
    dead_rules_.clear();
    dead_tables_.clear();
    if (places_.size() > 2 * uses_.takers() + give_back_least) {
        places_.clear();
        for (const auto& [name, entry] : entries_) {
            if (entry.place != 0) places_.push_back(entry.place);
        }
        std::sort(places_.begin(), places_.end());
    }
    if (removed_ > std::max(give_back_least, entries_.size())) give_back_memory();
}

// What a great many lanes left behind in tables of the library and in its free memory.
void Fleet::give_back_memory() {
    removed_ = 0;
    entries_.rehash(0);
    places_.shrink_to_fit();
    dead_lanes_.shrink_to_fit();
    dead_plans_.shrink_to_fit();
    dead_rules_.shrink_to_fit();
    ::malloc_trim(0);
}

void Fleet::discard(Lane& lane) {
    lane.plan.store(nullptr, std::memory_order_release);
    if (lane.windows != nullptr) {
        windows_.give(lane.windows, std::size_t{lane.window_words} * clear_subspaces);
    }
    table_.free(lane);
}

void Fleet::discard(PlanPtr plan) {
    if (plan) leave_next_hops(*plan, next_hops_);
}

void Fleet::restart_windows(Entry& entry) {
    Window(entry.lane->windows, entry.lane->window_words * clear_subspaces).restart();
    entry.lane->restarts.fetch_add(1, std::memory_order_relaxed);
    entry.stale_looks = 0;
    ++windows_restarted_;
    engine::log(engine::Severity::warning, engine::events::replay_window,
                {{engine::Key::lane, entry.spec->name}},
                "lane " + entry.spec->name +
                    ": for two seconds packets were older than the replay window and none was new; "
                    "the window starts afresh (the sender's clock was set back?)");
}

void Fleet::watch_windows(unsigned part, unsigned parts, std::uint64_t boot_ns) {
    const std::size_t buckets = entries_.bucket_count();
    const std::size_t end = buckets * (part + 1) / parts;
    for (std::size_t bucket = buckets * part / parts; bucket < end; ++bucket) {
        for (auto at = entries_.begin(bucket); at != entries_.end(bucket); ++at) {
            Entry& entry = at->second;
            if (entry.spec->role != Role::receive || entry.spec->keys) continue;
            std::uint64_t newest = 0;
            std::uint64_t old = 0;
            for (unsigned worker = 0; worker < table_.workers(); ++worker) {
                newest = std::max(newest, entry.lane->shares[worker].newest.get());
                old += entry.lane->shares[worker].old.get();
            }
            const bool stale = newest == entry.seen_newest && old != entry.seen_old;
            entry.stale_looks = stale ? entry.stale_looks + 1 : 0;
            if (entry.stale_looks == stale_looks_max) restart_windows(entry);
            if (newest != entry.seen_newest) entry.heard_boot_ns = boot_ns;
            entry.seen_newest = newest;
            entry.seen_old = old;
        }
    }
}

}  // namespace lanes
