// `lanes check FILE`. See commands.hh.
#include <cstdio>

#include "config/config.hh"
#include "crypto/vault.hh"
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
    std::printf("%s: ok: %zu ports, %zu lanes\n", file.c_str(), loaded.spec.ports.size(),
                loaded.spec.lanes.size());
    return exit_good;
}

}  // namespace lanes::tools
