// See pool.hh.
#include "drivers/dpdk/pool.hh"

#include <rte_errno.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "drivers/dpdk/eal.hh"

namespace lanes::drivers {
namespace {

using engine::Result;

/// A pool is made for as many ports of the first one's kind, so that those share it which follow;
/// for fewer when memory does not suffice.
constexpr unsigned ports_per_pool = 4;
/// mbufs that DPDK keeps at each thread; a burst more or less does not touch the shared ring.
constexpr unsigned thread_cache = 512;
static_assert(thread_cache <= RTE_MEMPOOL_CACHE_MAX_SIZE && thread_cache >= 4 * engine::burst_max);
/// An mbuf tells the size of its buffer in 16 bits.
constexpr std::uint32_t frame_bytes_most =
    UINT16_MAX - 63 - RTE_PKTMBUF_HEADROOM - engine::tailroom_bytes;

std::mutex pools_mutex;  // guards the list and who has taken what; set-up path only
std::vector<std::weak_ptr<MbufPool>> pools;

/// Few sizes, so that ports of nearly the same MTU share a pool. Whole KiB: some cards round the
/// room that they are given down to it.
std::uint32_t frame_class(std::uint32_t frame_bytes) {
    for (const std::uint32_t size : {2048u, 4096u, 10240u}) {
        if (frame_bytes <= size) return size;
    }
    return frame_bytes_most;
}

}  // namespace

MbufPool::Share::~Share() {
    if (pool_ == nullptr) return;
    const std::lock_guard lock(pools_mutex);
    pool_->taken_ -= mbufs_;
    pool_.reset();
}

Result<std::shared_ptr<MbufPool>> MbufPool::create(std::uint32_t frame_bytes, unsigned mbufs,
                                                   int node) {
    static unsigned serial = 0;
    const std::string name = "lanes-" + std::to_string(++serial);
    const auto room =
        static_cast<std::uint16_t>(RTE_PKTMBUF_HEADROOM + frame_bytes + engine::tailroom_bytes);
    rte_mempool* raw = ::rte_pktmbuf_pool_create(name.c_str(), mbufs, thread_cache, 0, room, node);
    if (raw == nullptr) {
        const int code = rte_errno;
        const std::uint64_t megabytes = std::uint64_t{mbufs} * (room + sizeof(rte_mbuf)) >> 20;
        return engine::system_error(code, "take " + std::to_string(megabytes) + " MB for " +
                                              std::to_string(mbufs) + " mbufs");
    }
    return std::shared_ptr<MbufPool>(new MbufPool(raw, frame_bytes, mbufs));
}

Result<MbufPool::Share> MbufPool::take(std::uint32_t frame_bytes, unsigned mbufs, int node) {
    if (frame_bytes > frame_bytes_most) {
        return engine::Error{0, "frames of " + std::to_string(frame_bytes) +
                                    " bytes do not fit an mbuf: lower `mtu`"};
    }
    const std::uint32_t size = frame_class(frame_bytes);
    const std::lock_guard lock(pools_mutex);
    std::erase_if(pools, [](const auto& pool) { return pool.expired(); });
    for (const auto& weak : pools) {
        auto pool = weak.lock();
        if (pool->frame_bytes_ != size || pool->mbufs_ - pool->taken_ < mbufs) continue;
        pool->taken_ += mbufs;
        return Share(std::move(pool), mbufs);
    }
    for (unsigned ports = ports_per_pool;; ports /= 2) {
        auto pool = create(size, mbufs * ports, node);
        if (!pool && ports > 1) continue;
        if (!pool) return pool.error();
        pools.push_back(*pool);
        (*pool)->taken_ = mbufs;
        return Share(std::move(*pool), mbufs);
    }
}

MbufPool::~MbufPool() {
    ::rte_mempool_free(raw_);
}

void make_known_to_dpdk() noexcept {
    /// Gives the thread's number back when the thread ends.
    struct Registration {
        bool tried = false;
        bool done = false;
        ~Registration() {
            if (done) ::rte_thread_unregister();
        }
    };
    thread_local Registration registration;
    if (registration.tried) return;
    registration.tried = true;
    registration.done = ::rte_thread_register() == 0;
}

}  // namespace lanes::drivers
