// See match_table.hh.
#include "lanes/match_table.hh"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <random>

namespace lanes {
namespace {

using engine::burst_max;

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

bool MatchTable::Rule::in_range(const FlowKey& key) const noexcept {
    return key.source_port >= source_port.first && key.source_port <= source_port.last &&
           key.destination_port >= destination_port.first &&
           key.destination_port <= destination_port.last;
}

MatchTable::MatchTable(std::span<const Entry> entries) {
    std::random_device random;
    for (auto& key : hash_keys_) key = std::uint64_t{random()} << 32 | random() | 1;
    std::map<Words, std::size_t> by_mask;
    for (std::uint32_t priority = 0; priority < entries.size(); ++priority) {
        const Entry& entry = entries[priority];
        if (entry.match == nullptr) {
            if (catch_all_ == nullptr) catch_all_ = entry.lane, catch_all_priority_ = priority;
            continue;
        }
        FlowKey value;
        FlowKey mask;
        set_key(value, mask, *entry.match);
        Rule rule;
        rule.value = std::bit_cast<Words>(value);
        rule.source_port = entry.match->source_port;
        rule.destination_port = entry.match->destination_port;
        rule.priority = priority;
        rule.lane = entry.lane;
        const auto [at, added] = by_mask.try_emplace(std::bit_cast<Words>(mask), tuples_.size());
        if (added) tuples_.push_back(Tuple{at->first, priority, {}, {}});
        tuples_[at->second].rules.push_back(static_cast<std::uint32_t>(rules_.size()));
        rules_.push_back(rule);
    }
    // Entries come in order of priority: the tuples are so ordered by their best rule already.
    for (Tuple& tuple : tuples_) {
        tuple.buckets.resize(std::bit_ceil(tuple.rules.size() * 2));
        for (std::size_t i = tuple.rules.size(); i-- > 0;) insert(tuple, tuple.rules[i]);
        tuple.rules = {};
    }
}

std::uint64_t MatchTable::hash(const Words& words) const noexcept {
    // Pairwise multiply-add (the NH of UMAC, RFC 4418): four independent multiplications.
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < words.size(); i += 2) {
        __extension__ const auto product =
            static_cast<unsigned __int128>(words[i] ^ hash_keys_[i]) *
            (words[i + 1] ^ hash_keys_[i + 1]);
        sum += static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    }
    return sum ^ sum >> 29;
}

// Called in order of rising priority, so that a rule goes to the front of its chain.
void MatchTable::insert(Tuple& tuple, std::uint32_t rule) {
    const std::uint64_t full = hash(rules_[rule].value);
    const std::size_t mask = tuple.buckets.size() - 1;
    for (std::size_t at = full & mask;; at = (at + 1) & mask) {
        Bucket& bucket = tuple.buckets[at];
        if (bucket.rule == none) {
            bucket = {static_cast<std::uint32_t>(full >> 32), rule};
            return;
        }
        if (rules_[bucket.rule].value != rules_[rule].value) continue;
        rules_[rule].next = bucket.rule;
        bucket.rule = rule;
        return;
    }
}

void MatchTable::find(std::span<const FlowKey> keys, Lane** found) const noexcept {
    const auto n = static_cast<unsigned>(keys.size());
    std::uint32_t priority[burst_max];
    for (unsigned i = 0; i < n; ++i) {
        found[i] = catch_all_;
        priority[i] = catch_all_priority_;
    }
    Words masked[burst_max];
    std::uint64_t hashes[burst_max];
    for (const Tuple& tuple : tuples_) {
        const std::size_t bucket_mask = tuple.buckets.size() - 1;
        bool wanted = false;
        for (unsigned i = 0; i < n; ++i) {
            if (priority[i] < tuple.best) continue;
            wanted = true;
            const Words key = std::bit_cast<Words>(keys[i]);
            for (std::size_t w = 0; w < key.size(); ++w) masked[i][w] = key[w] & tuple.mask[w];
            hashes[i] = hash(masked[i]);
            __builtin_prefetch(&tuple.buckets[hashes[i] & bucket_mask]);
        }
        // Tuples are in order of their best rule: nobody is left who could gain.
        if (!wanted) return;
        for (unsigned i = 0; i < n; ++i) {
            if (priority[i] < tuple.best) continue;
            const auto tag = static_cast<std::uint32_t>(hashes[i] >> 32);
            for (std::size_t at = hashes[i] & bucket_mask;; at = (at + 1) & bucket_mask) {
                const Bucket& bucket = tuple.buckets[at];
                if (bucket.rule == none) break;
                if (bucket.hash != tag || rules_[bucket.rule].value != masked[i]) continue;
                for (std::uint32_t r = bucket.rule; r != none; r = rules_[r].next) {
                    const Rule& rule = rules_[r];
                    if (rule.priority > priority[i]) break;
                    if (!rule.in_range(keys[i])) continue;
                    priority[i] = rule.priority;
                    found[i] = rule.lane;
                    break;
                }
                break;
            }
        }
    }
}

}  // namespace lanes
