// AfPacketRx: the receive queue of one worker on an af_packet port. Frames stay where the kernel
// put them, in the slots of a ring, until they are released: no copy.
//
// Why TPACKET_V2 and not V3. V3 packs frames into blocks and hands a block over when it is full or
// when its timer (1 ms at the least) runs out, so that a lone ping waits on every hop; V2 hands
// over each frame at once. Measured, ping forwarded both ways between two veth pairs: V2 0.021 ms,
// V3 1.3 ms (blocks of 128 KiB) and 1.8 ms (of 4 KiB). What V2 lacks are frames longer than a slot;
// those come through the socket's own queue (PACKET_COPY_THRESH): super-frames, and nothing else.
//
// Called by the worker, but for lost() and rebind(), which are Control's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "drivers/af_packet/ring.hh"
#include "drivers/af_packet/segment.hh"
#include "drivers/slots.hh"
#include "engine/descriptor.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class AfPacketRx final : public engine::RxQueue {
  public:
    /// A queue of `socket`, a new one, on interface `index` with a ring of `slots`, each for a
    /// frame of `frame_bytes`. It receives from now on; join_fanout() and drain() follow before the
    /// port is handed out.
    static engine::Result<std::unique_ptr<AfPacketRx>> open(engine::Descriptor socket, int index,
                                                            std::uint32_t slots,
                                                            std::uint32_t frame_bytes);

    /// On another interface from now on; not for a queue that has joined others, which the kernel
    /// never lets go of. Control, while the worker goes on.
    engine::Result<void> rebind(int index);

    /// Makes several queues share the frames by flow hash. `group` 0: founds a group; else joins.
    /// Returns the group's id.
    engine::Result<std::uint32_t> join_fanout(std::uint32_t group);
    engine::Result<void> join_promiscuous(int index);
    /// Forgets what came while the queues were being set up.
    void drain() noexcept;
    /// Frames lost since open because the ring was full.
    std::uint64_t lost() noexcept;
    std::uint32_t slots() const noexcept { return ring_.slots(); }

    unsigned receive(engine::Burst& burst, engine::WorkerCounters& worker) noexcept override;
    void release(engine::Burst& burst) noexcept override;
    int wake_fd() const noexcept override { return socket_.get(); }

  private:
    /// The super-frame that is being cut; it may take several bursts.
    struct Super {
        std::span<const std::byte> bytes;
        SegmentPlan plan;
        std::uint32_t next = 0;
    };

    AfPacketRx() = default;
    void take(std::uint32_t position, engine::Burst& burst,
              engine::WorkerCounters& worker) noexcept;
    void take_super(std::uint32_t position, VnetHeader offload, engine::Burst& burst,
                    engine::WorkerCounters& worker) noexcept;
    void cut(engine::Burst& burst) noexcept;
    void give_back() noexcept;
    void clear_socket_error() noexcept;

    engine::Descriptor socket_;
    PacketRing ring_;
    std::uint32_t next_ = 0;      ///< position of the slot to look at next
    std::uint32_t returned_ = 0;  ///< positions before this one are the kernel's
    std::uint32_t empty_ = 0;     ///< receive() calls that found nothing
    Super super_;
    unsigned segments_used_ = 0;
    Slots segments_;          ///< what super-frames are cut into; one burst
    Slots scratch_;           ///< the super-frame itself
    std::uint64_t lost_ = 0;  ///< Control's
};

}  // namespace lanes::drivers
