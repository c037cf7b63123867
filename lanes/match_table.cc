// See match_table.hh. This half is Control's; the workers' is match_find.cc.
#include "lanes/match_table.hh"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <random>

namespace lanes {
namespace {

constexpr std::uint64_t capacity_min = 8;
/// A table of which only one slot in so many has a rule becomes a quarter as large: still far from
/// where it would grow again.
constexpr std::uint64_t shrink_below = 16;
constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;
constexpr std::uint32_t no_tuple = ~0u;

void set_prefix(std::array<std::uint8_t, 16>& value, std::array<std::uint8_t, 16>& mask,
                const engine::IpPrefix& prefix) {
    for (unsigned bit = 0; bit < prefix.len; ++bit) {
        mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80u >> bit % 8);
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
        value[i] = prefix.address.bytes[i] & mask[i];
    }
}

/// A range of one port is a field like any other; other ranges only ask that there be ports.
void set_port(std::uint16_t& value, std::uint16_t& mask, std::uint8_t& known,
              const MatchSpec::Range& range) {
    if (range.any()) return;
    known |= FlowKey::has_ports;
    if (range.first != range.last) return;
    value = range.first;
    mask = 0xffff;
}

void set_ip(FlowKey& value, FlowKey& mask, const MatchSpec& match) {
    if (match.protocol != MatchSpec::any) {
        value.protocol = static_cast<std::uint8_t>(match.protocol);
        mask.protocol = 0xff;
    }
    if (match.dscp != MatchSpec::any) {
        value.dscp = static_cast<std::uint8_t>(match.dscp);
        mask.dscp = 0xff;
    }
    if (match.has_source || match.has_destination) {
        value.version = (match.has_source ? match.source : match.destination).address.v6 ? 6 : 4;
        mask.version = 0xff;
    }
    if (match.has_source) set_prefix(value.source, mask.source, match.source);
    if (match.has_destination) set_prefix(value.destination, mask.destination, match.destination);
    if (mask.protocol != 0 || mask.dscp != 0 || mask.version != 0) mask.known |= FlowKey::has_ip;
    set_port(value.source_port, mask.source_port, mask.known, match.source_port);
    set_port(value.destination_port, mask.destination_port, mask.known, match.destination_port);
    value.known = mask.known;
}

void set_key(FlowKey& value, FlowKey& mask, const MatchSpec& match) {
    if (match.vlan != MatchSpec::any) {
        const bool tagged = match.vlan != MatchSpec::vlan_none;
        value.vlan = tagged ? static_cast<std::uint16_t>(FlowKey::tagged | match.vlan) : 0;
        mask.vlan = tagged ? 0xffff : FlowKey::tagged;
    }
    if (match.ether_type != MatchSpec::any) {
        value.ether_type = static_cast<std::uint16_t>(match.ether_type);
        mask.ether_type = 0xffff;
    }
    if (match.has_source_mac) {
        value.source_mac = match.source_mac.bytes;
        mask.source_mac.fill(0xff);
    }
    if (match.has_destination_mac) {
        value.destination_mac = match.destination_mac.bytes;
        mask.destination_mac.fill(0xff);
    }
    set_ip(value, mask, match);
}

}  // namespace

engine::Result<MatchRules> MatchRules::create(std::uint32_t rules_max) {
    MatchRules rules;
    for (auto& [slab, words] : {std::pair<Slab&, unsigned>(rules.narrow_, narrow_words),
                                std::pair<Slab&, unsigned>(rules.wide_, wide_words)}) {
        const std::size_t bytes = sizeof(MatchRule) + words * sizeof(std::uint64_t);
        const std::size_t lines = (bytes + engine::cache_line - 1) / engine::cache_line;
        auto made = Slab::create(rules_max, lines * engine::cache_line);
        if (!made) return made.error();
        slab = std::move(*made);
    }
    return rules;
}

MatchTable::MatchTable(MatchRules& rules)
    : rules_(rules), current_(std::make_unique<const View>()), view_(current_.get()) {
    std::random_device random;
    for (auto& key : random_) key = std::uint64_t{random()} << 32 | random();
}

MatchTable::~MatchTable() {
    for (const auto& tuple : tuples_) {
        if (!tuple) continue;
        each_rule(*tuple,
                  [&](MatchRule& rule) { slab_of(*tuple).give(reference(*tuple, rule) - 1); });
    }
    for (const auto& [order, rule] : catch_alls_)
        rules_.narrow_.give(rules_.narrow_.place_of(rule));
}

std::uint64_t MatchTable::slots() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& tuple : tuples_) sum += tuple ? tuple->capacity : 0;
    return sum;
}

