// See frame_pool.hh.
#include "engine/frame_pool.hh"

#include <bit>
#include <cstring>

namespace lanes::engine {

void FramePool::Stack::push(std::uint32_t number, std::vector<std::uint32_t>& next) noexcept {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    std::uint64_t wanted;
    do {
        // Another cache may be reading this entry with a head that is stale already; its swap will
        // fail, but the read itself must not be torn.
        std::atomic_ref(next[number])
            .store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
        wanted = ((head >> 32) + 1) << 32 | number;
    } while (!head_.compare_exchange_weak(head, wanted, std::memory_order_acq_rel));
}

std::uint32_t FramePool::Stack::pop(const std::vector<std::uint32_t>& next) noexcept {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    std::uint64_t wanted;
    do {
        const auto number = static_cast<std::uint32_t>(head);
        if (number == ~0u) return number;
        const std::uint32_t below = std::atomic_ref(const_cast<std::uint32_t&>(next[number]))
                                        .load(std::memory_order_relaxed);
        wanted = ((head >> 32) + 1) << 32 | below;
    } while (!head_.compare_exchange_weak(head, wanted, std::memory_order_acq_rel));
    return static_cast<std::uint32_t>(head);
}

Result<std::shared_ptr<FramePool>> FramePool::create(std::uint32_t frame_bytes, unsigned buffers) {
    const unsigned chunk_count = (buffers + chunk - 1) / chunk;
    std::shared_ptr<FramePool> memory(new FramePool);
    memory->frame_bytes_ = frame_bytes;
    // An odd number of cache lines: the first bytes of all buffers, which everybody reads, then
    // spread over all sets of the cache instead of fighting for a few.
    const std::size_t lines =
        (headroom_bytes + frame_bytes + tailroom_bytes + cache_line - 1) / cache_line;
    memory->stride_ = (lines | 1) * cache_line;
    auto region = Region::map(memory->stride_ * chunk_count * chunk,
                              frame_bytes <= 16384 ? Region::Pages::huge : Region::Pages::small);
    if (!region) return region.error();
    memory->region_ = std::move(*region);
    memory->fill(chunk_count);
    return memory;
}

std::shared_ptr<FramePool> FramePool::over(Region region, Layout layout) {
    LANES_CHECK(std::has_single_bit(layout.stride) && layout.headroom >= headroom_bytes &&
                layout.stride > layout.headroom + tailroom_bytes);
    std::shared_ptr<FramePool> memory(new FramePool);
    memory->frame_bytes_ = layout.stride - layout.headroom - tailroom_bytes;
    memory->headroom_ = layout.headroom;
    memory->stride_ = layout.stride;
    memory->stride_shift_ = static_cast<unsigned>(std::countr_zero(layout.stride));
    memory->region_ = std::move(region);
    memory->fill(static_cast<std::uint32_t>(memory->region_.size() / layout.stride / chunk));
    return memory;
}

void FramePool::fill(std::uint32_t chunk_count) {
    size_ = chunk_count * chunk;
    chunks_.resize(2 * std::size_t{chunk_count} + 2 * std::size_t{workers_max});
    next_.resize(chunks_.size());
    for (std::uint32_t number = 0; number < chunks_.size(); ++number) {
        if (number >= chunk_count) {
            empty_.push(number, next_);
            continue;
        }
        for (std::uint32_t i = 0; i < chunk; ++i) chunks_[number][i] = number * chunk + i;
        full_.push(number, next_);
    }
}

Frame FramePool::Cache::take() noexcept {
    if (count_ == 0) {
        const std::uint32_t number = memory_->full_.pop(memory_->next_);
        if (number == ~0u) return Frame{};
        const Chunk& from = memory_->chunks_[number];
        std::memcpy(tokens_.data(), from.data(), sizeof from);
        count_ = chunk;
        memory_->empty_.push(number, memory_->next_);
    }
    const std::uint32_t token = tokens_[--count_];
    Frame frame;
    frame.data = memory_->region_.data() + token * memory_->stride_ + memory_->headroom_;
    frame.len = memory_->frame_bytes_;
    frame.headroom = memory_->headroom_;
    frame.tailroom = tailroom_bytes;
    frame.token = token;
    return frame;
}

void FramePool::Cache::give(std::uint64_t token) noexcept {
    if (count_ == tokens_.size()) {
        // The older half goes: what was given last is still in this core's cache.
        memory_->push_full(tokens_.data());
        std::memmove(tokens_.data(), tokens_.data() + chunk, chunk * sizeof tokens_[0]);
        count_ = chunk;
    }
    tokens_[count_++] = static_cast<std::uint32_t>(token);
}

// Chunks are always whole, so there are never more of them than buffers for them, and an empty
// record is always to be had.
void FramePool::push_full(const std::uint32_t* tokens) noexcept {
    const std::uint32_t number = empty_.pop(next_);
    LANES_CHECK(number != ~0u);
    std::memcpy(chunks_[number].data(), tokens, sizeof(Chunk));
    full_.push(number, next_);
}

FramePool::Cache::Cache(FramePool& memory) : memory_(&memory) {
    const std::lock_guard lock(memory.spare_mutex_);
    for (const std::uint32_t token : memory.spare_) tokens_[count_++] = token;
    memory.spare_.clear();
}

FramePool::Cache::~Cache() {
    const std::lock_guard lock(memory_->spare_mutex_);
    auto& spare = memory_->spare_;
    spare.insert(spare.end(), tokens_.begin(), tokens_.begin() + count_);
    while (spare.size() >= chunk) {
        memory_->push_full(spare.data() + spare.size() - chunk);
        spare.resize(spare.size() - chunk);
    }
}

}  // namespace lanes::engine
