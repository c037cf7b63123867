// See eal.hh. rte_eal_init() is written for programs that are DPDK's: it pins the calling
// thread, may write to stdout, ends the program when asked for help, and cannot be called twice.
// What follows makes it a guest here.
#include "drivers/dpdk/eal.hh"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <regex>
#include <string_view>

#include "engine/descriptor.hh"
#include "engine/log.hh"

namespace lanes::drivers {
namespace {

using engine::Error;
using engine::Result;
using engine::Severity;

/// Hugepages are used when at least so much of them is free: one pool of small frames.
constexpr std::uint64_t huge_bytes_least = 64u << 20;
/// Without hugepages the EAL's memory has a fixed size; pages come from the kernel when touched.
constexpr unsigned plain_megabytes = 1024;
/// No device has this address: an allow list with it alone lets the EAL touch none at its start.
constexpr const char* no_pci_device = "ffff:ff:1f.7";
/// Errors that are kept of what DPDK says while a port opens.
constexpr std::size_t words_kept = 4;

struct State {
    std::mutex mutex;
    bool tried = false;
    bool started = false;
    bool hugepages = false;
    std::vector<std::string> arguments;
    std::string failure;

    std::mutex words_mutex;  ///< guards the two below: DPDK's own threads speak, too
    bool listening = false;
    std::vector<std::string> words;
};

/// Never destroyed: DPDK's threads speak until the process ends.
State& state() {
    static State& all = *new State;
    return all;
}

/// One line of DPDK's log, or several.
ssize_t hear(void*, const char* text, std::size_t len) {
    const int level = ::rte_log_cur_msg_loglevel();
    std::string_view rest(text, len);
    while (!rest.empty() && level <= static_cast<int>(RTE_LOG_WARNING)) {
        const std::string line(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        if (line.empty()) continue;
        const std::lock_guard lock(state().words_mutex);
        if (state().listening) {
            if (level <= static_cast<int>(RTE_LOG_ERR) && state().words.size() < words_kept) {
                state().words.push_back(line);
            }
        } else {
            const bool error = level <= static_cast<int>(RTE_LOG_ERR);
            engine::log(error ? Severity::error : Severity::warning, engine::events::dpdk, {},
                        "dpdk: " + line);
        }
    }
    return static_cast<ssize_t>(len);
}

void take_log() {
    // Unbuffered, and for the rest of the process: DPDK keeps it.
    static FILE* const stream = ::fopencookie(nullptr, "w", {nullptr, &hear, nullptr, nullptr});
    if (stream == nullptr) return;
    ::setvbuf(stream, nullptr, _IOLBF, 0);
    ::rte_openlog_stream(stream);
}

std::uint64_t free_huge_bytes() {
    namespace fs = std::filesystem;
    std::uint64_t bytes = 0;
    std::error_code error;
    for (const auto& folder : fs::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        // hugepages-2048kB/free_hugepages
        const std::string name = folder.path().filename();
        const std::size_t dash = name.find('-');
        if (dash == std::string::npos) continue;
        std::uint64_t pages = 0;
        std::ifstream(folder.path() / "free_hugepages") >> pages;
        bytes += pages * 1024 * std::strtoull(name.c_str() + dash + 1, nullptr, 10);
    }
    return bytes;
}

bool has_any(const std::vector<std::string>& arguments,
             std::initializer_list<std::string_view> names) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& argument) {
        return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
            // --name, --name=value; -x, -xvalue
            if (!argument.starts_with(name)) return false;
            return argument.size() == name.size() || !name.starts_with("--") ||
                   argument[name.size()] == '=';
        });
    });
}

/// The cores that this thread may run on, as DPDK writes sets: "(0-3,8)".
std::string core_set(const cpu_set_t& cores) {
    std::string text;
    for (int core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &cores)) continue;
        int last = core;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &cores)) ++last;
        text += (text.empty() ? "" : ",") + std::to_string(core);
        if (last != core) text += "-" + std::to_string(last);
        core = last;
    }
    return "(" + text + ")";
}

