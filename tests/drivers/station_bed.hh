// What the tests of the station share: frames as its neighbours send them, a transmit queue that
// keeps what is sent, and a station at
//
//   02:00:00:00:00:01  192.0.2.1/24  2001:db8::1/64  fe80::1/64
//
// with its neighbour at 02:00:00:00:00:02, 192.0.2.2, 2001:db8::2. Checksums are summed here byte
// by byte, by another way than the station's.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "drivers/station/station.hh"
#include "engine/counters.hh"

namespace lanes::test {

using Octets = std::vector<std::uint8_t>;

inline const Octets own_mac = {2, 0, 0, 0, 0, 1};
inline const Octets far_mac = {2, 0, 0, 0, 0, 2};
inline const Octets all_macs(6, 0xff);

inline Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline Octets ip(const std::string& text) {
    const auto address = engine::parse_ip(text);
    REQUIRE(address);
    return {address->bytes.begin(), address->bytes.begin() + (address->v6 ? 16 : 4)};
}

inline Octets word(unsigned value) {
    return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

inline unsigned naive_checksum(const Octets& bytes) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += unsigned{bytes[i]} << (i % 2 ? 0 : 8);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

inline void put(Octets& bytes, std::size_t at, const Octets& what) {
    std::copy(what.begin(), what.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

inline Octets part(const Octets& bytes, std::size_t at, std::size_t len) {
    REQUIRE(bytes.size() >= at + len);
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    return {first, first + static_cast<std::ptrdiff_t>(len)};
}

struct Arp {
    Octets to = all_macs;
    unsigned operation = 1;
    Octets sender_mac = far_mac;
    std::string sender = "192.0.2.2";
    Octets target_mac = Octets(6, 0);
    std::string target = "192.0.2.1";

    Octets frame() const {
        return to + far_mac + word(0x0806) + word(1) + word(0x0800) + Octets{6, 4} +
               word(operation) + sender_mac + ip(sender) + target_mac + ip(target);
    }
};

/// Completes the checksum of the ICMPv6 message behind the header at byte 14.
inline Octets with_checksum_v6(Octets frame) {
    put(frame, 56, {0, 0});
    const Octets pseudo = part(frame, 22, 32) + word(0) + word(unsigned(frame.size()) - 54) +
                          Octets{0, 0, 0, 58} + part(frame, 54, frame.size() - 54);
    put(frame, 56, word(naive_checksum(pseudo)));
    return frame;
}

inline Octets ipv6_frame(const Octets& to, const std::string& source,
                         const std::string& destination, unsigned hops, const Octets& message) {
    return with_checksum_v6(
        to + far_mac + word(0x86dd) + Octets{0x60, 0, 0, 0} + word(unsigned(message.size())) +
        Octets{58, static_cast<std::uint8_t>(hops)} + ip(source) + ip(destination) + message);
}

struct Solicitation {
    Octets to = {0x33, 0x33, 0xff, 0, 0, 1};
    std::string source = "2001:db8::2";
    std::string destination = "ff02::1:ff00:1";
    std::string target = "2001:db8::1";
    Octets options = Octets{1, 1} + far_mac;

    Octets frame() const {
        return ipv6_frame(to, source, destination, 255,
                          Octets{135, 0, 0, 0, 0, 0, 0, 0} + ip(target) + options);
    }
};

struct Advertisement {
    Octets to = own_mac;
    std::string source = "2001:db8::2";
    std::string destination = "2001:db8::1";
    std::string target = "2001:db8::2";
    std::uint8_t flags = 0x60;
    Octets options = Octets{2, 1} + far_mac;

    Octets frame() const {
        return ipv6_frame(to, source, destination, 255,
                          Octets{136, 0, 0, 0, flags, 0, 0, 0} + ip(target) + options);
    }
};

inline Octets pattern(std::size_t len) {
    Octets bytes(len);
    for (std::size_t i = 0; i < len; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + 3);
    return bytes;
}

struct Echo {
    Octets to = own_mac;
    std::string source = "192.0.2.2";
    std::string destination = "192.0.2.1";
    Octets options;
    unsigned fragment = 0x4000;
    std::size_t len = 56;

    Octets frame() const {
        Octets message = Octets{8, 0, 0, 0, 0x12, 0x34, 0, 1} + pattern(len);
        put(message, 2, word(naive_checksum(message)));
        const auto words = static_cast<std::uint8_t>(0x40 + 5 + options.size() / 4);
        Octets header = Octets{words, 0xb8} + word(20 + unsigned(options.size() + message.size())) +
                        word(0x7777) + word(fragment) + Octets{63, 1, 0, 0} + ip(source) +
                        ip(destination) + options;
        put(header, 10, word(naive_checksum(header)));
        return to + far_mac + word(0x0800) + header + message;
    }
};

struct EchoV6 {
    Octets to = own_mac;
    std::string source = "2001:db8::2";
    std::string destination = "2001:db8::1";
    std::size_t len = 56;

    Octets frame() const {
        return ipv6_frame(to, source, destination, 63,
                          Octets{128, 0, 0, 0, 0x12, 0x34, 0, 1} + pattern(len));
    }
};

/// Keeps what is sent. `room`: frames that it takes before it is full.
class KeepingTx final : public engine::TxQueue {
  public:
    unsigned claim(std::span<engine::Frame> room, std::uint32_t len) noexcept override {
        if (len > longest || places == 0) return 0;
        // Exactly as much as was asked for: one byte more would be seen by ASan.
        room_.resize(len);
        room_.shrink_to_fit();
        room[0] = engine::Frame{};
        room[0].data = room_.data();
        room[0].len = len;
        return 1;
    }
    void send(std::span<const engine::Frame> frames,
              engine::WorkerCounters& worker) noexcept override {
        for (const engine::Frame& frame : frames) {
            Octets bytes(frame.len);
            std::memcpy(bytes.data(), frame.data, frame.len);
            sent.push_back(std::move(bytes));
            worker.sent.add(1);
            --places;
        }
    }
    void flush(engine::WorkerCounters&) noexcept override { ++flushes; }
    std::uint32_t max_len() const noexcept override { return longest; }

    std::vector<Octets> sent;
    unsigned flushes = 0;
    unsigned places = 100000;
    std::uint32_t longest = 1518;

  private:
    std::vector<std::byte> room_;
};

class StationBed {
  public:
    explicit StationBed(const std::vector<std::string>& addresses = {"192.0.2.1/24",
                                                                     "2001:db8::1/64",
                                                                     "fe80::1/64"},
                        const std::vector<std::string>& gateways = {})
        : station(info_of(addresses), parsed(gateways)) {
        announced = serve({});
    }

    /// What the station sends when these frames arrive. Frames are held in memory of their exact
    /// length. Puts what was left to the worker into `left`.
    std::vector<Octets> serve(const std::vector<Octets>& frames) {
        engine::Burst burst;
        std::vector<std::vector<std::byte>> memory;
        for (const Octets& bytes : frames) {
            memory.emplace_back(bytes.size());
            if (!bytes.empty()) std::memcpy(memory.back().data(), bytes.data(), bytes.size());
            engine::Frame frame;
            frame.data = memory.back().data();
            frame.len = static_cast<std::uint32_t>(bytes.size());
            frame.token = memory.size();
            burst.push(frame);
        }
        std::array<engine::Frame, engine::burst_max> gone;
        const std::uint64_t received = worker.received.get();
        const unsigned n = station.serve(burst, 0, tx, worker, gone);
        CHECK(worker.received.get() - received == n);
        CHECK(burst.size() + n == frames.size());
        left.clear();
        taken.clear();
        for (const engine::Frame& frame : burst) left.push_back(frames[frame.token - 1]);
        for (unsigned i = 0; i < n; ++i) taken.push_back(frames[gone[i].token - 1]);
        return std::exchange(tx.sent, {});
    }
    /// The one answer to one frame, or nothing.
    Octets answer(const Octets& frame) {
        const auto answers = serve({frame});
        REQUIRE(answers.size() <= 1);
        CHECK(taken.size() >= answers.size());
        return answers.empty() ? Octets{} : answers[0];
    }
    std::string next_hop(const std::string& destination) {
        const auto mac = station.next_hop(*engine::parse_ip(destination), now_ns);
        return mac ? to_string(*mac) : "";
    }
    void wait(double seconds) { now_ns += static_cast<std::uint64_t>(seconds * 1e9); }

    drivers::Station station;
    KeepingTx tx;
    engine::WorkerCounters worker;
    std::vector<Octets> announced, left, taken;
    std::uint64_t now_ns = 5'000'000'000;

  private:
    static engine::PortInfo info_of(const std::vector<std::string>& addresses) {
        engine::PortInfo info;
        info.mac = *engine::parse_mac("02:00:00:00:00:01");
        for (const auto& text : addresses) info.addresses.push_back(*engine::parse_prefix(text));
        return info;
    }
    static std::vector<engine::IpAddress> parsed(const std::vector<std::string>& addresses) {
        std::vector<engine::IpAddress> all;
        for (const auto& text : addresses) all.push_back(*engine::parse_ip(text));
        return all;
    }
};

}  // namespace lanes::test
