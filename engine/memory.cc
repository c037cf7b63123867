// See memory.hh.
#include "engine/memory.hh"

#include <cstring>

namespace lanes::engine {

void FrameMemory::Stack::push(std::uint32_t number, std::vector<std::uint32_t>& next) noexcept {
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

std::uint32_t FrameMemory::Stack::pop(const std::vector<std::uint32_t>& next) noexcept {
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

Result<std::shared_ptr<FrameMemory>> FrameMemory::create(std::uint32_t frame_bytes,
                                                         unsigned buffers) {
    const unsigned chunk_count = (buffers + chunk - 1) / chunk;
    std::shared_ptr<FrameMemory> memory(new FrameMemory);
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
    memory->chunks_.resize(2 * std::size_t{chunk_count} + 2 * std::size_t{workers_max});
    memory->next_.resize(memory->chunks_.size());
    for (std::uint32_t number = 0; number < memory->chunks_.size(); ++number) {
        if (number >= chunk_count) {
            memory->empty_.push(number, memory->next_);
            continue;
        }
        for (std::uint32_t i = 0; i < chunk; ++i) {
            memory->chunks_[number][i] = number * chunk + i;
        }
        memory->full_.push(number, memory->next_);
    }
    return memory;
}

Frame FrameMemory::Cache::take() noexcept {
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
    frame.data = memory_->region_.data() + token * memory_->stride_ + headroom_bytes;
    frame.len = memory_->frame_bytes_;
    frame.headroom = headroom_bytes;
    frame.tailroom = tailroom_bytes;
    frame.token = token;
    return frame;
}

void FrameMemory::Cache::give(std::uint64_t token) noexcept {
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
void FrameMemory::push_full(const std::uint32_t* tokens) noexcept {
    const std::uint32_t number = empty_.pop(next_);
    LANES_CHECK(number != ~0u);
    std::memcpy(chunks_[number].data(), tokens, sizeof(Chunk));
    full_.push(number, next_);
}

FrameMemory::Cache::Cache(FrameMemory& memory) : memory_(&memory) {
    const std::lock_guard lock(memory.spare_mutex_);
    for (const std::uint32_t token : memory.spare_) tokens_[count_++] = token;
    memory.spare_.clear();
}

FrameMemory::Cache::~Cache() {
    const std::lock_guard lock(memory_->spare_mutex_);
    auto& spare = memory_->spare_;
    spare.insert(spare.end(), tokens_.begin(), tokens_.begin() + count_);
    while (spare.size() >= chunk) {
        memory_->push_full(spare.data() + spare.size() - chunk);
        spare.resize(spare.size() - chunk);
    }
}

}  // namespace lanes::engine
