// See profile.hh.
#include "bench/traffic/profile.hh"

#include "bench/traffic/replay.hh"
#include "bench/traffic/stamp.hh"

namespace lanes::bench {

std::vector<SizeShare> imix() {
    return {{64, 28}, {570, 16}, {1518, 4}};
}

std::uint32_t size_min(const Profile& profile) noexcept {
    const std::uint32_t ip_header = profile.source.v6 ? 40 : 20;
    const std::uint32_t size = ethernet_header_bytes + ip_header + 8 + stamp_bytes + fcs_bytes;
    return size < 64 ? 64 : size;
}

double mean_frame_bits(const Profile& profile) noexcept {
    double bytes = 0;
    double weights = 0;
    if (profile.replay) {
        for (const Replay::Frame& frame : profile.replay->frames) bytes += frame.len + fcs_bytes;
        return bytes / static_cast<double>(profile.replay->frames.size()) * 8;
    }
    for (const SizeShare& share : profile.sizes) {
        bytes += static_cast<double>(share.size) * share.weight;
        weights += share.weight;
    }
    return weights == 0 ? 0 : bytes / weights * 8;
}

}  // namespace lanes::bench
