// Drop: why the data path let go of a frame. Each reason is a counter with a name and one line of
// remedy; nothing is ever dropped without one. Adding a reason touches this list only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lanes::engine {

// X(name, remedy)
#define LANES_DROPS(X)                                                                             \
    X(no_lane, "no lane takes this frame: add a lane, or widen its match")                         \
    X(not_for_us, "not a lane packet for this port's address: check `to`, `listen`, `address`")    \
    X(malformed_carrier, "broken Ethernet, IP or UDP header: look at the sender or the link")      \
    X(bad_checksum, "IP or UDP checksum is wrong: look for a failing link or a broken offload")    \
    X(ip_fragment, "carrier packet came as IP fragments: lower the sending lane's mtu")            \
    X(malformed_packet, "lane packet too short or of unknown type: compare versions of both ends") \
    X(unknown_lane, "no lane with this id: add it here, or mend the id at the sender")             \
    X(wrong_port, "the lane arrives over a port that it does not name: add it to `over`")          \
    X(not_receiving, "the lane of this id does not receive here: check the ids of both ends")      \
    X(bad_subspace, "subspace number out of range: the sender has more workers than allowed")      \
    X(replay_duplicate, "seen before: normal for a lane sent over two paths, else a replay")       \
    X(replay_old, "older than the replay window: raise `window`, or look for a delayed path")      \
    X(malformed_inner, "inner packet's length does not fit: compare versions of both ends")        \
    X(bad_padding, "padding is not zero: corrupted on the way, or a broken sender")                \
    X(unknown_kind, "inner kind unknown or not the kind of the receiving port")                    \
    X(malformed_fragment, "fragment fields do not fit: corrupted, or a broken sender")             \
    X(reassembly_full, "no room to reassemble: too many fragmented frames at once, or heavy loss") \
    X(reassembly_timeout,                                                                          \
      "a fragment never came: loss on the way; avoid fragments by a lower mtu")                    \
    X(too_big, "frame too big even for fragments: lower the mtu of the port it came from")         \
    X(no_next_hop, "MAC address of the next hop is unknown: check the route, or set `next_hop`")   \
    X(tx_full, "transmit queue full: the egress port is slower than what is sent to it")           \
    X(tx_refused, "the kernel refused the frame: check link, mtu and address of the port")         \
    X(tx_too_big, "frame longer than the egress port takes: raise its mtu, lower the lane's")      \
    X(rx_truncated, "frame longer than the port's receive buffers: raise the port's mtu")          \
    X(kind_mismatch, "frame is not of the egress port's kind: check `send`, `receive`, `patch`")   \
    X(no_key, "the sending lane has no keys at the moment: its log line says why")                 \
    X(exhausted, "a key has sealed all it may and the next is not there: lower `rekey`")           \
    X(cipher_failed, "the cipher library refused a packet: try another `crypto: {backend: ...}`")  \
    X(no_session, "sealed with keys not announced here, or expired: do announcements arrive?")     \
    X(bad_tag, "does not authenticate: corrupted on the way, or forged")                           \
    X(control_full, "more announcements than Control can take: a flood, or too many lanes")        \
    X(stale, "announcement older than one accepted: a replay, or the sender's clock went back")    \
    X(bad_mac, "announcement for another receiver, or forged: check `receiver` and `secret`")      \
    X(rate_limited,                                                                                \
      "more announcements than 10 a second: a flood; a `secret` keeps strangers out")              \
    X(bad_auth, "announcement does not authenticate: check `sender`, `receiver` and `secret`")     \
    X(clock, "announcement from another time: set the clocks of both ends")                        \
    X(wrong_terms, "announcement of another cipher: make `cipher` the same on both ends")

enum class Drop : std::uint8_t {
#define LANES_DROP_NAME(name, remedy) name,
    LANES_DROPS(LANES_DROP_NAME)
#undef LANES_DROP_NAME
};

struct DropText {
    std::string_view name;
    std::string_view remedy;
};

inline constexpr std::array drop_texts = {
#define LANES_DROP_TEXT(name, remedy) DropText{#name, remedy},
    LANES_DROPS(LANES_DROP_TEXT)
#undef LANES_DROP_TEXT
};
inline constexpr std::size_t drop_count = drop_texts.size();

constexpr const DropText& text_of(Drop drop) noexcept {
    return drop_texts[static_cast<std::size_t>(drop)];
}

}  // namespace lanes::engine
