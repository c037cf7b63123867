// `why NAME`: the path of a lane in words, step by step as its packets go: the port that frames
// come from, the session, the paths or the ports of arrival, what came last and what was refused,
// what the other end must have, and what to do next.
//
// Workers count reasons for the whole node, and for each lane only how much was dropped: telling
// them apart by lane would cost a cache line per lane, worker and reason. So a reason is told as
// the lane's own where that is known (replays, announcements), is left out where the lane dropped
// nothing, and is told as the node's otherwise.
#include <algorithm>
#include <array>

#include "crypto/keys.hh"
#include "lanes/health.hh"
#include "manage/columns.hh"
#include "manage/lane_facts.hh"
#include "manage/match_text.hh"
#include "manage/story.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

using engine::Drop;
using Scope = Story::Refusal::Scope;

/// Drops of lane packets that arrive, before it is known whose they are.
constexpr std::array arriving = {Drop::not_for_us,  Drop::malformed_carrier, Drop::bad_checksum,
                                 Drop::ip_fragment, Drop::malformed_packet,  Drop::unknown_lane,
                                 Drop::rx_truncated};
/// Drops of frames that nobody takes.
constexpr std::array untaken = {Drop::no_lane, Drop::rx_truncated};
/// Drops that count for a lane too, whatever it does.
constexpr std::array leaving = {Drop::tx_full, Drop::tx_refused, Drop::tx_too_big,
                                Drop::kind_mismatch};
constexpr std::array sending = {Drop::too_big,   Drop::no_next_hop,   Drop::no_key,
                                Drop::exhausted, Drop::cipher_failed, Drop::not_receiving};
constexpr std::array receiving = {
    Drop::wrong_port,  Drop::not_receiving, Drop::bad_subspace,       Drop::malformed_inner,
    Drop::bad_padding, Drop::unknown_kind,  Drop::malformed_fragment, Drop::reassembly_full,
    Drop::no_session,  Drop::bad_tag,       Drop::control_full,       Drop::wrong_terms};
constexpr std::array relaying = {Drop::wrong_port, Drop::too_big, Drop::no_next_hop};
/// What Control counts for each verdict on an announcement.
struct OfVerdict {
    Acceptor::Verdict verdict;
    Drop drop;
};
constexpr std::array refused_announcements = {
    OfVerdict{Acceptor::Verdict::stale, Drop::stale},
    OfVerdict{Acceptor::Verdict::bad_mac, Drop::bad_mac},
    OfVerdict{Acceptor::Verdict::rate_limited, Drop::rate_limited},
    OfVerdict{Acceptor::Verdict::bad_auth, Drop::bad_auth},
    OfVerdict{Acceptor::Verdict::clock, Drop::clock},
    OfVerdict{Acceptor::Verdict::wrong_terms, Drop::wrong_terms}};

class Teller {
  public:
    Teller(Node& node, const Fleet::Entry& entry)
        : control_(node.control()),
          entry_(entry),
          spec_(*entry.spec),
          links_(control_),
          status_(control_.keeper().status(*entry.lane)),
          lane_(control_.totals(*entry.lane)),
          node_(control_.totals()),
          now_ns_(control_.now().boot_ns) {}

    Story tell();

  private:
    void source();
    void session();
    void paths();
    void arrivals();
    void announcements();
    void heard();
    void egress(PortIndex port, std::string_view verb);
    void refusals();
    void other_end();
    void to_do(const Condition& condition);
    template <std::size_t n>
    void refused(const std::array<Drop, n>& reasons);
    void refused(Drop reason, std::uint64_t packets, Scope scope);
    void port_step(const char* step, PortIndex port, const std::string& more);
    std::string ago(std::uint64_t boot_ns) const {
        return span_text(now_ns_ - std::min(now_ns_, boot_ns)) + " ago";
    }

    Control& control_;
    const Fleet::Entry& entry_;
    const LaneSpec& spec_;
    Links links_;
    std::optional<Keeper::Status> status_;
    Control::LaneTotals lane_;
    Control::Totals node_;
    std::uint64_t now_ns_;
    Story story_;
};

