// The receive queue of the udp driver: datagrams by the burst, and those that the kernel coalesced
// (UDP_GRO) cut up again. Frames of one message lie end to end in one buffer: all but the first
// have no headroom, all but the last no tailroom. Called by the queue's worker; lost() by Control.
#pragma once

#include <linux/sock_diag.h>

#include <algorithm>

#include "drivers/slots.hh"
#include "drivers/udp/address.hh"
#include "engine/descriptor.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class UdpRx final : public engine::RxQueue {
  public:
    UdpRx(engine::Descriptor socket, Slots slots)
        : socket_(std::move(socket)), slots_(std::move(slots)) {
        for (unsigned i = 0; i < engine::burst_max; ++i) {
            pieces_[i] = {slots_.data(i), slots_.frame_bytes()};
            msghdr& header = messages_[i].msg_hdr;
            header.msg_iov = &pieces_[i];
            header.msg_iovlen = 1;
            header.msg_control = &controls_[i];
        }
    }

    unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override {
        const unsigned before = burst.size();
        if (next_ == count_) fetch(burst.room());
        while (next_ < count_ && burst.room() != 0) slice(burst, worker);
        return burst.size() - before;
    }

    void release(engine::Burst&) noexcept override {}
    int wake_fd() const noexcept override { return socket_.get(); }
    /// What is left of a cut-up message waits here, where the descriptor does not show it.
    bool prepare_sleep() noexcept override { return next_ == count_; }

    std::uint64_t lost() const noexcept {
        std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
        socklen_t len = sizeof info;
        ::getsockopt(socket_.get(), SOL_SOCKET, SO_MEMINFO, info.data(), &len);
        return info[SK_MEMINFO_DROPS];
    }
    int fd() const noexcept { return socket_.get(); }

  private:
    void fetch(unsigned room) noexcept {
        for (unsigned i = 0; i < room; ++i) {
            messages_[i].msg_hdr.msg_controllen = sizeof(UdpControl);
            messages_[i].msg_hdr.msg_flags = 0;
        }
        const int got = ::recvmmsg(socket_.get(), messages_.data(), room, MSG_DONTWAIT, nullptr);
        count_ = got > 0 ? static_cast<unsigned>(got) : 0;
        next_ = 0;
        offset_ = 0;
    }

    /// The length of each datagram of message `i` but the last.
    std::uint32_t segment_bytes(unsigned i) noexcept {
        msghdr& header = messages_[i].msg_hdr;
        const cmsghdr* control = CMSG_FIRSTHDR(&header);
        if (control == nullptr || control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO) {
            return messages_[i].msg_len;
        }
        int bytes;
        std::memcpy(&bytes, CMSG_DATA(control), sizeof bytes);
        return bytes > 0 ? static_cast<std::uint32_t>(bytes) : messages_[i].msg_len;
    }

    /// Moves datagrams of the message `next_` into the burst, and on to the next message.
    void slice(engine::Burst& burst, engine::WorkerCounters& worker) noexcept {
        const std::uint32_t len = messages_[next_].msg_len;
        if ((messages_[next_].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            worker.received.add(1);
            worker.drop(engine::Drop::rx_truncated);
            ++next_;
            return;
        }
        const std::uint32_t segment = segment_bytes(next_);
        do {
            const std::uint32_t rest = len - offset_;
            engine::Frame frame = slots_.frame(next_, len);
            frame.data += offset_;
            frame.len = std::min(segment, rest);
            if (offset_ != 0) frame.headroom = 0;
            if (frame.len != rest) frame.tailroom = 0;
            frame.checksum = engine::Checksum::valid;
            burst.push(frame);
            offset_ += frame.len;
        } while (offset_ < len && burst.room() != 0);
        if (offset_ == len) {
            ++next_;
            offset_ = 0;
        }
    }

    engine::Descriptor socket_;
    Slots slots_;
    unsigned count_ = 0;        ///< messages of the last fetch()
    unsigned next_ = 0;         ///< the first of them that is not used up
    std::uint32_t offset_ = 0;  ///< what is used of it, in bytes
    std::array<mmsghdr, engine::burst_max> messages_{};
    std::array<iovec, engine::burst_max> pieces_{};
    std::array<UdpControl, engine::burst_max> controls_{};
};

}  // namespace lanes::drivers
