// What `lanes ports` finds on machines of files, and the small parsers below it.
#include <catch2/catch.hpp>

#include "tests/tools/fake_machine.hh"
#include "tools/port_list.hh"
#include "tools/table.hh"

namespace lanes::test {
namespace {

tools::Device device(const tools::Machine& machine, const std::string& driver,
                     const std::string& name) {
    for (const tools::DriverPorts& ports : tools::list_ports(machine)) {
        if (ports.driver != driver) continue;
        for (const tools::Device& one : ports.devices) {
            if (one.name == name) return one;
        }
    }
    return {};
}

std::string fact(const tools::Device& device, const std::string& name) {
    for (const auto& [key, value] : device.facts) {
        if (key == name) return value;
    }
    return "";
}

}  // namespace

TEST_CASE("an interface is listed with what there is to know of it") {
    FakeMachine machine;
    tools::Device eth0 = device(machine, "af_packet", "eth0");
    CHECK(eth0.usable);
    CHECK(fact(eth0, "state") == "up");
    CHECK(fact(eth0, "mtu") == "9000");
    CHECK(fact(eth0, "queues") == "2");
    CHECK(fact(eth0, "driver") == "ice");
    CHECK(device(machine, "af_xdp", "eth0").why.find("zero-copy") != std::string::npos);
    machine.link("/sys/class/net/eth0/device/driver", "../virtio_net");
    CHECK(device(machine, "af_xdp", "eth0").why.find("copies") != std::string::npos);
    machine.link("/sys/class/net/eth0/device/driver", "../odd");
    CHECK(device(machine, "af_xdp", "eth0").why.find("generic") != std::string::npos);
    machine.write("/sys/class/net/eth0/flags", "0x1002\n");
    eth0 = device(machine, "af_xdp", "eth0");
    CHECK(!eth0.usable);
    CHECK(eth0.why == "down: ip link set dev eth0 up");
    machine.write("/sys/class/net/eth0/type", "65534\n");
    CHECK(device(machine, "af_packet", "eth0").why == "not an Ethernet interface");
    machine.remove("/sys/class/net/eth0");
    CHECK(device(machine, "af_packet", "eth0").why.find("tells nothing") != std::string::npos);
}

TEST_CASE("a card is listed with who holds it, and how dpdk gets it") {
    FakeMachine machine;
    const std::string address = "0000:03:00.0";
    CHECK(device(machine, "dpdk", address).usable);
    machine.remove("/dev/vfio/17");
    CHECK(!device(machine, "dpdk", address).usable);
    machine.write("/dev/vfio/noiommu-17", "");
    CHECK(device(machine, "dpdk", address).why == "ready, without an IOMMU");
    machine.card(address, "uio_pci_generic");
    CHECK(device(machine, "dpdk", address).usable);
    machine.card(address, "mlx5_core");
    CHECK(device(machine, "dpdk", address).usable);
    machine.card(address, "e1000e");
    CHECK(device(machine, "dpdk", address).why ==
          "the kernel's e1000e holds it: modprobe vfio-pci && "
          "dpdk-devbind.py --bind=vfio-pci 0000:03:00.0");
    machine.remove("/sys/bus/pci/devices/" + address + "/driver");
    CHECK(fact(device(machine, "dpdk", address), "driver") == "none");
    machine.write("/sys/bus/pci/devices/" + address + "/class", "0x010000\n");
    CHECK(device(machine, "dpdk", address).name.empty());
}

TEST_CASE("virtual devices are usable where DPDK has their driver") {
    FakeMachine machine;
    CHECK(device(machine, "dpdk", "net_null0").usable);
    CHECK(!device(machine, "dpdk", "net_ring0").usable);
    machine.remove("/usr");
    CHECK(device(machine, "dpdk", "net_null0").why.find("install it") != std::string::npos);
}

TEST_CASE("tap and tun need /dev/net/tun") {
    FakeMachine machine;
    CHECK(device(machine, "tap", "tap0").usable);
    machine.remove("/dev/net/tun");
    CHECK(device(machine, "tun", "tun0").why.find("modprobe tun") != std::string::npos);
}

TEST_CASE("every driver is listed, and says what it needs") {
    FakeMachine machine;
    const auto all = tools::list_ports(machine);
    CHECK(all.size() == 8);
    for (const auto& ports : all) {
        INFO(ports.driver);
        CHECK(!ports.needs.empty());
        CHECK(!ports.devices.empty());
    }
    machine.write("/proc/self/status", "CapEff:\t0000000000000000\n");
    for (const auto& ports : tools::list_ports(machine)) {
        if (ports.driver == "af_xdp") CHECK(ports.needs.find("setcap") != std::string::npos);
    }
}

TEST_CASE("lists of numbers as the kernel writes them") {
    using Set = std::set<unsigned>;
    CHECK(tools::parse_list("") == Set{});
    CHECK(tools::parse_list("3") == Set{3});
    CHECK(tools::parse_list("0-2,5,7-8") == Set{0, 1, 2, 5, 7, 8});
    CHECK(tools::parse_list("(null)") == Set{});
    CHECK(tools::parse_list("1,x") == Set{1});
    CHECK(tools::parse_list("5-") == Set{});
    CHECK(tools::parse_list("0-99999999") == Set{});
    CHECK(tools::parse_list("5-3") == Set{});
}

TEST_CASE("a machine reads what is there, and nothing of what is not") {
    FakeMachine machine;
    CHECK(machine.interfaces() == std::vector<std::string>{"eth0", "lo"});
    CHECK(machine.node_of_core(1) == 1);
    CHECK(machine.node_of_core(9) == -1);
    CHECK(machine.number("/proc/sys/net/core/rmem_max") == 26214400);
    CHECK(!machine.number("/proc/sys/kernel/no"));
    CHECK(!machine.number("/proc/mounts"));
    CHECK(machine.field("/proc/meminfo", "HugePages_Free") == "500");
    CHECK(!machine.field("/proc/meminfo", "HugePages"));
    CHECK(machine.target("/proc/meminfo").empty());
    CHECK(machine.entries("/nowhere").empty());
    machine.remove("/sys/devices/system/node/node1");
    CHECK(machine.node_of_core(0) == -1);
}

TEST_CASE("a table has columns as wide as their widest cell") {
    CHECK(tools::table({{"a", "bb", "c"}, {"aaa", "", "d"}, {"e"}}) ==
          "a    bb  c\naaa      d\ne\n");
    CHECK(tools::table({}).empty());
}

}  // namespace lanes::test