/// The port with its link and `more`; bad if it is closed or its link is down.
void Teller::port_step(const char* step, PortIndex port, const std::string& more) {
    const Ports::Slot& slot = control_.ports().at(port);
    const std::string name = "port " + slot.spec.name + " (" + slot.spec.driver +
                             (slot.spec.device.empty() ? "" : " " + slot.spec.device) + ")";
    if (!slot.port) return story_.bad(step, name + " is closed");
    const engine::Link& link = links_.of(port);
    if (link.state == engine::Link::State::down) {
        return story_.bad(step, name + ": the link is down: " + link.why);
    }
    const bool up = link.state == engine::Link::State::up;
    story_.good(step, name + (up ? ", link up" : "") + more);
}

void Teller::source() {
    const Ports::Slot& slot = control_.ports().at(spec_.port);
    const std::uint64_t frames = slot.port ? counts_of(control_, *slot.port).rx_frames : 0;
    port_step("frames in", spec_.port, "");
    if (frames == 0) {
        return story_.bad("", "no frame has come in there: look at what is behind that port");
    }
    const std::string came =
        counted(frames, "frame") + " came; the lane takes " + match_text(spec_.match.get());
    if (lane_.packets + lane_.dropped != 0) return story_.good("", came);
    story_.bad("", came + ": none of them matched, or another lane took them first");
}

void Teller::session() {
    if (!status_) return story_.tell("session", "none: the lane is clear");
    const bool good = status_->health.state == LaneState::up;
    std::string text = status_->has_session ? "epoch " + std::to_string(status_->epoch) + " for " +
                                                  span_text(status_->session_age_ns)
                                            : "none";
    if (!good)
        text += ", " + std::string(lanes::name_of(status_->health.state)) + ": " +
                status_->health.cause;
    good ? story_.good("session", text) : story_.bad("session", text);
}

void Teller::paths() {
    for (std::size_t i = 0; i < spec_.paths.size(); ++i) {
        const PathSpec& path = spec_.paths[i];
        const std::string to =
            path.carrier == CarrierKind::ethernet ? to_string(path.to_mac) : to_string(path.to);
        port_step("path", path.port, ", to " + to);
        const auto asked = asked_next_hop(entry_, i);
        if (!asked) continue;
        if (next_hop_known(entry_, i)) {
            story_.good("", "the next hop " + to_string(*asked) + " has answered");
        } else {
            story_.bad("", "nobody answers for the next hop " + to_string(*asked) +
                               ": is it there, and on this link?");
        }
    }
}

void Teller::arrivals() {
    std::vector<PortIndex> ports;
    if (spec_.role == Role::relay) ports.push_back(spec_.port);
    if (spec_.role == Role::receive) {
        for (const PathSpec& path : spec_.paths) ports.push_back(path.port);
    }
    for (const PortIndex index : ports) {
        const Ports::Slot& slot = control_.ports().at(index);
        std::string more;
        if (slot.port) {
            const std::uint64_t frames = counts_of(control_, *slot.port).rx_frames;
            more = ", " + (frames == 0 ? "no frame" : counted(frames, "frame")) + " came";
        }
        port_step("arrives on", index, more);
    }
}

void Teller::announcements() {
    if (!status_) return;
    const AnnounceTally& tally = status_->announcements;
    if (tally.last_boot_ns == 0) {
        return story_.bad("announced", "never: no announcement of this lane's sender has come");
    }
    std::uint64_t refused = 0;
    for (const OfVerdict& one : refused_announcements) {
        refused += tally.counts[static_cast<std::size_t>(one.verdict)];
    }
    const auto accepted = tally.counts[static_cast<std::size_t>(Acceptor::Verdict::accepted)];
    const std::string text = "sessions accepted " + grouped(accepted) + ", announcements refused " +
                             grouped(refused) + "; news came " + ago(tally.last_boot_ns);
    accepted == 0 ? story_.bad("announced", text) : story_.good("announced", text);
}

