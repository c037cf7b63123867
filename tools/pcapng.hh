// A capture file with the frames of several ports and a remark on each (pcapng, as in
// draft-ietf-opsawg-pcapng). libpcap, which reads such files, writes only those of one kind of link
// and without remarks; the library of Wireshark that writes them comes with all of Wireshark.
// `lanes trace --pcap` writes one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lanes::tools {

class CaptureFile {
  public:
    enum class Link : std::uint16_t { ethernet = 1, ip = 101, lane_packet = 147 };
    enum class Direction : std::uint32_t { in = 1, out = 2 };

    CaptureFile();

    struct Frame {
        std::string_view port;
        Link link = Link::ethernet;
        Direction direction = Direction::in;
        std::uint64_t unix_ns = 0;
        std::span<const std::byte> bytes;  ///< what was kept of it
        std::uint32_t len = 0;             ///< of the whole frame
        std::string_view remark;           ///< UTF-8
    };
    void add(const Frame& frame);
    std::size_t frames() const noexcept { return frames_; }

    /// Writes all that was added; false, and errno, if that fails.
    bool write(std::FILE* file) const;

  private:
    std::uint32_t interface_of(std::string_view port, Link link);

    struct Port {
        std::string name;
        Link link;
    };
    std::vector<Port> ports_;
    std::string bytes_;
    std::size_t frames_ = 0;
};

}  // namespace lanes::tools
