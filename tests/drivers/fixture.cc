// See fixture.hh.
#include "tests/drivers/fixture.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/bytes.hh"
#include "engine/check.hh"
#include "engine/limits.hh"

namespace lanes::test {
namespace {

/// Longest wait for a frame that should have come, in milliseconds.
constexpr int patience_ms = 1000;

void write_file(const char* path, const char* text) {
    const engine::Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
    if (file) LANES_CHECK(::write(file.get(), text, std::strlen(text)) > 0);
}

}  // namespace

Bytes make_packet(std::size_t len, unsigned flow, std::uint32_t number) {
    Bytes packet(std::max(len, marked_len_min - 14));
    for (std::size_t i = 0; i < packet.size(); ++i) {
        packet[i] = static_cast<std::byte>(i * 7 + number * 13 + flow);
    }
    const auto low = static_cast<std::uint16_t>(std::min<std::size_t>(packet.size(), 65535));
    // Version, length, no fragment, TTL 64, UDP, a checksum that is wrong: the kernel at the far
    // side drops it after the packet socket has seen it, and answers nothing.
    const std::array<std::uint16_t, 10> header = {0x4500, low,    0, 0x4000, 0x4011,
                                                  0xdead, 0xc612, 1, 0xc612, 2};
    for (std::size_t i = 0; i < header.size(); ++i) {
        engine::store_be<std::uint16_t>(&packet[i * 2], header[i]);
    }
    engine::store_be<std::uint16_t>(&packet[20], static_cast<std::uint16_t>(61440 + flow));
    engine::store_be<std::uint16_t>(&packet[22], 4790);
    engine::store_be<std::uint16_t>(&packet[24], static_cast<std::uint16_t>(low - 20));
    engine::store_be<std::uint16_t>(&packet[26], 0);
    packet.resize(len);
    if (len >= marked_len_min - 14) {
        engine::store_be<std::uint32_t>(&packet[len - 8], flow);
        engine::store_be<std::uint32_t>(&packet[len - 4], number);
    }
    return packet;
}

Bytes Fixture::make(std::size_t len, unsigned flow, std::uint32_t number) {
    const std::array<std::uint8_t, 14> header = {0x02, 0, 0, 0,    0xee, 1, 0x02,
                                                 0,    0, 0, 0xee, 2,    8, 0};
    Bytes frame(14);
    std::memcpy(frame.data(), header.data(), header.size());
    const Bytes packet = make_packet(len - 14, flow, number);
    frame.insert(frame.end(), packet.begin(), packet.end());
    return frame;
}

Mark mark_of(const Bytes& frame) {
    LANES_CHECK(frame.size() >= 8);
    return {engine::load_be<std::uint32_t>(&frame[frame.size() - 8]),
            engine::load_be<std::uint32_t>(&frame[frame.size() - 4])};
}

NetworkNamespace::NetworkNamespace(Ipv6 ipv6) {
    engine::Descriptor former(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!former || ::unshare(CLONE_NEWNET) != 0) {
        missing_ = std::string("a network namespace cannot be made here: ") + std::strerror(errno);
        return;
    }
    former_ = std::move(former);
    if (ipv6 == Ipv6::off) write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    set_interface("lo", true);
}

NetworkNamespace::~NetworkNamespace() {
    if (former_) LANES_CHECK(::setns(former_.get(), CLONE_NEWNET) == 0);
}

void set_interface(const std::string& name, bool up) {
    const engine::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
    LANES_CHECK(::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0);
    request.ifr_flags =
        static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    LANES_CHECK(::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0);
}

void PacketSocket::open(const std::string& interface) {
    socket_ = engine::Descriptor(
        ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    const int on = 1;
    const int bytes = 64 << 20;
    ::setsockopt(socket_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    LANES_CHECK(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
}

void PacketSocket::send(const std::vector<Bytes>& frames, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
        // The kernel refuses while the link is down; the test then sees that nothing arrives.
        [[maybe_unused]] const ssize_t sent =
            ::send(socket_.get(), frames[i].data(), frames[i].size(), 0);
    }
}

std::vector<Bytes> PacketSocket::collect(std::size_t count) {
    return collect_messages(socket_.get(), count);
}

std::vector<Bytes> collect_messages(int fd, std::size_t count) {
    std::vector<Bytes> got;
    Bytes buffer(engine::frame_bytes_max + 1);
    unsigned errors = 0;
    while (got.size() < count || count == 0) {
        const ssize_t len = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (len >= 0) {
            got.emplace_back(buffer.begin(), buffer.begin() + len);
            continue;
        }
        // ENETDOWN is told once when the link went down.
        if (errno != EAGAIN && ++errors < 8) continue;
        if (count == 0) break;
        pollfd wait{fd, POLLIN, 0};
        if (::poll(&wait, 1, patience_ms) == 0) break;
    }
    return got;
}

}  // namespace lanes::test
