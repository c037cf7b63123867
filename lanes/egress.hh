// emit: the last step of every way through a node. Puts a head before some bytes and gives the
// result to a transmit queue, by the shorter of two ways: when the frame lies in memory that the
// egress port shares, the head goes into its headroom and the frame itself is passed on; otherwise
// head and bytes are written into room that the queue gave, and that is the only copy there is.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "engine/frame.hh"
#include "engine/port.hh"
#include "engine/scratch.hh"
#include "engine/worker.hh"
#include "lanes/lane.hh"

namespace lanes {

/// Bytes that are to leave. `owner` is the received frame they lie in, if nothing else needs that
/// frame any more; nullptr: they can only be copied.
struct Item {
    std::byte* data = nullptr;
    std::uint32_t len = 0;
    engine::Frame* owner = nullptr;
};

/// What is written around the bytes of an item.
template <typename H>
concept Head = requires(const H& head, std::byte* to, unsigned i, std::uint32_t len) {
    { head.bytes() } -> std::same_as<std::uint32_t>;           ///< before the item
    { head.frame_bytes(len) } -> std::same_as<std::uint32_t>;  ///< whole frame of an item of len
    {head.write(to, i, len)};                                  ///< writes bytes() bytes at `to`
    { head.finish(to, len) } -> std::same_as<std::uint32_t>;   ///< returns frame_bytes(len)
    { head.endpoint() } -> std::same_as<std::uint32_t>;
};

/// Frames and packets go out as they are.
struct NoHead {
    std::uint32_t bytes() const noexcept { return 0; }
    std::uint32_t frame_bytes(std::uint32_t len) const noexcept { return len; }
    void write(std::byte*, unsigned, std::uint32_t) const noexcept {}
    std::uint32_t finish(std::byte*, std::uint32_t len) const noexcept { return len; }
    std::uint32_t endpoint() const noexcept { return 0; }
};

/// Claims room for frames of up to `len` bytes. What was gathered in this round may be all that
/// fills the queue: it is flushed before the queue counts as full (0).
inline unsigned claim_or_flush(engine::WorkerContext& worker, engine::TxQueue& tx,
                               std::span<engine::Frame> room, std::uint32_t len) noexcept {
    const engine::InPhase transmit(worker.phases, engine::Phase::transmit);
    const unsigned n = tx.claim(room, len);
    if (n != 0) return n;
    tx.flush(worker.counters);
    return tx.claim(room, len);
}

/// What the transmit queue's calls of the same names do, in the phase of their own.
inline void send(engine::WorkerContext& worker, engine::TxQueue& tx,
                 std::span<const engine::Frame> frames) noexcept {
    if (worker.tap != nullptr) [[unlikely]]
        worker.tap->leaves(tx, frames);
    const engine::InPhase transmit(worker.phases, engine::Phase::transmit);
    tx.send(frames, worker.counters);
}
inline unsigned pass(engine::WorkerContext& worker, engine::TxQueue& tx,
                     std::span<const engine::Frame> frames) noexcept {
    if (worker.tap != nullptr) [[unlikely]]
        worker.tap->leaves(tx, frames);
    const engine::InPhase transmit(worker.phases, engine::Phase::transmit);
    return tx.pass(frames, worker.counters);
}

namespace detail {

/// Passes items[0..n) on; returns how many the queue took.
template <Head H>
unsigned pass_items(engine::WorkerContext& worker, engine::TxQueue& tx, std::span<const Item> items,
                    unsigned first, const H& head) noexcept {
    engine::Scratch<engine::Frame, engine::burst_max> frames;
    const std::uint32_t before = head.bytes();
    for (unsigned i = 0; i < items.size(); ++i) {
        const Item& item = items[i];
        engine::Frame& frame = frames[i];
        frame = *item.owner;
        std::byte* start = item.data - before;
        const std::byte* end = frame.data + frame.len + frame.tailroom;
        head.write(start, first + i, item.len);
        frame.headroom += static_cast<std::uint32_t>(start - frame.data);
        frame.data = start;
        frame.len = head.finish(start, item.len);
        frame.tailroom = static_cast<std::uint32_t>(end - start) - frame.len;
        frame.endpoint = head.endpoint();
    }
    const unsigned taken = pass(worker, tx, frames.first(items.size()));
    for (unsigned i = 0; i < taken; ++i) items[i].owner->data = nullptr;
    return taken;
}

/// Copies items[0..n) into claimed room; returns how many there was room for.
template <Head H>
unsigned copy_items(engine::WorkerContext& worker, engine::TxQueue& tx, std::span<const Item> items,
                    unsigned first, const H& head) noexcept {
    engine::Scratch<engine::Frame, engine::burst_max> room;
    std::uint32_t longest = 0;
    for (const Item& item : items) longest = item.len > longest ? item.len : longest;
    const std::uint32_t need = head.frame_bytes(longest);
    const unsigned n = claim_or_flush(worker, tx, room.first(items.size()), need);
    for (unsigned i = 0; i < n; ++i) {
        engine::Frame& frame = room[i];
        head.write(frame.data, first + i, items[i].len);
        std::memcpy(frame.data + head.bytes(), items[i].data, items[i].len);
        frame.len = head.finish(frame.data, items[i].len);
        frame.endpoint = head.endpoint();
    }
    if (n != 0) send(worker, tx, room.first(n));
    worker.counters.copies.add(n);
    return n;
}

/// How an item leaves: as the frame it lies in, copied, or not at all.
enum class Way : std::uint8_t { pass, copy, none };

inline bool can_pass(const Item& item, std::uint32_t before, std::uint32_t behind) noexcept {
    if (item.owner == nullptr) return false;
    const engine::Frame& frame = *item.owner;
    const auto inside = static_cast<std::uint32_t>(item.data - frame.data);
    return frame.headroom + inside >= before && frame.tailroom + frame.len >= inside + behind;
}

}  // namespace detail

/// Sends `items` (at most burst_max) in order, each with its head. `memory` is that of the queue
/// they were received on. Items that do not fit the queue's frames are dropped as tx_too_big,
/// those that find no room as tx_full. Returns how many were handed to the queue.
template <Head H>
unsigned emit(engine::WorkerContext& worker, const engine::FrameMemory* memory, engine::TxQueue& tx,
              std::span<Item> items, const H& head) noexcept {
    const std::uint32_t before = head.bytes();
    const std::uint32_t max_len = tx.max_len();
    const bool shared = memory != nullptr && tx.memory() == memory;
    const auto n = static_cast<unsigned>(items.size());
    const auto way = [&](const Item& item) {
        const std::uint32_t whole = head.frame_bytes(item.len);
        if (whole > max_len) return detail::Way::none;
        return shared && detail::can_pass(item, before, whole - before) ? detail::Way::pass
                                                                        : detail::Way::copy;
    };
    unsigned sent = 0;
    for (unsigned i = 0; i < n;) {
        // As many as go the same way.
        const detail::Way first = way(items[i]);
        unsigned end = i + 1;
        while (end < n && way(items[end]) == first) ++end;
        const std::span<const Item> some = items.subspan(i, end - i);
        if (first == detail::Way::none) {
            worker.counters.drop(engine::Drop::tx_too_big, end - i);
            i = end;
            continue;
        }
        const bool pass = first == detail::Way::pass;
        const unsigned done = pass ? detail::pass_items(worker, tx, some, i, head)
                                   : detail::copy_items(worker, tx, some, i, head);
        sent += done;
        i += done;
        if (done == 0 || (pass && i < end)) {
            worker.counters.drop(engine::Drop::tx_full, end - i);
            i = end;
        }
    }
    return sent;
}

}  // namespace lanes
