// AfXdpUmem: a memory registered with the kernel for one device, and the AF_XDP sockets that use
// it, by libxdp. All queues of the device share the one UMEM; each device queue has a fill ring and
// a completion ring, and one socket or several. AfXdpSocket is what a receive and a transmit queue
// work on. Set-up path; the rings are then read and written by workers.
#pragma once

#include <xdp/xsk.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/af_xdp/memory.hh"
#include "engine/result.hh"

namespace lanes::drivers {

/// One queue of the device: what all its sockets share.
struct AfXdpQueue {
    AfXdpQueue(unsigned queue_number, std::uint32_t frames, LentFrames::Users users)
        : number(queue_number), sent(frames, users), sharing(users) {}

    const unsigned number;
    xsk_ring_prod fill{};        ///< the receiving worker's
    xsk_ring_cons completion{};  ///< guarded by `busy` when several workers send
    LentFrames sent;             ///< frames that wait to be sent or for their completion
    const LentFrames::Users sharing;
    /// Whoever sets it (acquire) empties the completion ring and clears it (release); others go on
    /// without: nobody waits.
    alignas(engine::cache_line) std::atomic_flag busy;
};

struct AfXdpSocket {
    ~AfXdpSocket();

    xsk_socket* handle = nullptr;
    int fd = -1;
    AfXdpQueue* queue = nullptr;
    xsk_ring_cons rx{};
    xsk_ring_prod tx{};
    /// The kernel moves frames only when it is called (copy and generic mode), or by itself.
    bool copies = false;
    bool busy_polls = false;
};

class AfXdpUmem {
  public:
    enum class Bind : std::uint8_t { zero_copy, copy };
    enum class Use : std::uint8_t { receive, transmit, both };

    struct Sizes {
        std::uint32_t rx;  ///< entries of the receive and the fill ring
        std::uint32_t tx;
        std::uint32_t completion;
    };

    static engine::Result<std::unique_ptr<AfXdpUmem>> create(const AfXdpMemory::Share& share,
                                                             std::string device, Bind bind,
                                                             Sizes sizes);
    ~AfXdpUmem();
    AfXdpUmem(const AfXdpUmem&) = delete;
    AfXdpUmem& operator=(const AfXdpUmem&) = delete;

    /// A socket on device queue `queue`, which several workers send through or one. When it fails
    /// this object is of no further use: libxdp does not take back what the socket had set up.
    engine::Result<AfXdpSocket*> open(unsigned queue, Use use, LentFrames::Users users);
    /// Makes the kernel poll the device for `busy_poll_us` when the socket is asked for frames.
    static engine::Result<void> busy_poll(AfXdpSocket& socket, std::uint32_t busy_poll_us);

    const std::vector<std::unique_ptr<AfXdpQueue>>& queues() const noexcept { return queues_; }
    /// Closes the sockets: from now on the kernel touches no ring. What it holds stays lent.
    void close() noexcept;

  private:
    AfXdpUmem() = default;
    AfXdpQueue& queue_of(unsigned number, LentFrames::Users users);

    xsk_umem* handle_ = nullptr;
    std::string device_;
    Bind bind_ = Bind::copy;
    Sizes sizes_{};
    std::uint32_t frames_ = 0;
    /// Where libxdp puts the rings that it makes with the UMEM, until the first socket gets them.
    std::unique_ptr<AfXdpQueue> first_;
    std::vector<std::unique_ptr<AfXdpQueue>> queues_;
    std::vector<std::unique_ptr<AfXdpSocket>> sockets_;
};

}  // namespace lanes::drivers