Slab& MatchTable::slab_of(const Tuple& tuple) noexcept {
    return tuple.words <= MatchRules::narrow_words ? rules_.narrow_ : rules_.wide_;
}

std::uint32_t MatchTable::reference(const Tuple& tuple, const MatchRule& rule) noexcept {
    return slab_of(tuple).place_of(&rule) + 1;
}

MatchRule& MatchTable::rule_of(const Tuple& tuple, std::uint64_t reference) noexcept {
    return const_cast<MatchRule&>(*rule_at(tuple, reference & 0xffffffff));
}

/// nullptr before there are any.
MatchTable::Slot* MatchTable::slots_of(const Tuple& tuple) noexcept {
    if (tuple.capacity == 0) return nullptr;
    return reinterpret_cast<Slot*>(tuple.region.data() + engine::cache_line);
}

MatchTable::Tuple* MatchTable::tuple_for(const Words& mask) {
    const auto [at, added] = by_mask_.try_emplace(mask, 0);
    if (!added) return tuples_[at->second].get();
    if (free_tuples_.empty()) {
        free_tuples_.push_back(static_cast<std::uint32_t>(tuples_.size()));
        tuples_.emplace_back();
    }
    at->second = free_tuples_.back();
    free_tuples_.pop_back();
    auto& tuple = tuples_[at->second];
    tuple = std::make_unique<Tuple>();
    tuple->index = at->second;
    tuple->whole_mask = mask;
    tuple->hash_key = random_;
    // Words that nothing is asked of count as the last one of a key, masked out.
    tuple->place.fill(static_cast<std::uint8_t>(mask.size() - 1));
    std::uint32_t words = 0;
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0) continue;
        tuple->place[words] = static_cast<std::uint8_t>(i);
        tuple->mask[words++] = mask[i];
    }
    tuple->words = words <= 2 ? 2 : words <= MatchRules::narrow_words ? 4 : 8;
    const Slab& slab = slab_of(*tuple);
    tuple->stride = static_cast<std::uint32_t>(slab.stride());
    tuple->rules = slab.data() - slab.stride();
    return tuple.get();
}

engine::Result<MatchRule*> MatchTable::add(const MatchSpec* match, std::uint64_t order,
                                           Lane* lane) {
    Tuple* tuple = nullptr;
    FlowKey value;
    if (match != nullptr) {
        FlowKey mask;
        set_key(value, mask, *match);
        tuple = tuple_for(std::bit_cast<Words>(mask));
    }
    Slab& slab = tuple == nullptr ? rules_.narrow_ : slab_of(*tuple);
    const std::uint32_t place = slab.take();
    if (place == Slab::none || (tuple != nullptr && !room_for_one(*tuple))) {
        if (place != Slab::none) slab.give(place);
        if (tuple != nullptr) drop_if_empty(*tuple);
        return engine::Error{0, "no room for another match rule"};
    }
    auto* rule = new (slab.at(place)) MatchRule;
    rule->lane = lane;
    rule->order = order;
    rule->tuple = no_tuple;
    if (tuple == nullptr) return rule;
    fill(*rule, *tuple, *match, std::bit_cast<Words>(value));
    ++tuple->reserved;
    return rule;
}

void MatchTable::fill(MatchRule& rule, const Tuple& tuple, const MatchSpec& match,
                      const Words& value) noexcept {
    rule.source_port = match.source_port;
    rule.destination_port = match.destination_port;
    rule.tuple = tuple.index;
    for (std::size_t i = 0; i < tuple.words; ++i) {
        rule.value()[i] = value[tuple.place[i]] & tuple.mask[i];
    }
}

std::vector<const Lane*> MatchTable::lanes_like(const MatchSpec* match) {
    std::vector<const Lane*> found;
    if (match == nullptr) {
        for (const auto& [order, rule] : catch_alls_) found.push_back(rule->lane);
        return found;
    }
    FlowKey value;
    FlowKey mask;
    set_key(value, mask, *match);
    const auto known = by_mask_.find(std::bit_cast<Words>(mask));
    if (known == by_mask_.end()) return found;
    Tuple& tuple = *tuples_[known->second];
    if (tuple.capacity == 0) return found;
    struct {
        MatchRule rule;
        Words words{};
    } wanted;
    fill(wanted.rule, tuple, *match, std::bit_cast<Words>(value));
    const std::uint64_t there = find_slot(tuple, wanted.rule).load(std::memory_order_relaxed);
    if (there == 0 || there == tombstone) return found;
    for (std::uint64_t at = there; (at & 0xffffffff) != 0;) {
        const MatchRule& rule = rule_of(tuple, at);
        if (rule.source_port == match->source_port &&
            rule.destination_port == match->destination_port) {
            found.push_back(rule.lane);
        }
        at = rule.next.load(std::memory_order_relaxed);
    }
    return found;
}

