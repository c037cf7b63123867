// The doctor on machines of files: nothing to say about a good one, and for each thing that is
// broken in turn, the finding and a command that mends it.
#include <catch2/catch.hpp>
#include <functional>

#include "tests/tools/fake_machine.hh"
#include "tools/doctor.hh"

namespace lanes::test {
namespace {

using tools::Finding;

engine::PortSpec port(const std::string& name, const std::string& driver,
                      const std::string& device) {
    engine::PortSpec spec;
    spec.name = name;
    spec.driver = driver;
    spec.device = device;
    return spec;
}

/// Worker cores 2 and 3; one port of each driver that the doctor knows.
NodeSpec good_node() {
    NodeSpec node;
    node.node = "n";
    node.cores = {2, 3};
    node.ports = {port("lan", "tap", "lane0"),       port("wan", "af_packet", "eth0"),
                  port("fast", "af_xdp", "eth0"),    port("card", "dpdk", "03:00.0"),
                  port("null", "dpdk", "net_null0"), port("net", "udp", "")};
    node.ports[0].mtu = 1500;
    LaneSpec lane;
    lane.name = "out";
    lane.port = 0;
    PathSpec path;
    path.port = 1;
    lane.paths.push_back(path);
    node.lanes.push_back(std::move(lane));
    return node;
}

std::string said(const std::vector<Finding>& findings) {
    std::string text;
    for (const Finding& one : findings) {
        if (one.state == Finding::State::ok) continue;
        text += one.check + " | " + one.about + " | " + one.why + " | " + one.command + "\n";
    }
    return text;
}

struct Row {
    const char* what;
    const char* check;
    Finding::State state;
    const char* command;  ///< a part of it
    std::function<void(FakeMachine&, NodeSpec&)> breaks;
};

}  // namespace

TEST_CASE("a doctor has nothing to say about a good machine and a good node") {
    const FakeMachine machine;
    const NodeSpec node = good_node();
    CHECK(said(tools::examine(machine, &node)) == "");
    CHECK(said(tools::examine(machine, nullptr)) == "");
}

TEST_CASE("a doctor finds each thing that is broken, and says what mends it") {
    using M = FakeMachine;
    using N = NodeSpec;
    constexpr auto broken = Finding::State::broken;
    constexpr auto better = Finding::State::better;
    const std::string cpu = "/sys/devices/system/cpu";
    const std::string limits = "Max locked memory         65536   65536   bytes\n";
    const std::vector<Row> rows = {
        {"old kernel", "kernel", broken, "install a kernel of 5.9",
         [](M& m, N&) { m.write("/proc/sys/kernel/osrelease", "4.19.0\n"); }},
        {"kernel without busy polling", "kernel", better, "5.11",
         [](M& m, N&) { m.write("/proc/sys/kernel/osrelease", "5.10.0-8\n"); }},
        {"no capability", "capabilities", broken, "setcap cap_net_raw",
         [](M& m, N&) { m.write("/proc/self/status", "CapEff:\t0000000000000000\n"); }},
        {"no CAP_BPF", "capabilities", broken, "cap_bpf",
         [](M& m, N&) { m.write("/proc/self/status", "CapEff:\t0000000000003000\n"); }},
        {"little locked memory", "locked memory", broken, "ulimit -l unlimited",
         [&](M& m, N&) {
             m.write("/proc/self/status", "CapEff:\t0000000000003000\n");
             m.write("/proc/self/limits", limits);
         }},
        {"few descriptors", "open files", broken, "ulimit -n",
         [](M& m, N&) { m.write("/proc/self/limits", "Max open files   100   100   files\n"); }},
        {"absent core", "cores", broken, "lscpu",
         [](M&, N& n) {
             n.cores = {2, 7};
         }},
        {"core of others", "cores", broken, "taskset -c 2,3",
         [](M& m, N&) {
             m.write("/proc/self/status", "CapEff:\tffffffffffffffff\nCpus_allowed_list:\t0-2\n");
         }},
        {"governor", "governor", better, "cpupower -c 3 frequency-set -g performance",
         [&](M& m, N&) { m.write(cpu + "/cpu3/cpufreq/scaling_governor", "powersave\n"); }},
        {"core not isolated", "isolated cores", better, "isolcpus=2,3",
         [&](M& m, N&) { m.write(cpu + "/isolated", "3\n"); }},
        {"ticking core", "tickless cores", better, "nohz_full=2,3",
         [&](M& m, N&) { m.write(cpu + "/nohz_full", "(null)\n"); }},
        {"threads of one core", "SMT", better, "lscpu",
         [](M&, N& n) {
             n.cores = {0, 2};
         }},
        {"interrupts", "interrupts", better, "echo 0,1 > /proc/irq/33/smp_affinity_list",
         [](M& m, N&) {
             m.write("/sys/class/net/eth0/device/msi_irqs/33", "msi\n");
             m.write("/proc/irq/33/effective_affinity_list", "3\n");
         }},
        {"irqbalance", "interrupts", better, "IRQBALANCE_BANNED_CPULIST=2,3",
         [](M& m, N&) { m.write("/run/irqbalance/x.sock", ""); }},
        {"no hugepages", "hugepages", better, "sysctl -w vm.nr_hugepages=512",
         [](M& m, N&) {
             m.write("/proc/meminfo",
                     "HugePages_Total: 0\nHugePages_Free: 0\nHugepagesize: 2048 kB\n");
         }},
        {"hugepages in use", "hugepages", better, "vm.nr_hugepages=520",
         [](M& m, N&) {
             m.write("/proc/meminfo",
                     "HugePages_Total: 8\nHugePages_Free: 0\nHugepagesize: 2048 kB\n");
         }},
        {"hugepages not mounted", "hugepages", better, "mount -t hugetlbfs",
         [](M& m, N&) { m.write("/proc/mounts", "proc /proc proc rw 0 0\n"); }},
        {"no IOMMU", "IOMMU", broken, "intel_iommu=on",
         [](M& m, N&) { m.remove("/sys/kernel/iommu_groups"); }},
        {"no-IOMMU mode", "IOMMU", better, "intel_iommu=on",
         [](M& m, N&) {
             m.remove("/sys/kernel/iommu_groups");
             m.write("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
         }},
        {"no VFIO", "VFIO", broken, "modprobe vfio-pci",
         [](M& m, N&) { m.remove("/sys/bus/pci/drivers"); }},
        {"card held by the kernel", "card", broken, "dpdk-devbind.py --bind=vfio-pci 0000:03:00.0",
         [](M& m, N&) { m.card("0000:03:00.0", "e1000e"); }},
        {"absent card", "card", broken, "lspci -D",
         [](M&, N& n) { n.ports[3].device = "0000:04:00.0"; }},
        {"card far away", "NUMA", better, "workers` of node 0",
         [](M&, N& n) {
             n.cores = {1};
             n.ports.erase(n.ports.begin() + 1, n.ports.begin() + 3);
             n.lanes.clear();
         }},
        {"interface far away", "NUMA", better, "workers` of node 0",
         [](M&, N& n) {
             n.cores = {1};
             n.ports.erase(n.ports.begin() + 2, n.ports.end());
         }},
        {"small socket buffers", "socket buffers", better, "sysctl -w net.core.rmem_max=4194304",
         [](M& m, N& n) {
             n.ports.erase(n.ports.begin(), n.ports.end() - 1);
             n.lanes.clear();
             m.write("/proc/self/status", "CapEff:\t0000000000000000\n");
             m.write("/proc/sys/net/core/rmem_max", "212992\n");
         }},
        {"absent interface", "interface", broken, "ip link",
         [](M&, N& n) { n.ports[1].device = "eth9"; }},
        {"interface down", "interface", broken, "ip link set dev eth0 up",
         [](M& m, N&) { m.write("/sys/class/net/eth0/flags", "0x1002\n"); }},
        {"mtu of the port", "interface", broken, "ip link set dev eth0 mtu 9600",
         [](M&, N& n) { n.ports[1].mtu = 9600; }},
        {"GRO and LRO", "offloads", better, "ethtool -K eth0 gro off lro off",
         [](M& m, N&) {
             m.set_offloads("eth0", {"ice", true, true, false, false, false});
         }},
        {"VLAN offload", "offloads", better, "ethtool -K eth0 rxvlan off",
         [](M& m, N&) {
             m.set_offloads("eth0", {"ice", false, false, false, false, true});
         }},
        {"veth and checksums", "offloads", better, "ethtool -K PEER tx off",
         [](M& m, N&) {
             m.set_offloads("eth0", {"veth", false, false, false, true, false});
         }},
        {"veth and super-frames", "offloads", better, "ethtool -K PEER tso off",
         [](M& m, N&) {
             m.set_offloads("eth0", {"veth", false, false, true, false, false});
         }},
        {"all cores taken", "isolated cores", better, "leave one core",
         [&](M& m, N& n) {
             n.cores = {0, 1, 2, 3};
             m.write(cpu + "/isolated", "\n");
         }},
        {"frames that do not fit", "mtu", better, "ip link set dev eth0 mtu 1578",
         [](M& m, N&) { m.write("/sys/class/net/eth0/mtu", "1500\n"); }},
        {"lane with a small mtu", "mtu", better, "lower `mtu` of port lan by 150",
         [](M&, N& n) { n.lanes[0].mtu = 1400; }},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        FakeMachine machine;
        NodeSpec node = good_node();
        row.breaks(machine, node);
        const auto findings = tools::examine(machine, &node);
        INFO(said(findings));
        const auto found = std::find_if(findings.begin(), findings.end(), [&](const Finding& one) {
            return one.check == row.check && one.state == row.state &&
                   one.command.find(row.command) != std::string::npos;
        });
        CHECK(found != findings.end());
    }
}

TEST_CASE("a doctor calls nothing broken that no node needs") {
    FakeMachine machine;
    machine.write("/proc/self/status", "CapEff:\t0000000000000000\n");
    machine.write("/proc/self/limits", "Max open files 10 10 files\nMax locked memory 0 0 bytes\n");
    machine.write("/proc/sys/kernel/osrelease", "4.9.0\n");
    machine.remove("/sys/kernel");
    machine.remove("/sys/bus");
    const auto findings = tools::examine(machine, nullptr);
    CHECK(findings.size() > 8);
    for (const Finding& one : findings) {
        INFO(one.check);
        CHECK(one.state != Finding::State::broken);
    }
}

TEST_CASE("a doctor says something of a machine that shows nothing") {
    const FakeFolder empty;
    const tools::Machine machine(empty.path());
    const NodeSpec node = good_node();
    CHECK(!tools::examine(machine, &node).empty());
    CHECK(!tools::examine(machine, nullptr).empty());
}

TEST_CASE("each finding that is not ok is one line, and broken ones have a command") {
    FakeMachine machine;
    machine.write("/proc/self/status", "CapEff:\t0000000000000000\n");
    machine.remove("/sys");
    const NodeSpec node = good_node();
    for (const Finding& one : tools::examine(machine, &node)) {
        INFO(one.check << one.why);
        CHECK(one.why.find('\n') == std::string::npos);
        CHECK(!one.why.empty());
        if (one.state == Finding::State::broken) CHECK(!one.command.empty());
        if (one.state == Finding::State::ok) CHECK(one.command.empty());
    }
}

}  // namespace lanes::test
