// `show version`: which program runs here, for how long, from which file.
#include <unistd.h>

#include <algorithm>

#include "lanes/health.hh"
#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/views.hh"

#ifndef LANES_VERSION
#error "the build gives LANES_VERSION"
#endif

namespace lanes::manage {

Answer show_version(Node& node, const Request& request) {
    Control& control = node.control();
    const std::uint64_t now_ns = control.now().boot_ns;
    const std::uint64_t uptime_ns = now_ns - std::min(now_ns, node.started_ns());
    if (!request.json) {
        return {0, "lanes " LANES_VERSION ", node " + node.name() + ", running for " +
                       span_text(uptime_ns) + " from " + node.file() + "\n" +
                       counted(control.workers().size(), "worker") + ", cipher library " +
                       std::string(control.backend()) + ", process " + std::to_string(::getpid()) +
                       '\n'};
    }
    JsonWriter json;
    json.text("version", LANES_VERSION).text("node", node.name()).text("file", node.file());
    json.number("uptime_ns", uptime_ns).number("process_id", static_cast<unsigned>(::getpid()));
    json.number("workers", control.workers().size()).text("cipher_library", control.backend());
    return {0, json.done()};
}

}  // namespace lanes::manage
