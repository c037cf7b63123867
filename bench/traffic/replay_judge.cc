// See replay_judge.hh.
#include "bench/traffic/replay_judge.hh"

#include <algorithm>

#include "bench/traffic/profile.hh"
#include "engine/bytes.hh"

namespace lanes::bench {
namespace {

using engine::load_be;
using Bytes = std::span<const std::byte>;

/// Where the bytes begin that nobody changes on the way; at most frame.size() - stamp_bytes. The
/// frame has replay_len_min bytes.
std::size_t payload_at(Bytes frame) noexcept {
    std::size_t at = ethernet_header_bytes;
    auto ether_type = load_be<std::uint16_t>(frame.data() + 12);
    for (unsigned tags = 0; is_vlan(ether_type) && tags < vlan_tags_max; ++tags) {
        if (frame.size() < at + vlan_tag_bytes) break;
        ether_type = load_be<std::uint16_t>(frame.data() + at + 2);
        at += vlan_tag_bytes;
    }
    if (ether_type == 0x0800 && at < frame.size()) {
        at += (static_cast<std::size_t>(frame[at]) & 0x0f) * 4;
    } else if (ether_type == 0x86dd) {
        at += 40;
    }
    return std::min(at, frame.size() - stamp_bytes);
}

/// The low 32 bits of what may be a stamp's sequence number; nothing has been checked.
std::uint32_t claimed_sequence(const std::byte* stamp) noexcept {
    return load_be<std::uint32_t>(stamp + 5);
}

}  // namespace

std::uint64_t hash_replayed(Bytes frame, std::uint64_t seed) noexcept {
    const std::size_t at = payload_at(frame);
    return hash_payload(frame.subspan(at, frame.size() - stamp_bytes - at), seed);
}

ReplayJudge::ReplayJudge(const Replay& replay, std::uint64_t seed) : seed_(seed) {
    for (const Replay::Frame& frame : replay.frames) {
        hashes_.push_back(hash_replayed(replay.data(frame), seed));
    }
    sorted_ = hashes_;
    std::sort(sorted_.begin(), sorted_.end());
}

Verdict ReplayJudge::judge(Bytes frame, Stamp& stamp) const noexcept {
    if (frame.size() < replay_len_min) return Verdict::foreign;
    const std::byte* at = frame.data() + frame.size() - stamp_bytes;
    const std::uint64_t hash = hash_replayed(frame, seed_);
    if (read_stamp(at, hash, stamp)) return Verdict::whole;
    const std::uint64_t expected = hashes_[claimed_sequence(at) % hashes_.size()];
    if (read_stamp(at, expected, stamp)) return Verdict::damaged;
    const bool known = std::binary_search(sorted_.begin(), sorted_.end(), hash);
    return known && frame.size() > payload_at(frame) + stamp_bytes ? Verdict::defaced
                                                                   : Verdict::foreign;
}

}  // namespace lanes::bench
