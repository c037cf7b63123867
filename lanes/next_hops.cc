// See next_hops.hh.
#include "lanes/next_hops.hh"

#include <string>
#include <utility>

#include "engine/check.hh"
#include "engine/log.hh"

namespace lanes {
namespace {

using engine::log;
using engine::Severity;

/// Questions without an answer before the operator hears of it: about a second.
constexpr unsigned misses_reported = 10;
/// Calls of refresh() that a known address sits out: it is asked for once a second.
constexpr unsigned known_rest = 9;
/// Questions to the kernel in one call, some microseconds each.
constexpr unsigned asked_max = 1024;

std::uint64_t packed(const engine::MacAddress& mac) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : mac.bytes) value = value << 8 | byte;
    return value | NextHop::known;
}

}  // namespace

const NextHop* NextHops::find(const PortSlot& slot, const engine::IpAddress& destination) {
    const auto [at, added] = entries_.try_emplace({slot.index, destination});
    Entry& entry = at->second;
    if (added) {
        by_hop_.emplace(&entry.hop, at);
        new_.push_back(at->first);
    }
    entry.slot = &slot;
    ++entry.users;
    return &entry.hop;
}

void NextHops::leave(const NextHop& hop) {
    const auto known = by_hop_.find(&hop);
    LANES_CHECK(known != by_hop_.end());
    const auto at = known->second;
    if (--at->second.users != 0) return;
    by_hop_.erase(known);
    entries_.erase(at);
}

void NextHops::ask_new() {
    unsigned asked = 0;
    for (const Key& key : std::exchange(new_, {})) {
        const auto at = entries_.find(key);
        if (at == entries_.end() || at->second.hop.mac.load(std::memory_order_relaxed) != 0)
            continue;
        if (++asked > asked_max) return;  // the others come round with refresh()
        refresh_one(key, at->second);
    }
}

void NextHops::refresh() {
    new_.clear();
    auto at = entries_.lower_bound(next_);
    unsigned asked = 0;
    for (std::size_t seen = 0; seen < entries_.size() && asked < asked_max; ++seen) {
        if (at == entries_.end()) at = entries_.begin();
        Entry& entry = at->second;
        if (entry.rest > 0) {
            --entry.rest;
        } else {
            refresh_one(at->first, entry);
            ++asked;
            if (entry.hop.mac.load(std::memory_order_relaxed) != 0) entry.rest = known_rest;
        }
        ++at;
    }
    next_ = at == entries_.end() ? Key{} : at->first;
}

void NextHops::refresh_one(const Key& key, Entry& entry) {
    engine::Port* port = entry.slot->port.load(std::memory_order_relaxed);
    const auto mac = port == nullptr ? std::nullopt : port->next_hop(key.second);
    const std::uint64_t before = entry.hop.mac.load(std::memory_order_relaxed);
    if (!mac) {
        // An address that was good stays in use: a lane that nobody answers is what we are for.
        ++entry.misses;
        if (before == 0 && entry.misses == misses_reported && port != nullptr) {
            entry.reported = true;
            log(Severity::warning, engine::events::neighbour,
                {{engine::Key::port, port->info().name},
                 {engine::Key::peer, to_string(key.second)}},
                "port " + port->info().name + ": no MAC address known for " +
                    to_string(key.second) + "; still asking (or set `next_hop` to a MAC address)");
        }
        return;
    }
    entry.misses = 0;
    const std::uint64_t now = packed(*mac);
    if (now == before) return;
    entry.hop.mac.store(now, std::memory_order_relaxed);
    if (before != 0 || entry.reported) {
        log(Severity::notice, engine::events::neighbour,
            {{engine::Key::port, port->info().name},
             {engine::Key::peer, to_string(key.second)},
             {engine::Key::address, to_string(*mac)}},
            "port " + port->info().name + ": " + to_string(key.second) + " is at " +
                to_string(*mac));
    }
}

}  // namespace lanes
