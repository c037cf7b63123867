// See clock_watch.hh.
#include "lanes/clock_watch.hh"

#include <string>
#include <utility>

#include "engine/log.hh"
#include "lanes/health.hh"

namespace lanes {

void ClockWatch::look(Moment now, Lanes lanes) {
    const Moment last = std::exchange(seen_, now);
    const std::uint64_t expected = last.unix_ns + (now.boot_ns - last.boot_ns);
    const bool forward = now.unix_ns > expected;
    const std::uint64_t by = forward ? now.unix_ns - expected : expected - now.unix_ns;
    if (by < step_ns) return;
    std::string text = "the clock of this host was set " +
                       std::string(forward ? "forward" : "back") + " by " + span_text(by);
    if (lanes == Lanes::sealed) {
        text +=
            ": sessions of sealed lanes go on, but new ones are refused as `clock` where the "
            "clocks "
            "of both ends are more than an hour apart; if this is wrong, set the clock right";
    }
    engine::log(engine::Severity::warning, engine::events::general, {}, text);
}

}  // namespace lanes
