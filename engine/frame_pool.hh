// FramePool: a frame memory of buffers of one size, which ports of one memory pass to each
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
#include "engine/port.hh"
#include "engine/region.hh"
#include "engine/result.hh"

namespace lanes::engine {

class FramePool : public FrameMemory {
  public:
    static constexpr unsigned chunk = burst_max;

    /// One owner's stock of free buffers; used by one thread at a time. The memory must outlive it.
    class Cache {
      public:
        /// Starts with what caches that ended left over. Set-up path, as the destructor is.
        explicit Cache(FramePool& memory);
        ~Cache();
        Cache(const Cache&) = delete;
        Cache& operator=(const Cache&) = delete;

        /// A free buffer as a frame: data behind headroom_bytes, len = room, tailroom behind it.
        /// data == nullptr when the memory is exhausted.
        Frame take() noexcept;
        /// Gives back the buffer that `token` names (Frame::token of this memory).
        void give(std::uint64_t token) noexcept;

      private:
        FramePool* memory_;
        unsigned count_ = 0;
        std::array<std::uint32_t, 2 * chunk> tokens_;
    };

    /// `buffers` (rounded up to whole chunks) of room for `frame_bytes` each, besides head- and
    /// tailroom. Pages are taken from the kernel when first used.
    static Result<std::shared_ptr<FramePool>> create(std::uint32_t frame_bytes, unsigned buffers);

    /// How the buffers of a device that lays them out itself lie in its memory.
    struct Layout {
        std::uint32_t stride;    ///< bytes from one buffer to the next, a power of two
        std::uint32_t headroom;  ///< before a frame, at least headroom_bytes
    };
    /// The same over a region that a device knows: buffer n at n * stride. What does not make a
    /// whole chunk is left unused.
    static std::shared_ptr<FramePool> over(Region region, Layout layout);

    std::uint32_t frame_bytes() const noexcept { return frame_bytes_; }
    /// Buffers, free or not.
    std::uint32_t size() const noexcept { return size_; }
    const Region& region() const noexcept { return region_; }

    /// Where in the region the buffer of `token` begins, headroom included.
    std::uint64_t offset_of(std::uint64_t token) const noexcept { return token * stride_; }
    /// The buffer that byte `offset` of the region lies in.
    std::uint64_t token_at(std::uint64_t offset) const noexcept {
        return stride_shift_ != 0 ? offset >> stride_shift_ : offset / stride_;
    }

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

    FramePool() = default;
    void fill(std::uint32_t chunk_count);
    void push_full(const std::uint32_t* tokens) noexcept;

    Region region_;
    std::uint32_t frame_bytes_ = 0;
    std::uint32_t headroom_ = headroom_bytes;
    std::size_t stride_ = 0;
    unsigned stride_shift_ = 0;  ///< log2 of the stride, or 0 when it is no power of two
    std::uint32_t size_ = 0;
    std::vector<Chunk> chunks_;
    std::vector<std::uint32_t> next_;
    Stack full_;
    Stack empty_;
    std::mutex spare_mutex_;            ///< guards spare_; set-up path only
    std::vector<std::uint32_t> spare_;  ///< less than a chunk, from caches that ended
};

}  // namespace lanes::engine