void Teller::heard() {
    const std::uint64_t at = status_ ? status_->heard_boot_ns : entry_.heard_boot_ns;
    if (at == 0 && lane_.packets == 0) {
        story_.bad("received", "nothing has been accepted yet");
    } else {
        const std::string when = at == 0 ? "within the last second" : ago(at);
        const std::string text = counted(lane_.packets, "packet") + " (" + bytes_text(lane_.bytes) +
                                 "), the last sign of life " + when;
        const bool silent = at != 0 && now_ns_ - std::min(now_ns_, at) > silence_ns;
        silent ? story_.bad("received", text) : story_.good("received", text);
    }
    if (!status_) return;
    story_.tell("on the way", "lost " + grouped(status_->lost) + ", the delay varies by " +
                                  delay_text(status_->delay_variation_ns));
}

void Teller::egress(PortIndex port, std::string_view verb) {
    port_step("frames out", port,
              "; " + std::string(verb) + ' ' + grouped(lane_.packets) + ", " +
                  bytes_text(lane_.bytes) + "; dropped " + grouped(lane_.dropped));
}

void Teller::refused(Drop reason, std::uint64_t packets, Scope scope) {
    if (packets == 0) return;
    const bool told = std::any_of(story_.refused.begin(), story_.refused.end(),
                                  [&](const auto& other) { return other.reason == reason; });
    if (!told) story_.refused.push_back({reason, packets, scope});
}

template <std::size_t n>
void Teller::refused(const std::array<Drop, n>& reasons) {
    for (const Drop reason : reasons) {
        refused(reason, node_.drops[static_cast<std::size_t>(reason)], Scope::node);
    }
}

void Teller::refusals() {
    refused(Drop::replay_duplicate, lane_.duplicates, Scope::lane);
    refused(Drop::replay_old, lane_.old, Scope::lane);
    if (status_) {
        for (const OfVerdict& one : refused_announcements) {
            refused(one.drop, status_->announcements.counts[static_cast<std::size_t>(one.verdict)],
                    Scope::lane);
        }
    }
    const bool takes_frames = spec_.role == Role::send || spec_.role == Role::patch;
    takes_frames ? refused(untaken) : refused(arriving);
    // Of what it dropped itself, replays are accounted for.
    if (lane_.dropped > lane_.duplicates + lane_.old) {
        if (spec_.role == Role::send) refused(sending);
        if (spec_.role == Role::receive) refused(receiving);
        if (spec_.role == Role::relay) refused(relaying);
        refused(leaving);
    }
    if (spec_.role == Role::receive) refused(std::array{Drop::reassembly_timeout});
}

void Teller::other_end() {
    const std::string id = std::to_string(spec_.id);
    std::string sealing = "cipher " + std::string(word_of(cipher_of(spec_)));
    if (spec_.keys && spec_.keys->secret) sealing += ", the same `secret`";
    const bool by_keys = spec_.keys && spec_.keys->by_keys() && spec_.keys->own;
    const std::string own = by_keys ? to_text(spec_.keys->own->open) : std::string();
    const auto carrier = [&](const PathSpec& path) {
        const auto& port = control_.ports().at(path.port).port;
        if (path.carrier == CarrierKind::ethernet) {
            return "`to: " + (port ? to_string(port->info().mac) : std::string("our MAC")) + "`";
        }
        if (!port || port->info().addresses.empty()) {
            return "`to:` an address of our port " + std::string(name_of(control_, path.port));
        }
        const engine::PortInfo& info = port->info();
        const engine::Endpoint here{info.addresses.front().address, info.listen};
        return "`to: " + to_string(here) + "`";
    };
    if (spec_.role == Role::send || spec_.role == Role::relay) {
        for (const PathSpec& path : spec_.paths) {
            const bool ethernet = path.carrier == CarrierKind::ethernet;
            story_.other_end.push_back("a port that has " +
                                       (ethernet ? to_string(path.to_mac) : to_string(path.to)));
        }
        story_.other_end.push_back("a lane of id " + id + " that receives over that port" +
                                   (spec_.role == Role::send ? "; " + sealing : ""));
        if (by_keys) story_.other_end.push_back("`sender: " + own + "`");
    } else if (spec_.role == Role::receive) {
        story_.other_end.push_back("a lane of id " + id + " that sends; " + sealing);
        for (const PathSpec& path : spec_.paths) story_.other_end.push_back(carrier(path));
        if (by_keys) story_.other_end.push_back("`receiver: " + own + "`");
    }
}

