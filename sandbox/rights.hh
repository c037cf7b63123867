// What each driver still needs once its port is open: capabilities of the Control thread, families
// of sockets, files. Workers need no capability: all that they do is done on descriptors that are
// open. One table, so that a reader sees at once what a driver costs in rights.
//
//   driver     at close, for next hops             with `reopen_ports` also
//   memory     -                                   -
//   udp        -                                   (a port below 1024: bind_service)
//   pcap       -                                   -
//   af_packet  net_admin: make the kernel resolve  net_raw
//   tap, tun   -                                   net_admin
//   af_xdp     net_admin: as af_packet             never: it loads a program into the kernel
//   dpdk       net_admin: its virtual devices      never: devices are taken from the kernel
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/sandbox.hh"

namespace lanes::sandbox {

struct Rights {
    std::uint64_t capabilities = 0;  ///< a bit for each CAP_...; of the Control thread
    bool packet_sockets = false;     ///< may make AF_PACKET sockets
    bool tun_devices = false;        ///< may make tap and tun interfaces
    bool detach_xdp = false;         ///< may take its own XDP program off
    bool any_device = false;         ///< ioctl() of every kind: the drivers of DPDK
    bool tcp = false;                ///< may make TCP sockets, to listen
    std::vector<Path> paths;
};

Rights rights_for(const Rules& rules);

/// Names of the capabilities of a mask, as `net_admin`.
std::vector<std::string> capability_names(std::uint64_t mask);

/// See Confinement::may_open().
engine::Result<void> may_open(const engine::PortSpec& port, Reopen reopen,
                              const std::vector<Path>& paths);

}  // namespace lanes::sandbox
