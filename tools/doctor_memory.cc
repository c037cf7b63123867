// Hugepages, and the limits of this process on memory and descriptors. See doctor.hh.
#include <charconv>
#include <optional>
#include <sstream>

#include "engine/limits.hh"
#include "tools/doctor.hh"

namespace lanes::tools {
namespace {

constexpr std::int64_t hugepages_wanted_kib = 1 << 20;
constexpr std::uint64_t memlock_wanted_bytes = std::uint64_t{256} << 20;
constexpr std::uint64_t files_wanted = 1024;
constexpr std::uint64_t unlimited = ~std::uint64_t{0};

std::int64_t memory_field(const Machine& machine, std::string_view name) {
    std::int64_t value = 0;
    const std::string text = machine.field("/proc/meminfo", name).value_or("");
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// The soft limit of a line of /proc/self/limits.
std::optional<std::uint64_t> limit(const Machine& machine, std::string_view name) {
    const auto text = machine.field("/proc/self/limits", name);
    if (!text) return std::nullopt;
    if (text->starts_with("unlimited")) return unlimited;
    std::uint64_t value = 0;
    const auto read = std::from_chars(text->data(), text->data() + text->size(), value);
    if (read.ec != std::errc{}) return std::nullopt;
    return value;
}

std::string mebibytes(std::uint64_t bytes) {
    return std::to_string(bytes >> 20) + " MiB";
}

bool hugepages_mounted(const Machine& machine) {
    std::istringstream lines(machine.text("/proc/mounts"));
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" hugetlbfs ") != line.npos) return true;
    }
    return false;
}

}  // namespace

void examine_hugepages(Examination& e) {
    if (!e.concerns("dpdk")) return;
    const std::int64_t total = memory_field(e.machine, "HugePages_Total");
    const std::int64_t free = memory_field(e.machine, "HugePages_Free");
    const std::int64_t size_kib = memory_field(e.machine, "Hugepagesize");
    if (size_kib == 0) {
        return e.better("hugepages", "", "this kernel has none: dpdk works without, and slower",
                        "");
    }
    const std::string command =
        "sysctl -w vm.nr_hugepages=" + std::to_string(hugepages_wanted_kib / size_kib);
    if (total == 0) {
        return e.better("hugepages", "", "none: dpdk works without, and slower", command);
    }
    if (free == 0) {
        return e.better(
            "hugepages", "", "all " + std::to_string(total) + " are in use",
            "sysctl -w vm.nr_hugepages=" + std::to_string(total + hugepages_wanted_kib / size_kib));
    }
    if (!hugepages_mounted(e.machine)) {
        return e.better("hugepages", "", "not mounted: dpdk cannot take them",
                        "mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages");
    }
    e.ok("hugepages", "",
         std::to_string(free) + " of " + std::to_string(total) + " free, " +
             std::to_string(size_kib) + " KiB each");
}

void examine_limits(Examination& e) {
    const auto locked = limit(e.machine, "Max locked memory");
    if (!locked) {
        e.better("locked memory", "", "/proc/self/limits does not tell", "");
    } else if (e.machine.capable(capability::ipc_lock)) {
        e.ok("locked memory", "", "no limit for this process (CAP_IPC_LOCK)");
    } else if (*locked < memlock_wanted_bytes) {
        e.missing(e.uses("af_xdp"), "locked memory", "",
                  "limit of " + mebibytes(*locked) +
                      ": af_xdp locks the memory of its frames, sealed lanes that of their keys",
                  "ulimit -l unlimited   (systemd: LimitMEMLOCK=infinity)");
    } else {
        e.ok("locked memory", "",
             *locked == unlimited ? "no limit" : "limit of " + mebibytes(*locked));
    }
    // A receive and a transmit descriptor for each worker, and some for whatever else.
    std::uint64_t wanted = files_wanted;
    if (e.node != nullptr) wanted = 64 + e.node->ports.size() * (2 * e.node->cores.size() + 4);
    const auto files = limit(e.machine, "Max open files");
    if (!files) {
        e.better("open files", "", "/proc/self/limits does not tell", "");
    } else if (*files < wanted) {
        e.missing(e.node != nullptr, "open files", "",
                  "limit of " + std::to_string(*files) + ", and " + std::to_string(wanted) +
                      " may be needed",
                  "ulimit -n " + std::to_string(std::max<std::uint64_t>(wanted, 4096)) +
                      "   (systemd: LimitNOFILE=)");
    } else {
        e.ok("open files", "",
             *files == unlimited ? "no limit" : "limit of " + std::to_string(*files));
    }
}

}  // namespace lanes::tools
