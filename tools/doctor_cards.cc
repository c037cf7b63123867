// PCI cards for dpdk: IOMMU, VFIO, and who holds each card. See doctor.hh.
#include "tools/doctor.hh"
#include "tools/port_list.hh"

namespace lanes::tools {
namespace {

bool needs_cards(const Examination& e) {
    if (e.node == nullptr) return false;
    return std::any_of(e.node->ports.begin(), e.node->ports.end(),
                       [](const engine::PortSpec& port) { return !card_of(port).empty(); });
}

}  // namespace

void examine_iommu(Examination& e) {
    if (e.node == nullptr ? !e.concerns("dpdk") : !needs_cards(e)) return;
    const Machine& m = e.machine;
    const bool needed = needs_cards(e);
    const std::string unsafe = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    if (!m.entries("/sys/kernel/iommu_groups").empty()) {
        e.ok("IOMMU", "", "on: a card reaches only the memory that it is given");
    } else if (m.line(unsafe).value_or("N") == "Y") {
        e.better("IOMMU", "", "off, and VFIO works without: a card may write to any memory",
                 "add `intel_iommu=on iommu=pt` (AMD: `iommu=pt`) to the kernel's command line, "
                 "turn it on in the firmware, and reboot");
    } else {
        e.missing(
            needed, "IOMMU", "", "off: VFIO gives no card to a program",
            "add `intel_iommu=on iommu=pt` (AMD: `iommu=pt`) to the kernel's command line and "
            "reboot; or, unsafe: modprobe vfio enable_unsafe_noiommu_mode=1");
    }
    if (m.exists("/sys/bus/pci/drivers/vfio-pci")) {
        e.ok("VFIO", "", "vfio-pci is loaded");
    } else {
        e.missing(needed, "VFIO", "", "vfio-pci is not loaded: no card can be given to dpdk",
                  "modprobe vfio-pci");
    }
}

void examine_cards(Examination& e) {
    if (e.node == nullptr) return;
    for (const engine::PortSpec& port : e.node->ports) {
        const std::string address = card_of(port);
        if (address.empty()) continue;
        const std::string about = "port " + port.name;
        const std::string folder = "/sys/bus/pci/devices/" + address;
        if (!e.machine.exists(folder)) {
            e.broken("card", about, "there is no PCI device " + address,
                     "lspci -D   (and correct `device`)");
            continue;
        }
        const auto drivers = list_ports(e.machine);
        for (const DriverPorts& ports : drivers) {
            if (ports.driver != "dpdk") continue;
            for (const Device& device : ports.devices) {
                if (device.name != address) continue;
                if (device.usable) {
                    e.ok("card", about, address + ": " + device.why);
                } else {
                    e.broken("card", about, address + " cannot be opened by dpdk", device.why);
                }
            }
        }
        const auto node = e.machine.number(folder + "/numa_node").value_or(-1);
        for (const unsigned core : e.node->cores) {
            const int other = e.machine.node_of_core(core);
            if (node < 0 || other < 0 || node == other) continue;
            e.better(
                "NUMA", about,
                address + " is on node " + std::to_string(node) + ", core " + std::to_string(core) +
                    " on node " + std::to_string(other) + ": each frame crosses between them",
                "lscpu --extended   (and choose `workers` of node " + std::to_string(node) + ")");
        }
    }
}

}  // namespace lanes::tools
