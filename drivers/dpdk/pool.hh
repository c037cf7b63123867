// MbufPool: the frame memory of dpdk ports. Frames are mbufs: data lies behind the mbuf's own
// headroom, which is as large as the engine's, and Frame::token is the mbuf. All dpdk ports of the
// process with frames of one size share one pool, so that a frame received on one is passed to
// another, and so that every mbuf of a transmit queue is of one pool (which is what lets cards give
// them back unlooked-at: RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE).
//
// DPDK keeps a cache of free mbufs for each thread that it knows, and without one every mbuf costs
// an atomic operation or two on a ring that all share. Workers are made known when they first use
// a queue (known_to_dpdk()).
#pragma once

#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <cstdint>
#include <memory>

#include "engine/port.hh"

namespace lanes::drivers {

static_assert(RTE_PKTMBUF_HEADROOM >= engine::headroom_bytes);

class MbufPool final : public engine::FrameMemory {
  public:
    /// What one port needs of the pool; held while it is open.
    class Share {
      public:
        Share() = default;
        Share(std::shared_ptr<MbufPool> pool, unsigned mbufs) noexcept
            : pool_(std::move(pool)), mbufs_(mbufs) {}
        Share(Share&&) = default;
        Share& operator=(Share&&) = default;
        ~Share();
        MbufPool& pool() const noexcept { return *pool_; }

      private:
        std::shared_ptr<MbufPool> pool_;
        unsigned mbufs_ = 0;
    };

    /// `mbufs` of the pool for frames of `frame_bytes` (rounded up to few sizes), which is made on
    /// NUMA node `node` if there is none with so many left. Control only.
    static engine::Result<Share> take(std::uint32_t frame_bytes, unsigned mbufs, int node);

    ~MbufPool();
    MbufPool(const MbufPool&) = delete;
    MbufPool& operator=(const MbufPool&) = delete;

    rte_mempool* raw() const noexcept { return raw_; }
    std::uint32_t frame_bytes() const noexcept { return frame_bytes_; }

  private:
    MbufPool(rte_mempool* raw, std::uint32_t frame_bytes, unsigned mbufs) noexcept
        : raw_(raw), frame_bytes_(frame_bytes), mbufs_(mbufs) {}
    static engine::Result<std::shared_ptr<MbufPool>> create(std::uint32_t frame_bytes,
                                                            unsigned mbufs, int node);

    rte_mempool* raw_;
    std::uint32_t frame_bytes_;
    unsigned mbufs_;      ///< that ports may take in all
    unsigned taken_ = 0;  ///< by open ports
};

/// Writes an mbuf that holds one whole frame as a frame, all fields of it.
inline void describe(const rte_mbuf& mbuf, engine::Frame& frame) noexcept {
    frame.data = static_cast<std::byte*>(mbuf.buf_addr) + mbuf.data_off;
    frame.len = mbuf.data_len;
    frame.headroom = mbuf.data_off;
    frame.tailroom = std::uint32_t{mbuf.buf_len} - mbuf.data_off - mbuf.data_len;
    frame.endpoint = 0;
    frame.token = reinterpret_cast<std::uintptr_t>(&mbuf);
    frame.checksum = (mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD
                         ? engine::Checksum::valid
                         : engine::Checksum::unknown;
}

inline rte_mbuf* mbuf_of(const engine::Frame& frame) noexcept {
    return reinterpret_cast<rte_mbuf*>(static_cast<std::uintptr_t>(frame.token));
}

/// Makes the calling thread known to DPDK for the rest of its life, if it can be.
void make_known_to_dpdk() noexcept;

/// The first call of a thread takes a lock; all others are one comparison.
inline void known_to_dpdk() noexcept {
    if (::rte_lcore_id() == LCORE_ID_ANY) [[unlikely]]
        make_known_to_dpdk();
}

}  // namespace lanes::drivers
