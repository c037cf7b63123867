// See confine.hh.
#include "tools/confine.hh"

#include <filesystem>
#include <utility>

#include "engine/clock.hh"
#include "engine/log.hh"
#include "sandbox/refusals.hh"
#include "sandbox/sandbox.hh"

namespace lanes::tools {
namespace {

namespace fs = std::filesystem;
using engine::Key;
using engine::log;
using engine::Result;
using engine::Severity;
using sandbox::Access;
namespace events = engine::events;

constexpr const char* usual_socket_folder = "/run/lanes";

std::string folder_of(const fs::path& file) {
    const fs::path folder = file.parent_path();
    return folder.empty() ? "." : folder.string();
}

/// A file that may be read again: its folder, since editors put a new file into the place of the
/// old one; and, if it is a link, the folder that it is in.
void add_file(const std::string& file, std::vector<sandbox::Path>& paths) {
    paths.push_back({folder_of(file), Access::read});
    std::error_code error;
    const fs::path real = fs::canonical(file, error);
    if (!error) paths.push_back({folder_of(real), Access::read});
}

sandbox::Rules rules_of(const NodeSpec& node, const std::string& file) {
    sandbox::Rules rules;
    rules.ports = node.ports;
    rules.user = node.sandbox.user;
    rules.group = node.sandbox.group;
    rules.reopen = node.sandbox.reopen_ports ? sandbox::Reopen::allowed : sandbox::Reopen::never;
    add_file(file, rules.paths);
    for (const std::string& other : node.files) add_file(other, rules.paths);
    if (!node.state.empty()) rules.paths.push_back({node.state, Access::write});
    if (node.manage.kind != ManageSpec::Socket::none) {
        const bool usual = node.manage.kind == ManageSpec::Socket::usual;
        rules.paths.push_back(
            {usual ? usual_socket_folder : folder_of(node.manage.socket), Access::remove});
    }
    if (!node.manage.metrics_socket.empty()) {
        rules.paths.push_back({folder_of(node.manage.metrics_socket), Access::remove});
    }
    return rules;
}

Result<void> enforce(const sandbox::Rules& rules) {
    auto done = sandbox::confine(rules);
    if (!done) return done.error();
    std::string in_force;
    for (const std::string& part : done->in_force)
        in_force += (in_force.empty() ? "" : "; ") + part;
    log(Severity::info, events::sandbox, {{Key::state, "in force"}}, "sandbox: " + in_force);
    for (const std::string& part : done->missing) {
        log(Severity::warning, events::sandbox, {{Key::state, "missing"}},
            "sandbox: not in force: " + part);
    }
    return {};
}

Result<void> leave_open() {
    log(Severity::warning, events::sandbox, {{Key::state, "none"}},
        "no sandbox (`sandbox: {enforce: false}`): whoever breaks into this process can do "
        "whatever its user can");
    return {};
}

}  // namespace

std::function<Result<void>()> confiner(const NodeSpec& node, const std::string& file) {
    if (!node.sandbox.enforce) return &leave_open;
    return [rules = rules_of(node, file)] { return enforce(rules); };
}

Result<void> may_open(const engine::PortSpec& port) {
    return sandbox::confinement().may_open(port);
}

void say_refused() {
    sandbox::say_refusals(engine::monotonic_ns());
}

}  // namespace lanes::tools
