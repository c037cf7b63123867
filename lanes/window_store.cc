// See window_store.hh.
#include "lanes/window_store.hh"

namespace lanes {

engine::Result<Window::Word*> WindowStore::take(std::size_t words) {
    auto& free = free_[words];
    if (!free.empty()) {
        Window::Word* at = free.back();
        free.pop_back();
        return at;
    }
    const std::size_t bytes = words * sizeof(Window::Word);
    if (arenas_.empty() || arenas_.back().size() - used_ < bytes) {
        auto arena = engine::Region::map(bytes > arena_bytes ? bytes : arena_bytes,
                                         engine::Region::Pages::small);
        if (!arena) return arena.error();
        arenas_.push_back(std::move(*arena));
        used_ = 0;
    }
    auto* at = reinterpret_cast<Window::Word*>(arenas_.back().data() + used_);
    used_ += bytes;
    return at;
}

void WindowStore::give(Window::Word* at, std::size_t words) {
    const auto* bytes = reinterpret_cast<const std::byte*>(at);
    for (engine::Region& arena : arenas_) {
        if (bytes < arena.data() || bytes >= arena.data() + arena.size()) continue;
        arena.clear(static_cast<std::size_t>(bytes - arena.data()), words * sizeof(Window::Word));
        free_[words].push_back(at);
        return;
    }
}

}  // namespace lanes
