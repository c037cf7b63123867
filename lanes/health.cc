// See health.hh.
#include "lanes/health.hh"

#include <algorithm>
#include <cstdlib>

namespace lanes {
namespace {

using Verdict = Acceptor::Verdict;

/// How long an announcement that was refused says something about now.
constexpr std::uint64_t recent_ns = 10 * ns_per_second;

/// Two heartbeats whose delays differ by more than this tell of clocks.
constexpr double clock_set_ns = 60e9;

std::string stamp_distance(const AnnounceTally& tally) {
    const bool ahead = tally.last_stamp > tally.last_unix_ns;
    const std::uint64_t apart =
        ahead ? tally.last_stamp - tally.last_unix_ns : tally.last_unix_ns - tally.last_stamp;
    return span_text(apart) + (ahead ? " ahead of" : " behind");
}

Health refused(const Acceptor& acceptor, const AnnounceTally& tally) {
    switch (tally.last) {
        case Verdict::stale:
            if (tally.last_stamp == acceptor.mark()) {
                return {LaneState::no_key,
                        "this node stopped without saving how far it had come, so it waits for the "
                        "sender's next session"};
            }
            return {LaneState::stale_sender,
                    "its announcements are older than one accepted before: its clock was set back "
                    "(or someone replays it); set the sender's clock, or remove this lane's state "
                    "file and start again"};
        case Verdict::clock:
            return {LaneState::clock, "the sender's clock is " + stamp_distance(tally) +
                                          " ours; set the clocks of both ends"};
        case Verdict::bad_mac:
            return {LaneState::no_key,
                    "announcements come that are not for our key; compare `receiver` and `secret` "
                    "at the sender with this node's"};
        case Verdict::bad_auth:
            return {LaneState::no_key,
                    "announcements come that our `sender` did not make; compare `sender` with the "
                    "sending node's public key, and `secret`"};
        case Verdict::wrong_terms:
            return {LaneState::no_key, "the sender uses another cipher; make `cipher` the same"};
        case Verdict::rate_limited:
            return {LaneState::no_key, "more announcements come than can be looked at: a flood"};
        case Verdict::repeat:
        case Verdict::accepted:
            break;
    }
    return {LaneState::no_key, "a session was announced and is being made"};
}

}  // namespace

std::string_view name_of(LaneState state) noexcept {
    switch (state) {
        case LaneState::up:
            return "up";
        case LaneState::silent:
            return "silent";
        case LaneState::no_key:
            return "no-key";
        case LaneState::stale_sender:
            return "stale-sender";
        case LaneState::clock:
            break;
    }
    return "clock";
}

std::string span_text(std::uint64_t ns) {
    const std::uint64_t seconds = ns / ns_per_second;
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 7200) return std::to_string(seconds / 60) + " min";
    if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + " h";
    return std::to_string(seconds / 86400) + " days";
}

void LinkMeter::open(unsigned place, Start start) noexcept {
    counts_[place] = Count{};
    counts_[place].live = true;
    counts_[place].order = ++opened_;
    counts_[place].based = start == Start::follows;
}

std::uint64_t LinkMeter::Count::lost(std::uint64_t accepted_by_now) const noexcept {
    const std::uint64_t out = sent - base_sent;
    const std::uint64_t in = accepted_by_now - base_accepted;
    return based && sent >= base_sent && out > in ? out - in : 0;
}

void LinkMeter::close(unsigned place, std::uint64_t accepted) noexcept {
    Count& count = counts_[place];
    if (count.live) lost_before_ += count.lost(accepted);
    count = Count{};
}

void LinkMeter::heard(unsigned place, const HeardHeartbeat& heartbeat, std::uint64_t now_ns,
                      std::uint64_t boot_ns) noexcept {
    heard_boot_ns_ = boot_ns;
    Count& count = counts_[place];
    heard_order_ = std::max(heard_order_, count.order);
    // The same heartbeat may come late, over another path.
    if (count.live && heartbeat.sent >= count.sent) {
        if (!count.based) {
            count.based = true;
            count.base_sent = heartbeat.sent;
            // What came meanwhile may be missing in `sent`: the base errs to the side of no loss.
            count.base_accepted = heartbeat.accepted - heartbeat.meanwhile;
        }
        count.sent = heartbeat.sent;
        count.accepted = heartbeat.accepted;
    }
    const auto between = [](std::uint64_t last, std::uint64_t now) {
        return static_cast<double>(static_cast<std::int64_t>(now - last));
    };
    const double here = between(last_now_ns_, now_ns);
    const double there = between(last_sent_ns_, heartbeat.sent_ns);
    // Either clock was set: what lies between the two heartbeats is no delay.
    const bool set = std::abs(here - there) > clock_set_ns;
    if (there <= 0 && !set) return;
    if (last_sent_ns_ != 0 && !set) variation_ns_ += (std::abs(here - there) - variation_ns_) / 16;
    last_sent_ns_ = heartbeat.sent_ns;
    last_now_ns_ = now_ns;
}

bool LinkMeter::awaits(unsigned place) const noexcept {
    const Count& count = counts_[place];
    return count.live && count.order < heard_order_ && count.lost(count.accepted) != 0;
}

void LinkMeter::came(unsigned place, std::uint64_t accepted) noexcept {
    if (awaits(place)) counts_[place].accepted = accepted;
}

std::uint64_t LinkMeter::lost() const noexcept {
    std::uint64_t sum = lost_before_;
    for (const Count& count : counts_) {
        if (count.live) sum += count.lost(count.accepted);
    }
    return sum;
}

void AnnounceTally::add(Verdict verdict, std::uint64_t stamp, Moment now) noexcept {
    ++counts[static_cast<std::size_t>(verdict)];
    last = verdict;
    last_stamp = stamp;
    last_unix_ns = now.unix_ns;
    last_boot_ns = now.boot_ns;
}

Health health_of(const Acceptor& acceptor, const LinkMeter& meter, const AnnounceTally& tally,
                 const std::string& save_error, Moment now) {
    if (const Terms* session = acceptor.newest(); session != nullptr) {
        const std::uint64_t since = acceptor.newest_since_boot_ns();
        const std::uint64_t heard = meter.heard_boot_ns() > since ? meter.heard_boot_ns() : since;
        if (now.boot_ns - heard < silence_ns) return {LaneState::up, ""};
        if (!save_error.empty()) return {LaneState::no_key, save_error};
        // Not for other refusals: anybody can make those.
        if (tally.last == Verdict::clock && now.boot_ns - tally.last_boot_ns < recent_ns) {
            return refused(acceptor, tally);
        }
        return {LaneState::silent, "nothing heard for " + span_text(now.boot_ns - heard) +
                                       ": the sender stopped, or the way from it is broken"};
    }
    if (!save_error.empty()) return {LaneState::no_key, save_error};
    if (tally.last_boot_ns != 0 && now.boot_ns - tally.last_boot_ns < recent_ns) {
        return refused(acceptor, tally);
    }
    const std::uint64_t heard =
        meter.heard_boot_ns() > tally.last_boot_ns ? meter.heard_boot_ns() : tally.last_boot_ns;
    if (heard != 0) {
        return {LaneState::silent, "nothing heard for " + span_text(now.boot_ns - heard) +
                                       ": the sender stopped, or the way from it is broken"};
    }
    return {LaneState::no_key,
            "no announcement has come yet: check the sender, its `to`, and the way from it"};
}

}  // namespace lanes