std::vector<std::string> complete(const std::vector<std::string>& given, const std::string& device,
                                  const cpu_set_t& cores) {
    std::vector<std::string> all = {"lanes"};
    // One logical core, for the thread that calls: no threads of DPDK's own but the one that
    // serves interrupts, and no core taken away from anybody.
    if (!has_any(given, {"-c", "-l", "--lcores"})) all.push_back("--lcores=0@" + core_set(cores));
    if (!has_any(given, {"--no-huge", "--in-memory", "-m", "--socket-mem", "--socket-limit",
                         "--legacy-mem", "--huge-dir", "--huge-unlink", "--file-prefix",
                         "--proc-type", "--no-shconf"})) {
        if (free_huge_bytes() >= huge_bytes_least) {
            all.push_back("--in-memory");  // no files: a crash leaves nothing behind
        } else {
            all.insert(all.end(),
                       {"--no-huge", "--no-shconf", "-m", std::to_string(plain_megabytes)});
        }
    }
    if (!has_any(given, {"-a", "--allow", "-b", "--block", "--no-pci"})) {
        all.insert(all.end(), {"-a", is_pci_address(device) ? device : no_pci_device});
    }
    if (!has_any(given, {"--telemetry", "--no-telemetry"})) all.push_back("--no-telemetry");
    all.insert(all.end(), given.begin(), given.end());
    return all;
}

/// Keeps stdout silent while it lives: the EAL answers a wrong argument with two pages of usage.
class SilentStdout {
  public:
    SilentStdout() {
        std::fflush(stdout);
        former_ = engine::Descriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
        const engine::Descriptor nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        if (former_ && nowhere) ::dup2(nowhere.get(), STDOUT_FILENO);
    }
    ~SilentStdout() {
        std::fflush(stdout);
        if (former_) ::dup2(former_.get(), STDOUT_FILENO);
    }
    SilentStdout(const SilentStdout&) = delete;
    SilentStdout& operator=(const SilentStdout&) = delete;

  private:
    engine::Descriptor former_;
};

Result<void> initialise(const std::vector<std::string>& given, const std::string& device) {
    if (has_any(given, {"-h", "--help"})) {
        return Error{0, "`eal` has an argument that asks for help: see `dpdk-testpmd --help`"};
    }
    cpu_set_t cores;
    CPU_ZERO(&cores);
    ::sched_getaffinity(0, sizeof cores, &cores);
    std::vector<std::string> all = complete(given, device, cores);
    std::vector<char*> argv;
    for (std::string& argument : all) argv.push_back(argument.data());
    argv.push_back(nullptr);
    take_log();
    const EalWords words;
    int done = 0;
    {
        const SilentStdout silent;
        done = ::rte_eal_init(static_cast<int>(all.size()), argv.data());
    }
    const int code = rte_errno;
    ::sched_setaffinity(0, sizeof cores, &cores);
    if (done < 0) {
        return engine::system_error(code, "start DPDK's EAL" + words.reason());
    }
    state().hugepages = ::rte_eal_has_hugepages() != 0;
    return {};
}

}  // namespace

bool is_pci_address(const std::string& device) {
    static const std::regex form(
        "([0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{1,2}:[0-9a-fA-F]{1,2}\\.[0-7](,.*)?");
    return std::regex_match(device, form);
}

Result<void> start_eal(const std::vector<std::string>& arguments, const std::string& device) {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    if (!all.tried) {
        all.tried = true;
        all.arguments = arguments;
        auto done = initialise(arguments, device);
        all.started = static_cast<bool>(done);
        if (!done) all.failure = done.error().message;
        return done;
    }
    if (all.arguments != arguments) {
        return Error{0,
                     "DPDK's EAL was started with other `eal` arguments: they take effect when "
                     "the program is started again"};
    }
    if (!all.started) {
        return Error{0, all.failure + " (earlier; it can be tried once: start the program again)"};
    }
    return {};
}

bool eal_has_hugepages() noexcept {
    return state().hugepages;
}

EalWords::EalWords() {
    const std::lock_guard lock(state().words_mutex);
    state().listening = true;
    state().words.clear();
}

EalWords::~EalWords() {
    const std::lock_guard lock(state().words_mutex);
    state().listening = false;
}

std::string EalWords::reason() const {
    const std::lock_guard lock(state().words_mutex);
    std::string text;
    for (const std::string& line : state().words) text += (text.empty() ? "" : "; ") + line;
    return text.empty() ? text : " (" + text + ")";
}

}  // namespace lanes::drivers
