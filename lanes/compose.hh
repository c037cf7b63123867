// Composing: what goes into one lane packet, when that is more than one frame as it lies: several
// small frames (a bundle), or a piece of one that is too long. Called by sending, on workers.
#pragma once

#include <cstdint>
#include <span>

#include "lanes/egress.hh"
#include "lanes/wire.hh"

namespace lanes {

/// What one lane packet is to hold.
struct Packet {
    const Item* items = nullptr;          ///< a frame, several, or the bytes of a piece
    const std::uint8_t* kinds = nullptr;  ///< of the items; of a piece: unused
    std::uint8_t count = 1;               ///< items; more than one make a bundle
    std::uint32_t body = 0;               ///< bytes of the inner packet's body
    wire::Fragment fragment{};            ///< count 0: not a piece

    std::uint32_t inner_bytes() const noexcept { return wire::inner_bytes + body; }
};

/// Writes the inner packet, inner_bytes() bytes.
void compose(const Packet& packet, std::byte* to) noexcept;

/// Packs `items`, in order, into as few packets as bodies of `body_max` bytes allow; returns how
/// many of `packets` are filled. A frame that is left alone is no bundle.
unsigned bundle(std::span<const Item> items, const std::uint8_t* kinds, std::uint32_t body_max,
                std::span<Packet> packets) noexcept;

/// Cuts the inner packet of `len` bytes at `inner` into pieces for bodies of `body_max` bytes;
/// returns how many, or 0 when that would be more than fragments_max. `pieces` and `packets` have
/// room for fragments_max.
unsigned cut(std::byte* inner, std::uint32_t len, std::uint32_t body_max, std::uint32_t id,
             std::span<Item> pieces, std::span<Packet> packets) noexcept;

}  // namespace lanes
