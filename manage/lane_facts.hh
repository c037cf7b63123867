// What the views tell of lanes and ports, gathered in one place: how a lane is, in one word and one
// sentence, the words for what it does, and the lanes that a request means. Reads only. A lane of
// clear packets tells little of itself; what can stand in its way is looked at here: the port, the
// link, the next hop.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lanes/control.hh"
#include "manage/command.hh"

namespace lanes::manage {

/// The links of a node's ports; each port is asked once at most.
class Links {
  public:
    explicit Links(Control& control) : control_(control) {}
    const engine::Link& of(PortIndex port);
    Control& control() const noexcept { return control_; }

  private:
    Control& control_;
    std::array<std::optional<engine::Link>, engine::ports_max> links_;
};

/// `up`; of sealed lanes what Keeper says (`silent`, `no-key`, `stale-sender`, `clock`); and of all
/// lanes `down` (taken out of service), `no-port` (a port of it is closed), `link-down`, `no-hop`
/// (the MAC address of the next hop is unknown on every path).
struct Condition {
    std::string_view state = "up";
    std::string cause;
    bool up() const noexcept { return state == "up"; }
};

Condition condition_of(const Fleet::Entry& entry, const std::optional<Keeper::Status>& status,
                       Links& links);

std::string_view word_of(Role role) noexcept;      ///< "send"
std::string_view word_of(Cipher cipher) noexcept;  ///< "none", "aes-256-gcm"
Cipher cipher_of(const LaneSpec& spec) noexcept;   ///< none for lanes that do not end here
std::string_view name_of(Control& control, PortIndex port) noexcept;
/// "wan to 192.0.2.2:4790"
std::string text_of(Control& control, const PathSpec& path, Role role);
/// "lan -> wan"
std::string way_of(Control& control, const LaneSpec& spec);
/// Whether the path at `place` knows where its next hop is; paths that need none do.
bool next_hop_known(const Fleet::Entry& entry, std::size_t place) noexcept;
/// The address whose MAC is asked for; nothing: it needs no MAC, or it was given.
std::optional<engine::IpAddress> asked_next_hop(const Fleet::Entry& entry, std::size_t place);

std::string_view word_of(engine::PortKind kind) noexcept;      ///< "ethernet"
std::string_view word_of(engine::Link::State state) noexcept;  ///< "up"

/// Frames and bytes of an open port.
struct PortCounts {
    std::uint64_t rx_frames = 0, rx_bytes = 0, tx_frames = 0, tx_bytes = 0;
};
/// Of all its queues.
PortCounts counts_of(Control& control, engine::Port& port);
/// Of those that one worker serves.
PortCounts counts_of(Control& control, engine::Port& port, unsigned worker);

inline constexpr std::array<std::string_view, engine::phase_count> phase_names = {
    "receive", "classify", "transform", "transmit"};

/// What the process has in memory now; nothing where /proc cannot be read.
std::optional<std::uint64_t> resident_bytes();

/// The names of lanes that are most like `name`, the nearest first.
std::vector<std::string> nearest_names(Node& node, std::string_view name);
/// What is answered when there is no lane of this name.
Answer no_such_lane(Node& node, std::string_view name, const Request& request);

/// The entry of the lane that the request's only argument names; or else the answer.
struct Found {
    const Fleet::Entry* entry = nullptr;  ///< nullptr: `answer`
    Answer answer;
};
Found find_lane(Node& node, const Request& request);

}  // namespace lanes::manage
