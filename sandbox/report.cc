// See report.hh.
#include "sandbox/report.hh"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "sandbox/threads.hh"

namespace lanes::sandbox {
namespace {

/// Folders that every user may list. At least one is beneath no path of a node.
constexpr const char* open_to_all[] = {"/", "/usr", "/usr/lib", "/etc"};

/// In each thread: EACCES when something that is open to all is not to it.
int try_landlock(const void*) noexcept {
    for (const char* path : open_to_all) {
        const int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && errno == EACCES) return EACCES;
        if (fd >= 0) ::close(fd);
    }
    return 0;
}

std::uint64_t hex(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 16);
}

void take_line(const std::string& key, const std::string& value, ThreadReport& thread) {
    std::istringstream words(value);
    if (key == "Name") words >> thread.name;
    if (key == "NoNewPrivs") words >> thread.no_new_privileges;
    if (key == "Seccomp") words >> thread.seccomp_mode;
    if (key == "Seccomp_filters") words >> thread.seccomp_filters;
    if (key == "CapEff") thread.effective = hex(value);
    if (key == "CapPrm") thread.permitted = hex(value);
    if (key == "CapInh") thread.inheritable = hex(value);
    if (key == "CapBnd") thread.bounding = hex(value);
    if (key == "CapAmb") thread.ambient = hex(value);
    unsigned real = 0;
    if (key == "Uid") words >> real >> thread.user;
    if (key == "Gid") words >> real >> thread.group;
    for (unsigned group = 0; key == "Groups" && words >> group;) thread.groups.push_back(group);
}

/// Calls `take(key, value)` for each line of a status file; whether it could be read.
template <typename Take>
bool read_status(const std::string& path, Take&& take) {
    std::ifstream file(path);
    if (!file) return false;
    for (std::string line; std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (colon == std::string::npos) continue;
        const std::size_t value = line.find_first_not_of(" \t", colon + 1);
        take(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
    }
    return true;
}

}  // namespace

engine::Result<Report> read_report() {
    auto tried = in_every_thread(&try_landlock, nullptr);
    if (!tried) return tried.error();
    Report report;
    for (const ThreadOutcome& outcome : *tried) {
        ThreadReport thread;
        thread.tid = outcome.tid;
        thread.landlocked = outcome.code == EACCES;
        const std::string path = "/proc/self/task/" + std::to_string(outcome.tid) + "/status";
        const bool there = read_status(path, [&](const std::string& key, const std::string& value) {
            take_line(key, value, thread);
        });
        if (there) report.threads.push_back(std::move(thread));
    }
    std::sort(report.threads.begin(), report.threads.end(),
              [](const auto& a, const auto& b) { return a.tid < b.tid; });
    report.dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
    rlimit limit{};
    if (::getrlimit(RLIMIT_CORE, &limit) == 0) report.core_bytes_max = limit.rlim_cur;
    read_status("/proc/self/status", [&](const std::string& key, const std::string& value) {
        if (key == "VmLck") report.locked_bytes = std::strtoull(value.c_str(), nullptr, 10) * 1024;
    });
    report.refused = refusals();
    return report;
}

}  // namespace lanes::sandbox
