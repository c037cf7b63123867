// See fleet.hh.
#include "lanes/fleet.hh"

#include <algorithm>
#include <string>

#include "engine/clock.hh"
#include "engine/log.hh"
#include "lanes/announcer.hh"

namespace lanes {
namespace {

/// Looks, a second apart, that must find a lane's packets too old: one straggler is not enough.
constexpr unsigned stale_looks_max = 2;

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

engine::Result<Fleet::Change> Fleet::prepare(const std::vector<LaneSpec>& specs,
                                             std::uint64_t reopened, OnFailure on_failure) {
    Change change;
    change.next.reserve(specs.size());
    // A lane that goes and comes again within a millisecond still counts on from there.
    start_ms_ = std::max(engine::unix_ms(), start_ms_ + 1);
    std::size_t matched = 0;
    for (const LaneSpec& spec : specs) {
        Entry entry;
        entry.spec = &spec;
        const auto old = entries_.find(spec.name);
        const bool known = old != entries_.end();
        matched += known ? 1 : 0;
        const bool untouched = known && old->second.plan && (ports_of(spec) & reopened) == 0;
        if (untouched && same(*old->second.spec, spec)) {
            entry.lane = old->second.lane;
            entry.seen_newest = old->second.seen_newest;
            entry.seen_old = old->second.seen_old;
            entry.stale_looks = old->second.stale_looks;
            keep_next_hops(old->second);
            change.kept.push_back(spec.name);
            ++change.tally.kept;
            change.next.emplace(spec.name, std::move(entry));
            continue;
        }
        auto plan = build_plan(spec, ports_, next_hops_);
        if (plan) {
            entry.plan = std::move(*plan);
        } else if (on_failure == OnFailure::give_up) {
            undo(change);
            return plan.error();
        } else {
            engine::log(engine::Severity::error, plan.error().message);
        }
        if (known && same_object(*old->second.spec, spec) &&
            same_limit(spec, old->second.plan.get(), entry.plan.get())) {
            entry.lane = old->second.lane;
            ++change.tally.renewed;
        } else {
            auto lane = new_lane(spec);
            if (!lane) {
                undo(change);
                return lane.error();
            }
            entry.lane = *lane;
            change.fresh.push_back(spec.name);
            ++(known ? change.tally.replaced : change.tally.added);
        }
        change.next.emplace(spec.name, std::move(entry));
    }
    change.tally.removed = entries_.size() - matched;
    return change;
}

// A plan that stays needs its next hops to stay.
void Fleet::keep_next_hops(const Entry& entry) {
    const auto paths = entry.plan->paths();
    for (std::size_t i = 0; i < paths.size(); ++i) {
        if (paths[i].next_hop != nullptr) {
            next_hops_.find(*paths[i].slot, next_hop_of(entry.spec->paths[i]));
        }
    }
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

void Fleet::discard(Lane& lane) {
    if (lane.windows != nullptr) {
        windows_.give(lane.windows, std::size_t{lane.window_words} * clear_subspaces);
    }
    table_.free(lane);
}

void Fleet::undo(Change& change) {
    for (const std::string_view name : change.fresh) {
        const auto at = change.next.find(name);
        if (at == change.next.end()) continue;
        table_.unreserve();
        discard(*at->second.lane);
    }
}

void Fleet::commit(Change change) {
    for (const std::string_view name : change.kept) {
        change.next.find(name)->second.plan = std::move(entries_.find(name)->second.plan);
    }
    // The old ones leave before the new ones come: an id may move from one lane to another.
    for (auto& [name, old] : entries_) {
        const auto at = change.next.find(name);
        if (at != change.next.end() && at->second.lane == old.lane) continue;
        if (old.spec->id != 0) table_.retire(*old.lane);
        old.lane->plan.store(nullptr, std::memory_order_release);
        dead_lanes_.push_back(old.lane);
    }
    for (auto& [name, entry] : change.next) {
        entry.lane->plan.store(entry.plan.get(), std::memory_order_release);
    }
    for (const std::string_view name : change.fresh) {
        const Entry& entry = change.next.find(name)->second;
        if (entry.spec->id != 0) {
            table_.publish(*entry.lane);
        } else {
            table_.unreserve();
        }
    }
    for (auto& [name, old] : entries_) {
        if (old.plan) dead_plans_.push_back(std::move(old.plan));
    }
    entries_ = std::move(change.next);
}

void Fleet::reclaim() {
    for (Lane* lane : dead_lanes_) discard(*lane);
    dead_lanes_.clear();
    dead_plans_.clear();
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

void Fleet::restart_windows(Entry& entry) {
    Window(entry.lane->windows, entry.lane->window_words * clear_subspaces).restart();
    entry.lane->restarts.fetch_add(1, std::memory_order_relaxed);
    entry.stale_looks = 0;
    ++windows_restarted_;
    engine::log(engine::Severity::warning,
                "lane " + entry.spec->name +
                    ": for two seconds packets were older than the replay window and none was new; "
                    "the window starts afresh (the sender's clock was set back?)");
}

void Fleet::watch_windows(unsigned part, unsigned parts) {
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
            entry.seen_newest = newest;
            entry.seen_old = old;
        }
    }
}

}  // namespace lanes
