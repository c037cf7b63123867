// Frame and Burst: what moves through the engine. A Frame describes bytes that somebody else
// owns (a receive ring, a frame memory, a buffer of a datagram batch); it owns nothing, is
// trivially copyable and small. A Burst is up to 64 of them, in place, in order of arrival.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "engine/check.hh"
#include "engine/limits.hh"
#include "engine/scratch.hh"

namespace lanes::engine {

/// What the device already knows about a received frame's transport checksum.
enum class Checksum : std::uint8_t {
    unknown,  ///< nobody has looked
    valid,    ///< verified by the device or by the kernel
};

/// Frame::endpoint of an Ethernet frame with UDP directly behind an IPv6 header without extensions,
/// whose checksum field holds the sum of the pseudo header: the device adds the rest.
inline constexpr std::uint32_t udp6_by_device = 1;

struct Frame {
    std::byte* data = nullptr;   ///< first byte; nullptr: handed on, nothing left to release
    std::uint32_t len = 0;       ///< bytes of the frame; in a claimed frame: bytes of room
    std::uint32_t headroom = 0;  ///< writable bytes before data
    std::uint32_t tailroom = 0;  ///< writable bytes behind data + len
    /// To be sent. Datagram carriers: index of the destination. Ethernet ports of which
    /// PortInfo::finishes_udp6 is true: udp6_by_device, or 0. Others: 0.
    std::uint32_t endpoint = 0;
    std::uint64_t token = 0;  ///< the owner's own; opaque to everybody else
    Checksum checksum = Checksum::unknown;

    std::span<std::byte> bytes() const noexcept { return {data, len}; }
};
static_assert(std::is_trivially_copyable_v<Frame> && sizeof(Frame) <= 40);

class Burst {
  public:
    unsigned size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    unsigned room() const noexcept { return burst_max - size_; }
    void clear() noexcept { size_ = 0; }
    void push(const Frame& frame) noexcept { frames_[size_++] = frame; }
    /// Keeps the first `size` frames, of at least as many.
    void truncate(unsigned size) noexcept { size_ = size; }
    /// One frame more, all fields of which the caller sets: in place, without a copy.
    Frame& add() noexcept { return frames_[size_++]; }
    /// There is room() for them.
    void append(std::span<const Frame> frames) noexcept {
        std::memcpy(frames_.data() + size_, frames.data(), frames.size_bytes());
        size_ += static_cast<unsigned>(frames.size());
    }

    Frame& operator[](unsigned i) noexcept { return frames_[i]; }
    const Frame& operator[](unsigned i) const noexcept { return frames_[i]; }
    Frame* begin() noexcept { return frames_.data(); }
    Frame* end() noexcept { return frames_.data() + size_; }
    const Frame* begin() const noexcept { return frames_.data(); }
    const Frame* end() const noexcept { return frames_.data() + size_; }
    std::span<Frame> frames() noexcept { return {frames_.data(), size_}; }

  private:
    unsigned size_ = 0;
    Scratch<Frame, burst_max> frames_;
};

}  // namespace lanes::engine
