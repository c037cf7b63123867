// `lanes run FILE`: the composition root, the only place that knows config, drivers and lanes, and
// the home of the Control thread, which is the main thread: it waits for signals and ticks.
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hh"
#include "crypto/keys.hh"
#include "crypto/vault.hh"
#include "drivers/registry.hh"
#include "engine/clock.hh"
#include "engine/log.hh"
#include "lanes/control.hh"
#include "manage/metrics.hh"
#include "manage/server.hh"
#include "tools/commands.hh"
#include "tools/confine.hh"
#include "tools/running.hh"
#include "tools/service.hh"
#include "tools/signals.hh"
#include "tools/summary.hh"

namespace lanes::tools {
namespace {

using engine::Key;
using engine::log;
using engine::Severity;
namespace events = engine::events;

/// Lanes that get a line of their own in what a stopping node says.
constexpr std::size_t lanes_shown = 32;

/// How long a node that was told to stop waits for clients to take their answers.
constexpr std::uint64_t farewell_ns = ns_per_second;

engine::Result<std::unique_ptr<engine::Port>> open_port(const engine::PortSpec& spec,
                                                        const engine::WorkerCores& cores) {
    const drivers::Driver* driver = drivers::find_driver(spec.driver);
    if (driver == nullptr) {
        return engine::Error{0, "port " + spec.name + ": no driver named " + spec.driver};
    }
    return driver->open(spec, cores);
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

std::string status(const Control& control) {
    return counted(control.fleet().entries().size(), "lane") + ", " +
           counted(control.workers().size(), "worker");
}

void describe(Control& control, const std::string& node, const crypto::KeyPair* keys) {
    if (keys != nullptr) {
        log(Severity::info, events::node, {},
            "node " + node + " has the public key " + to_text(keys->open));
    }
    for (const auto& slot : control.ports().slots()) {
        if (!slot.port) continue;
        const engine::PortInfo& info = slot.port->info();
        log(Severity::info, events::port, {{Key::port, info.name}},
            "port " + info.name + ": " + info.driver + ", " + info.note);
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
        log(Severity::info, events::node, {},
            counted(sealed, "lane") + " sealed, by " + std::string(control.backend()));
    }
    if (clear != 0) {
        log(Severity::notice, events::lane_clear, {{Key::lane, std::string(example)}},
            (clear == 1 ? "lane " + std::string(example) + " is clear"
                        : std::to_string(clear) + " lanes are clear, " + std::string(example) +
                              " among them") +
                ": whoever is on the way can read, change and forge its packets");
    }
    log(Severity::notice, events::node, {{Key::state, "running"}},
        "node " + node + " is running: " + status(control));
}

/// Where the node can be managed, as its file says. What was asked for and cannot be had is an
/// error; the usual socket is only missed.
engine::Result<std::vector<manage::Listener>> listen(const NodeSpec& spec) {
    using Socket = ManageSpec::Socket;
    std::vector<manage::Listener> listeners;
    const ManageSpec& wanted = spec.manage;
    if (wanted.kind != Socket::none) {
        const bool usual = wanted.kind == Socket::usual;
        auto listener = manage::Listener::at_path(usual ? usual_socket(spec.node) : wanted.socket);
        if (listener) {
            listeners.push_back(std::move(*listener));
        } else if (usual) {
            log(Severity::warning, events::management, {},
                listener.error().message +
                    "; the node goes on without one (`manage: {socket: PATH}` names another, "
                    "`none` wants none)");
        } else {
            return listener.error();
        }
    }
    if (wanted.telnet) {
        auto listener = manage::Listener::at_telnet(*wanted.telnet);
        if (!listener) return listener.error();
        listeners.push_back(std::move(*listener));
    }
    for (const manage::Listener& listener : listeners) {
        log(Severity::info, events::management, {{Key::place, listener.where()}},
            "managed through " + listener.where());
    }
    return listeners;
}

/// Where metrics are read; nothing: nowhere.
engine::Result<std::vector<manage::Listener>> listen_for_metrics(const ManageSpec& wanted) {
    using Kind = manage::Listener::Kind;
    std::vector<manage::Listener> listeners;
    const bool by_path = !wanted.metrics_socket.empty();
    if (!by_path && !wanted.metrics) return listeners;
    auto listener = by_path ? manage::Listener::at_path(wanted.metrics_socket, Kind::http)
                            : manage::Listener::at_loopback(*wanted.metrics, Kind::http);
    if (!listener) return listener.error();
    log(Severity::info, events::management, {{Key::place, listener->where()}},
        "metrics through " + listener->where());
    listeners.push_back(std::move(*listener));
    return listeners;
}

/// Until the answers are out, as far as anybody reads them.
void finish(manage::Server& server) {
    const std::uint64_t end = engine::monotonic_ns() + farewell_ns;
    while (!server.quiet() && engine::monotonic_ns() < end) {
        pollfd entry{server.fd(), POLLIN, 0};
        ::poll(&entry, 1, 10);
        server.serve(engine::monotonic_ns());
    }
}

/// Returns when told to stop.
void serve(Running& running, manage::Server& server, manage::Metrics* metrics, Signals& signals,
           Service& service) {
    const int metrics_fd = metrics == nullptr ? -1 : metrics->fd();
    for (;;) {
        // Rounded up: a wait of less than a millisecond is none for poll().
        const std::uint64_t wait_ns = running.control().tick();
        say_refused();
        engine::log_tick(engine::monotonic_ns());
        service.alive(running.control().workers(), engine::monotonic_ns());
        const auto wait_ms = static_cast<int>((wait_ns + ns_per_ms - 1) / ns_per_ms);
        switch (signals.wait(wait_ms, {server.fd(), metrics_fd})) {
            case SIGHUP:
                service.reloading(engine::monotonic_ns());
                (void)running.reload();
                service.ready(status(running.control()));
                break;
            case SIGUSR1:
                for (const std::string& line : states(running.control(), lanes_shown)) {
                    log(Severity::info, events::state, {}, line);
                }
                break;
            case SIGTERM:
            case SIGINT:
                return;
            default:
                break;
        }
        server.serve(engine::monotonic_ns());
        if (metrics != nullptr) metrics->serve(engine::monotonic_ns());
        if (running.stopping()) return finish(server);
    }
}

void say_last(Running& running) {
    Control& control = running.control();
    const std::vector<std::string> lost = losses(control);
    const std::vector<std::string> last = states(control, lanes_shown);
    control.stop();
    say_refused();
    for (const std::string& line : last) log(Severity::info, events::summary, {}, line);
    for (const std::string& line : lost) log(Severity::info, events::summary, {}, line);
    for (const std::string& line : summary(control, lanes_shown)) {
        log(Severity::info, events::summary, {}, line);
    }
}

int fail(const engine::Error& error) {
    log(Severity::error, events::node, {}, error.message);
    engine::close_log();
    return exit_errors;
}

/// Descriptors 0 to 2 belong to nobody else, even if the program was started without them: what is
/// printed there must not end up in a port.
void hold_standard_descriptors() {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDWR);
    }
}

/// Loads the file and opens the log. exit_good, or what is wrong has been said.
int load(const std::string& file, config::Loaded& loaded) {
    loaded = config::load_node(file);
    std::fputs(config::report(loaded).c_str(), stderr);
    if (auto opened = engine::open_log(loaded.spec.node, loaded.spec.log); !opened) {
        return fail(opened.error());
    }
    say_diagnostics(loaded, Printed::yes);
    if (loaded.good()) return exit_good;
    engine::close_log();
    return loaded.unreadable ? exit_unreadable : exit_errors;
}

}  // namespace

