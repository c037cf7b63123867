// Replay: the frames of a capture file (pcap or pcapng), loaded once, for a generator that sends
// them instead of frames of its own making. Each is sent with a stamp over its last bytes, so that
// loss, order, copies and latency are counted as for any other frame; whatever those bytes were is
// overwritten, and checksums over them no longer fit. Nothing else of a frame is changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lanes::bench {

struct Replay {
    struct Frame {
        std::size_t at = 0;        ///< in `bytes`
        std::uint32_t len = 0;     ///< as a port sees it, without FCS
        std::uint64_t due_ns = 0;  ///< after the first frame, as recorded; never decreases
    };

    std::vector<std::byte> bytes;
    std::vector<Frame> frames;     ///< in file order, at least one
    std::uint64_t round_ns = 0;    ///< from one first frame to the next when the file starts anew
    std::uint64_t left_out = 0;    ///< frames that are too short for a stamp
    std::uint64_t incomplete = 0;  ///< frames of which the file has a part only
    std::uint32_t longest = 0;     ///< bytes of the longest frame

    std::span<const std::byte> data(const Frame& frame) const noexcept {
        return std::span(bytes).subspan(frame.at, frame.len);
    }
    /// Mean frames per second as recorded.
    double recorded_pps() const noexcept {
        return round_ns == 0
                   ? 0
                   : static_cast<double>(frames.size()) * 1e9 / static_cast<double>(round_ns);
    }
};

/// Least bytes of a frame that is replayed: an Ethernet header and a stamp.
inline constexpr std::uint32_t replay_len_min = 14 + 18;

/// Reads the capture file at `path`. Throws std::runtime_error, which names the file: it cannot be
/// read, is cut, is not of Ethernet frames, or has none that could be replayed.
std::shared_ptr<const Replay> read_replay(const std::string& path);

}  // namespace lanes::bench
