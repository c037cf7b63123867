// Neighbours: which MAC addresses the next hops of a port have, for ports without a kernel that
// would know. Control asks; a worker sends the question; whichever worker hears the answer writes
// it down; Control reads it. Nothing here waits or locks.
//
// Only what Control asked for has an entry, and an entry's MAC address changes only while a
// question of ours is open: what a neighbour says unasked changes nothing, but makes Control ask
// again when it differs (a gateway that fails over says so unasked). So a flood of answers costs
// the table no room. Whoever sits on the link and answers faster than the neighbour is believed all
// the same: ARP and neighbour discovery know no better, and a MAC address as `next_hop` in the
// node file is the remedy.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/address.hh"
#include "engine/limits.hh"

namespace lanes::drivers {

class Neighbours {
  public:
    /// Next hops that fit in any case; about twice as many with luck.
    static constexpr unsigned hops_max = 512;
    /// Questions that wait for a worker.
    static constexpr unsigned questions_max = 64;
    static constexpr std::uint64_t second_ns = 1'000'000'000;
    /// One neighbour is asked at most once in this time.
    static constexpr std::uint64_t ask_ns = second_ns;
    /// A MAC address this old is asked for again, and forgotten after `tries_max` questions.
    static constexpr std::uint64_t fresh_ns = 30 * second_ns;
    static constexpr unsigned tries_max = 4;
    /// A neighbour that Control did not want for this long may lose its place to another.
    static constexpr std::uint64_t idle_ns = 60 * second_ns;

    struct Question {
        engine::IpAddress address;
        engine::MacAddress at;  ///< who is asked; zeros: everybody
    };

    Neighbours();

    /// Control: the MAC address of `hop`, or nothing; asks for it when that is due.
    std::optional<engine::MacAddress> find(const engine::IpAddress& hop, std::uint64_t now_ns);
    /// Control: leaves `question` to a worker; false: too many wait already.
    bool ask(const Question& question) noexcept;

    /// Worker: whether a question waits.
    bool waiting() const noexcept {
        return asked_.load(std::memory_order_relaxed) != taken_.load(std::memory_order_relaxed);
    }
    /// Worker: a question to send, which no other worker gets.
    std::optional<Question> take() noexcept;
    /// Worker: `address` said that it is at `mac`.
    void heard(const engine::IpAddress& address, const engine::MacAddress& mac) noexcept;

  private:
    static constexpr unsigned ways = 8;
    static constexpr unsigned buckets = 2 * hops_max / ways;

    /// An address as two words; IPv4 as ::ffff:a.b.c.d. Zeros: none.
    struct Key {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        bool operator==(const Key&) const = default;
    };

    struct alignas(engine::cache_line) Entry {
        /// Writer: Control (release, paired with heard()'s acquire). Odd while the key changes.
        std::atomic<std::uint64_t> version{0};
        std::atomic<std::uint64_t> high{0};  ///< writer: Control
        std::atomic<std::uint64_t> low{0};   ///< writer: Control
        /// Writer: Control. The number of the last question, 16 bits.
        std::atomic<std::uint64_t> question{0};
        /// Writers: workers (release, paired with find()'s acquire). The MAC address above the
        /// number of the question that it answers; open as long as that is not `question`.
        std::atomic<std::uint64_t> answer{0};
        /// Writers: workers set it, Control clears it. Somebody else claimed the address.
        std::atomic<bool> doubted{false};
    };

    /// What only Control knows of an entry.
    struct Memory {
        engine::MacAddress mac;
        bool known = false;
        bool open = false;   ///< asked, and no answer seen yet
        unsigned tries = 0;  ///< questions since the last answer
        std::uint64_t asked_ns = 0;
        std::uint64_t confirmed_ns = 0;
        std::uint64_t wanted_ns = 0;
    };

    struct Waiting {
        std::atomic<std::uint64_t> high{0};
        std::atomic<std::uint64_t> low{0};
        std::atomic<std::uint64_t> mac{0};
    };

    static Key key_of(const engine::IpAddress& address) noexcept;
    static std::array<unsigned, 2> buckets_of(const Key& key) noexcept;
    std::optional<unsigned> index_of(const Key& key, std::uint64_t now_ns);
    std::optional<unsigned> place_for(const Key& key, std::uint64_t now_ns) const;
    void collect(Entry& entry, Memory& memory, std::uint64_t now_ns) noexcept;
    void ask_when_due(const engine::IpAddress& hop, Entry& entry, Memory& memory,
                      std::uint64_t now_ns) noexcept;

    std::vector<Entry> entries_;
    std::vector<Memory> memories_;
    /// Writer: Control, before asked_.
    std::array<Waiting, questions_max> waiting_;
    /// Writer: Control (release, paired with take()'s acquire).
    alignas(engine::cache_line) std::atomic<std::uint64_t> asked_{0};
    /// Writers: workers (acq_rel, paired with ask()'s acquire).
    alignas(engine::cache_line) std::atomic<std::uint64_t> taken_{0};
};

}  // namespace lanes::drivers
