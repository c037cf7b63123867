// Cores: whether they are there, how fast they are let run, and who else runs on them. See
// doctor.hh.
#include <set>

#include "tools/doctor.hh"

namespace lanes::tools {
namespace {

std::string folder_of(unsigned core) {
    return "/sys/devices/system/cpu/cpu" + std::to_string(core);
}

std::string text_of(const std::set<unsigned>& cores) {
    std::string text;
    for (const unsigned core : cores) text += (text.empty() ? "" : ",") + std::to_string(core);
    return text;
}

/// Those of the node, or all of the machine.
std::set<unsigned> cores_looked_at(const Examination& e) {
    if (e.node == nullptr) return e.machine.cores();
    return {e.node->cores.begin(), e.node->cores.end()};
}

void examine_presence(Examination& e) {
    if (e.node == nullptr) return;
    const std::set<unsigned> online = e.machine.cores();
    const auto allowed =
        parse_list(e.machine.field("/proc/self/status", "Cpus_allowed_list").value_or(""));
    for (const unsigned core : e.node->cores) {
        const std::string about = "core " + std::to_string(core);
        if (!online.contains(core)) {
            e.broken("cores", about, "not there, or off line; there are " + text_of(online),
                     "lscpu --extended   (and correct `workers`)");
        } else if (!allowed.empty() && !allowed.contains(core)) {
            e.broken("cores", about, "this process may not run on it (cpuset or affinity)",
                     "taskset -c " + text_of(cores_looked_at(e)) + " lanes run FILE");
        } else {
            e.ok("cores", about, "there");
        }
    }
}

void examine_governor(Examination& e) {
    std::set<unsigned> slow;
    std::string governor;
    bool known = false;
    for (const unsigned core : cores_looked_at(e)) {
        const auto text = e.machine.line(folder_of(core) + "/cpufreq/scaling_governor");
        if (!text) continue;
        known = true;
        if (*text == "performance") continue;
        slow.insert(core);
        governor = *text;
    }
    if (!known) return e.ok("governor", "", "this machine does not let its clock be chosen");
    if (slow.empty()) return e.ok("governor", "", "performance");
    e.better("governor", "cores " + text_of(slow),
             governor + ": the clock slows down when a worker sleeps",
             "cpupower -c " + text_of(slow) + " frequency-set -g performance");
}

void examine_isolation(Examination& e) {
    const auto isolated =
        parse_list(e.machine.line("/sys/devices/system/cpu/isolated").value_or(""));
    const auto quiet = parse_list(e.machine.line("/sys/devices/system/cpu/nohz_full").value_or(""));
    if (e.node == nullptr) {
        e.ok("isolated cores", "", isolated.empty() ? "none" : text_of(isolated));
        e.ok("tickless cores", "", quiet.empty() ? "none" : text_of(quiet));
        return;
    }
    if (e.node->poll == engine::PollMode::sleep) {
        return e.ok("isolated cores", "", "workers that sleep do not need them");
    }
    const auto without = [&](const std::set<unsigned>& listed) {
        std::set<unsigned> left;
        for (const unsigned core : e.node->cores) {
            if (!listed.contains(core)) left.insert(core);
        }
        return left;
    };
    const std::string all = text_of(cores_looked_at(e));
    // Somebody must do the rest of the machine's work.
    const bool none_left = cores_looked_at(e) == e.machine.cores();
    const std::string command = none_left ? "leave one core to the system: take it out of `workers`"
                                          : "add `isolcpus=" + all + " nohz_full=" + all +
                                                "` to the kernel's command line, and reboot";
    if (const auto left = without(isolated); !left.empty()) {
        e.better("isolated cores", "cores " + text_of(left),
                 "other programs may run there: bursts of loss while they do", command);
    } else {
        e.ok("isolated cores", "", "all workers'");
    }
    if (const auto left = without(quiet); !left.empty()) {
        e.better("tickless cores", "cores " + text_of(left),
                 "the kernel's timer interrupts workers there", command);
    } else {
        e.ok("tickless cores", "", "all workers'");
    }
}

void examine_threads(Examination& e) {
    const bool active = e.machine.line("/sys/devices/system/cpu/smt/active").value_or("0") == "1";
    if (!active) return e.ok("SMT", "", "off, or not there: each core is a whole one");
    if (e.node == nullptr) {
        return e.ok("SMT", "",
                    "on: give each worker a core whose other thread is idle "
                    "(`lscpu --extended`)");
    }
    const auto cores = cores_looked_at(e);
    std::set<std::set<unsigned>> shared;
    for (const unsigned core : cores) {
        std::set<unsigned> together;
        const auto siblings = parse_list(
            e.machine.line(folder_of(core) + "/topology/thread_siblings_list").value_or(""));
        for (const unsigned sibling : siblings) {
            if (cores.contains(sibling)) together.insert(sibling);
        }
        if (together.size() > 1) shared.insert(together);
    }
    for (const auto& together : shared) {
        e.better("SMT", "cores " + text_of(together),
                 "are threads of one core: they share its speed",
                 "lscpu --extended   (and choose `workers` from different cores)");
    }
    if (shared.empty()) e.ok("SMT", "", "on, and no two workers share a core");
}

void examine_interrupts(Examination& e) {
    if (e.node == nullptr || e.node->poll == engine::PollMode::sleep) return;
    const auto cores = cores_looked_at(e);
    for (const engine::PortSpec& port : e.node->ports) {
        const std::string interface = interface_of(port);
        if (interface.empty()) continue;
        std::string first;
        for (const std::string& irq :
             e.machine.entries(e.machine.folder(interface) + "/device/msi_irqs")) {
            const auto there = parse_list(
                e.machine.line("/proc/irq/" + irq + "/effective_affinity_list").value_or(""));
            for (const unsigned core : there) {
                if (first.empty() && cores.contains(core)) first = irq;
            }
        }
        if (first.empty()) continue;
        std::set<unsigned> others = e.machine.cores();
        for (const unsigned core : cores) others.erase(core);
        if (others.empty()) continue;
        e.better("interrupts", "port " + port.name,
                 "those of " + interface + " (" + first + " and maybe more) stop workers that poll",
                 "echo " + text_of(others) + " > /proc/irq/" + first + "/smp_affinity_list");
    }
    if (e.machine.exists("/run/irqbalance")) {
        e.better("interrupts", "", "irqbalance moves them about, onto workers' cores too",
                 "set IRQBALANCE_BANNED_CPULIST=" + text_of(cores) +
                     " in /etc/default/irqbalance && systemctl restart irqbalance");
    }
}

}  // namespace

void examine_cores(Examination& e) {
    examine_presence(e);
    examine_governor(e);
    examine_isolation(e);
    examine_threads(e);
    examine_interrupts(e);
}

}  // namespace lanes::tools
