// See match_table.hh. This half is the workers': how a burst of keys finds its lanes.
#include "engine/limits.hh"
#include "lanes/match_table.hh"

namespace lanes {
namespace {

using engine::burst_max;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    __extension__ const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint64_t MatchTable::hash_value(const Tuple& tuple, const std::uint64_t* value) noexcept {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < tuple.words; i += 2) {
        sum += mix(value[i] ^ tuple.hash_key[i], value[i + 1] ^ tuple.hash_key[i + 1]);
    }
    return sum ^ sum >> 29;
}

// Pairwise multiply-add (the NH of UMAC, RFC 4418): independent multiplications.
template <unsigned W>
std::uint64_t MatchTable::hash_key(const Tuple& tuple, const FlowKey& key) noexcept {
    const auto* words = reinterpret_cast<const std::uint64_t*>(&key);
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < W; i += 2) {
        const std::uint64_t a = words[tuple.place[i]] & tuple.mask[i];
        const std::uint64_t b = words[tuple.place[i + 1]] & tuple.mask[i + 1];
        sum += mix(a ^ tuple.hash_key[i], b ^ tuple.hash_key[i + 1]);
    }
    return sum ^ sum >> 29;
}

/// What a look-up knows so far.
struct MatchTable::Search {
    std::span<const FlowKey> keys;
    Lane** found;
    std::uint64_t order[burst_max];
};

/// The first rule of the key's value, found the long way: the hash bits in a slot may lie.
template <unsigned W>
const MatchRule* MatchTable::walk(const Tuple& tuple, std::uint64_t hash,
                                  const FlowKey& key) noexcept {
    const auto* words = reinterpret_cast<const std::uint64_t*>(&key);
    const std::byte* base = tuple.slots.load(std::memory_order_acquire);
    const auto* slots = reinterpret_cast<const Slot*>(base + engine::cache_line);
    const std::uint64_t mask = *reinterpret_cast<const std::uint64_t*>(base);
    for (std::uint64_t at = hash & mask & ~(bucket_slots - 1);; at = (at + 1) & mask) {
        const std::uint64_t entry = slots[at].load(std::memory_order_acquire);
        if (entry == 0) return nullptr;
        if (entry >> 32 != (hash >> 32 | 1)) continue;
        const MatchRule* rule = rule_at(tuple, entry & 0xffffffff);
        bool same = true;
        for (unsigned i = 0; i < W; ++i) {
            same &= rule->value()[i] == (words[tuple.place[i]] & tuple.mask[i]);
        }
        if (same) return rule;
    }
}

/// Compares `rule` with key i, and with those behind it.
template <unsigned W>
void MatchTable::judge(const Tuple& tuple, Search& search, unsigned i, std::uint64_t hash,
                       const MatchRule* rule) noexcept {
    const FlowKey& key = search.keys[i];
    const auto* words = reinterpret_cast<const std::uint64_t*>(&key);
    bool same = true;
    for (unsigned w = 0; w < W; ++w) {
        same &= rule->value()[w] == (words[tuple.place[w]] & tuple.mask[w]);
    }
    if (!same) rule = walk<W>(tuple, hash, key);
    while (rule != nullptr && rule->order < search.order[i]) {
        if (rule->in_range(key)) {
            search.order[i] = rule->order;
            search.found[i] = rule->lane;
            return;
        }
        const std::uint32_t next = rule->next.load(std::memory_order_acquire);
        rule = next == 0 ? nullptr : rule_at(tuple, next);
    }
}

/// Returns whether any key could still gain.
template <unsigned W>
bool MatchTable::probe(const View::Probe& probe, Search& search) noexcept {
    const Tuple& tuple = *probe.tuple;
    const std::byte* base = tuple.slots.load(std::memory_order_acquire);
    const auto* slots = reinterpret_cast<const Slot*>(base + engine::cache_line);
    const std::uint64_t mask = *reinterpret_cast<const std::uint64_t*>(base);
    const auto n = static_cast<unsigned>(search.keys.size());
    std::uint8_t which[burst_max];
    std::uint64_t hashes[burst_max];
    unsigned wanted = 0;
    for (unsigned i = 0; i < n; ++i) {
        if (search.order[i] < probe.best) continue;
        which[wanted] = static_cast<std::uint8_t>(i);
        hashes[wanted] = hash_key<W>(tuple, search.keys[i]);
        __builtin_prefetch(slots + (hashes[wanted++] & mask & ~(bucket_slots - 1)));
    }
    std::uint64_t candidate[burst_max];
    for (unsigned k = 0; k < wanted; ++k) {
        const std::uint64_t tag = hashes[k] >> 32 | 1;
        std::uint64_t found = 0;
        for (std::uint64_t at = hashes[k] & mask & ~(bucket_slots - 1); found == 0;
             at = (at + bucket_slots) & mask) {
            bool end = false;
            for (std::uint64_t s = 0; s < bucket_slots; ++s) {
                const std::uint64_t entry = slots[at + s].load(std::memory_order_acquire);
                found = entry >> 32 == tag ? entry : found;
                end |= entry == 0;
            }
            if (end) break;
        }
        candidate[k] = found & 0xffffffff;
        __builtin_prefetch(tuple.rules + candidate[k] * tuple.stride);
    }
    for (unsigned k = 0; k < wanted; ++k) {
        if (candidate[k] == 0) continue;
        judge<W>(tuple, search, which[k], hashes[k], rule_at(tuple, candidate[k]));
    }
    return wanted != 0;
}

void MatchTable::find(std::span<const FlowKey> keys, Lane** found) const noexcept {
    const View& view = *view_.load(std::memory_order_acquire);
    Search search;
    search.keys = keys;
    search.found = found;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        found[i] = view.catch_all;
        search.order[i] = view.catch_all_order;
    }
    for (const View::Probe& each : view.probes) {
        const std::uint32_t words = each.tuple->words;
        const bool more = words == 2   ? probe<2>(each, search)
                          : words == 4 ? probe<4>(each, search)
                                       : probe<8>(each, search);
        // The probes come in the order of their best rule: nobody is left who could gain.
        if (!more) return;
    }
}

}  // namespace lanes
