// The kernel's version, and what this process may do. See doctor.hh.
#include <array>
#include <cstdio>
#include <utility>

#include "tools/doctor.hh"

namespace lanes::tools {
namespace {

struct Feature {
    unsigned major;
    unsigned minor;
    std::string_view driver;
    bool required;
    std::string_view what;
};
constexpr std::array features = {
    Feature{5, 0, "udp", false, "UDP_GRO and UDP_SEGMENT: bundles of datagrams"},
    Feature{5, 9, "af_xdp", true, "XDP programs that go with their process"},
    Feature{5, 11, "af_xdp", false, "busy polling that keeps interrupts away"},
};

std::string grant(std::string_view names) {
    return "setcap " + std::string(names) + "+ep $(command -v lanes)   (or run as root)";
}

}  // namespace

void examine_kernel(Examination& e) {
    const std::string text = e.machine.line("/proc/sys/kernel/osrelease").value_or("");
    unsigned major = 0;
    unsigned minor = 0;
    if (std::sscanf(text.c_str(), "%u.%u", &major, &minor) != 2) {
        return e.better("kernel", "", "/proc/sys/kernel/osrelease does not tell its version", "");
    }
    bool good = true;
    for (const Feature& feature : features) {
        if (!e.concerns(feature.driver)) continue;
        if (std::pair(major, minor) >= std::pair(feature.major, feature.minor)) continue;
        good = false;
        e.missing(feature.required && e.uses(feature.driver), "kernel", std::string(feature.driver),
                  text + " is without " + std::string(feature.what),
                  "install a kernel of " + std::to_string(feature.major) + "." +
                      std::to_string(feature.minor) + " or newer");
    }
    if (good) e.ok("kernel", "", text + " has all that is asked of it");
}

void examine_capabilities(Examination& e) {
    const Machine& m = e.machine;
    const bool raw = m.capable(capability::net_raw);
    const bool admin = m.capable(capability::net_admin);
    const bool bpf = m.capable(capability::bpf) || m.capable(capability::sys_admin);
    const auto look = [&](std::string_view driver, bool has, std::string_view names) {
        if (!e.concerns(driver)) return;
        const std::string about(driver);
        if (has) {
            e.ok("capabilities", about, "all there");
        } else {
            e.missing(e.uses(driver), "capabilities", about,
                      "this process lacks some of " + std::string(names), grant(names));
        }
    };
    look("af_packet", raw && admin, "cap_net_raw,cap_net_admin");
    look("af_xdp", raw && admin && bpf, "cap_net_raw,cap_net_admin,cap_bpf");
    look("tap", admin, "cap_net_admin");
    look("tun", admin, "cap_net_admin");
}

}  // namespace lanes::tools
