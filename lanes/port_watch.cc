// See port_watch.hh.
#include "lanes/port_watch.hh"

#include "engine/log.hh"

namespace lanes {
namespace {

using engine::Key;
using engine::Link;
using engine::Severity;

/// Looks between two tries at a device that could not be taken up.
constexpr unsigned rest_looks = 10;

void tell(Severity severity, const std::string& port, const char* state, const std::string& text) {
    engine::log(severity, engine::events::port, {{Key::port, port}, {Key::state, state}},
                "port " + port + ": " + text);
}

}  // namespace

std::uint64_t PortWatch::look(const Ports& ports) {
    std::uint64_t due = 0;
    for (std::size_t index = 0; index < seen_.size(); ++index) {
        const Ports::Slot& slot = ports.slots()[index];
        Seen& seen = seen_[index];
        if (!slot.taken() || seen.name != slot.spec.name) seen = {};
        if (!slot.taken()) continue;
        seen.name = slot.spec.name;
        const Link link = slot.port ? slot.port->link() : Link{};
        if (slot.port && !link.renewed) {
            seen.refused.clear();
            seen.rest = 0;
            note(seen, link);
            continue;
        }
        seen.why = slot.port ? link.why.substr(0, link.why.find(';')) : "it could not be opened";
        if (seen.rest != 0) {
            --seen.rest;
        } else {
            due |= std::uint64_t{1} << index;
        }
    }
    return due;
}

void PortWatch::renewed(PortIndex index, const engine::Result<void>& outcome) {
    Seen& seen = seen_[index];
    if (outcome) {
        tell(Severity::notice, seen.name, "renewed", seen.why + ", and the port goes on with it");
        seen.why.clear();
        return;
    }
    seen.rest = rest_looks;
    const std::string& message = outcome.error().message;
    if (message == seen.refused) return;
    seen.refused = message;
    tell(Severity::error, seen.name, "down", seen.why + ". " + message);
}

void PortWatch::note(Seen& seen, const Link& link) {
    if (link.state == Link::State::down) {
        if (seen.why == link.why) return;
        seen.why = link.why;
        tell(Severity::warning, seen.name, "down", "the link is down: " + link.why);
    } else if (link.state == Link::State::up && !seen.why.empty()) {
        seen.why.clear();
        tell(Severity::notice, seen.name, "up", "the link is up again");
    }
}

}  // namespace lanes