void Teller::to_do(const Condition& condition) {
    auto& todo = story_.to_do;
    if (!condition.up()) todo.push_back(condition.cause);
    if (condition.state == "no-hop") {
        todo.push_back("ask the host (`ip route get`, `ip neigh`), or set `next_hop` in `over`");
    }
    const bool none = lane_.packets == 0;
    if (condition.up() && none && spec_.role == Role::receive) {
        todo.push_back(status_ ? "nothing but heartbeats comes: ask the sender's `why` of its lane"
                               : "compare the id and the sender's `to` with the lines above, and "
                                 "look for a firewall on the way");
    }
    if (condition.up() && none && spec_.role == Role::relay) {
        todo.push_back("no packet of id " + std::to_string(spec_.id) +
                       " comes: ask `why` at the sender, and check its `to`");
    }
    if (condition.up() && none && (spec_.role == Role::send || spec_.role == Role::patch)) {
        todo.push_back("bring frames to port " + std::string(name_of(control_, spec_.port)) +
                       " that the lane takes");
    }
    if (!story_.refused.empty() && (none || lane_.dropped != 0)) {
        todo.push_back("go through what was refused here: each reason says what to do");
    }
    const bool bad = std::any_of(story_.steps.begin(), story_.steps.end(), [](const auto& step) {
        return step.finding == Story::Step::Finding::bad;
    });
    if (todo.empty() && bad) todo.push_back("look at the steps marked !!");
    if (todo.empty()) todo.push_back("nothing: the lane works");
}

Story Teller::tell() {
    const Condition condition = condition_of(entry_, status_, links_);
    story_.lane = spec_.name;
    story_.state = condition.state;
    story_.cause = condition.cause;
    const std::string sealed =
        status_ ? ", sealed with " + std::string(word_of(spec_.cipher)) : ", clear";
    const std::string port(name_of(control_, spec_.port));
    switch (spec_.role) {
        case Role::send:
            story_.summary = "sends frames of port " + port + sealed;
            source();
            session();
            paths();
            story_.tell("sent", counted(lane_.packets, "packet") + ", " + bytes_text(lane_.bytes) +
                                    "; dropped " + grouped(lane_.dropped));
            break;
        case Role::receive:
            story_.summary = "receives for port " + port + sealed;
            arrivals();
            announcements();
            session();
            heard();
            egress(spec_.port, "delivered");
            break;
        case Role::patch:
            story_.summary = "passes frames of port " + port + " to port " +
                             std::string(name_of(control_, spec_.patch_to));
            source();
            egress(spec_.patch_to, "passed");
            break;
        case Role::relay:
            story_.summary = "passes packets of id " + std::to_string(spec_.id) +
                             " on, which arrive on port " + port;
            arrivals();
            paths();
            story_.tell("passed on", counted(lane_.packets, "packet") + ", " +
                                         bytes_text(lane_.bytes) + "; dropped " +
                                         grouped(lane_.dropped));
            break;
    }
    refusals();
    other_end();
    to_do(condition);
    return std::move(story_);
}

}  // namespace

Answer why(Node& node, const Request& request) {
    const Found found = find_lane(node, request);
    if (found.entry == nullptr) return found.answer;
    const Story story = Teller(node, *found.entry).tell();
    return {0, request.json ? story.as_json(node.name()) : story.as_text()};
}

}  // namespace lanes::manage
