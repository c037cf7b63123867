// What the tests of af_xdp share: a port on one end of a veth pair, a packet socket on the other,
// and what goes in and comes out.
#pragma once

#include <poll.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/bytes.hh"
#include "engine/frame_pool.hh"
#include "tests/drivers/fixture_af_xdp.hh"
#include "tests/drivers/two_hosts.hh"

namespace lanes::test {

inline std::uint64_t drops_of(const engine::WorkerCounters& counters) {
    std::uint64_t sum = 0;
    for (const auto& drop : counters.drops) sum += drop.get();
    return sum;
}

/// A UDP datagram for `address` in an Ethernet frame for `to`, with the number at its end.
inline Bytes datagram(const engine::MacAddress& to, const char* address, std::uint16_t port,
                      std::uint32_t number) {
    const auto ip = *engine::parse_ip(address);
    const std::size_t header = ip.v6 ? 40 : 20;
    Bytes frame(14 + header + 8 + 4);
    std::memcpy(frame.data(), to.bytes.data(), 6);
    frame[6] = std::byte{2};
    engine::store_be<std::uint16_t>(&frame[12], ip.v6 ? 0x86dd : 0x0800);
    std::byte* const at = &frame[14];
    const auto payload = static_cast<std::uint16_t>(8 + 4);
    if (ip.v6) {
        at[0] = std::byte{0x60};
        engine::store_be<std::uint16_t>(at + 4, payload);
        at[6] = std::byte{17};
        at[7] = std::byte{64};
        std::memcpy(at + 24, ip.bytes.data(), 16);
    } else {
        at[0] = std::byte{0x45};
        engine::store_be<std::uint16_t>(at + 2, static_cast<std::uint16_t>(header + payload));
        at[8] = std::byte{64};
        at[9] = std::byte{17};
        std::memcpy(at + 16, ip.bytes.data(), 4);
    }
    engine::store_be<std::uint16_t>(at + header, 61440);
    engine::store_be<std::uint16_t>(at + header + 2, port);
    engine::store_be<std::uint16_t>(at + header + 4, payload);
    engine::store_be<std::uint32_t>(&frame[frame.size() - 4], number);
    return frame;
}

/// An af_xdp port on one end of a veth pair of this namespace, and the far side.
class XdpCable {
  public:
    XdpCable(const std::string& near, const std::string& far, unsigned queues = 1) : far_name(far) {
        make_veth(near, far, queues);
        spec.name = "wan";
        spec.driver = "af_xdp";
        spec.device = near;
        spec.ring_frames = 512;
        spec.take = engine::PortSpec::Take::all;
        wire.open(far);
    }

    void open(unsigned workers = 1) {
        auto opened = drivers::find_driver("af_xdp")->open(spec, workers);
        if (!opened) FAIL(opened.error().message);
        port = std::move(*opened);
    }
    /// Why it cannot be opened.
    std::string refusal(unsigned workers = 1) {
        auto opened = drivers::find_driver("af_xdp")->open(spec, workers);
        REQUIRE_FALSE(opened);
        return opened.error().message;
    }
    /// What all queues receive until `enough` is there, or for a while if not.
    std::vector<Bytes> receive(std::size_t enough) {
        std::vector<Bytes> got;
        eventually([&] {
            for (unsigned queue = 0; queue < port->rx_queues(); ++queue) receive_once(queue, got);
            return got.size() >= enough;
        });
        return got;
    }
    void receive_once(unsigned queue, std::vector<Bytes>& got) {
        engine::Burst burst;
        if (port->rx(queue).receive(burst, counters) == 0) return;
        for (const engine::Frame& frame : burst) {
            got.emplace_back(frame.data, frame.data + frame.len);
        }
        port->rx(queue).release(burst);
    }
    /// Sends and flushes; returns how many there was room for.
    unsigned send(const Bytes& frame, unsigned count, unsigned worker = 0) {
        engine::TxQueue& tx = port->tx(worker);
        std::array<engine::Frame, engine::burst_max> room;
        const unsigned n = tx.claim({room.data(), count}, static_cast<std::uint32_t>(frame.size()));
        for (unsigned i = 0; i < n; ++i) {
            std::memcpy(room[i].data, frame.data(), frame.size());
            room[i].len = static_cast<std::uint32_t>(frame.size());
        }
        tx.send({room.data(), n}, counters);
        tx.flush(counters);
        return n;
    }

    engine::PortSpec spec;
    std::unique_ptr<engine::Port> port;
    engine::WorkerCounters counters;
    PacketSocket wire;
    std::string far_name;
};

/// Buffers of a port's memory that nobody holds. The port is at rest.
inline std::size_t free_frames(engine::Port& port) {
    auto& pool = static_cast<engine::FramePool&>(*port.rx(0).memory());
    engine::FramePool::Cache cache(pool);
    std::vector<std::uint64_t> tokens;
    for (;;) {
        const engine::Frame frame = cache.take();
        if (frame.data == nullptr) break;
        tokens.push_back(frame.token);
    }
    for (const std::uint64_t token : tokens) cache.give(token);
    return tokens.size();
}

/// Whether an XDP program is on the interface.
inline bool has_program(const std::string& device) {
    const std::string command = "ip -d link show dev " + device + " | grep -q 'prog/xdp'";
    return std::system(command.c_str()) == 0;
}

}  // namespace lanes::test
