// See promises.hh.
#include "tests/sim/promises.hh"

#include <algorithm>
#include <cstring>

#include "tests/sim/dice.hh"

namespace lanes::sim {
namespace {

constexpr std::size_t body_bytes_min = 14;  // an Ethernet header; the id is in its first eight
constexpr std::size_t body_bytes_more = 90;

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

}  // namespace

std::size_t Ledger::NonceHash::operator()(const Nonce& nonce) const noexcept {
    std::uint64_t low;
    std::memcpy(&low, nonce.nonce.data() + 4, sizeof low);
    return (low ^ nonce.key) * 0x9e3779b97f4a7c15 >> 7;
}

std::uint32_t Ledger::key(const crypto::SubspaceKey& key) {
    std::array<std::byte, crypto::aead_key_bytes> bytes;
    std::copy_n(key.key.bytes().begin(), bytes.size(), bytes.begin());
    return keys_.try_emplace(bytes, static_cast<std::uint32_t>(keys_.size())).first->second;
}

void Ledger::sealed(std::uint32_t key, const crypto::Iv& nonce, std::uint64_t sequence,
                    std::uint64_t limit) {
    if (sequence >= limit) {
        throw Breach{"limit",
                     "sequence " + number(sequence) + " was sealed, limit " + number(limit)};
    }
    if (!nonces_.insert({key, nonce}).second) {
        throw Breach{"nonce", "key " + number(key) + " sealed sequence " + number(sequence) +
                                  " for the second time"};
    }
}

std::vector<std::byte> Ledger::body(std::uint64_t id) const {
    Dice dice(seed_ ^ id * 0xd1342543de82ef95);
    std::vector<std::byte> body(body_bytes_min + dice.below(body_bytes_more));
    for (std::byte& byte : body) byte = static_cast<std::byte>(dice.next());
    wire::store_be(body.data(), id);
    return body;
}

void Ledger::delivered(unsigned receiver, std::span<const std::byte> bytes) {
    const std::uint64_t id =
        bytes.size() < body_bytes_min ? next_id() : wire::load_be<std::uint64_t>(bytes.data());
    if (id >= next_id() || !std::ranges::equal(body(id), bytes)) {
        throw Breach{"unsent", "receiver " + number(receiver) + " delivered " +
                                   number(bytes.size()) + " bytes that nobody sent"};
    }
    auto& states = delivered_[receiver];
    if (states.size() <= id) states.resize(id + 1, State::missing);
    if (states[id] == State::here) {
        const Payload& twice = payloads_[id];
        throw Breach{"twice", "receiver " + number(receiver) + " delivered payload " + number(id) +
                                  " again: session " + number(twice.stamp) + ", subspace " +
                                  number(twice.subspace) + ", sequence " + number(twice.sequence)};
    }
    states[id] = State::here;
}

void Ledger::set_back(unsigned receiver, const ReceiverRecord& record) {
    auto& states = delivered_[receiver];
    for (std::size_t id = 0; id < states.size(); ++id) {
        const Payload& payload = payloads_[id];
        const bool resumable = std::ranges::any_of(record.resumable, [&](const auto& entry) {
            return entry.stamp == payload.stamp && payload.subspace < entry.floors.size() &&
                   payload.sequence >= entry.floors[payload.subspace];
        });
        if (states[id] == State::here && (payload.stamp > record.mark || resumable)) {
            states[id] = State::forgotten;
        }
    }
}

void Ledger::announced(const AnnounceBytes& bytes) {
    std::array<std::byte, 32> ephemeral;
    std::copy_n(bytes.begin() + wire::header_bytes, ephemeral.size(), ephemeral.begin());
    const auto [at, fresh] = ephemerals_.try_emplace(ephemeral, bytes);
    if (!fresh) {
        if (at->second != bytes) throw Breach{"nonce", "two announcements share one e"};
        return;
    }
    const std::uint64_t stamp = stamp_of(bytes);
    at_floor_ = stamp == stamp_floor_ ? at_floor_ + 1 : 1;
    if (stamp < stamp_floor_ || at_floor_ > announcements_) {
        throw Breach{"stamps",
                     "stamp " + number(stamp) + " was announced after " + number(stamp_floor_)};
    }
    stamp_floor_ = stamp;
    stamp_max_ = std::max(stamp_max_, stamp);
}

void Ledger::accepted(std::uint64_t stamp, std::uint64_t mark, Moment now) {
    const std::uint64_t ahead_ns = stamp > now.unix_ns ? stamp - now.unix_ns : 0;
    const std::uint64_t behind_ns = stamp < now.unix_ns ? now.unix_ns - stamp : 0;
    const std::uint64_t ahead_ns_max = mark == 0 ? 300 * ns_per_second : 3600 * ns_per_second;
    if (ahead_ns > ahead_ns_max || (mark == 0 && behind_ns > 300 * ns_per_second)) {
        throw Breach{"clock", "a session was made of stamp " + number(stamp) + " at " +
                                  number(now.unix_ns) + ", mark " + number(mark)};
    }
}

Ledger::Arrivals Ledger::arrivals(unsigned receiver, std::uint64_t from_ns,
                                  std::uint64_t to_ns) const {
    Arrivals arrivals;
    const auto& states = delivered_[receiver];
    // Payloads are in the order of time.
    const auto first = std::ranges::lower_bound(payloads_, from_ns, {}, &Payload::at_ns);
    for (auto at = first; at != payloads_.end() && at->at_ns < to_ns; ++at) {
        const auto id = static_cast<std::uint64_t>(at - payloads_.begin());
        ++arrivals.sent;
        if (id < states.size() && states[id] != State::missing) continue;
        if (arrivals.missing++ == 0) arrivals.first_missing = id;
    }
    return arrivals;
}

}  // namespace lanes::sim