void MatchTable::cancel(MatchRule& rule) {
    if (rule.tuple == no_tuple) return free(rule);
    Tuple& tuple = *tuples_[rule.tuple];
    --tuple.reserved;
    slab_of(tuple).give(reference(tuple, rule) - 1);
    drop_if_empty(tuple);
}

void MatchTable::publish(MatchRule& rule) {
    if (rule.tuple == no_tuple) {
        catch_alls_.emplace(rule.order, &rule);
        stale_ = true;
        return;
    }
    Tuple& tuple = *tuples_[rule.tuple];
    --tuple.reserved;
    if (!tuple.shown || rule.order < tuple.best) {
        tuple.best = std::min(tuple.best, rule.order);
        stale_ = true;
    }
    Slot& slot = find_slot(tuple, rule);
    const std::uint64_t there = slot.load(std::memory_order_relaxed);
    const std::uint64_t own =
        (hash_value(tuple, rule.value()) >> 32 | 1) << 32 | reference(tuple, rule);
    if (there == 0 || there == tombstone) {
        slot.store(own, std::memory_order_release);
        tuple.used += there == 0 ? 1 : 0;
        ++tuple.live;
        return;
    }
    MatchRule* before = &rule_of(tuple, there);
    if (rule.order <= before->order) {
        rule.next.store(static_cast<std::uint32_t>(there), std::memory_order_relaxed);
        slot.store(own, std::memory_order_release);
        return;
    }
    for (;;) {
        const std::uint32_t next = before->next.load(std::memory_order_relaxed);
        if (next == 0 || rule.order <= rule_of(tuple, next).order) break;
        before = &rule_of(tuple, next);
    }
    rule.next.store(before->next.load(std::memory_order_relaxed), std::memory_order_relaxed);
    before->next.store(static_cast<std::uint32_t>(own), std::memory_order_release);
}

// Whoever stands on the rule goes on to those behind it: its `next` stays.
void MatchTable::retire(MatchRule& rule) {
    if (rule.tuple == no_tuple) {
        auto at = catch_alls_.lower_bound(rule.order);
        while (at->second != &rule) ++at;
        catch_alls_.erase(at);
        stale_ = true;
        return;
    }
    Tuple& tuple = *tuples_[rule.tuple];
    Slot& slot = find_slot(tuple, rule);
    const std::uint64_t there = slot.load(std::memory_order_relaxed);
    const std::uint32_t next = rule.next.load(std::memory_order_relaxed);
    MatchRule* at = &rule_of(tuple, there);
    if (at != &rule) {
        while (&rule_of(tuple, at->next.load(std::memory_order_relaxed)) != &rule) {
            at = &rule_of(tuple, at->next.load(std::memory_order_relaxed));
        }
        return at->next.store(next, std::memory_order_release);
    }
    if (next != 0) {
        return slot.store((there >> 32) << 32 | next, std::memory_order_release);
    }
    slot.store(tombstone, std::memory_order_release);
    --tuple.live;
    const std::uint64_t wanted = tuple.live + tuple.reserved;
    if (wanted == 0) {
        stale_ = true;  // flush() lets it go
    } else if (tuple.capacity > capacity_min && wanted * shrink_below < tuple.capacity) {
        // Only to save memory: if there is none for the smaller one, the larger one stays.
        rebuild(tuple, std::max(tuple.capacity / 4, capacity_min));
    }
}

void MatchTable::flush() {
    if (!std::exchange(stale_, false)) return;
    auto next = std::make_unique<View>();
    for (std::size_t i = 0; i < tuples_.size(); ++i) {
        if (!tuples_[i]) continue;
        Tuple& tuple = *tuples_[i];
        if (tuple.live == 0) {
            tuple.shown = false;
            tuple.best = ~std::uint64_t{0};
            drop_if_empty(tuple);
            continue;
        }
        tuple.shown = true;
        next->probes.push_back({tuple.best, &tuple});
    }
    std::sort(next->probes.begin(), next->probes.end(),
              [](const auto& a, const auto& b) { return a.best < b.best; });
    if (!catch_alls_.empty()) {
        next->catch_all = catch_alls_.begin()->second->lane;
        next->catch_all_order = catch_alls_.begin()->first;
    }
    if (next->probes.empty()) next->only = next->catch_all;
    view_.store(next.get(), std::memory_order_release);
    former_views_.push_back(std::exchange(current_, std::move(next)));
}

