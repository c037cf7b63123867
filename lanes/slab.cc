// See slab.hh. Places that nobody has are poisoned for AddressSanitizer, which would not see a use
// after give() otherwise.
#include "lanes/slab.hh"

#include <algorithm>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define LANES_WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LANES_WITH_ASAN 1
#endif
#endif
#ifdef LANES_WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace lanes {
namespace {

void poison([[maybe_unused]] std::byte* at, [[maybe_unused]] std::size_t len) noexcept {
#ifdef LANES_WITH_ASAN
    __asan_poison_memory_region(at, len);
#endif
}

void unpoison([[maybe_unused]] std::byte* at, [[maybe_unused]] std::size_t len) noexcept {
#ifdef LANES_WITH_ASAN
    __asan_unpoison_memory_region(at, len);
#endif
}

/// Less than this is not worth a system call when a group empties.
constexpr std::size_t give_back_least = std::size_t{64} << 10;

}  // namespace

engine::Result<Slab> Slab::create(std::uint32_t places_max, std::size_t stride) {
    auto region = engine::Region::map(places_max * stride, engine::Region::Pages::huge);
    if (!region) return region.error();
    Slab slab;
    slab.region_ = std::move(*region);
    slab.stride_ = stride;
    slab.places_max_ = places_max;
    slab.groups_.resize((places_max + group_places - 1) / group_places);
    return slab;
}

Slab::~Slab() {
    // Whoever maps these addresses next knows nothing of poison.
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        unpoison(region_.data() + i * group_places * stride_, groups_[i].used * stride_);
    }
}

std::uint32_t Slab::places_in(std::size_t group) const noexcept {
    const auto before = static_cast<std::uint32_t>(group) * group_places;
    return std::min(group_places, places_max_ - before);
}

std::uint32_t Slab::take() noexcept {
    while (first_ < groups_.size() && groups_[first_].taken == places_in(first_)) ++first_;
    if (first_ == groups_.size()) return none;
    Group& group = groups_[first_];
    std::uint32_t place = group.free;
    if (place == none) {
        place = static_cast<std::uint32_t>(first_) * group_places + group.used++;
        unpoison(at(place), stride_);
    } else {
        unpoison(at(place), stride_);
        std::memcpy(&group.free, at(place), sizeof group.free);
    }
    ++group.taken;
    ++taken_;
    return place;
}

void Slab::give(std::uint32_t place) noexcept {
    const std::size_t index = place / group_places;
    Group& group = groups_[index];
    --taken_;
    first_ = std::min(first_, index);
    --group.taken;
    const std::size_t begin = index * group_places * stride_;
    const std::size_t len = group.used * stride_;
    if (group.taken != 0 || len < give_back_least) {
        std::memcpy(at(place), &group.free, sizeof group.free);
        group.free = place;
        return poison(at(place), stride_);
    }
    group = {};
    unpoison(region_.data() + begin, len);
    region_.clear(begin, len);
}

}  // namespace lanes
