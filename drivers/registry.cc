// See registry.hh.
#include "drivers/registry.hh"

#include <array>

#include "drivers/open.hh"

namespace lanes::drivers {
namespace {

/// Stands in for a driver whose library was not there when the program was built.
[[maybe_unused]] OpenResult left_out(const engine::PortSpec& spec, const engine::WorkerCores&) {
    return engine::Error{0, "port " + spec.name + ": this program was built without " +
                                spec.driver + "; build it with -D" + spec.driver + "=enabled"};
}

#ifdef LANES_AF_XDP
constexpr engine::OpenPort af_xdp = &open_af_xdp;
#else
constexpr engine::OpenPort af_xdp = &left_out;
#endif
#ifdef LANES_DPDK
constexpr engine::OpenPort dpdk = &open_dpdk;
#else
constexpr engine::OpenPort dpdk = &left_out;
#endif

constexpr std::array drivers = {
    Driver{"af_packet", &open_af_packet, "an Ethernet interface of the kernel, by packet sockets"},
    Driver{"af_xdp", af_xdp, "an Ethernet interface of the kernel, past its network stack"},
    Driver{"dpdk", dpdk, "an Ethernet device of DPDK's: a card of its own, or a virtual device"},
    Driver{"tap", &open_tap, "an Ethernet interface of this host, made for the port"},
    Driver{"tun", &open_tun, "an IP interface of this host, made for the port"},
    Driver{"udp", &open_udp, "UDP datagrams by the kernel's sockets, IPv4 and IPv6"},
    Driver{"pcap", &open_pcap, "replays and records capture files"},
    Driver{"memory", &open_memory, "two ports of one process joined by a wire of memory"},
};

}  // namespace

std::span<const Driver> all_drivers() noexcept {
    return drivers;
}

bool built(const Driver& driver) noexcept {
    return driver.open != &left_out;
}

const Driver* find_driver(std::string_view name) noexcept {
    for (const Driver& driver : drivers) {
        if (driver.name == name) return &driver;
    }
    return nullptr;
}

}  // namespace lanes::drivers
