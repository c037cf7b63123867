// The transmit queue of the udp driver: all frames of a round in one system call, runs of equal
// ones to one endpoint as one message that the kernel cuts up (UDP_SEGMENT). A run that the kernel
// refuses is sent again one by one, so that only those are dropped that it does not want. Called by
// the queue's worker.
#pragma once

#include <algorithm>
#include <cerrno>

#include "drivers/buffered_tx.hh"
#include "drivers/udp/address.hh"
#include "engine/descriptor.hh"

namespace lanes::drivers {

class UdpTx final : public BufferedTx {
  public:
    enum class Segmentation : bool { off, on };

    UdpTx(engine::Descriptor socket, Slots slots, SocketAddress* endpoints,
          Segmentation segmentation)
        : BufferedTx(std::move(slots)),
          socket_(std::move(socket)),
          endpoints_(endpoints),
          segmentation_(segmentation) {
        for (UdpControl& control : controls_) {
            cmsghdr header{};
            header.cmsg_level = SOL_UDP;
            header.cmsg_type = UDP_SEGMENT;
            header.cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            std::memcpy(control.bytes.data(), &header, sizeof header);
        }
    }

    int fd() const noexcept { return socket_.get(); }

  private:
    /// Datagrams in one message: the smallest UDP_MAX_SEGMENTS of all kernels.
    static constexpr unsigned segments_max = 64;
    /// Bytes in one message: what IPv4 and IPv6 both take behind their headers.
    static constexpr std::uint32_t message_bytes_max = 65535 - 40 - 8;
    /// Tries at a socket whose buffer is full, before its frames are dropped.
    static constexpr unsigned tries_max = 4;

    void transmit(std::span<const engine::Frame> frames,
                  engine::WorkerCounters& worker) noexcept override {
        Segmentation segmentation = segmentation_;
        while (!frames.empty()) {
            const unsigned messages = gather(frames, segmentation);
            frames = frames.subspan(push(messages, worker));
            // push() stops early at a run that the kernel refused: from there on each for itself,
            // so that only those are dropped that the kernel does not want.
            segmentation = Segmentation::off;
        }
    }

    /// How many frames from the front of `frames` can be one message.
    static unsigned run_of(std::span<const engine::Frame> frames) noexcept {
        const engine::Frame& first = frames.front();
        std::uint32_t bytes = first.len;
        unsigned n = 1;
        while (n < frames.size() && n < segments_max && frames[n - 1].len == first.len &&
               frames[n].len <= first.len && frames[n].len != 0 &&
               frames[n].endpoint == first.endpoint && bytes + frames[n].len <= message_bytes_max) {
            bytes += frames[n++].len;
        }
        return n;
    }

    /// Describes `frames` as messages and returns how many those are.
    unsigned gather(std::span<const engine::Frame> frames, Segmentation segmentation) noexcept {
        unsigned messages = 0;
        for (std::size_t i = 0; i < frames.size();) {
            const unsigned n = segmentation == Segmentation::on ? run_of(frames.subspan(i)) : 1;
            msghdr& header = messages_[messages].msg_hdr;
            header.msg_iov = &pieces_[i];
            header.msg_iovlen = n;
            SocketAddress& to = endpoints_[frames[i].endpoint % endpoints_max];
            header.msg_name = &to;
            header.msg_namelen = len_of(to);
            header.msg_control = nullptr;
            header.msg_controllen = 0;
            if (n > 1) {
                UdpControl& control = controls_[messages];
                const auto bytes = static_cast<std::uint16_t>(frames[i].len);
                std::memcpy(control.bytes.data() + CMSG_LEN(0), &bytes, sizeof bytes);
                header.msg_control = &control;
                header.msg_controllen = CMSG_SPACE(sizeof bytes);
            }
            for (unsigned k = 0; k < n; ++k, ++i) pieces_[i] = {frames[i].data, frames[i].len};
            ++messages;
        }
        return messages;
    }

    /// Sends the messages and counts their frames. Returns how many frames are dealt with: all,
    /// or those before the first run that was refused as a whole.
    unsigned push(unsigned messages, engine::WorkerCounters& worker) noexcept {
        unsigned frames = 0;
        unsigned tries = 0;
        for (unsigned next = 0; next < messages;) {
            const int got =
                ::sendmmsg(socket_.get(), &messages_[next], messages - next, MSG_DONTWAIT);
            if (got > 0) {
                for (int k = 0; k < got; ++k, ++next) frames += sent(messages_[next], worker);
                continue;
            }
            const int error = errno;
            if (error == EINTR) continue;
            if (error == EAGAIN || error == ENOBUFS) {
                if (++tries < tries_max) continue;
                for (; next < messages; ++next) frames += drop(next, engine::Drop::tx_full, worker);
                break;
            }
            if (messages_[next].msg_hdr.msg_iovlen > 1) {
                // EIO: the device on the way cannot have its checksums left to it. It never will.
                if (error == EIO) segmentation_ = Segmentation::off;
                break;
            }
            frames += drop(next++, engine::Drop::tx_refused, worker);
        }
        return frames;
    }

    unsigned sent(const mmsghdr& message, engine::WorkerCounters& worker) noexcept {
        const auto frames = static_cast<unsigned>(message.msg_hdr.msg_iovlen);
        count_sent(frames, message.msg_len, worker);
        return frames;
    }
    unsigned drop(unsigned message, engine::Drop reason, engine::WorkerCounters& worker) noexcept {
        const auto frames = static_cast<unsigned>(messages_[message].msg_hdr.msg_iovlen);
        worker.drop(reason, frames);
        return frames;
    }

    engine::Descriptor socket_;
    SocketAddress* endpoints_;
    Segmentation segmentation_;
    std::array<mmsghdr, frames_max> messages_{};
    std::array<iovec, frames_max> pieces_{};
    std::array<UdpControl, frames_max> controls_{};
};

}  // namespace lanes::drivers
