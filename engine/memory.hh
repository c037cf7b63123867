// FrameMemory: buffers of one size that frames live in and that ports of one memory pass to each
// other instead of copying. Buffers move between queues of different workers, so each queue has a
// Cache of its own and trades whole chunks of 64 with the others through a lock-free stack; in
// the steady state taking and giving touch no shared cache line.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/frame.hh"
#include "engine/limits.hh"
#include "engine/region.hh"
#include "engine/result.hh"

namespace lanes::engine {

class FrameMemory {
  public:
    static constexpr unsigned chunk = burst_max;

    /// One owner's stock of free buffers; used by one thread at a time. The memory must outlive it.
    class Cache {
      public:
        /// Starts with what caches that ended left over. Set-up path, as the destructor is.
        explicit Cache(FrameMemory& memory);
        ~Cache();
        Cache(const Cache&) = delete;
        Cache& operator=(const Cache&) = delete;

        /// A free buffer as a frame: data behind headroom_bytes, len = room, tailroom behind it.
        /// data == nullptr when the memory is exhausted.
        Frame take() noexcept;
        /// Gives back the buffer that `token` names (Frame::token of this memory).
        void give(std::uint64_t token) noexcept;

      private:
        FrameMemory* memory_;
        unsigned count_ = 0;
        std::array<std::uint32_t, 2 * chunk> tokens_;
    };

    /// `buffers` (rounded up to whole chunks) of room for `frame_bytes` each, besides head- and
    /// tailroom. Pages are taken from the kernel when first used.
    static Result<std::shared_ptr<FrameMemory>> create(std::uint32_t frame_bytes, unsigned buffers);

    std::uint32_t frame_bytes() const noexcept { return frame_bytes_; }

  private:
    /// A stack of chunk numbers. The upper half of head_ counts changes, so that a chunk that
    /// comes back between a read and its swap is noticed (Treiber's stack with a tag).
    class Stack {
      public:
        void push(std::uint32_t chunk_number, std::vector<std::uint32_t>& next) noexcept;
        /// ~0u when empty.
        std::uint32_t pop(const std::vector<std::uint32_t>& next) noexcept;

      private:
        /// Writers: all caches (acq_rel swaps).
        alignas(cache_line) std::atomic<std::uint64_t> head_{0xffffffffu};
    };

    /// 64 free buffers on their way from one cache to another.
    using Chunk = std::array<std::uint32_t, chunk>;

    FrameMemory() = default;
    void push_full(const std::uint32_t* tokens) noexcept;

    Region region_;
    std::uint32_t frame_bytes_ = 0;
    std::size_t stride_ = 0;
    std::vector<Chunk> chunks_;
    std::vector<std::uint32_t> next_;
    Stack full_;
    Stack empty_;
    std::mutex spare_mutex_;            ///< guards spare_; set-up path only
    std::vector<std::uint32_t> spare_;  ///< less than a chunk, from caches that ended
};

}  // namespace lanes::engine
