// See socket.hh.
#include "drivers/af_xdp/socket.hh"

#include <fcntl.h>
#include <linux/if_xdp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

namespace lanes::drivers {
namespace {

using engine::Error;
using engine::Result;

/// Newer than Debian 12's headers: SOL_XDP, packets that one call sends in copy mode.
constexpr int max_tx_budget_option = 9;
/// Frames that the kernel takes from the device in one turn of busy polling.
constexpr int busy_poll_budget = 64;

/// Lets this process lock `bytes` more, as far as it may.
bool raise_locked_limit(std::uint64_t bytes) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
    const rlim_t wanted = limit.rlim_cur + bytes;
    rlimit more = {wanted, wanted > limit.rlim_max ? wanted : limit.rlim_max};
    return ::setrlimit(RLIMIT_MEMLOCK, &more) == 0;
}

}  // namespace

AfXdpSocket::~AfXdpSocket() {
    if (handle != nullptr) ::xsk_socket__delete(handle);
}

AfXdpUmem::~AfXdpUmem() {
    close();
}

void AfXdpUmem::close() noexcept {
    // In this order: the first socket is the UMEM's own, and the last to go.
    while (!sockets_.empty()) sockets_.pop_back();
    if (handle_ != nullptr) ::xsk_umem__delete(handle_);
    handle_ = nullptr;
}

Result<std::unique_ptr<AfXdpUmem>> AfXdpUmem::create(const AfXdpMemory::Share& share,
                                                     std::string device, Bind bind, Sizes sizes) {
    std::unique_ptr<AfXdpUmem> umem(new AfXdpUmem);
    umem->device_ = std::move(device);
    umem->bind_ = bind;
    umem->sizes_ = sizes;
    umem->frames_ = share.pool().size();
    umem->first_ = std::make_unique<AfXdpQueue>(0, 0, LentFrames::Users::one);
    xsk_umem_config config{};
    config.fill_size = sizes.rx;
    config.comp_size = sizes.completion;
    config.frame_size = share.chunk_bytes();
    const engine::Region& region = share.pool().region();
    const std::uint64_t bytes = std::uint64_t{umem->frames_} * share.chunk_bytes();
    int result = 0;
    for (unsigned turn = 0; turn < 2; ++turn) {
        result = ::xsk_umem__create(&umem->handle_, region.data(), bytes, &umem->first_->fill,
                                    &umem->first_->completion, &config);
        if (result != -ENOBUFS || !raise_locked_limit(bytes)) break;
    }
    if (result == 0) return umem;
    umem->handle_ = nullptr;
    Error error = engine::system_error(
        -result, "register " + std::to_string(bytes >> 20) + " MiB of frames with the kernel");
    if (result == -ENOBUFS) {
        error.message +=
            "; it may not lock so much memory: `ulimit -l unlimited`, LimitMEMLOCK=infinity "
            "or CAP_IPC_LOCK; or lower `ring_frames`";
    }
    return error;
}

AfXdpQueue& AfXdpUmem::queue_of(unsigned number, LentFrames::Users users) {
    for (auto& queue : queues_) {
        if (queue->number == number) return *queue;
    }
    queues_.push_back(std::make_unique<AfXdpQueue>(number, frames_, users));
    return *queues_.back();
}

Result<AfXdpSocket*> AfXdpUmem::open(unsigned number, Use use, LentFrames::Users users) {
    AfXdpQueue& queue = queue_of(number, users);
    auto socket = std::make_unique<AfXdpSocket>();
    socket->queue = &queue;
    socket->copies = bind_ == Bind::copy;
    xsk_socket_config config{};
    config.rx_size = sizes_.rx;
    config.tx_size = sizes_.tx;
    config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
    config.bind_flags =
        static_cast<__u16>(XDP_USE_NEED_WAKEUP | (bind_ == Bind::copy ? XDP_COPY : XDP_ZEROCOPY));
    const int result = ::xsk_socket__create_shared(
        &socket->handle, device_.c_str(), number, handle_,
        use == Use::transmit ? nullptr : &socket->rx, use == Use::receive ? nullptr : &socket->tx,
        &queue.fill, &queue.completion, &config);
    if (result != 0) {
        socket->handle = nullptr;
        return engine::system_error(
            -result, "open an AF_XDP socket on queue " + std::to_string(number) + " of " + device_);
    }
    socket->fd = ::xsk_socket__fd(socket->handle);
    ::fcntl(socket->fd, F_SETFD, FD_CLOEXEC);
    // Best effort both: what is on its way counts against the socket, and a whole ring must fit;
    // and one call sends a whole burst, where the kernel is new enough.
    const int bytes =
        static_cast<int>(sizes_.tx) * 2 * static_cast<int>(AfXdpMemory::chunk_bytes_max);
    if (::setsockopt(socket->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        ::setsockopt(socket->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    const auto budget = static_cast<int>(sizes_.tx);
    ::setsockopt(socket->fd, SOL_XDP, max_tx_budget_option, &budget, sizeof budget);
    sockets_.push_back(std::move(socket));
    return sockets_.back().get();
}

Result<void> AfXdpUmem::busy_poll(AfXdpSocket& socket, std::uint32_t busy_poll_us) {
    if (busy_poll_us == 0) return {};
    const int on = 1;
    const int time_us = static_cast<int>(busy_poll_us);
    const bool set =
        ::setsockopt(socket.fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) == 0 &&
        ::setsockopt(socket.fd, SOL_SOCKET, SO_BUSY_POLL, &time_us, sizeof time_us) == 0 &&
        ::setsockopt(socket.fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &busy_poll_budget,
                     sizeof busy_poll_budget) == 0;
    if (!set) {
        const int code = errno;
        Error error = engine::system_error(code, "set busy polling");
        error.message += code == EPERM
                             ? "; needs CAP_NET_ADMIN"
                             : "; needs kernel 5.11 or newer with CONFIG_NET_RX_BUSY_POLL";
        return error;
    }
    socket.busy_polls = true;
    return {};
}

}  // namespace lanes::drivers
