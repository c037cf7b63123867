// See environment.hh. All of it is read from /proc, /sys and the CPU itself; what cannot be read is
// null, so that a reader sees that it was asked for.
#include "bench/environment.hh"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "bench/clocks.hh"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace lanes::bench {

/// Of the sources, by the build (commit.cc.in); empty outside a repository.
extern const char* const built_commit;

namespace {

/// First line of a file; null if there is none.
Json first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) return nullptr;
    return line;
}

/// Value of the first `name : value` line of a file like /proc/cpuinfo; empty if there is none.
std::string field_of(const std::string& path, const std::string& name) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos || line.compare(0, name.size(), name) != 0) continue;
        if (line.find_first_not_of(" \t", name.size()) != colon) continue;
        const std::size_t value = line.find_first_not_of(" \t", colon + 1);
        return value == std::string::npos ? "" : line.substr(value);
    }
    return "";
}

Json or_null(const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

/// Those of the CPU's flags on which a number of ours may depend.
Json flags() {
    static const std::set<std::string> wanted = {
        "aes", "avx", "avx2", "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl", "bmi1",
        "bmi2", "cx16", "fma", "gfni", "pclmulqdq", "sha_ni", "sse4_2", "vaes", "ssse3", "erms",
        "vpclmulqdq", "hypervisor", "rdtscp", "pdpe1gb", "nonstop_tsc", "constant_tsc",
        // aarch64
        "asimd", "pmull", "sha2", "sve", "sve2", "atomics"};
    std::string line = field_of("/proc/cpuinfo", "flags");
    if (line.empty()) line = field_of("/proc/cpuinfo", "Features");
    if (line.empty()) return nullptr;
    Json found = Json::array();
    std::istringstream words(line);
    for (std::string word; words >> word;) {
        if (wanted.contains(word)) found.push_back(word);
    }
    return found;
}

/// What virtual machine this is; "none" on bare metal, null where that cannot be told.
Json hypervisor() {
#if defined(__x86_64__)
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return nullptr;
    if ((ecx >> 31) == 0) return "none";
    __cpuid(0x40000000, eax, ebx, ecx, edx);
    char name[13] = {};
    std::memcpy(name, &ebx, 4);
    std::memcpy(name + 4, &ecx, 4);
    std::memcpy(name + 8, &edx, 4);
    return name[0] == '\0' ? "unknown" : name;
#else
    return first_line("/sys/hypervisor/type");
#endif
}

/// Ticks per second of the clock that clocks are counted with, over 20 ms.
double clock_rate() {
    constexpr std::uint64_t interval_ns = 20'000'000;
    const std::uint64_t start_ns = engine::monotonic_ns();
    const std::uint64_t start = read_clock();
    std::uint64_t now_ns = start_ns;
    while (now_ns - start_ns < interval_ns) now_ns = engine::monotonic_ns();
    return static_cast<double>(read_clock() - start) * 1e9 / static_cast<double>(now_ns - start_ns);
}

std::size_t numa_nodes() {
    std::error_code error;
    std::size_t count = 0;
    for (std::filesystem::directory_iterator entry("/sys/devices/system/node", error), end;
         !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename();
        if (name.starts_with("node") && name.size() > 4 && name[4] >= '0' && name[4] <= '9') {
            ++count;
        }
    }
    return count;
}

Json cpu() {
    Json all = Json::object();
    all["model"] = or_null(field_of("/proc/cpuinfo", "model name"));
    all["flags"] = flags();
    all["cores"] = ::sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t allowed;
    const bool known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    all["cores_allowed"] = known ? Json(CPU_COUNT(&allowed)) : Json(nullptr);
    const std::size_t nodes = numa_nodes();
    all["numa_nodes"] = nodes == 0 ? Json(nullptr) : Json(nodes);
    all["clock_hz"] = clock_rate();
    all["governor"] = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    all["hypervisor"] = hypervisor();
    return all;
}

Json kernel() {
    utsname name{};
    if (::uname(&name) != 0) return nullptr;
    return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

/// Of sanitizers, because no number of a checked build is worth anything.
Json sanitizer() {
#if defined(__SANITIZE_ADDRESS__)
    return "address";
#elif defined(__SANITIZE_THREAD__)
    return "thread";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return "address";
#else
    return "none";
#endif
#else
    return "none";
#endif
}

std::string date() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

/// Seconds that the hypervisor has taken since the machine started; null where it does not say.
Json stolen_seconds() {
    std::ifstream file("/proc/stat");
    std::string cpu;
    double user, nice, system, idle, iowait, irq, softirq, steal;
    file >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    if (!file || cpu != "cpu") return nullptr;
    return steal / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

std::string version() {
    return LANES_VERSION;
}

Json describe_environment(const std::vector<std::string>& arguments) {
    Json all = Json::object();
    all["cpu"] = cpu();
    all["kernel"] = kernel();
    const std::string memory = field_of("/proc/meminfo", "MemTotal");
    all["memory_kib"] = memory.empty() ? Json(nullptr) : Json(std::stoull(memory));
    all["compiler"] = LANES_COMPILER;
    all["compiler_options"] = LANES_OPTIONS;
    all["sanitizer"] = sanitizer();
    all["commit"] = or_null(built_commit);
    all["version"] = version();
    all["date"] = date();
    all["options"] = arguments;
    // Until finish_environment() this is the machine's reading at the start.
    all["steal_seconds"] = stolen_seconds();
    return all;
}

StolenTime StolenTime::now() {
    StolenTime time;
    const Json steal = stolen_seconds();
    if (steal.is_number()) time.steal_seconds = steal.get<double>();
    std::ifstream file("/proc/thread-self/schedstat");
    double ran_ns = 0, waited_ns = 0;
    if (file >> ran_ns >> waited_ns) time.waiting_seconds = waited_ns / 1e9;
    return time;
}

void finish_environment(Json& environment) {
    const Json now = stolen_seconds();
    Json& field = environment["steal_seconds"];
    const bool known = field.is_number() && now.is_number();
    field = known ? Json(now.get<double>() - field.get<double>()) : Json(nullptr);
}

}  // namespace lanes::bench
