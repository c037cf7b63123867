// See registry.hh.
#include "drivers/registry.hh"

#include <array>

#include "drivers/open.hh"

namespace lanes::drivers {
namespace {

constexpr std::array drivers = {
    Driver{"af_packet", &open_af_packet, "an Ethernet interface of the kernel, by packet sockets"},
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

const Driver* find_driver(std::string_view name) noexcept {
    for (const Driver& driver : drivers) {
        if (driver.name == name) return &driver;
    }
    return nullptr;
}

}  // namespace lanes::drivers
