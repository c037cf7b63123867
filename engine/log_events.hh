// Every event of the log, by the name under which an operator finds it: the MSGID of syslog and
// LANES_EVENT of the journal. One list, so that names stay what they are, and so that nothing that
// comes from outside can make up another.
#pragma once

#include "engine/log_message.hh"

namespace lanes::engine::events {

using Repeats = Event::Repeats;

inline constexpr Event general{"general"};  ///< messages that need no name

// The node and what it has.
inline constexpr Event node{"node", Repeats::said};  ///< runs, stops
inline constexpr Event config{"config", Repeats::said, 128};
inline constexpr Event sandbox{"sandbox"};
inline constexpr Event sandbox_refused{"sandbox_refused"};
inline constexpr Event service{"service"};  ///< the service manager
inline constexpr Event port{"port", Repeats::counted, 64};
inline constexpr Event neighbour{"neighbour"};
inline constexpr Event dpdk{"dpdk"};
inline constexpr Event log{"log"};  ///< a log that takes nothing, and what it missed

// Lanes.
inline constexpr Event lane_state{"lane_state"};
inline constexpr Event lane_clear{"lane_clear"};
inline constexpr Event lane_changed{"lane_changed", Repeats::said};  ///< by hand
inline constexpr Event lane_keys{"lane_keys"};
inline constexpr Event replay_window{"replay_window"};
inline constexpr Event state_store{"state_store"};

// Those who manage it.
inline constexpr Event management{"management"};
inline constexpr Event client{"client", Repeats::said};
inline constexpr Event client_rights{"client_rights", Repeats::said};
inline constexpr Event reload{"reload", Repeats::said};

// What somebody asked for: as long as it is, but not without end.
inline constexpr Event state{"state", Repeats::said, 4096, 256};    ///< SIGUSR1
inline constexpr Event summary{"summary", Repeats::said, 256, 16};  ///< at the end

inline constexpr const Event* all[] = {
    &general,       &node,      &config,        &sandbox,     &sandbox_refused, &service,
    &port,          &neighbour, &dpdk,          &log,         &lane_state,      &lane_clear,
    &lane_changed,  &lane_keys, &replay_window, &state_store, &management,      &client,
    &client_rights, &reload,    &state,         &summary};

}  // namespace lanes::engine::events
