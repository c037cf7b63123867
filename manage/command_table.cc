// The table of commands. Sorted by their words; who adds one writes a line here and a function in
// actions.hh or views.hh, and everything else (help, completion, rights, telnet) follows.
#include <array>

#include "manage/actions.hh"
#include "manage/command.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

using Takes = Command::Takes;
using Options = Command::Options;

constexpr std::array table = {
    Command{"help", Takes::nothing, "what can be said here", Rights::read, Options::none, help},
    Command{"lane add", Takes::text, "add a lane, or put it in the place of the one of its name",
            Rights::write, Options::none, lane_add},
    Command{"lane down", Takes::lane, "take a lane out of service and remember it", Rights::write,
            Options::none, lane_down},
    Command{"lane remove", Takes::lane, "remove a lane", Rights::write, Options::none, lane_remove},
    Command{"lane up", Takes::lane, "bring a lane that is down back into service", Rights::write,
            Options::none, lane_up},
    Command{"reload", Takes::nothing, "read the node file again; --dry-run only says what would be",
            Rights::write, Options::dry_run, reload},
    Command{"set log", Takes::text, "how severe what is logged must be", Rights::write,
            Options::none, set_log, "error|warning|notice|info|debug"},
    Command{"set phases", Takes::text, "count the clocks of each phase of a worker's rounds",
            Rights::write, Options::none, set_phases, "on|off"},
    Command{"show drops", Takes::nothing, "what was dropped, why, and what to do", Rights::read,
            Options::none, show_drops},
    Command{"show lane", Takes::lane, "all that is known of one lane", Rights::read, Options::none,
            show_lane},
    Command{"show lanes", Takes::lane_or_nothing, "a line for each lane", Rights::read,
            Options::none, show_lanes},
    Command{"show ports", Takes::nothing, "ports, their links and counters", Rights::read,
            Options::none, show_ports},
    Command{"show security", Takes::nothing, "what confines each thread, read from the kernel",
            Rights::read, Options::none, show_security},
    Command{"show tables", Takes::nothing, "sizes of tables and memory", Rights::read,
            Options::none, show_tables},
    Command{"show version", Takes::nothing, "program, node and since when it runs", Rights::read,
            Options::none, show_version},
    Command{"show workers", Takes::nothing, "rounds, sleeps, load and clocks of each worker",
            Rights::read, Options::none, show_workers},
    Command{"stop", Takes::nothing, "end the node", Rights::write, Options::none, stop},
    Command{"trace", Takes::lane, "what becomes of some frames of a lane, stage by stage",
            Rights::write, Options::sample, trace},
    Command{"why", Takes::lane, "the path of a lane in words: what came, what was refused and why",
            Rights::read, Options::none, why},
};

}  // namespace

std::span<const Command> commands() noexcept {
    return table;
}

}  // namespace lanes::manage
