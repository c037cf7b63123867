// Tracker: what became of the frames of each flow, by their sequence numbers: which arrived whole
// for the first time, again, out of order (RFC 4737) or damaged. One thread; nothing is allocated
// after the constructor.
//
// Per flow it keeps a window of bitmaps, tagged with their block of 64 numbers as the engine's
// replay window is, and the last gaps in the order of arrival. A reordered frame always falls into
// a gap, and the frame that made the gap by jumping over it is the first that overtook it: that is
// how the reordering extent is exact without an arrival number per frame. When more gaps than are
// kept have opened since, the extent is a lower bound.
//
// Memory is bounded whatever the number of flows: a single flow has a window of 4 million frames
// and 1024 gaps, a million flows have 128 frames and 2 gaps each.
#pragma once

#include <cstdint>
#include <vector>

namespace lanes::bench {

/// Sums over all flows. received + corrupt never counts a frame twice, however many copies came.
struct Tally {
    std::uint64_t received = 0;
    std::uint64_t corrupt = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t reordered = 0;
    std::uint64_t reorder_extent = 0;
    std::uint64_t stragglers = 0;  ///< older than the window: cannot be told from a duplicate
};

class Tracker {
  public:
    enum class Arrival : std::uint8_t { first, again, straggler };

    /// `flows` is 1 to flows_max.
    explicit Tracker(std::uint32_t flows);

    /// Forgets everything.
    void reset() noexcept;

    std::uint32_t flows() const noexcept { return static_cast<std::uint32_t>(flows_.size()); }

    /// A whole frame; `sequence` is the low 32 bits of its number, `flow` less than flows().
    Arrival whole(std::uint32_t flow, std::uint32_t sequence) noexcept;

    /// A damaged frame whose stamp could be read: corrupt, unless a copy of it came before. A whole
    /// copy that comes later takes its place.
    void damaged(std::uint32_t flow, std::uint32_t sequence) noexcept;

    /// A damaged frame without a stamp.
    void defaced() noexcept { ++tally_.corrupt; }

    /// The latency of the flow's frame before this one, and remembers this one. ~0: there is none.
    std::uint64_t exchange_latency(std::uint32_t flow, std::uint64_t latency_ns) noexcept {
        const std::uint64_t before = flows_[flow].latency_ns;
        flows_[flow].latency_ns = latency_ns;
        return before;
    }

    const Tally& tally() const noexcept { return tally_; }

  private:
    struct Flow {
        std::uint64_t next = 0;      ///< greatest number received, plus one
        std::uint64_t arrivals = 0;  ///< frames received whole, each once
        std::uint64_t latency_ns = ~std::uint64_t{0};
        std::uint64_t gaps = 0;  ///< opened so far; the last gaps_per_flow_ are kept
    };
    struct Word {
        std::uint64_t tag = 0;  ///< block number plus one; 0: unused
        std::uint64_t whole = 0;
        std::uint64_t damaged = 0;
    };
    struct Gap {
        std::uint64_t first = 0;    ///< the first number that was missing
        std::uint64_t arrival = 0;  ///< what arrivals was when it was jumped over
    };

    /// nullptr: older than the window, or before the first number.
    Word* find(std::uint32_t flow, std::uint64_t number) noexcept;
    std::uint64_t number_of(const Flow& flow, std::uint32_t sequence) const noexcept;
    void place(std::uint32_t flow, std::uint64_t number) noexcept;
    std::uint64_t overtaken_at(std::uint32_t flow, std::uint64_t number) const noexcept;

    std::uint64_t blocks_per_flow_;  ///< a power of two
    std::uint64_t gaps_per_flow_;    ///< a power of two
    std::vector<Flow> flows_;
    std::vector<Word> words_;
    std::vector<Gap> gaps_;
    Tally tally_;
};

}  // namespace lanes::bench
