// See tracker.hh.
#include "bench/traffic/tracker.hh"

#include <algorithm>
#include <bit>

namespace lanes::bench {
namespace {

constexpr std::uint64_t words_wanted = 1u << 16;  ///< of all flows together, unless that is too few
constexpr std::uint64_t gaps_wanted = 1u << 16;
constexpr std::uint64_t gaps_per_flow_max = 1024;
constexpr std::uint64_t per_flow_min = 2;
/// Numbers that no flow ever reaches: what lies before the first one looks like this.
constexpr std::uint64_t before_first = std::uint64_t{1} << 63;

std::uint64_t share_of(std::uint64_t wanted, std::uint32_t flows) {
    return std::max(std::bit_floor(wanted / flows), per_flow_min);
}

}  // namespace

Tracker::Tracker(std::uint32_t flows)
    : blocks_per_flow_(share_of(words_wanted, flows)),
      gaps_per_flow_(std::min(share_of(gaps_wanted, flows), gaps_per_flow_max)),
      flows_(flows),
      words_(flows * blocks_per_flow_),
      gaps_(flows * gaps_per_flow_) {}

void Tracker::reset() noexcept {
    std::fill(flows_.begin(), flows_.end(), Flow{});
    std::fill(words_.begin(), words_.end(), Word{});
    tally_ = {};
}

std::uint64_t Tracker::number_of(const Flow& flow, std::uint32_t sequence) const noexcept {
    // The number nearest to the next one that has these low bits (RFC 1982).
    const auto ahead = static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(flow.next));
    return flow.next + static_cast<std::uint64_t>(std::int64_t{ahead});
}

Tracker::Word* Tracker::find(std::uint32_t flow, std::uint64_t number) noexcept {
    if (number >= before_first) return nullptr;
    const std::uint64_t block = number / 64;
    Word& word = words_[flow * blocks_per_flow_ + (block & (blocks_per_flow_ - 1))];
    if (word.tag > block + 1) return nullptr;
    if (word.tag != block + 1) word = {block + 1, 0, 0};
    return &word;
}

Tracker::Arrival Tracker::whole(std::uint32_t flow, std::uint32_t sequence) noexcept {
    const std::uint64_t number = number_of(flows_[flow], sequence);
    Word* word = find(flow, number);
    if (word == nullptr) {
        ++tally_.stragglers;
        return Arrival::straggler;
    }
    const std::uint64_t bit = std::uint64_t{1} << (number & 63);
    if ((word->whole & bit) != 0) {
        ++tally_.duplicates;
        return Arrival::again;
    }
    word->whole |= bit;
    if ((word->damaged & bit) != 0) {
        --tally_.corrupt;
        ++tally_.duplicates;
    }
    ++tally_.received;
    place(flow, number);
    return Arrival::first;
}

void Tracker::damaged(std::uint32_t flow, std::uint32_t sequence) noexcept {
    const std::uint64_t number = number_of(flows_[flow], sequence);
    Word* word = find(flow, number);
    if (word == nullptr) {
        ++tally_.stragglers;
        return;
    }
    const std::uint64_t bit = std::uint64_t{1} << (number & 63);
    if (((word->whole | word->damaged) & bit) != 0) {
        ++tally_.duplicates;
    } else {
        ++tally_.corrupt;
    }
    word->damaged |= bit;
}

void Tracker::place(std::uint32_t flow, std::uint64_t number) noexcept {
    Flow& state = flows_[flow];
    if (number >= state.next) {
        if (number > state.next) {
            const std::uint64_t at = state.gaps++ & (gaps_per_flow_ - 1);
            gaps_[flow * gaps_per_flow_ + at] = {state.next, state.arrivals};
        }
        state.next = number + 1;
    } else {
        ++tally_.reordered;
        const std::uint64_t extent = state.arrivals - overtaken_at(flow, number);
        tally_.reorder_extent = std::max(tally_.reorder_extent, extent);
    }
    ++state.arrivals;
}

std::uint64_t Tracker::overtaken_at(std::uint32_t flow, std::uint64_t number) const noexcept {
    // The last gap that begins at or before the number; gaps are in ascending order.
    const Gap* gaps = &gaps_[flow * gaps_per_flow_];
    const std::uint64_t end = flows_[flow].gaps;
    std::uint64_t low = end < gaps_per_flow_ ? 0 : end - gaps_per_flow_;
    std::uint64_t high = end;
    while (high - low > 1) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (gaps[middle & (gaps_per_flow_ - 1)].first <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return gaps[low & (gaps_per_flow_ - 1)].arrival;
}

}  // namespace lanes::bench