void MatchTable::free(MatchRule& rule) {
    // Of which kind it is can be seen from where it lies: its tuple may have gone.
    Slab& narrow = rules_.narrow_;
    const auto* at = reinterpret_cast<const std::byte*>(&rule);
    const bool is_narrow =
        at >= narrow.data() && at < narrow.data() + narrow.stride() * narrow.places_max();
    Slab& slab = is_narrow ? narrow : rules_.wide_;
    slab.give(slab.place_of(&rule));
}

void MatchTable::sweep() {
    former_views_.clear();
    former_tuples_.clear();
    former_slots_.clear();
}

void MatchTable::drop_if_empty(Tuple& tuple) {
    if (tuple.live + tuple.reserved != 0 || tuple.shown) return;
    by_mask_.erase(tuple.whole_mask);
    free_tuples_.push_back(tuple.index);
    former_tuples_.push_back(std::move(tuples_[tuple.index]));
}

bool MatchTable::room_for_one(Tuple& tuple) noexcept {
    if ((tuple.used + tuple.reserved + 1) * 2 <= tuple.capacity) return true;
    const bool full = (tuple.live + tuple.reserved + 1) * 4 > tuple.capacity;
    const std::uint64_t grown = std::max(tuple.capacity * 2, capacity_min);
    return rebuild(tuple, full ? grown : tuple.capacity);
}

bool MatchTable::rebuild(Tuple& tuple, std::uint64_t capacity) noexcept {
    const std::size_t bytes = engine::cache_line + capacity * sizeof(Slot);
    auto region = engine::Region::map(bytes, bytes < huge_page_bytes ? engine::Region::Pages::small
                                                                     : engine::Region::Pages::huge);
    if (!region) return false;
    auto* fresh = reinterpret_cast<Slot*>(region->data() + engine::cache_line);
    const std::uint64_t mask = capacity - 1;
    std::memcpy(region->data(), &mask, sizeof mask);
    const Slot* slots = slots_of(tuple);
    std::uint64_t best = ~std::uint64_t{0};
    for (std::uint64_t i = 0; i < tuple.capacity; ++i) {
        const std::uint64_t entry = slots[i].load(std::memory_order_relaxed);
        if (entry == 0 || entry == tombstone) continue;
        const MatchRule& rule = rule_of(tuple, entry);
        best = std::min(best, rule.order);
        std::uint64_t at = hash_value(tuple, rule.value()) & mask & ~(bucket_slots - 1);
        while (fresh[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & mask;
        fresh[at].store(entry, std::memory_order_relaxed);
    }
    // The best rule may have gone since this was last known.
    if (tuple.reserved == 0 && tuple.live != 0 && best > tuple.best) {
        tuple.best = best;
        stale_ = true;
    }
    tuple.slots.store(region->data(), std::memory_order_release);
    if (tuple.capacity != 0) former_slots_.push_back(std::move(tuple.region));
    tuple.region = std::move(*region);
    tuple.capacity = capacity;
    tuple.used = tuple.live;
    return true;
}

MatchTable::Slot& MatchTable::find_slot(Tuple& tuple, const MatchRule& rule) noexcept {
    Slot* slots = slots_of(tuple);
    const std::uint64_t hash = hash_value(tuple, rule.value());
    const std::uint64_t mask = tuple.capacity - 1;
    Slot* vacant = nullptr;
    for (std::uint64_t at = hash & mask & ~(bucket_slots - 1);; at = (at + 1) & mask) {
        const std::uint64_t entry = slots[at].load(std::memory_order_relaxed);
        if (entry == 0) return vacant == nullptr ? slots[at] : *vacant;
        if (entry == tombstone) {
            if (vacant == nullptr) vacant = &slots[at];
            continue;
        }
        if (entry >> 32 != (hash >> 32 | 1)) continue;
        if (std::equal(rule.value(), rule.value() + tuple.words, rule_of(tuple, entry).value())) {
            return slots[at];
        }
    }
}

template <typename Use>
void MatchTable::each_rule(Tuple& tuple, Use&& use) noexcept {
    const Slot* slots = slots_of(tuple);
    for (std::uint64_t i = 0; i < tuple.capacity; ++i) {
        std::uint64_t at = slots[i].load(std::memory_order_relaxed) & 0xffffffff;
        if (slots[i].load(std::memory_order_relaxed) == tombstone) continue;
        while (at != 0) {
            MatchRule& rule = rule_of(tuple, at);
            at = rule.next.load(std::memory_order_relaxed);
            use(rule);
        }
    }
}

}  // namespace lanes
