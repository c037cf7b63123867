// Reassembly: puts inner packets together again that a sending lane had to cut (kind 6). One table
// for all lanes and all workers, because the fragments of one packet may arrive on different
// cores (two paths, or a receive queue per path). No lock: a slot counts who is inside, each
// fragment claims its own bit before it copies its own bytes, and whoever sets the last bit
// delivers. Bounded in memory (slots) and in time (Control calls expire()).
//
// A slot is found by hash alone, one candidate per packet: consecutive packets of a lane fall into
// consecutive slots. When the slot holds an incomplete packet that is older than evict_ns, that one
// gives way; when it is younger, the new fragment is dropped as reassembly_full.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/counters.hh"
#include "engine/region.hh"
#include "engine/result.hh"
#include "engine/worker.hh"
#include "lanes/wire.hh"

namespace lanes {

class Reassembly {
  public:
    static constexpr unsigned slot_count = 1024;
    /// Room for the largest inner packet, and before it the headroom that any egress may want.
    static constexpr std::uint32_t slot_bytes = wire::inner_bytes + wire::body_bytes_max + 1;
    static constexpr std::uint64_t timeout_ns = 1'000'000'000;
    static constexpr std::uint64_t evict_ns = 50'000'000;

    static engine::Result<std::unique_ptr<Reassembly>> create();

    /// Which packet a fragment belongs to.
    struct Key {
        std::uint32_t lane = 0;  ///< Lane::index
        std::uint16_t subspace = 0;
        bool operator==(const Key&) const = default;
    };

    /// A whole inner packet, held until done() is called with it.
    struct Whole {
        std::byte* inner = nullptr;  ///< nullptr: not complete yet, or dropped (and counted)
        std::uint32_t len = 0;       ///< with its four header bytes
        unsigned slot = 0;
    };

    /// Worker: takes the fragment with the bytes [data, data + len) in. Counts the fragment as
    /// absorbed or as dropped, and a completed packet as made.
    Whole add(engine::WorkerContext& worker, const Key& key, const wire::Fragment& fragment,
              const std::byte* data, std::uint32_t len) noexcept;
    /// Worker: the packet that add() returned has been dealt with.
    void done(const Whole& whole) noexcept;

    /// Control: drops what has been incomplete for longer than timeout_ns, counted in `counters`.
    void expire(std::uint64_t now_ns, engine::WorkerCounters& counters) noexcept;

  private:
    enum class Phase : std::uint16_t { free, filling, open, closing };

    /// State word: generation (32) | users (16) | phase (16), changed by swaps only. The other
    /// fields are written while the phase is `filling`, by the one thread that made it so, and read
    /// by users of an `open` slot.
    struct alignas(engine::cache_line) Slot {
        std::atomic<std::uint64_t> state{0};
        std::atomic<std::uint64_t> claimed{0};   ///< bit per fragment somebody copies or has copied
        std::atomic<std::uint64_t> complete{0};  ///< bit per fragment whose bytes are in place
        std::atomic<std::uint32_t> len{0};       ///< of the whole, once the last fragment came
        Key key;
        std::uint32_t id = 0;
        std::uint16_t stride = 0;
        std::uint8_t count = 0;
        std::uint64_t since_ns = 0;
    };

    static std::uint64_t state_of(std::uint64_t generation, unsigned users, Phase phase) noexcept {
        return generation << 32 | std::uint64_t{users} << 16 | static_cast<std::uint64_t>(phase);
    }
    static std::uint64_t generation_of(std::uint64_t state) noexcept { return state >> 32; }
    static unsigned users_of(std::uint64_t state) noexcept { return state >> 16 & 0xffff; }
    static Phase phase_of(std::uint64_t state) noexcept { return Phase(state & 0xffff); }

    Reassembly() : slots_(slot_count) {}

    unsigned slot_of(const Key& key, std::uint32_t id) const noexcept;
    bool enter(unsigned slot, engine::WorkerContext& worker, const Key& key,
               const wire::Fragment& fragment) noexcept;
    bool take_over(Slot& slot, std::uint64_t state, engine::WorkerCounters& counters) noexcept;
    void leave(Slot& slot, Phase phase) noexcept;
    std::byte* bytes_of(unsigned slot) const noexcept {
        return region_.data() + std::size_t{slot} * stride_bytes;
    }

    static constexpr std::size_t stride_bytes = (slot_bytes + 4095) / 4096 * 4096;

    engine::Region region_;
    std::vector<Slot> slots_;
};

}  // namespace lanes
