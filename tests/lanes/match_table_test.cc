// MatchTable against a naive linear matcher: thousands of random rules and keys, and rules that
// come and go. What readers on other threads see meanwhile is in tests/stress.
#include "lanes/match_table.hh"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <vector>

using namespace lanes;

namespace {

/// Lanes are told apart by address only; nothing is behind them.
Lane* lane(std::size_t n) {
    return reinterpret_cast<Lane*>((n + 1) * 64);
}

bool in_prefix(const engine::IpPrefix& prefix, const std::array<std::uint8_t, 16>& address) {
    for (unsigned bit = 0; bit < prefix.len; ++bit) {
        const unsigned mask = 0x80u >> bit % 8;
        if (((prefix.address.bytes[bit / 8] ^ address[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

/// Rule by rule, field by field, as MatchSpec's comments say.
bool matches(const MatchSpec& match, const FlowKey& key) {
    const bool tagged = (key.vlan & FlowKey::tagged) != 0;
    if (match.vlan == MatchSpec::vlan_none && tagged) return false;
    if (match.vlan < 4096 && (!tagged || (key.vlan & 0xfff) != match.vlan)) return false;
    if (match.ether_type != MatchSpec::any && key.ether_type != match.ether_type) return false;
    if (match.has_source_mac && key.source_mac != match.source_mac.bytes) return false;
    if (match.has_destination_mac && key.destination_mac != match.destination_mac.bytes) {
        return false;
    }
    const bool ip = (key.known & FlowKey::has_ip) != 0;
    if (match.protocol != MatchSpec::any && (!ip || key.protocol != match.protocol)) return false;
    if (match.dscp != MatchSpec::any && (!ip || key.dscp != match.dscp)) return false;
    const auto prefix = [&](bool has, const engine::IpPrefix& wanted, const auto& address) {
        return !has ||
               (ip && key.version == (wanted.address.v6 ? 6 : 4) && in_prefix(wanted, address));
    };
    if (!prefix(match.has_source, match.source, key.source)) return false;
    if (!prefix(match.has_destination, match.destination, key.destination)) return false;
    const bool ports = (key.known & FlowKey::has_ports) != 0;
    const auto range = [&](const MatchSpec::Range& wanted, std::uint16_t port) {
        return wanted.any() || (ports && port >= wanted.first && port <= wanted.last);
    };
    return range(match.source_port, key.source_port) &&
           range(match.destination_port, key.destination_port);
}

/// A table of rules in order, the first of which wins, as an operator's file has them.
struct Entry {
    const MatchSpec* match;  ///< nullptr: every frame
    Lane* lane;
};

MatchRules make_rules(std::uint32_t most = 1 << 20) {
    auto rules = MatchRules::create(most);
    if (!rules) FAIL(rules.error().message);
    return std::move(*rules);
}

struct Bed {
    Bed() = default;
    explicit Bed(const std::vector<Entry>& entries) {
        for (std::size_t i = 0; i < entries.size(); ++i) add(entries[i].match, i, entries[i].lane);
        table.flush();
    }

    MatchRule* add(const MatchSpec* match, std::uint64_t order, Lane* to) {
        auto rule = table.add(match, order, to);
        if (!rule) FAIL(rule.error().message);
        table.publish(**rule);
        return *rule;
    }
    Lane* find(const FlowKey& key) const {
        Lane* found = nullptr;
        table.find({&key, 1}, &found);
        return found;
    }

    MatchRules rules = make_rules();
    MatchTable table{rules};
};

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine_() % n); }
    bool once_in(std::uint32_t n) { return below(n) == 0; }

    /// Values come from small sets, so that rules and keys meet.
    std::array<std::uint8_t, 16> address(bool v6) {
        std::array<std::uint8_t, 16> bytes{};
        for (unsigned i = 0; i < (v6 ? 16u : 4u); ++i) {
            bytes[i] = static_cast<std::uint8_t>(below(3) * 85);
        }
        return bytes;
    }

    FlowKey key() {
        FlowKey key;
        key.destination_mac[5] = static_cast<std::uint8_t>(below(3));
        key.source_mac[5] = static_cast<std::uint8_t>(below(3));
        if (once_in(2)) key.vlan = static_cast<std::uint16_t>(FlowKey::tagged | below(4));
        key.ether_type = static_cast<std::uint16_t>(below(3));
        if (once_in(8)) return key;
        const bool v6 = once_in(3);
        key.version = v6 ? 6 : 4;
        key.known = FlowKey::has_ip;
        key.source = address(v6);
        key.destination = address(v6);
        key.protocol = static_cast<std::uint8_t>(below(3));
        key.dscp = static_cast<std::uint8_t>(below(3));
        if (once_in(4)) return key;
        key.known |= FlowKey::has_ports;
        key.source_port = port();
        key.destination_port = port();
        return key;
    }

    MatchSpec match() {
        MatchSpec match;
        if (once_in(4)) match.vlan = once_in(3) ? MatchSpec::vlan_none : below(4);
        if (once_in(4)) match.ether_type = below(3);
        if (once_in(6)) match.protocol = below(3);
        if (once_in(6)) match.dscp = below(3);
        if (once_in(8)) {
            match.has_source_mac = true;
            match.source_mac.bytes[5] = static_cast<std::uint8_t>(below(3));
        }
        if (once_in(8)) {
            match.has_destination_mac = true;
            match.destination_mac.bytes[5] = static_cast<std::uint8_t>(below(3));
        }
        const bool v6 = once_in(3);
        match.has_source = once_in(2);
        match.has_destination = once_in(2);
        for (engine::IpPrefix* prefix : {&match.source, &match.destination}) {
            prefix->address.v6 = v6;
            prefix->address.bytes = address(v6);
            prefix->len = static_cast<std::uint8_t>(below(v6 ? 129 : 33));
        }
        if (once_in(4)) match.source_port = range();
        if (once_in(4)) match.destination_port = range();
        return match;
    }

  private:
    std::uint16_t port() {
        const std::uint16_t edges[] = {0, 1, 53, 443, 1000, 2000, 65534, 65535};
        return edges[below(8)];
    }
    MatchSpec::Range range() {
        std::uint16_t a = port();
        std::uint16_t b = once_in(2) ? a : port();
        if (a > b) std::swap(a, b);
        return {a, b};
    }
    std::mt19937 engine_;
};

}  // namespace

TEST_CASE("a match table finds what a linear search finds") {
    const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u);
    INFO("seed " << seed);
    Random random(seed);
    const std::size_t rule_count = seed == 8 ? 4000 : seed * 10;
    std::vector<std::unique_ptr<MatchSpec>> specs;
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < rule_count; ++i) {
        const bool all = random.once_in(static_cast<std::uint32_t>(rule_count) * 2);
        specs.push_back(std::make_unique<MatchSpec>(random.match()));
        entries.push_back({all ? nullptr : specs.back().get(), lane(i)});
    }
    if (seed % 2 == 0) entries.push_back({nullptr, lane(rule_count)});
    const Bed bed(entries);
    const MatchTable& table = bed.table;
    std::size_t hits = 0;
    for (unsigned round = 0; round < 300; ++round) {
        FlowKey keys[engine::burst_max];
        Lane* found[engine::burst_max];
        const std::size_t n = 1 + random.below(engine::burst_max);
        for (std::size_t i = 0; i < n; ++i) keys[i] = random.key();
        table.find({keys, n}, found);
        for (std::size_t i = 0; i < n; ++i) {
            Lane* expected = nullptr;
            for (const auto& entry : entries) {
                if (entry.match != nullptr && !matches(*entry.match, keys[i])) continue;
                expected = entry.lane;
                break;
            }
            hits += expected != nullptr;
            REQUIRE(found[i] == expected);
        }
    }
    CHECK(hits > 300);
}

TEST_CASE("a table with one lane for everything says so, and an empty one has none") {
    CHECK(Bed({{nullptr, lane(1)}}).table.only() == lane(1));
    const Bed empty;
    CHECK(empty.table.only() == nullptr);
    CHECK(empty.find(FlowKey{}) == nullptr);
    MatchSpec match;
    match.vlan = 5;
    CHECK(Bed({{&match, lane(1)}, {nullptr, lane(2)}}).table.only() == nullptr);
}

TEST_CASE("the first of two rules that match wins, also behind a rule for everything") {
    MatchSpec narrow;
    narrow.has_destination = true;
    narrow.destination = *engine::parse_prefix("10.0.0.0/24");
    MatchSpec wide = narrow;
    wide.destination.len = 8;
    FlowKey key;
    key.version = 4;
    key.known = FlowKey::has_ip;
    key.destination = {10, 0, 0, 7};
    const auto find = [&](const std::vector<Entry>& entries) { return Bed(entries).find(key); };
    CHECK(find({{&narrow, lane(0)}, {&wide, lane(1)}}) == lane(0));
    CHECK(find({{&wide, lane(1)}, {&narrow, lane(0)}}) == lane(1));
    CHECK(find({{&narrow, lane(0)}, {&narrow, lane(1)}}) == lane(0));
    CHECK(find({{nullptr, lane(2)}, {&narrow, lane(0)}}) == lane(2));
    CHECK(find({{nullptr, lane(2)}, {nullptr, lane(3)}}) == lane(2));
}

TEST_CASE("rules that differ only in their port ranges are tried in order") {
    std::vector<std::unique_ptr<MatchSpec>> specs;
    std::vector<Entry> entries;
    // 0: 1-10, 1: 5-20, 2: 0-65535 with protocol 17 (any port, also none), all of one value.
    for (const auto& [first, last] : {std::pair{1, 10}, {5, 20}}) {
        specs.push_back(std::make_unique<MatchSpec>());
        specs.back()->destination_port = {static_cast<std::uint16_t>(first),
                                          static_cast<std::uint16_t>(last)};
        entries.push_back({specs.back().get(), lane(entries.size())});
    }
    specs.push_back(std::make_unique<MatchSpec>());
    specs.back()->protocol = 17;
    entries.push_back({specs.back().get(), lane(2)});
    const Bed bed(entries);
    const auto find = [&](std::uint16_t port, std::uint8_t known) {
        FlowKey key;
        key.version = 4;
        key.protocol = 17;
        key.known = known;
        key.destination_port = port;
        return bed.find(key);
    };
    constexpr std::uint8_t both = FlowKey::has_ip | FlowKey::has_ports;
    CHECK(find(1, both) == lane(0));
    CHECK(find(10, both) == lane(0));
    CHECK(find(11, both) == lane(1));
    CHECK(find(20, both) == lane(1));
    CHECK(find(21, both) == lane(2));
    CHECK(find(0, both) == lane(2));
    CHECK(find(7, FlowKey::has_ip) == lane(2));  // a fragment without ports
}

TEST_CASE("rules come and go at any place, and the table agrees with a linear search throughout") {
    const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u);
    INFO("seed " << seed);
    Random random(seed);
    const std::size_t most = seed == 6 ? 1500 : seed * 40;
    struct Known {
        std::unique_ptr<MatchSpec> match;
        MatchRule* rule;
        Lane* lane;
    };
    Bed bed;
    std::map<std::uint64_t, Known> known;  // by order
    std::size_t hits = 0;
    std::size_t lanes = 0;
    for (unsigned round = 0; round < 250; ++round) {
        std::vector<MatchRule*> retired;
        const bool shrinking = round / 50 % 2 == 1;
        for (std::size_t i = 0; i < most / 20 + 1; ++i) {
            const std::uint64_t order = random.below(1'000'000);
            if (known.size() < most && !random.once_in(shrinking ? 4 : 2)) {
                if (known.count(order) != 0) continue;
                auto match =
                    random.once_in(60) ? nullptr : std::make_unique<MatchSpec>(random.match());
                Lane* to = lane(++lanes);
                if (random.once_in(10)) {  // a change that was given up
                    bed.table.cancel(**bed.table.add(match.get(), order, to));
                    continue;
                }
                MatchRule* rule = bed.add(match.get(), order, to);
                known[order] = {std::move(match), rule, to};
            } else if (!known.empty()) {
                auto at = known.lower_bound(order);
                if (at == known.end()) at = known.begin();
                bed.table.retire(*at->second.rule);
                retired.push_back(at->second.rule);
                known.erase(at);
            }
        }
        bed.table.flush();
        for (MatchRule* rule : retired) bed.table.free(*rule);
        bed.table.sweep();
        FlowKey keys[engine::burst_max];
        Lane* found[engine::burst_max];
        for (FlowKey& key : keys) key = random.key();
        bed.table.find(keys, found);
        for (std::size_t i = 0; i < engine::burst_max; ++i) {
            Lane* expected = nullptr;
            for (const auto& [order, rule] : known) {
                if (rule.match && !matches(*rule.match, keys[i])) continue;
                expected = rule.lane;
                break;
            }
            hits += expected != nullptr;
            REQUIRE(found[i] == expected);
        }
        REQUIRE(bed.rules.taken() == known.size());
    }
    CHECK(hits > 1000);
}

