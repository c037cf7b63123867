// The udp driver under the contract test: the far side is a pair of plain sockets on loopback, one
// per flow, so that their source ports differ.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>

#include "engine/check.hh"
#include "tests/drivers/fixture.hh"

namespace lanes::test {

class UdpFixture : public Fixture {
  public:
    explicit UdpFixture(const char* address = "127.0.0.1") : address_(address) {
        missing = space_.missing();
        len_min = 1;
    }

    drivers::OpenResult open(unsigned queues, std::vector<Bytes> incoming) override {
        incoming_ = std::move(incoming);
        engine::PortSpec spec;
        spec.name = "near";
        const auto local = engine::parse_ip(address_);
        spec.addresses = {{*local, static_cast<std::uint8_t>(local->bits())}};
        spec.mtu = 9000;
        auto port = drivers::open_udp(spec, queues);
        if (!port) return port;
        for (std::size_t flow = 0; flow < flows_.size(); ++flow) {
            flows_[flow] = socket_at(static_cast<std::uint16_t>(first_port + flow));
        }
        auto index = (*port)->add_endpoint({*local, first_port});
        if (!index) return index.error();
        endpoint = *index;
        return port;
    }

    void inject(std::size_t first, std::size_t count) override {
        for (std::size_t i = first; i < first + count; ++i) {
            const Bytes& frame = incoming_[i];
            const std::uint32_t flow = frame.size() < marked_len_min ? 0 : mark_of(frame).flow;
            const auto [to, len] = socket_address(4790);
            LANES_CHECK(::sendto(flows_[flow % flows_.size()].get(), frame.data(), frame.size(), 0,
                                 reinterpret_cast<const sockaddr*>(&to),
                                 len) == static_cast<ssize_t>(frame.size()));
        }
    }
    std::vector<Bytes> collect(std::size_t count) override {
        return collect_messages(flows_[0].get(), count);
    }
    Bytes make(std::size_t len, unsigned flow, std::uint32_t number) override {
        return make_packet(len, flow, number);
    }

  private:
    static constexpr std::uint16_t first_port = 7000;

    std::pair<sockaddr_storage, socklen_t> socket_address(std::uint16_t port) const {
        sockaddr_storage to{};
        if (address_.find(':') == std::string::npos) {
            auto& v4 = reinterpret_cast<sockaddr_in&>(to);
            v4.sin_family = AF_INET;
            v4.sin_port = htons(port);
            ::inet_pton(AF_INET, address_.c_str(), &v4.sin_addr);
            return {to, sizeof v4};
        }
        auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        ::inet_pton(AF_INET6, address_.c_str(), &v6.sin6_addr);
        return {to, sizeof v6};
    }

    engine::Descriptor socket_at(std::uint16_t port) const {
        const auto [at, len] = socket_address(port);
        engine::Descriptor socket(::socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const int bytes = 64 << 20;
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        LANES_CHECK(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), len) == 0);
        return socket;
    }

    NetworkNamespace space_;
    const std::string address_;
    std::vector<Bytes> incoming_;
    std::array<engine::Descriptor, 4> flows_;
};

class Udp6Fixture : public UdpFixture {
  public:
    Udp6Fixture() : UdpFixture("::1") {}
};

}  // namespace lanes::test
