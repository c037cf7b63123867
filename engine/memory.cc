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
        Chunk& filled = memory->chunks_[number];
        filled.count = chunk;
        for (std::uint32_t i = 0; i < chunk; ++i) filled.tokens[i] = number * chunk + i;
        memory->full_.push(number, memory->next_);
    }
    return memory;
}

Frame FrameMemory::Cache::take() noexcept {
    if (count_ == 0) {
        const std::uint32_t number = memory_->full_.pop(memory_->next_);
        if (number == ~0u) return Frame{};
        const Chunk& from = memory_->chunks_[number];
        std::memcpy(tokens_.data(), from.tokens.data(), from.count * sizeof from.tokens[0]);
        count_ = from.count;
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
        LANES_CHECK(hand_over(tokens_.data(), chunk));
        std::memmove(tokens_.data(), tokens_.data() + chunk, chunk * sizeof tokens_[0]);
        count_ = chunk;
    }
    tokens_[count_++] = static_cast<std::uint32_t>(token);
}

bool FrameMemory::Cache::hand_over(const std::uint32_t* from, unsigned count) noexcept {
    const std::uint32_t number = memory_->empty_.pop(memory_->next_);
    if (number == ~0u) return false;
    Chunk& to = memory_->chunks_[number];
    to.count = count;
    std::memcpy(to.tokens.data(), from, count * sizeof to.tokens[0]);
    memory_->full_.push(number, memory_->next_);
    return true;
}

FrameMemory::Cache::~Cache() {
    while (count_ > 0) {
        const unsigned count = count_ < chunk ? count_ : chunk;
        if (!hand_over(tokens_.data() + count_ - count, count)) return;
        count_ -= count;
    }
}

}  // namespace lanes::engine