int run(const std::string& file) {
    hold_standard_descriptors();
    Signals signals;
    if (!signals.good()) return fail(engine::system_error(errno, "signalfd"));
    Service service;
    if (auto kept = keep_secrets(); !kept) return fail(kept.error());
    config::Loaded loaded;
    if (const int status = load(file, loaded); status != exit_good) return status;
    const std::string node = loaded.spec.node;
    const auto keys = loaded.spec.keys;
    const auto password = loaded.spec.manage.password;
    auto listeners = listen(loaded.spec);
    if (!listeners) return fail(listeners.error());
    auto metrics_listeners = listen_for_metrics(loaded.spec.manage);
    if (!metrics_listeners) return fail(metrics_listeners.error());
    auto control = Control::create(loaded.spec, open_port, Control::Threads::run);
    if (!control) return fail(control.error());
    (*control)->before_traffic(confiner(loaded.spec, file));
    (*control)->ports().admit_by(&may_open);
    if (auto applied = (*control)->apply(std::move(loaded.spec)); !applied) {
        return fail(applied.error());
    }
    ::malloc_trim(0);  // a lane table of a million rows leaves much behind
    Running running(file, std::move(*control));
    auto server = manage::Server::create(running, std::move(*listeners), password);
    if (!server) return fail(server.error());
    std::unique_ptr<manage::Metrics> metrics;
    if (!metrics_listeners->empty()) {
        auto made = manage::Metrics::create(running, std::move(*metrics_listeners));
        if (!made) return fail(made.error());
        metrics = std::move(*made);
    }
    describe(running.control(), node, keys.get());
    service.ready(status(running.control()));
    serve(running, **server, metrics.get(), signals, service);
    signals.let_through();
    service.stopping();
    log(Severity::notice, events::node, {{Key::state, "stopping"}},
        "node " + node + " is stopping");
    metrics.reset();
    server->reset();  // another node of this name may start while this one drains
    say_last(running);
    engine::close_log();
    return exit_good;
}

}  // namespace lanes::tools
