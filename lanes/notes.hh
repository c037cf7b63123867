// Notes: what workers pass on to Control, one bounded ring for each worker: announcements,
// unopened, and what heartbeats said. A worker that finds its ring full drops, by name, and goes
// on; it neither waits nor wakes anybody: Control looks often while there is something to see. One
// producer, one consumer (Lamport 1983).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/limits.hh"
#include "lanes/announcement.hh"

namespace lanes {

struct Lane;

/// What a heartbeat said, and what had come by then.
struct HeardHeartbeat {
    std::uint64_t sent_ns = 0;   ///< the sender's CLOCK_REALTIME
    std::uint64_t sent = 0;      ///< sum of the next sequence numbers of all its subspaces
    std::uint64_t accepted = 0;  ///< packets that this node had accepted, of the same session
    std::uint8_t epoch = 0;      ///< clear lanes: 0
    /// Of `accepted`, those that other workers accepted while `sent` was being worked out.
    std::uint64_t meanwhile = 0;
};

struct Note {
    enum class Kind : std::uint8_t { announcement, heartbeat };

    Lane* lane = nullptr;
    std::uint64_t now_ns = 0;  ///< CLOCK_MONOTONIC, when it came
    Kind kind{};
    HeardHeartbeat heartbeat{};
    AnnounceBytes announcement{};
};

class Notes {
  public:
    static constexpr std::size_t slots = 4096;

    /// Worker: whether Control falls behind, and what is not certain to be meant for us should be
    /// looked at here.
    bool crowded() const noexcept {
        return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire) >=
               slots / 4;
    }

    /// Worker: a slot to fill, or nullptr when there is none; then push().
    Note* claim(Note::Kind kind) noexcept {
        const std::size_t room = kind == Note::Kind::heartbeat ? slots : slots / 4 * 3;
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_.load(std::memory_order_acquire) >= room) return nullptr;
        return &ring_[tail % slots];
    }
    void push() noexcept {
        tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

    /// Control: the oldest note, or nullptr; good until pop().
    const Note* front() const noexcept {
        const std::uint64_t head = head_.load(std::memory_order_relaxed);
        return head == tail_.load(std::memory_order_acquire) ? nullptr : &ring_[head % slots];
    }
    void pop() noexcept {
        head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

  private:
    std::vector<Note> ring_ = std::vector<Note>(slots);
    /// Writer: the worker (release). Partner: front().
    alignas(engine::cache_line) std::atomic<std::uint64_t> tail_{0};
    /// Writer: Control (release). Partner: claim().
    alignas(engine::cache_line) std::atomic<std::uint64_t> head_{0};
};

}  // namespace lanes
