// AfXdpMemory: the frames of all af_xdp ports of the process, in one region with one layout, so
// that a frame received on one port is sealed in place and sent from another. Each port registers
// the region as its UMEM, shared by all its queues.
//
// Why a UMEM for each port over one region, and not XDP_SHARED_UMEM across devices: there the
// kernel derives the mode of the second device from the first (a card with zero-copy beside one
// without would both copy, or not open), and the first device's socket must outlive its own port
// because the UMEM is its. Registered twice, the pages are pinned twice and cost 16 bytes each;
// the ports open, close and choose their mode independently.
//
// LentFrames: which frames the kernel has from one queue. When a socket closes, the kernel keeps
// no list of what it held; this does, at one bit per frame, private to the queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/frame_pool.hh"
#include "engine/result.hh"

namespace lanes::drivers {

class LentFrames {
  public:
    /// How many threads lend and get back: one, or several that share a completion ring.
    enum class Users : std::uint8_t { one, several };

    LentFrames(std::uint32_t frames, Users users) : words_((frames + 63) / 64), users_(users) {}

    void lend(std::uint64_t token) noexcept {
        const std::uint64_t bit = std::uint64_t{1} << (token % 64);
        if (users_ == Users::one) {
            words_[token / 64] |= bit;
        } else {
            std::atomic_ref(words_[token / 64]).fetch_or(bit, std::memory_order_relaxed);
        }
    }
    void take_back(std::uint64_t token) noexcept {
        const std::uint64_t bit = std::uint64_t{1} << (token % 64);
        if (users_ == Users::one) {
            words_[token / 64] &= ~bit;
        } else {
            std::atomic_ref(words_[token / 64]).fetch_and(~bit, std::memory_order_relaxed);
        }
    }
    /// All that is lent, which is not lent any more. No queue is in use.
    std::vector<std::uint32_t> take_back_all();

  private:
    std::vector<std::uint64_t> words_;
    Users users_;
};

class AfXdpMemory {
  public:
    /// What the kernel keeps free before a frame it receives (XDP_PACKET_HEADROOM).
    static constexpr std::uint32_t headroom_bytes = 256;
    static constexpr std::uint32_t chunk_bytes_max = 4096;
    /// The longest frame that fits a chunk.
    static constexpr std::uint32_t frame_bytes_max =
        chunk_bytes_max - headroom_bytes - engine::tailroom_bytes;

    /// A part of a memory that a port may use; gives it back when it goes.
    class Share {
      public:
        Share() = default;
        Share(std::shared_ptr<AfXdpMemory> memory, std::uint32_t frames)
            : memory_(std::move(memory)), frames_(frames) {}
        Share(Share&& other) noexcept = default;
        Share& operator=(Share&& other) noexcept = default;
        ~Share();

        engine::FramePool& pool() const noexcept { return *memory_->pool_; }
        std::uint32_t chunk_bytes() const noexcept { return memory_->chunk_bytes_; }
        /// The number of the memory among those of the process, from 1.
        unsigned number() const noexcept { return memory_->number_; }
        /// Frees frames; `later`: only at the next open, because a card may still write to them.
        enum class When : std::uint8_t { now, later };
        void give_back(const std::vector<std::uint32_t>& tokens, When when);

      private:
        std::shared_ptr<AfXdpMemory> memory_;
        std::uint32_t frames_ = 0;
    };

    /// Room for `frames` frames of at most `frame_bytes` in a memory that others use already, or in
    /// a new one.
    static engine::Result<Share> join(std::uint32_t frame_bytes, std::uint32_t frames);

  private:
    struct Retired {
        std::vector<std::uint32_t> tokens;
        std::uint64_t since_ns;
    };

    AfXdpMemory() = default;
    void settle();
    void give(const std::vector<std::uint32_t>& tokens);

    std::shared_ptr<engine::FramePool> pool_;
    std::uint32_t chunk_bytes_ = 0;
    unsigned number_ = 0;
    std::uint32_t promised_ = 0;  ///< frames that ports were promised; guarded, as is retired_
    std::vector<Retired> retired_;
};

}  // namespace lanes::drivers
