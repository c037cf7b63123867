// A machine made of files in a folder of its own: an ordinary one of four cores, two threads each,
// on two NUMA nodes, with one card eth0 on node 0, and everything as a doctor wants it. Tests break
// one thing each.
#pragma once

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tools/machine.hh"

namespace lanes::test {

namespace fs = std::filesystem;

class FakeFolder {
  public:
    FakeFolder() {
        static int made = 0;
        path_ = fs::temp_directory_path() /
                ("lanes-machine-" + std::to_string(::getpid()) + "-" + std::to_string(++made));
        fs::create_directories(path_);
    }
    ~FakeFolder() {
        std::error_code error;
        fs::remove_all(path_, error);
    }
    FakeFolder(const FakeFolder&) = delete;
    FakeFolder& operator=(const FakeFolder&) = delete;
    std::string path() const { return path_.string(); }

  private:
    fs::path path_;
};

class FakeMachine : private FakeFolder, public tools::Machine {
  public:
    FakeMachine() : Machine(FakeFolder::path()) {
        write("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
        write("/proc/self/status",
              "Name:\tlanes\nCapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-3\n");
        write("/proc/self/limits",
              "Limit                     Soft Limit           Hard Limit           Units     \n"
              "Max open files            65536                65536                files     \n"
              "Max locked memory         unlimited            unlimited            bytes     \n");
        write("/proc/meminfo",
              "HugePages_Total:     512\nHugePages_Free:      500\nHugepagesize:       2048 kB\n");
        write("/proc/mounts", "hugetlbfs /dev/hugepages hugetlbfs rw 0 0\n");
        write("/proc/net/dev", "Inter-|   Receive\n face |bytes\n    lo: 0 0\n  eth0: 1 2 3\n");
        write("/proc/sys/net/core/rmem_max", "26214400\n");
        write("/proc/sys/net/core/wmem_max", "26214400\n");
        const std::string cpu = "/sys/devices/system/cpu";
        write(cpu + "/online", "0-3\n");
        write(cpu + "/isolated", "2-3\n");
        write(cpu + "/nohz_full", "2-3\n");
        write(cpu + "/smt/active", "1\n");
        for (const std::string core : {"0", "1", "2", "3"}) {
            write(cpu + "/cpu" + core + "/cpufreq/scaling_governor", "performance\n");
            const bool even = core == "0" || core == "2";
            write(cpu + "/cpu" + core + "/topology/thread_siblings_list", even ? "0,2\n" : "1,3\n");
        }
        write("/sys/devices/system/node/node0/cpulist", "0,2,3\n");
        write("/sys/devices/system/node/node1/cpulist", "1\n");
        write("/sys/kernel/iommu_groups/1/type", "DMA\n");
        write("/sys/bus/pci/drivers/vfio-pci/bind", "");
        const std::string eth0 = "/sys/class/net/eth0";
        write(eth0 + "/mtu", "9000\n");
        write(eth0 + "/flags", "0x1003\n");
        write(eth0 + "/type", "1\n");
        write(eth0 + "/operstate", "up\n");
        write(eth0 + "/device/numa_node", "0\n");
        write(eth0 + "/queues/rx-0/rps_cpus", "0\n");
        write(eth0 + "/queues/rx-1/rps_cpus", "0\n");
        write(eth0 + "/queues/tx-0/xps_cpus", "0\n");
        link(eth0 + "/device/driver", "../../../bus/pci/drivers/ice");
        card("0000:03:00.0", "vfio-pci");
        link("/sys/bus/pci/devices/0000:03:00.0/iommu_group", "../../../kernel/iommu_groups/17");
        write("/dev/vfio/17", "");
        write("/dev/net/tun", "");
        write("/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_null.so", "");
        offloads_["eth0"] = {"ice", false, false, false, false, false};
    }

    void write(const std::string& path, const std::string& text) {
        const fs::path file = FakeFolder::path() + path;
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    void link(const std::string& path, const std::string& target) {
        const fs::path file = FakeFolder::path() + path;
        fs::create_directories(file.parent_path());
        fs::remove(file);
        fs::create_symlink(target, file);
    }
    void remove(const std::string& path) { fs::remove_all(FakeFolder::path() + path); }
    void card(const std::string& address, const std::string& driver) {
        const std::string folder = "/sys/bus/pci/devices/" + address;
        write(folder + "/class", "0x020000\n");
        write(folder + "/vendor", "0x8086\n");
        write(folder + "/device", "0x10d3\n");
        write(folder + "/numa_node", "0\n");
        if (!driver.empty()) link(folder + "/driver", "../../../../bus/pci/drivers/" + driver);
    }
    void set_offloads(const std::string& interface, const tools::Offloads& offloads) {
        offloads_[interface] = offloads;
    }
    std::optional<tools::Offloads> offloads(const std::string& interface) const override {
        const auto found = offloads_.find(interface);
        if (found == offloads_.end()) return std::nullopt;
        return found->second;
    }

  private:
    std::map<std::string, tools::Offloads> offloads_;
};

}  // namespace lanes::test
