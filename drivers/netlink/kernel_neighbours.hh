// KernelNeighbours: what the host's kernel knows of a port's link, for the drivers that use an
// interface beside it (af_packet; af_xdp that takes lane packets only). The kernel answers ARP and
// neighbour discovery, and its tables tell where next hops are. Control only; nothing here waits
// for the network.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drivers/netlink/netlink.hh"
#include "engine/descriptor.hh"
#include "engine/port.hh"

namespace lanes::drivers {

class KernelNeighbours {
  public:
    KernelNeighbours(Netlink netlink, const Interface& interface, std::string device)
        : netlink_(std::move(netlink)),
          index_(interface.index),
          mac_(interface.mac),
          device_(std::move(device)) {}

    /// The MAC address that leads to `destination` now, by the kernel's routes and neighbours; or
    /// nothing, and then the kernel was made to ask. `own`: the port's addresses.
    std::optional<engine::MacAddress> next_hop(const engine::IpAddress& destination,
                                               const std::vector<engine::IpPrefix>& own);
    /// Keeps the kernel from answering what arrives at port `info.listen` of the port's addresses.
    engine::Result<void> silence(const engine::PortInfo& info);
    /// What the kernel says of the interface.
    engine::Link link();
    /// The interface of the port's name as it is now.
    engine::Result<Interface> device() { return netlink_.look_up(device_); }
    /// From now on all is about `device`, which is there instead of the former one. Returns the
    /// port's facts, which were `former`.
    engine::PortInfo move_to(const Interface& device, const engine::PortInfo& former);

  private:
    engine::Link link_of_another(const Interface& other, const std::string& what) const;
    engine::Result<engine::Descriptor> swallow(const engine::IpAddress& own, std::uint16_t listen);

    Netlink netlink_;
    int index_;
    engine::MacAddress mac_;
    std::string device_;
    std::vector<engine::Descriptor> silencers_;
};

/// What spec.device turns out to be, with what every driver of a kernel's Ethernet interface asks
/// of it: it is Ethernet, it is up, and its mtu is enough. The error is whole.
engine::Result<Interface> ethernet_interface(Netlink& netlink, const engine::PortSpec& spec);

/// The port's facts as such a driver tells them.
engine::PortInfo info_of_interface(const engine::PortSpec& spec, const Interface& interface,
                                   std::string driver);

}  // namespace lanes::drivers
