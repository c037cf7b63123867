// Every limit of the engine that is not a user's choice, in one place. A limit that an operator
// may meet is named in the message or the drop counter that reports it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lanes::engine {

inline constexpr std::size_t cache_line = 64;

/// Frames that travel together through one round of a worker.
inline constexpr unsigned burst_max = 64;
/// Worker threads of one node; also the number of subspaces that a clear lane accepts.
inline constexpr unsigned workers_max = 64;
/// Ports of one node; a set of ports fits one 64-bit mask.
inline constexpr unsigned ports_max = 64;
/// The largest frame that any interface of the engine carries, in bytes: an Ethernet header with
/// one VLAN tag before 64 KiB - 1 of IP.
inline constexpr std::uint32_t frame_bytes_max = 65535 + 18;
/// Free bytes that every driver keeps before a received frame and before a claimed one is not
/// needed: the longest encapsulation is Ethernet + VLAN (18) + IPv6 (40) + UDP (8) + lane header
/// (16) + inner header (4), rounded up to whole cache lines.
inline constexpr std::uint32_t headroom_bytes = 128;
/// Free bytes before the data of a claimed frame, with anything in them until it is sent: an inner
/// header (4) is opened there.
inline constexpr std::uint32_t claim_headroom_bytes = 16;
/// Free bytes behind a received frame: one AEAD tag, and room for wide stores of the ciphers.
inline constexpr std::uint32_t tailroom_bytes = 64;

}  // namespace lanes::engine