TEST_CASE("a rule that takes another's place is there before the other goes") {
    Bed bed;
    MatchSpec match;
    match.vlan = 5;
    FlowKey key;
    key.vlan = FlowKey::tagged | 5;
    MatchRule* former = bed.add(&match, 10, lane(1));
    bed.table.flush();
    CHECK(bed.find(key) == lane(1));
    bed.add(&match, 10, lane(2));
    bed.table.flush();
    CHECK((bed.find(key) == lane(1) || bed.find(key) == lane(2)));
    bed.table.retire(*former);
    CHECK(bed.find(key) == lane(2));
}

TEST_CASE("a million rules are all found, and when they go their memory goes with them") {
    constexpr std::uint32_t million = 1'000'000;
    Bed bed;
    MatchSpec match;
    match.has_destination = true;
    match.destination.len = 32;
    FlowKey key;
    key.version = 4;
    key.known = FlowKey::has_ip;
    const auto set = [](std::array<std::uint8_t, 16>& address, std::uint32_t n) {
        for (unsigned i = 0; i < 4; ++i) address[i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
    };
    std::vector<MatchRule*> rules;
    for (std::uint32_t n = 0; n < million; ++n) {
        set(match.destination.address.bytes, n * 4001);
        rules.push_back(bed.add(&match, n, lane(n)));
    }
    bed.table.flush();
    CHECK(bed.table.tuples() == 1);
    std::size_t wrong = 0;
    for (std::uint32_t n = 0; n < million; ++n) {
        set(key.destination, n * 4001);
        wrong += bed.find(key) != lane(n);
        set(key.destination, n * 4001 + 1);
        wrong += bed.find(key) != nullptr;
    }
    CHECK(wrong == 0);
    for (std::uint32_t n = 1; n < million; ++n) bed.table.retire(*rules[n]);
    bed.table.flush();
    for (std::uint32_t n = 1; n < million; ++n) bed.table.free(*rules[n]);
    bed.table.sweep();
    CHECK(bed.table.slots() < 64);
    set(key.destination, 0);
    CHECK(bed.find(key) == lane(0));
}

TEST_CASE("a table that finds no room for a rule says so and goes on") {
    MatchRules rules = make_rules(1);
    MatchTable table(rules);
    MatchSpec match;
    match.vlan = 5;
    MatchRule* only = *table.add(&match, 1, lane(1));
    const auto refused = table.add(&match, 2, lane(2));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "no room for another match rule");
    table.publish(*only);
    table.flush();
    FlowKey key;
    key.vlan = FlowKey::tagged | 5;
    Lane* found = nullptr;
    table.find({&key, 1}, &found);
    CHECK(found == lane(1));
}
