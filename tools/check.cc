// `lanes check FILE`. See commands.hh.
#include <cstdio>

#include "config/config.hh"
#include "crypto/vault.hh"
#include "drivers/registry.hh"
#include "tools/commands.hh"

namespace lanes::tools {

int check(const std::string& file) {
    if (const auto ready = crypto::initialise(); !ready) {
        std::fprintf(stderr, "lanes: %s\n", ready.message().c_str());
        return exit_errors;
    }
    const config::Loaded loaded = config::load_node(file);
    std::fputs(config::report(loaded).c_str(), stderr);
    if (loaded.unreadable) return exit_unreadable;
    if (!loaded.good()) return exit_errors;
    bool buildable = true;
    for (const engine::PortSpec& port : loaded.spec.ports) {
        const drivers::Driver* driver = drivers::find_driver(port.driver);
        if (driver != nullptr && drivers::built(*driver)) continue;
        buildable = false;
        std::fprintf(stderr,
                     "%s: error: port `%s` has driver %s, and this program was built without it; "
                     "build it with -D%s=enabled, or choose another driver\n",
                     file.c_str(), port.name.c_str(), port.driver.c_str(), port.driver.c_str());
    }
    if (!buildable) return exit_errors;
    std::printf("%s: ok: %zu ports, %zu lanes\n", file.c_str(), loaded.spec.ports.size(),
                loaded.spec.lanes.size());
    return exit_good;
}

}  // namespace lanes::tools
