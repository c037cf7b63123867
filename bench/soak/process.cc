// See process.hh. Nothing is kept open: a descriptor of /proc would be one more to count.
#include "bench/soak/process.hh"

#include <dirent.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace lanes::bench {
namespace {

constexpr double mib = 1024 * 1024;

struct CloseFolder {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

/// Entries of a folder of /proc without `.` and `..`; -1 when it cannot be read.
int entries_of(const std::string& path) {
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (!folder) return -1;
    int count = 0;
    while (const dirent* entry = ::readdir(folder.get())) {
        if (entry->d_name[0] != '.') ++count;
    }
    return count;
}

/// Pss and SwapPss in MiB; negative when the kernel does not tell.
double proportional_mib(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    double kib = -1;
    while (std::getline(file, line)) {
        if (line.rfind("Pss:", 0) == 0) kib = std::strtod(line.c_str() + 4, nullptr);
        if (line.rfind("SwapPss:", 0) == 0) kib += std::strtod(line.c_str() + 8, nullptr);
    }
    return kib / 1024;
}

double resident_mib(const std::string& path) {
    std::ifstream file(path);
    double all = -1;
    double resident = -1;
    file >> all >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / mib;
}

}  // namespace

Process::Process(pid_t pid) : pid_(pid) {
    std::ifstream name(path("comm"));
    std::getline(name, name_);
    started_ = started();
    const std::string who = "process " + std::to_string(pid);
    if (name_.empty() || started_.empty()) throw std::runtime_error("there is no " + who);
    if (entries_of(path("fd")) < 0) {
        throw std::runtime_error(who + " (" + name_ + "): its descriptors cannot be read (" +
                                 std::strerror(errno) + "); run as its user, or as root");
    }
    proportional_ = proportional_mib(path("smaps_rollup")) > 0;
}

std::optional<Usage> Process::usage() const {
    Usage found;
    found.memory_mib = proportional_ ? proportional_mib(path("smaps_rollup"))  //
                                     : resident_mib(path("statm"));
    // Our own has one more while it is looked at.
    found.descriptors = entries_of(path("fd")) - (pid_ == ::getpid() ? 1 : 0);
    found.threads = entries_of(path("task"));
    // Asked last: what was read before is of this process, or is thrown away.
    if (started() != started_) return std::nullopt;
    if (found.memory_mib <= 0 || found.descriptors < 0 || found.threads <= 0) return std::nullopt;
    return found;
}

std::string Process::path(const char* file) const {
    return "/proc/" + std::to_string(pid_) + "/" + file;
}

std::string Process::started() const {
    std::ifstream file(path("stat"));
    std::string line;
    std::getline(file, line);
    const std::size_t behind_name = line.rfind(')');
    if (behind_name == std::string::npos) return {};
    std::istringstream fields(line.substr(behind_name + 1));
    std::string field;
    // The state is field 3, the time of start field 22 (proc(5)). A zombie has ended.
    for (int number = 3; number <= 22 && fields >> field; ++number) {
        if (number == 3 && (field == "Z" || field == "X")) return {};
    }
    return field;
}

}  // namespace lanes::bench
