// Slab: places of one size for objects that keep their address: lanes, plans, match rules. All lie
// in one sparse Region of huge pages, so that a million of them share few TLB entries and cost the
// malloc that they replace nothing; a place is named by 32 bits. Places come in groups: new objects
// go to the first group with room, and a group without objects gives its memory back. Control only.
//
// Alternatives: malloc scatters a million objects over half a million TLB entries, and gives back
// only what lies at its end; an arena gives nothing back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/region.hh"
#include "engine/result.hh"

namespace lanes {

class Slab {
  public:
    static constexpr std::uint32_t none = ~0u;

    Slab() = default;
    Slab(Slab&&) noexcept = default;
    Slab& operator=(Slab&&) noexcept = default;
    ~Slab();

    /// Address space for `places_max` places of `stride` bytes, a multiple of 64; memory is taken
    /// as places are.
    static engine::Result<Slab> create(std::uint32_t places_max, std::size_t stride);

    /// A place with anything in it; `none` when all are taken.
    std::uint32_t take() noexcept;
    void give(std::uint32_t place) noexcept;

    std::byte* at(std::uint32_t place) const noexcept { return region_.data() + place * stride_; }
    std::uint32_t place_of(const void* object) const noexcept {
        const auto* byte = static_cast<const std::byte*>(object);
        return static_cast<std::uint32_t>(static_cast<std::size_t>(byte - region_.data()) /
                                          stride_);
    }
    std::byte* data() const noexcept { return region_.data(); }
    std::size_t stride() const noexcept { return stride_; }
    std::uint32_t places_max() const noexcept { return places_max_; }
    std::uint32_t taken() const noexcept { return taken_; }

  private:
    /// At 64 bytes each half a huge page, at 128 a whole one.
    static constexpr std::uint32_t group_places = 1u << 14;

    struct Group {
        std::uint32_t taken = 0;
        std::uint32_t used = 0;     ///< places from its first on that were ever taken
        std::uint32_t free = none;  ///< a list through the places that were given back
    };

    std::uint32_t places_in(std::size_t group) const noexcept;

    engine::Region region_;
    std::size_t stride_ = 0;
    std::uint32_t places_max_ = 0;
    std::uint32_t taken_ = 0;
    std::size_t first_ = 0;  ///< no group before it has room
    std::vector<Group> groups_;
};

}  // namespace lanes
