// What each driver could open on a machine, and why not the rest: the contents of `lanes ports`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/machine.hh"

namespace lanes::tools {

struct Device {
    std::string name;  ///< as `device:` (udp: `address:`) wants it
    bool usable = false;
    std::string why;  ///< how it would be opened, or why it cannot be and what mends that
    std::vector<std::pair<std::string, std::string>> facts;  ///< state, mtu, queues, ...
};

struct DriverPorts {
    std::string driver;
    bool built = true;
    std::string needs;  ///< privileges, and whether this process has them
    std::vector<Device> devices;
};

std::vector<DriverPorts> list_ports(const Machine& machine);

/// How an interface's kernel driver serves XDP, as far as its name tells.
enum class XdpSupport : std::uint8_t { generic, copy, zero_copy };
XdpSupport xdp_support(const std::string& kernel_driver);

/// The kernel driver of an interface: "ice", "veth"; empty: not known.
std::string kernel_driver_of(const Machine& machine, const std::string& interface);

/// PCI addresses of network devices, sorted.
std::vector<std::string> network_cards(const Machine& machine);

}  // namespace lanes::tools
