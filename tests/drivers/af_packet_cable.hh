// What the tests of af_packet share: a port on one end of a cable, a packet socket on the other
// (two_hosts.hh), the frames that they exchange, and sockets of the hosts at both ends.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "engine/bytes.hh"
#include "tests/drivers/two_hosts.hh"

namespace lanes::test {

struct Received {
    Bytes bytes;
    engine::Checksum checksum;
    unsigned queue;
};

inline std::uint64_t dropped(const engine::WorkerCounters& counters, engine::Drop reason) {
    return counters.drops[static_cast<std::size_t>(reason)].get();
}

/// Only the test's own frames: neighbour discovery and the like come when they will.
inline std::vector<Bytes> ours(const std::vector<Bytes>& frames) {
    std::vector<Bytes> kept;
    for (const Bytes& frame : frames) {
        if (frame.size() > 11 && frame[4] == std::byte{0xee}) kept.push_back(frame);
    }
    return kept;
}

inline std::vector<Bytes> ours(const std::vector<Received>& frames) {
    std::vector<Bytes> all;
    for (const Received& each : frames) all.push_back(each.bytes);
    return ours(all);
}

/// An af_packet port on near0 and a packet socket on far0.
class Cable {
  public:
    explicit Cable(TwoHosts& hosts) {
        spec.name = "wan";
        spec.device = "near0";
        hosts.at_far([&] { far.open("far0"); });
    }
    void open(unsigned queues = 1) {
        auto opened = drivers::open_af_packet(spec, queues);
        if (!opened) FAIL(opened.error().message);
        port = std::move(*opened);
        queues_ = queues;
    }
    /// What has arrived, until `enough` of the test's own frames are there, or for a while if not.
    std::vector<Received> receive(std::size_t enough) {
        std::vector<Received> got;
        eventually([&] {
            for (unsigned queue = 0; queue < queues_; ++queue) receive_burst(queue, got);
            return ours(got).size() >= enough;
        });
        return got;
    }
    void receive_burst(unsigned queue, std::vector<Received>& got) {
        engine::Burst burst;
        if (port->rx(queue).receive(burst, counters) == 0) return;
        for (const engine::Frame& frame : burst) {
            CHECK(frame.headroom >= engine::headroom_bytes);
            CHECK(frame.tailroom >= engine::tailroom_bytes);
            got.push_back({{frame.data, frame.data + frame.len}, frame.checksum, queue});
        }
        port->rx(queue).release(burst);
    }
    /// The test's own frames that came out at the far side, until `enough` are there.
    std::vector<Bytes> collect(std::size_t enough) {
        std::vector<Bytes> got;
        eventually([&] {
            for (const Bytes& frame : ours(far.collect(0))) got.push_back(frame);
            return got.size() >= enough;
        });
        return got;
    }
    /// Sends those of `frames` whose room is not to be left out.
    void send(const std::vector<Bytes>& frames, const std::set<std::size_t>& left_out = {}) {
        std::vector<engine::Frame> room(frames.size());
        REQUIRE(port->tx(0).claim(room, 1514) == frames.size());
        std::vector<engine::Frame> chosen;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            std::memcpy(room[i].data, frames[i].data(), frames[i].size());
            room[i].len = static_cast<std::uint32_t>(frames[i].size());
            if (!left_out.contains(i)) chosen.push_back(room[i]);
        }
        port->tx(0).send(chosen, counters);
        port->tx(0).flush(counters);
    }

    engine::PortSpec spec;
    std::unique_ptr<engine::Port> port;
    PacketSocket far;
    engine::WorkerCounters counters;

  private:
    unsigned queues_ = 1;
};

inline Bytes make_frame(std::size_t len, unsigned flow, std::uint32_t number) {
    // Locally administered addresses that are nobody's: the kernels at both sides look away.
    Bytes frame(14);
    const std::uint8_t header[] = {2, 0, 0, 0, 0xee, 1, 2, 0, 0, 0, 0xee, 2, 8, 0};
    std::memcpy(frame.data(), header, sizeof header);
    const Bytes packet = make_packet(len - 14, flow, number);
    frame.insert(frame.end(), packet.begin(), packet.end());
    return frame;
}

inline std::vector<Bytes> make_frames(std::size_t count, std::size_t len = 100) {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(make_frame(len, 1, i));
    return frames;
}

/// The IPv4 frames of `protocol` that have more than bare headers.
inline std::vector<Received> with_payload(const std::vector<Received>& frames,
                                          std::uint8_t protocol) {
    std::vector<Received> kept;
    for (const Received& each : frames) {
        const Bytes& b = each.bytes;
        if (b.size() > 66 && engine::load_be<std::uint16_t>(&b[12]) == 0x0800 &&
            b[23] == std::byte{protocol}) {
            kept.push_back(each);
        }
    }
    return kept;
}

inline engine::Descriptor open_socket(int type) {
    engine::Descriptor socket(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(socket);
    return socket;
}

inline sockaddr_in address_of(const char* ip, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    std::memcpy(&address.sin_addr, engine::parse_ip(ip)->bytes.data(), 4);
    return address;
}

inline void connect_to(const engine::Descriptor& socket, const char* ip, std::uint16_t port) {
    const sockaddr_in to = address_of(ip, port);
    const int failed = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    REQUIRE((failed == 0 || errno == EINPROGRESS));
}

inline bool readable(int fd) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, 0) != 0;
}

}  // namespace lanes::test
