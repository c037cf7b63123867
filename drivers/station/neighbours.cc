// See neighbours.hh.
#include "drivers/station/neighbours.hh"

#include <cstring>

#include "engine/bytes.hh"

namespace lanes::drivers {
namespace {

using engine::IpAddress;
using engine::MacAddress;

constexpr std::uint64_t mapped = 0xffff'0000'0000;
constexpr std::uint64_t number_mask = 0xffff;

std::uint64_t packed(const MacAddress& mac) noexcept {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : mac.bytes) value = value << 8 | byte;
    return value;
}

MacAddress unpacked(std::uint64_t value) noexcept {
    MacAddress mac;
    for (std::size_t i = 6; i-- > 0; value >>= 8) mac.bytes[i] = static_cast<std::uint8_t>(value);
    return mac;
}

std::uint64_t load_word(const std::uint8_t* from) noexcept {
    std::byte bytes[8];
    std::memcpy(bytes, from, sizeof bytes);
    return engine::load_be<std::uint64_t>(bytes);
}

IpAddress address_of(std::uint64_t high, std::uint64_t low) noexcept {
    IpAddress address;
    if (high == 0 && low >> 32 == mapped >> 32) {
        for (unsigned i = 0; i < 4; ++i)
            address.bytes[i] = static_cast<std::uint8_t>(low >> (24 - 8 * i));
        return address;
    }
    address.v6 = true;
    for (unsigned i = 0; i < 8; ++i) {
        address.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
        address.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return address;
}

}  // namespace

Neighbours::Neighbours() : entries_(buckets * ways), memories_(buckets * ways) {}

Neighbours::Key Neighbours::key_of(const IpAddress& address) noexcept {
    const std::uint64_t first = load_word(address.bytes.data());
    if (!address.v6) return {0, mapped | first >> 32};
    return {first, load_word(address.bytes.data() + 8)};
}

/// Two buckets for each key: the less full one takes it, and so none overflows at half load
/// (Azar et al., "Balanced allocations", 1994). Keys are the operator's: nobody can aim at one.
std::array<unsigned, 2> Neighbours::buckets_of(const Key& key) noexcept {
    std::uint64_t hash = (key.high ^ (key.low * 0x9e37'79b9'7f4a'7c15)) * 0xbf58'476d'1ce4'e5b9;
    hash ^= hash >> 31;
    hash *= 0x94d0'49bb'1331'11eb;
    return {static_cast<unsigned>(hash >> 57) % buckets,
            static_cast<unsigned>(hash >> 40 & 0xffff) % buckets};
}

std::optional<unsigned> Neighbours::place_for(const Key& key, std::uint64_t now_ns) const {
    std::optional<unsigned> free;
    std::optional<unsigned> oldest;
    unsigned most_free = 0;
    for (const unsigned bucket : buckets_of(key)) {
        unsigned free_here = 0;
        unsigned first_free = 0;
        for (unsigned i = bucket * ways; i < (bucket + 1) * ways; ++i) {
            const Entry& entry = entries_[i];
            if (entry.high.load(std::memory_order_relaxed) == 0 &&
                entry.low.load(std::memory_order_relaxed) == 0) {
                ++free_here;
                first_free = i;
            } else if (!oldest || memories_[i].wanted_ns < memories_[*oldest].wanted_ns) {
                oldest = i;
            }
        }
        if (free_here <= most_free) continue;
        most_free = free_here;
        free = first_free;
    }
    if (free) return free;
    if (oldest && now_ns - memories_[*oldest].wanted_ns >= idle_ns) return oldest;
    return std::nullopt;
}

std::optional<unsigned> Neighbours::index_of(const Key& key, std::uint64_t now_ns) {
    for (const unsigned bucket : buckets_of(key)) {
        for (unsigned i = bucket * ways; i < (bucket + 1) * ways; ++i) {
            if (entries_[i].high.load(std::memory_order_relaxed) == key.high &&
                entries_[i].low.load(std::memory_order_relaxed) == key.low) {
                return i;
            }
        }
    }
    const auto place = place_for(key, now_ns);
    if (!place) return std::nullopt;
    Entry& entry = entries_[*place];
    memories_[*place] = Memory{};
    // A seqlock (Boehm, "Can seqlocks get along with programming language memory models?", 2012):
    // the release of each word keeps it behind the odd version.
    const std::uint64_t version = entry.version.load(std::memory_order_relaxed);
    entry.version.store(version + 1, std::memory_order_relaxed);
    entry.high.store(key.high, std::memory_order_release);
    entry.low.store(key.low, std::memory_order_release);
    entry.doubted.store(false, std::memory_order_relaxed);
    entry.version.store(version + 2, std::memory_order_release);
    return place;
}

void Neighbours::collect(Entry& entry, Memory& memory, std::uint64_t now_ns) noexcept {
    if (!memory.open) return;
    const std::uint64_t answer = entry.answer.load(std::memory_order_acquire);
    if ((answer & number_mask) != entry.question.load(std::memory_order_relaxed)) return;
    memory.mac = unpacked(answer >> 16);
    memory.known = true;
    memory.open = false;
    memory.tries = 0;
    memory.confirmed_ns = now_ns;
}

void Neighbours::ask_when_due(const IpAddress& hop, Entry& entry, Memory& memory,
                              std::uint64_t now_ns) noexcept {
    const bool asked = memory.asked_ns != 0;
    if (asked && now_ns - memory.asked_ns < ask_ns) return;
    const bool doubted = entry.doubted.load(std::memory_order_relaxed);
    const bool fresh = memory.known && now_ns - memory.confirmed_ns < fresh_ns;
    if (fresh && !doubted && !memory.open) return;
    if (asked_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_acquire) ==
        questions_max) {
        return;
    }
    if (memory.known && memory.tries == tries_max) memory.known = false;
    // RFC 1122, 2.3.2.1: the neighbour itself is asked first, everybody after.
    const bool alone = memory.known && !doubted && memory.tries == 0;
    std::uint64_t number = (entry.question.load(std::memory_order_relaxed) + 1) & number_mask;
    // After 65,536 questions without an answer the numbers meet again.
    if (number == (entry.answer.load(std::memory_order_relaxed) & number_mask)) {
        number = (number + 1) & number_mask;
    }
    entry.doubted.store(false, std::memory_order_relaxed);
    entry.question.store(number, std::memory_order_release);
    memory.open = true;
    // There was room, and nobody else asks. The number had to be there before an answer can be.
    ask({hop, alone ? memory.mac : MacAddress{}});
    memory.asked_ns = now_ns;
    if (memory.tries < tries_max) ++memory.tries;
}

std::optional<MacAddress> Neighbours::find(const IpAddress& hop, std::uint64_t now_ns) {
    if (hop.unspecified()) return std::nullopt;
    const auto index = index_of(key_of(hop), now_ns);
    if (!index) return std::nullopt;
    Memory& memory = memories_[*index];
    memory.wanted_ns = now_ns;
    collect(entries_[*index], memory, now_ns);
    ask_when_due(hop, entries_[*index], memory, now_ns);
    return memory.known ? std::optional(memory.mac) : std::nullopt;
}

bool Neighbours::ask(const Question& question) noexcept {
    const std::uint64_t at = asked_.load(std::memory_order_relaxed);
    if (at - taken_.load(std::memory_order_acquire) == questions_max) return false;
    Waiting& waiting = waiting_[at % questions_max];
    const Key key = key_of(question.address);
    waiting.high.store(key.high, std::memory_order_relaxed);
    waiting.low.store(key.low, std::memory_order_relaxed);
    waiting.mac.store(packed(question.at), std::memory_order_relaxed);
    asked_.store(at + 1, std::memory_order_release);
    return true;
}

std::optional<Neighbours::Question> Neighbours::take() noexcept {
    std::uint64_t at = taken_.load(std::memory_order_relaxed);
    // Bounded: who loses a race leaves a question to the winner or to the next round.
    for (unsigned tries = 0; tries < questions_max; ++tries) {
        if (at == asked_.load(std::memory_order_acquire)) return std::nullopt;
        const Waiting& waiting = waiting_[at % questions_max];
        const std::uint64_t high = waiting.high.load(std::memory_order_relaxed);
        const std::uint64_t low = waiting.low.load(std::memory_order_relaxed);
        const std::uint64_t mac = waiting.mac.load(std::memory_order_relaxed);
        // Control fills this place anew only after taken_ has passed it: if the swap succeeds, what
        // was read before it was whole.
        if (taken_.compare_exchange_weak(at, at + 1, std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
            return Question{address_of(high, low), unpacked(mac)};
        }
    }
    return std::nullopt;
}

void Neighbours::heard(const IpAddress& address, const MacAddress& mac) noexcept {
    const Key key = key_of(address);
    for (const unsigned bucket : buckets_of(key)) {
        for (unsigned i = bucket * ways; i < (bucket + 1) * ways; ++i) {
            Entry& entry = entries_[i];
            const std::uint64_t version = entry.version.load(std::memory_order_acquire);
            if (entry.low.load(std::memory_order_acquire) != key.low ||
                entry.high.load(std::memory_order_acquire) != key.high) {
                continue;
            }
            const std::uint64_t number = entry.question.load(std::memory_order_acquire);
            if ((version & 1) != 0 || entry.version.load(std::memory_order_relaxed) != version) {
                return;
            }
            // If Control gives the place to another address from here on, the number no longer fits
            // and it does not believe what is written now.
            std::uint64_t before = entry.answer.load(std::memory_order_relaxed);
            if ((before & number_mask) != number) {
                entry.answer.compare_exchange_strong(before, packed(mac) << 16 | number,
                                                     std::memory_order_release,
                                                     std::memory_order_relaxed);
            } else if (before >> 16 != packed(mac) &&
                       !entry.doubted.load(std::memory_order_relaxed)) {
                entry.doubted.store(true, std::memory_order_relaxed);
            }
            return;
        }
    }
}

}  // namespace lanes::drivers
