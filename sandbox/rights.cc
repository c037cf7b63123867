// See rights.hh.
#include "sandbox/rights.hh"

#include <cap-ng.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace lanes::sandbox {
namespace {

constexpr std::uint16_t low_ports_end = 1024;

constexpr std::uint64_t bit(unsigned capability) noexcept {
    return std::uint64_t{1} << capability;
}

bool low_port(const engine::PortSpec& port) noexcept {
    return port.listen < low_ports_end || port.source_port < low_ports_end;
}

void add_driver(const engine::PortSpec& port, Reopen reopen, Rights& rights) {
    const bool again = reopen == Reopen::allowed;
    const std::string_view driver = port.driver;
    if (driver == "af_packet" || driver == "af_xdp") {
        rights.capabilities |= bit(CAP_NET_ADMIN);
        // The socket that keeps the host silent is bound whenever the lanes of the port change.
        if (port.listen < low_ports_end) rights.capabilities |= bit(CAP_NET_BIND_SERVICE);
        rights.detach_xdp = rights.detach_xdp || driver == "af_xdp";
    }
    if (driver == "af_packet" && again) {
        rights.capabilities |= bit(CAP_NET_RAW);
        rights.packet_sockets = true;
    }
    if ((driver == "tap" || driver == "tun") && again) {
        rights.capabilities |= bit(CAP_NET_ADMIN);
        rights.tun_devices = true;
        rights.paths.push_back({"/dev/net/tun", Access::device});
    }
    if (driver == "udp" && again) {
        rights.capabilities |= bit(CAP_NET_ADMIN);  // receive buffers beyond the host's limit
        if (low_port(port)) rights.capabilities |= bit(CAP_NET_BIND_SERVICE);
    }
    if (driver == "pcap") {
        if (!port.read.empty()) rights.paths.push_back({port.read, Access::read});
        if (!port.write.empty()) rights.paths.push_back({port.write, Access::write});
    }
    if (driver == "dpdk") {
        rights.capabilities |= bit(CAP_NET_ADMIN);
        rights.any_device = true;
        rights.paths.push_back({"/dev/vfio", Access::device});
        rights.paths.push_back({"/dev/hugepages", Access::write});
        rights.paths.push_back({"/var/run/dpdk", Access::write});
        rights.paths.push_back({"/sys/kernel/mm/hugepages", Access::read});
        rights.paths.push_back({"/sys/bus/pci", Access::read});
    }
}

/// Whether the kernel, asked by an open that changes nothing, does not refuse. What else may be
/// wrong with a file the driver says better.
bool admits(const std::string& path, int flags) noexcept {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) ::close(fd);
    return fd >= 0 || errno != EACCES;
}

bool readable(const std::string& path) noexcept {
    return path.empty() || admits(path, O_RDONLY);
}

bool writable(const std::string& path, const std::vector<Path>& paths) {
    if (path.empty()) return true;
    if (::access(path.c_str(), F_OK) == 0) return admits(path, O_WRONLY);
    // To make a file takes the leave to write to its folder.
    return std::any_of(paths.begin(), paths.end(), [&](const Path& allowed) {
        return allowed.access == Access::write && path.starts_with(allowed.path + '/');
    });
}

engine::Error needs_restart(const engine::PortSpec& port, const std::string& why) {
    return {0, "port " + port.name + ": needs restart: " + why};
}

}  // namespace

Rights rights_for(const Rules& rules) {
    Rights rights;
    rights.paths = rules.paths;
    for (const engine::PortSpec& port : rules.ports) add_driver(port, rules.reopen, rights);
    rights.tcp = !rules.tcp_ports.empty();
    // What the C library and the views read: time zone, cores and nodes, this process's own state.
    for (const char* path : {"/etc/localtime", "/usr/share/zoneinfo", "/sys/devices/system/cpu",
                             "/sys/devices/system/node", "/proc/self"}) {
        rights.paths.push_back({path, Access::read});
    }
    rights.paths.push_back({"/dev/null", Access::device});
    return rights;
}

std::vector<std::string> capability_names(std::uint64_t mask) {
    std::vector<std::string> names;
    for (unsigned capability = 0; capability < 64; ++capability) {
        if ((mask & bit(capability)) == 0) continue;
        const char* name = capability <= static_cast<unsigned>(CAP_LAST_CAP)
                               ? ::capng_capability_to_name(capability)
                               : nullptr;
        names.push_back(name != nullptr ? name : std::to_string(capability));
    }
    return names;
}

engine::Result<void> may_open(const engine::PortSpec& port, Reopen reopen,
                              const std::vector<Path>& paths) {
    const std::string_view driver = port.driver;
    if (driver == "memory") return {};
    if (driver == "af_xdp" || driver == "dpdk") {
        return needs_restart(port, "a port by " + port.driver +
                                       " cannot be opened in the sandbox of a running node");
    }
    const std::string remedy =
        "; restart the node, or let it keep that right: `sandbox: {reopen_ports: true}`";
    if (driver == "udp") {
        if (!low_port(port) || reopen == Reopen::allowed || ::geteuid() != 0) return {};
        return needs_restart(port, "UDP ports below 1024 need cap_net_bind_service" + remedy);
    }
    if (driver == "pcap") {
        const bool good = readable(port.read) && writable(port.write, paths);
        if (good) return {};
        return needs_restart(port,
                             "its files are not among those that this node may use: it names "
                             "another file than it did, or a new one");
    }
    if (reopen == Reopen::allowed) return {};
    return needs_restart(
        port, "a port by " + port.driver + " needs capabilities that were dropped" + remedy);
}

}  // namespace lanes::sandbox
