// blast: sends one and the same Ethernet frame as fast as the kernel takes it, for the comparison
// of forwarders on veth (tools/compare-testpmd). Debian ships no generator that keeps a core busy
// with 64-byte frames from user space. AF_PACKET with sendmmsg and PACKET_QDISC_BYPASS: the frame
// goes straight to the device. Prints how many frames the kernel took.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "engine/clock.hh"

namespace {

constexpr unsigned batch = 64;

int fail(const char* what) {
    std::fprintf(stderr, "blast: %s: %s\n", what, std::strerror(errno));
    return 1;
}

/// An IPv4 packet of an experimental protocol (RFC 3692), for nobody.
std::vector<unsigned char> make_frame(unsigned size) {
    std::vector<unsigned char> frame(size);
    const unsigned char head[] = {0x02, 0, 0, 0, 0, 0x02, 0x02, 0,  0,   0, 0, 1,  0x08, 0x00, 0x45,
                                  0,    0, 0, 0, 0, 0,    0,    64, 253, 0, 0, 10, 9,    0,    1};
    std::memcpy(frame.data(), head, sizeof head);
    return frame;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Sends 64-byte frames to an interface at full rate.");
    std::string device;
    double seconds = 1;
    unsigned size = 64;
    app.add_option("DEVICE", device, "network interface")->required();
    app.add_option("--seconds", seconds, "how long");
    app.add_option("--size", size, "bytes of a frame")->check(CLI::Range(60, 1514));
    CLI11_PARSE(app, argc, argv);

    const int fd = ::socket(AF_PACKET, SOCK_RAW, 0);
    if (fd < 0) return fail("packet socket");
    const int on = 1;
    if (::setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        return fail("PACKET_QDISC_BYPASS");
    }
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
    if (to.sll_ifindex == 0) return fail(device.c_str());
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return fail("bind");

    std::vector<unsigned char> frame = make_frame(size);
    iovec bytes{frame.data(), frame.size()};
    std::array<mmsghdr, batch> messages{};
    for (mmsghdr& message : messages) {
        message.msg_hdr.msg_iov = &bytes;
        message.msg_hdr.msg_iovlen = 1;
    }
    std::uint64_t taken = 0;
    const std::uint64_t start = lanes::engine::monotonic_ns();
    const auto length_ns = static_cast<std::uint64_t>(seconds * 1e9);
    std::uint64_t now = start;
    while (now - start < length_ns) {
        const int n = ::sendmmsg(fd, messages.data(), batch, 0);
        if (n > 0) taken += static_cast<unsigned>(n);
        if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) return fail("sendmmsg");
        now = lanes::engine::monotonic_ns();
    }
    std::printf("%llu frames in %.3f s\n", static_cast<unsigned long long>(taken),
                static_cast<double>(now - start) / 1e9);
    ::close(fd);
    return 0;
}
