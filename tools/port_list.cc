// See port_list.hh. One function per driver, or per group that opens the same devices.
#include "tools/port_list.hh"

#include <net/if_arp.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "drivers/netlink/netlink.hh"
#include "drivers/registry.hh"

namespace lanes::tools {
namespace {

std::string needs_text(const Machine& machine, std::string_view what,
                       std::initializer_list<unsigned> capabilities) {
    const bool all = std::all_of(capabilities.begin(), capabilities.end(),
                                 [&](unsigned one) { return machine.capable(one); });
    return std::string(what) + (all ? " (this process has them)"
                                    : " (this process has not: run as root, or grant them by "
                                      "setcap)");
}

std::string queues_of(const Machine& machine, const std::string& interface) {
    const auto names = machine.entries(machine.folder(interface) + "/queues");
    const auto count = std::count_if(names.begin(), names.end(), [](const std::string& name) {
        return name.starts_with("rx-");
    });
    return count == 0 ? "?" : std::to_string(count);
}

/// An interface as af_packet sees it; af_xdp starts from the same.
Device interface_device(const Machine& machine, const std::string& name) {
    Device device;
    device.name = name;
    const auto state = machine.state(name);
    if (!state) {
        device.why = "it tells nothing of itself";
        return device;
    }
    const std::string driver = kernel_driver_of(machine, name);
    device.facts = {{"state", state->up ? "up" : "down"},
                    {"mtu", std::to_string(state->mtu)},
                    {"queues", queues_of(machine, name)}};
    if (!driver.empty()) device.facts.emplace_back("driver", driver);
    if (state->type != ARPHRD_ETHER && state->type != ARPHRD_LOOPBACK) {
        device.why = "not an Ethernet interface";
    } else if (!state->up) {
        device.why = "down: ip link set dev " + name + " up";
    } else {
        device.usable = true;
        device.why = "ready";
    }
    return device;
}

DriverPorts af_packet_ports(const Machine& machine) {
    DriverPorts ports;
    ports.needs = needs_text(machine, "CAP_NET_RAW; CAP_NET_ADMIN for promiscuous",
                             {capability::net_raw, capability::net_admin});
    for (const std::string& name : machine.interfaces()) {
        ports.devices.push_back(interface_device(machine, name));
    }
    return ports;
}

DriverPorts af_xdp_ports(const Machine& machine) {
    DriverPorts ports;
    const bool bpf = machine.capable(capability::bpf) || machine.capable(capability::sys_admin);
    ports.needs = needs_text(
        machine, "CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF",
        {capability::net_raw, capability::net_admin,
         bpf && !machine.capable(capability::bpf) ? capability::sys_admin : capability::bpf});
    for (const std::string& name : machine.interfaces()) {
        Device device = interface_device(machine, name);
        if (name == "lo" && device.usable) {
            device.usable = false;
            device.why = "loopback: nothing passes there that XDP takes";
        }
        if (device.usable) {
            const std::string driver = kernel_driver_of(machine, name);
            switch (xdp_support(driver)) {
                case XdpSupport::zero_copy:
                    device.why = "ready; this driver can do zero-copy";
                    break;
                case XdpSupport::copy:
                    device.why = "ready; this driver copies (native XDP)";
                    break;
                case XdpSupport::generic:
                    device.why = "ready; generic XDP in any case, faster if the driver knows XDP";
                    break;
            }
        }
        ports.devices.push_back(std::move(device));
    }
    return ports;
}

bool poll_mode(const std::string& driver) {
    return driver == "vfio-pci" || driver == "uio_pci_generic" || driver == "igb_uio";
}

/// Cards whose DPDK driver works through the kernel's and leaves it bound.
bool bifurcated(const std::string& driver) {
    return driver == "mlx4_core" || driver == "mlx5_core" || driver == "mana";
}

Device card_device(const Machine& machine, const std::string& address) {
    const std::string folder = "/sys/bus/pci/devices/" + address;
    const std::string driver = machine.target(folder + "/driver");
    Device device;
    device.name = address;
    device.facts = {{"id", machine.line(folder + "/vendor").value_or("?") + ":" +
                               machine.line(folder + "/device").value_or("?")},
                    {"driver", driver.empty() ? "none" : driver}};
    const std::string bind = "dpdk-devbind.py --bind=vfio-pci " + address;
    auto interfaces = machine.entries(folder + "/net");
    for (const std::string& child : machine.entries(folder)) {
        if (child.starts_with("virtio"))
            interfaces = machine.entries(folder + "/" + child + "/net");
    }
    if (!interfaces.empty()) device.facts.emplace_back("interface", interfaces[0]);
    if (bifurcated(driver)) {
        device.usable = true;
        device.why = "ready, beside the kernel";
    } else if (!poll_mode(driver)) {
        device.why = (driver.empty() ? std::string("no kernel driver holds it: ")
                                     : "the kernel's " + driver + " holds it: ") +
                     "modprobe vfio-pci && " + bind;
    } else if (driver != "vfio-pci") {
        device.usable = true;
        device.why = "ready, by " + driver;
    } else {
        const std::string group = machine.target(folder + "/iommu_group");
        const bool guarded = !group.empty() && machine.exists("/dev/vfio/" + group);
        const std::string node = guarded ? "/dev/vfio/" + group : "/dev/vfio/noiommu-" + group;
        device.usable = machine.usable(node);
        device.why = device.usable ? (guarded ? "ready" : "ready, without an IOMMU")
                                   : node +
                                         " cannot be opened: run as root, or chown it to the "
                                         "user who runs lanes";
    }
    return device;
}

/// DPDK's virtual devices: the library that brings each, and an example.
struct Virtual {
    std::string_view library;
    std::string_view device;
    std::string_view what;
};
constexpr std::array virtuals = {
    Virtual{"librte_net_af_packet.so", "net_af_packet0,iface=IFACE",
            "an interface, by packet sockets"},
    Virtual{"librte_net_af_xdp.so", "net_af_xdp0,iface=IFACE", "an interface, by AF_XDP"},
    Virtual{"librte_net_bond.so", "net_bonding0,mode=1,slave=DEVICE", "several devices as one"},
    Virtual{"librte_net_memif.so", "net_memif0,role=client,socket=PATH",
            "shared memory with another process"},
    Virtual{"librte_net_null.so", "net_null0", "takes all and gives frames of zeros"},
    Virtual{"librte_net_pcap.so", "net_pcap0,iface=IFACE",
            "capture files, or an interface by libpcap"},
    Virtual{"librte_net_ring.so", "net_ring0", "a ring in memory: what is sent comes back"},
    Virtual{"librte_net_tap.so", "net_tap0,iface=NAME", "a tap interface of this host"},
    Virtual{"librte_net_vhost.so", "net_vhost0,iface=PATH",
            "a virtual machine's virtio, host side"},
    Virtual{"librte_net_virtio.so", "virtio_user0,path=/dev/vhost-net", "virtio, guest side"},
};

/// Folders in which DPDK looks for its drivers, by the layouts of the distributions.
std::vector<std::string> pmd_folders(const Machine& machine) {
    std::vector<std::string> folders;
    std::vector<std::string> places = {"/usr/lib64/dpdk", "/usr/lib/dpdk", "/usr/local/lib64/dpdk"};
    for (const std::string base : {"/usr/lib", "/usr/local/lib"}) {
        for (const std::string& name : machine.entries(base)) {
            if (name.ends_with("-linux-gnu")) places.push_back(base + "/" + name + "/dpdk");
        }
    }
    for (const std::string& place : places) {
        for (const std::string& name : machine.entries(place)) {
            if (name.starts_with("pmds-")) folders.push_back(place + "/" + name);
        }
    }
    return folders;
}

DriverPorts dpdk_ports(const Machine& machine) {
    DriverPorts ports;
    ports.needs =
        "read and write on /dev/vfio for cards, hugepages for speed; virtual devices what they "
        "stand for";
    for (const std::string& address : network_cards(machine)) {
        ports.devices.push_back(card_device(machine, address));
    }
    const auto folders = pmd_folders(machine);
    for (const Virtual& row : virtuals) {
        Device device;
        device.name = row.device;
        for (const std::string& folder : folders) {
            if (machine.exists(folder + "/" + std::string(row.library))) device.usable = true;
        }
        device.facts = {{"driver", "virtual"}};
        device.why = device.usable ? std::string(row.what)
                                   : "DPDK has no " + std::string(row.library) +
                                         " here: install it (Debian: dpdk, librte-net-*)";
        ports.devices.push_back(std::move(device));
    }
    return ports;
}

DriverPorts tunnel_ports(const Machine& machine, const std::string& example) {
    DriverPorts ports;
    ports.needs = needs_text(machine, "CAP_NET_ADMIN", {capability::net_admin});
    Device device;
    device.name = example;
    if (!machine.exists("/dev/net/tun")) {
        device.why = "no /dev/net/tun: modprobe tun; in a container, pass the device in";
    } else if (!machine.usable("/dev/net/tun")) {
        device.why = "/dev/net/tun is not for this user: run as root, or let it read and write";
    } else {
        device.usable = true;
        device.why = "any name that no interface has yet";
    }
    ports.devices.push_back(std::move(device));
    return ports;
}

DriverPorts udp_ports() {
    DriverPorts ports;
    ports.needs = "nothing; CAP_NET_ADMIN for large socket buffers";
    auto netlink = drivers::Netlink::open();
    auto interfaces = netlink ? netlink->interfaces()
                              : engine::Result<std::vector<drivers::Interface>>(netlink.error());
    for (std::size_t i = 0; interfaces && i < interfaces->size(); ++i) {
        auto details = netlink->interface((*interfaces)[i].name);
        if (!details) continue;
        for (const engine::IpPrefix& address : details->addresses) {
            Device device;
            device.name = to_string(address.address);
            device.facts = {{"interface", details->name}};
            device.usable = details->up;
            device.why = details->up ? "ready" : "its interface is down";
            ports.devices.push_back(std::move(device));
        }
    }
    ports.devices.push_back({"0.0.0.0, ::", true, "all of them", {}});
    return ports;
}

}  // namespace

XdpSupport xdp_support(const std::string& kernel_driver) {
    static constexpr std::array<std::string_view, 8> zero_copy = {
        "gve", "i40e", "ice", "igc", "ixgbe", "mlx5_core", "nfp", "stmmaceth"};
    static constexpr std::array<std::string_view, 16> copy = {
        "bnxt_en",     "ena",    "fsl_dpaa2_eth", "hv_netvsc", "igb", "ixgbevf",
        "mlx4_en",     "mvneta", "mvpp2",         "qede",      "sfc", "tun",
        "thunder-nic", "tsnep",  "veth",          "virtio_net"};
    const auto among = [&](const auto& names) {
        return std::find(names.begin(), names.end(), kernel_driver) != names.end();
    };
    if (among(zero_copy)) return XdpSupport::zero_copy;
    return among(copy) ? XdpSupport::copy : XdpSupport::generic;
}

std::string kernel_driver_of(const Machine& machine, const std::string& interface) {
    const std::string driver = machine.target(machine.folder(interface) + "/device/driver");
    if (!driver.empty()) return driver;
    const auto offloads = machine.offloads(interface);
    return offloads ? offloads->driver : std::string();
}

std::vector<std::string> network_cards(const Machine& machine) {
    std::vector<std::string> cards;
    for (const std::string& address : machine.entries("/sys/bus/pci/devices")) {
        const auto kind = machine.line("/sys/bus/pci/devices/" + address + "/class");
        if (kind && kind->starts_with("0x02")) cards.push_back(address);
    }
    return cards;
}

std::vector<DriverPorts> list_ports(const Machine& machine) {
    std::vector<DriverPorts> all;
    for (const drivers::Driver& driver : drivers::all_drivers()) {
        DriverPorts ports;
        if (driver.name == "af_packet") {
            ports = af_packet_ports(machine);
        } else if (driver.name == "af_xdp") {
            ports = af_xdp_ports(machine);
        } else if (driver.name == "dpdk") {
            ports = dpdk_ports(machine);
        } else if (driver.name == "tap" || driver.name == "tun") {
            ports = tunnel_ports(machine, driver.name == "tap" ? "tap0" : "tun0");
        } else if (driver.name == "udp") {
            ports = udp_ports();
        } else {
            ports.needs = "nothing";
            ports.devices.push_back({driver.name == "pcap" ? "read: FILE, write: FILE" : "any name",
                                     true,
                                     std::string(driver.summary),
                                     {}});
        }
        ports.driver = driver.name;
        ports.built = drivers::built(driver);
        all.push_back(std::move(ports));
    }
    return all;
}

}  // namespace lanes::tools
