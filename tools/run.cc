// `lanes run FILE`: the composition root, the only place that knows config, drivers and lanes, and
// the home of the Control thread, which is the main thread: it waits for signals and ticks.
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "config/config.hh"
#include "crypto/keys.hh"
#include "crypto/vault.hh"
#include "drivers/registry.hh"
#include "engine/log.hh"
#include "lanes/control.hh"
#include "tools/commands.hh"
#include "tools/summary.hh"

namespace lanes::tools {
namespace {

using engine::log;
using engine::Severity;

/// Lanes that get a line of their own in what a stopping node says.
constexpr std::size_t lanes_shown = 32;

engine::Result<std::unique_ptr<engine::Port>> open_port(const engine::PortSpec& spec,
                                                        const engine::WorkerCores& cores) {
    const drivers::Driver* driver = drivers::find_driver(spec.driver);
    if (driver == nullptr) {
        return engine::Error{0, "port " + spec.name + ": no driver named " + spec.driver};
    }
    return driver->open(spec, cores);
}

/// The signals that the main thread takes from a descriptor. Blocked in every thread, so this must
/// be made before the first worker starts.
class Signals {
  public:
    Signals() {
        ::signal(SIGPIPE, SIG_IGN);
        sigemptyset(&set_);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set_, signal);
        ::sigprocmask(SIG_BLOCK, &set_, nullptr);
        fd_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    ~Signals() {
        if (fd_ >= 0) ::close(fd_);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    bool good() const noexcept { return fd_ >= 0; }

    /// The next signal within `timeout_ms`; 0 if there was none.
    int wait(int timeout_ms) {
        pollfd entry{fd_, POLLIN, 0};
        if (::poll(&entry, 1, timeout_ms) <= 0) return 0;
        signalfd_siginfo info;
        if (::read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
        return static_cast<int>(info.ssi_signo);
    }

    /// From here on SIGTERM and SIGINT end the program at once, by the kernel's hand.
    void let_through() {
        ::signal(SIGHUP, SIG_IGN);
        ::signal(SIGUSR1, SIG_IGN);
        ::sigprocmask(SIG_UNBLOCK, &set_, nullptr);
    }

  private:
    sigset_t set_;
    int fd_ = -1;
};

/// Loads the file and says what is wrong with it.
bool load(const std::string& file, config::Loaded& loaded) {
    loaded = config::load_node(file);
    std::fputs(config::report(loaded).c_str(), stderr);
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
        const bool error = diagnostic.level == config::Diagnostic::Level::error;
        engine::log_quietly(error ? Severity::error : Severity::warning,
                            config::to_string(diagnostic));
    }
    return loaded.good();
}

/// Keys stay in this process: no core dump, no reading by another process of the same user, no
/// swap.
engine::Result<void> keep_secrets() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
    const auto ready = crypto::initialise();
    if (!ready) return engine::Error{0, ready.message()};
    return {};
}

std::string counted(std::size_t n, const char* what) {
    return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

void describe(Control& control, const std::string& node, const crypto::KeyPair* keys) {
    if (keys != nullptr) {
        log(Severity::info, "node " + node + " has the public key " + to_text(keys->open));
    }
    for (const auto& slot : control.ports().slots()) {
        if (!slot.port) continue;
        const engine::PortInfo& info = slot.port->info();
        log(Severity::info, "port " + info.name + ": " + info.driver + ", " + info.note);
    }
    std::size_t clear = 0;
    std::size_t sealed = 0;
    std::string_view example;
    for (const auto& [name, entry] : control.fleet().entries()) {
        const bool tunnel = entry.spec->role == Role::send || entry.spec->role == Role::receive;
        sealed += entry.spec->keys ? 1 : 0;
        if (!tunnel || entry.spec->cipher != Cipher::none) continue;
        ++clear;
        if (example.empty() || name < example) example = name;
    }
    if (sealed != 0) {
        log(Severity::info,
            counted(sealed, "lane") + " sealed, by " + std::string(control.backend()));
    }
    if (clear != 0) {
        log(Severity::notice, (clear == 1 ? "lane " + std::string(example) + " is clear"
                                          : std::to_string(clear) + " lanes are clear, " +
                                                std::string(example) + " among them") +
                                  ": whoever is on the way can read, change and forge its packets");
    }
    log(Severity::notice, "node " + node +
                              " is running: " + counted(control.fleet().entries().size(), "lane") +
                              ", " + counted(control.workers().size(), "worker"));
}

void reload(Control& control, const std::string& file) {
    config::Loaded loaded;
    if (!load(file, loaded)) {
        return log(Severity::error, file + " has errors: nothing was changed");
    }
    auto tally = control.apply(std::move(loaded.spec));
    ::malloc_trim(0);
    if (!tally) {
        return log(Severity::error, tally.error().message + "; nothing was changed");
    }
    log(Severity::notice, "reloaded " + file + ": lanes kept " + std::to_string(tally->kept) +
                              ", changed " + std::to_string(tally->renewed + tally->replaced) +
                              ", added " + std::to_string(tally->added) + ", removed " +
                              std::to_string(tally->removed));
}

/// Returns when told to stop.
void serve(Control& control, Signals& signals, const std::string& file) {
    for (;;) {
        // Rounded up: a wait of less than a millisecond is none for poll().
        const std::uint64_t wait_ns = control.tick();
        switch (signals.wait(static_cast<int>((wait_ns + ns_per_ms - 1) / ns_per_ms))) {
            case SIGHUP:
                reload(control, file);
                break;
            case SIGUSR1:
                for (const std::string& line : states(control, lanes_shown)) {
                    log(Severity::info, line);
                }
                break;
            case SIGTERM:
            case SIGINT:
                return;
            default:
                break;
        }
    }
}

}  // namespace

int run(const std::string& file) {
    Signals signals;
    if (!signals.good()) {
        log(Severity::error, engine::system_error(errno, "signalfd").message);
        return exit_errors;
    }
    if (auto kept = keep_secrets(); !kept) {
        log(Severity::error, kept.error().message);
        return exit_errors;
    }
    config::Loaded loaded;
    if (!load(file, loaded)) return loaded.unreadable ? exit_unreadable : exit_errors;
    engine::open_log();
    const std::string node = loaded.spec.node;
    const auto keys = loaded.spec.keys;
    auto control = Control::create(loaded.spec, open_port, Control::Threads::run);
    if (!control) {
        log(Severity::error, control.error().message);
        return exit_errors;
    }
    if (auto applied = (*control)->apply(std::move(loaded.spec)); !applied) {
        log(Severity::error, applied.error().message);
        return exit_errors;
    }
    ::malloc_trim(0);  // a lane table of a million rows leaves much behind
    describe(**control, node, keys.get());
    serve(**control, signals, file);
    signals.let_through();
    log(Severity::notice, "node " + node + " is stopping");
    const std::vector<std::string> lost = losses(**control);
    const std::vector<std::string> last = states(**control, lanes_shown);
    (*control)->stop();
    for (const std::string& line : last) log(Severity::info, line);
    for (const std::string& line : lost) log(Severity::info, line);
    for (const std::string& line : summary(**control, lanes_shown)) log(Severity::info, line);
    return exit_good;
}

}  // namespace lanes::tools
