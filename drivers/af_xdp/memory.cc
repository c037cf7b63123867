// See memory.hh.
#include "drivers/af_xdp/memory.hh"

#include <algorithm>
#include <bit>
#include <mutex>

#include "engine/clock.hh"

namespace lanes::drivers {
namespace {

using engine::FramePool;
using engine::Result;

/// A memory has room for so many ports like the first.
constexpr std::uint32_t ports_expected = 3;
constexpr std::uint64_t retire_ns = 1'000'000'000;

std::mutex registry_mutex;  // guards all that follows and what AfXdpMemory says; set-up path only
std::vector<std::weak_ptr<AfXdpMemory>> memories;
unsigned memories_made = 0;

}  // namespace

std::vector<std::uint32_t> LentFrames::take_back_all() {
    std::vector<std::uint32_t> tokens;
    for (std::size_t i = 0; i < words_.size(); ++i) {
        for (std::uint64_t word = words_[i]; word != 0; word &= word - 1) {
            tokens.push_back(static_cast<std::uint32_t>(i) * 64 +
                             static_cast<std::uint32_t>(std::countr_zero(word)));
        }
        words_[i] = 0;
    }
    return tokens;
}

AfXdpMemory::Share::~Share() {
    if (!memory_) return;
    const std::lock_guard lock(registry_mutex);
    memory_->promised_ -= frames_;
}

void AfXdpMemory::Share::give_back(const std::vector<std::uint32_t>& tokens, When when) {
    if (when == When::now) return memory_->give(tokens);
    const std::lock_guard lock(registry_mutex);
    memory_->promised_ += static_cast<std::uint32_t>(tokens.size());
    memory_->retired_.push_back({tokens, engine::monotonic_ns()});
}

void AfXdpMemory::give(const std::vector<std::uint32_t>& tokens) {
    FramePool::Cache cache(*pool_);
    for (const std::uint32_t token : tokens) cache.give(token);
}

void AfXdpMemory::settle() {
    const std::uint64_t now = engine::monotonic_ns();
    std::erase_if(retired_, [&](const Retired& retired) {
        if (now - retired.since_ns < retire_ns) return false;
        promised_ -= static_cast<std::uint32_t>(retired.tokens.size());
        give(retired.tokens);
        return true;
    });
}

Result<AfXdpMemory::Share> AfXdpMemory::join(std::uint32_t frame_bytes, std::uint32_t frames) {
    const std::uint32_t chunk_bytes =
        frame_bytes <= 2048 - headroom_bytes - engine::tailroom_bytes ? 2048 : chunk_bytes_max;
    const std::lock_guard lock(registry_mutex);
    std::erase_if(memories, [](const auto& memory) { return memory.expired(); });
    for (const auto& weak : memories) {
        const auto memory = weak.lock();
        if (!memory || memory->chunk_bytes_ != chunk_bytes) continue;
        memory->settle();
        if (memory->pool_->size() - memory->promised_ < frames) continue;
        memory->promised_ += frames;
        return Share(memory, frames);
    }
    const std::uint32_t size = std::bit_ceil(frames * ports_expected);
    auto region = engine::Region::map(std::size_t{size} * chunk_bytes, engine::Region::Pages::huge);
    if (!region) return region.error();
    std::shared_ptr<AfXdpMemory> memory(new AfXdpMemory);
    memory->pool_ = FramePool::over(std::move(*region), {chunk_bytes, headroom_bytes});
    memory->chunk_bytes_ = chunk_bytes;
    memory->number_ = memories.empty() ? memories_made = 1 : ++memories_made;
    memory->promised_ = frames;
    memories.push_back(memory);
    return Share(memory, frames);
}

}  // namespace lanes::drivers
