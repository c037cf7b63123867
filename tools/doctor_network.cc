// Interfaces: there and up, their offloads, MTU and NUMA node; socket buffers; and whether what
// lanes carry fits into packets. See doctor.hh.
#include "lanes/wire.hh"
#include "tools/doctor.hh"
#include "tools/port_list.hh"

namespace lanes::tools {
namespace {

constexpr std::int64_t buffer_wanted_bytes = 4 << 20;
constexpr std::uint32_t ethernet_bytes = 14;
constexpr std::uint32_t udp_bytes = 8;

void examine_offloads(Examination& e, const engine::PortSpec& port, const std::string& interface) {
    const auto offloads = e.machine.offloads(interface);
    const std::string about = "port " + port.name;
    if (!offloads) return e.ok("offloads", about, interface + " tells nothing of them");
    const bool xdp = port.driver == "af_xdp";
    std::string what;
    std::string how;
    const auto add = [&](bool is_on, std::string_view name, std::string_view key) {
        if (!is_on) return;
        what += (what.empty() ? "" : ", ") + std::string(name);
        how += " " + std::string(key) + " off";
    };
    add(offloads->gro, "GRO", "gro");
    add(offloads->lro, "LRO", "lro");
    if (what.empty()) {
        e.ok("offloads", about, "none that makes super-frames");
    } else {
        e.better("offloads", about,
                 what + " on " + interface +
                     (xdp ? ": XDP sees none of it, or not all frames"
                          : ": super-frames cost a copy to cut"),
                 "ethtool -K " + interface + how);
    }
    if (xdp && offloads->rx_vlan) {
        e.better("offloads", about,
                 interface + " takes VLAN tags off, and XDP does not see which: they are lost",
                 "ethtool -K " + interface + " rxvlan off");
    }
    // Both ends of a veth pair are made alike; what arrives is as the other one leaves it.
    if (!xdp && offloads->tso && offloads->driver == "veth") {
        e.better(
            "offloads", about,
            "the other end of " + interface + " may send super-frames, which cost a copy to cut",
            "ethtool -K PEER tso off gso off   (where the other end is)");
    }
    if (xdp && offloads->driver == "veth") {
        e.better("offloads", about,
                 "whoever is at the other end of " + interface +
                     " may leave checksums undone, which veth never does: packets count as "
                     "bad_checksum",
                 "ethtool -K PEER tx off   (where the other end is)");
    }
}

void examine_numa(Examination& e, const engine::PortSpec& port, const std::string& interface) {
    const auto node = e.machine.number(e.machine.folder(interface) + "/device/numa_node");
    if (!node || *node < 0) return;
    for (const unsigned core : e.node->cores) {
        const int other = e.machine.node_of_core(core);
        if (other < 0 || other == *node) continue;
        e.better("NUMA", "port " + port.name,
                 interface + " is on node " + std::to_string(*node) + ", core " +
                     std::to_string(core) + " on node " + std::to_string(other) +
                     ": each frame crosses between them",
                 "lscpu --extended   (and choose `workers` of node " + std::to_string(*node) + ")");
    }
}

/// An MTU that is known without opening anything; 0: not known.
std::uint32_t mtu_of(const Machine& machine, const engine::PortSpec& port) {
    if (port.mtu != 0) return port.mtu;
    const std::string interface = interface_of(port);
    if (!interface.empty()) {
        const auto state = machine.state(interface);
        return state ? state->mtu : 0;
    }
    return port.driver == "udp" ? 0 : 1500;
}

/// Bytes that a packet over `path` has room for, below IP and UDP; 0: not known.
std::uint32_t room_of(const Machine& machine, const NodeSpec& node, const PathSpec& path) {
    if (path.port == no_port) return 0;
    const std::uint32_t mtu = mtu_of(machine, node.ports[path.port]);
    if (path.carrier == CarrierKind::ethernet) return mtu;
    const std::uint32_t headers = (path.to.address.v6 ? 40u : 20u) + udp_bytes;
    return mtu > headers ? mtu - headers : 0;
}

}  // namespace

void examine_socket_buffers(Examination& e) {
    if (!e.concerns("udp")) return;
    if (e.machine.capable(capability::net_admin)) {
        return e.ok("socket buffers", "udp", "as large as asked for (CAP_NET_ADMIN)");
    }
    for (const std::string name : {"rmem_max", "wmem_max"}) {
        const auto value = e.machine.number("/proc/sys/net/core/" + name);
        if (!value || *value >= buffer_wanted_bytes) continue;
        e.better("socket buffers", "udp",
                 "net.core." + name + " is " + std::to_string(*value) +
                     " bytes: bursts are lost while a worker is busy",
                 "sysctl -w net.core." + name + "=" + std::to_string(buffer_wanted_bytes));
    }
}

void examine_interfaces(Examination& e) {
    if (e.node == nullptr) return;
    for (const engine::PortSpec& port : e.node->ports) {
        const std::string interface = interface_of(port);
        if (interface.empty()) continue;
        const std::string about = "port " + port.name;
        const auto state = e.machine.state(interface);
        if (!state) {
            e.broken("interface", about, "there is no interface " + interface,
                     "ip link   (and correct `device`)");
            continue;
        }
        const std::string mtu = std::to_string(state->mtu);
        if (!state->up) {
            e.broken("interface", about, interface + " is down",
                     "ip link set dev " + interface + " up");
        } else if (port.mtu > state->mtu) {
            e.broken(
                "interface", about,
                "mtu " + std::to_string(port.mtu) + " is more than the " + mtu + " of " + interface,
                "ip link set dev " + interface + " mtu " + std::to_string(port.mtu));
        } else {
            e.ok("interface", about, interface + " is up, mtu " + mtu);
        }
        examine_offloads(e, port, interface);
        examine_numa(e, port, interface);
    }
}

void examine_lanes(Examination& e) {
    if (e.node == nullptr) return;
    constexpr std::size_t said_max = 16;
    std::size_t said = 0;
    std::size_t cut = 0;
    bool known = true;
    for (const LaneSpec& lane : e.node->lanes) {
        if (lane.role != Role::send || lane.port == no_port) continue;
        const engine::PortSpec& from = e.node->ports[lane.port];
        const std::uint32_t inner = mtu_of(e.machine, from);
        const std::uint32_t needed = inner + (from.driver == "tun" ? 0 : ethernet_bytes) +
                                     wire::header_bytes + wire::inner_bytes +
                                     (lane.cipher == Cipher::none ? 0 : wire::tag_bytes);
        for (const PathSpec& path : lane.paths) {
            std::uint32_t room = room_of(e.machine, *e.node, path);
            if (lane.mtu != 0 && room != 0) room = std::min<std::uint32_t>(room, lane.mtu);
            known = known && inner != 0 && room != 0;
            if (inner == 0 || room == 0 || needed <= room) continue;
            ++cut;
            if (said++ >= said_max) continue;
            const engine::PortSpec& over = e.node->ports[path.port];
            const std::string interface = interface_of(over);
            const std::uint32_t mtu = mtu_of(e.machine, over);
            e.better(
                "mtu", "lane " + lane.name,
                "frames of port " + from.name + " (mtu " + std::to_string(inner) +
                    ") need packets of " + std::to_string(needed) + " bytes, and port " +
                    over.name + " has room for " + std::to_string(room) +
                    ": large ones are cut into two",
                interface.empty() || lane.mtu != 0
                    ? "lower `mtu` of port " + from.name + " by " + std::to_string(needed - room)
                    : "ip link set dev " + interface + " mtu " +
                          std::to_string(mtu + needed - room) +
                          "   (on the whole way), or lower `mtu` of port " + from.name + " by " +
                          std::to_string(needed - room));
        }
    }
    if (cut > said_max) {
        e.better("mtu", "", "and " + std::to_string(cut - said_max) + " lanes more", "");
    }
    if (cut == 0) {
        e.ok("mtu", "",
             known ? "what lanes carry fits into their packets"
                   : "what lanes carry fits into their packets, as far as mtus are known here");
    }
}

}  // namespace lanes::tools
