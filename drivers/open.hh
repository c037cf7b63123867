// How the registry reaches the drivers: one opening function each (engine/port.hh, OpenPort).
#pragma once

#include <memory>

#include "engine/port.hh"

namespace lanes::drivers {

using OpenResult = engine::Result<std::unique_ptr<engine::Port>>;

OpenResult open_af_packet(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_af_xdp(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_dpdk(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_memory(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_pcap(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_tap(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_tun(const engine::PortSpec& spec, const engine::WorkerCores& cores);
OpenResult open_udp(const engine::PortSpec& spec, const engine::WorkerCores& cores);

}  // namespace lanes::drivers
