// Verdict: what a judge says of a frame that arrived; the sink counts by it.
#pragma once

#include <cstdint>

namespace lanes::bench {

enum class Verdict : std::uint8_t {
    whole,
    damaged,  ///< ours, with other bytes or another length; the stamp can be believed
    defaced,  ///< ours, and the stamp is gone as well
    foreign,  ///< not ours
};

/// Behind how many VLAN tags the headers of a frame are looked for.
inline constexpr unsigned vlan_tags_max = 2;
inline constexpr std::uint32_t vlan_tag_bytes = 4;

constexpr bool is_vlan(std::uint16_t ether_type) noexcept {
    return ether_type == 0x8100 || ether_type == 0x88a8;
}

}  // namespace lanes::bench
