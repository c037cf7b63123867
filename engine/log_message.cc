// See log_message.hh.
#include "engine/log_message.hh"

namespace lanes::engine {

std::string_view name_of(Severity severity) noexcept {
    switch (severity) {
        case Severity::error:
            return "error";
        case Severity::warning:
            return "warning";
        case Severity::notice:
            return "notice";
        case Severity::info:
            return "info";
        case Severity::debug:
            return "debug";
    }
    return "";
}

std::string_view name_of(Key key) noexcept {
    switch (key) {
        case Key::lane:
            return "lane";
        case Key::port:
            return "port";
        case Key::worker:
            return "worker";
        case Key::peer:
            return "peer";
        case Key::call:
            return "call";
        case Key::thread:
            return "thread";
        case Key::file:
            return "file";
        case Key::place:
            return "place";
        case Key::state:
            return "state";
        case Key::reason:
            return "reason";
        case Key::address:
            return "address";
        case Key::count:
            return "count";
        case Key::seconds:
            return "seconds";
    }
    return "";
}

}  // namespace lanes::engine
