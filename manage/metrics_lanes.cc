// See metrics_lanes.hh.
#include "manage/metrics_lanes.hh"

#include <algorithm>
#include <array>
#include <utility>

namespace lanes::manage {
namespace {

using Type = MetricsText::Type;
using Seen = LaneMetrics::Seen;

/// Every state that condition_of() and lanes that are down can be in.
constexpr std::array<std::string_view, 9> states = {
    "up", "silent", "no-key", "stale-sender", "clock", "down", "no-port", "link-down", "no-hop"};

constexpr MetricsText::Family lane_info = {"lanes_lane", Type::info, "",
                                           "What a lane is: its id, role, cipher and port."};

bool always(const Seen&) noexcept {
    return true;
}
bool in_service(const Seen& lane) noexcept {
    return lane.in_service;
}
bool receives(const Seen& lane) noexcept {
    return lane.in_service && lane.role == Role::receive;
}
bool measured(const Seen& lane) noexcept {
    return lane.sealed && lane.role == Role::receive;
}
bool has_session(const Seen& lane) noexcept {
    return lane.has_session;
}
bool heard(const Seen& lane) noexcept {
    return lane.heard_boot_ns != 0;
}

std::string_view direction_of(const Seen& lane) noexcept {
    switch (lane.role) {
        case Role::send:
            return "direction=\"send\"";
        case Role::receive:
            return "direction=\"receive\"";
        case Role::patch:
            return "direction=\"patch\"";
        case Role::relay:
            break;
    }
    return "direction=\"relay\"";
}

/// A family that has at most one sample of each lane.
struct LaneFamily {
    MetricsText::Family family;
    bool (*applies)(const Seen& lane) noexcept;
    void (*write)(MetricsText& text, std::string_view label, const Seen& lane);
};

template <std::uint64_t Seen::*value>
void number(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample(label, lane.*value);
}
template <std::uint64_t Seen::*value>
void directed(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample(label, direction_of(lane), lane.*value);
}
template <std::uint64_t Seen::*value>
void seconds(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample_ns(label, lane.*value);
}

void write_up(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample(label, lane.state == states.front() ? 1 : 0);
}
void write_state(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample(label, MetricsText::label("state", lane.state), 1);
}
void write_epoch(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample(label, lane.epoch);
}
void write_heard(MetricsText& text, std::string_view label, const Seen& lane) {
    text.sample_ns(label, lane.now_ns - std::min(lane.now_ns, lane.heard_boot_ns));
}

constexpr LaneFamily families[] = {
    {{"lanes_lane_up", Type::gauge, "", "1 if the lane is up, 0 in any other state."},
     &always,
     &write_up},
    {{"lanes_lane_state", Type::info, "",
      "The word for how the lane is: up, silent, no-key, stale-sender, clock, down, no-port, "
      "link-down or no-hop."},
     &always,
     &write_state},
    {{"lanes_lane_packets", Type::counter, "packets",
      "Lane packets sent, accepted or passed on since the lane was added."},
     &in_service,
     &directed<&Seen::packets>},
    {{"lanes_lane_bytes", Type::counter, "bytes", "Bytes of the frames inside these packets."},
     &in_service,
     &directed<&Seen::bytes>},
    {{"lanes_lane_dropped_packets", Type::counter, "packets",
      "Frames and packets of the lane that were dropped here, for any reason."},
     &in_service,
     &directed<&Seen::dropped>},
    {{"lanes_lane_duplicate_packets", Type::counter, "packets",
      "Of the dropped ones, those that had come before: normal for a lane sent over two paths."},
     &receives,
     &number<&Seen::duplicates>},
    {{"lanes_lane_old_packets", Type::counter, "packets",
      "Of the dropped ones, those that were older than the replay window."},
     &receives,
     &number<&Seen::old>},
    {{"lanes_lane_lost_packets", Type::gauge, "packets",
      "Packets sent and not accepted, as of the last heartbeat; goes back when late ones come."},
     &measured,
     &number<&Seen::lost>},
    {{"lanes_lane_delay_variation_seconds", Type::gauge, "seconds",
      "Variation of the delay, smoothed as in RFC 3550, 6.4.1."},
     &measured,
     &seconds<&Seen::delay_variation_ns>},
    {{"lanes_lane_session_epoch", Type::gauge, "", "Epoch of the newest session."},
     &has_session,
     &write_epoch},
    {{"lanes_lane_session_age_seconds", Type::gauge, "seconds",
      "How long the newest session is in use, or known."},
     &has_session,
     &seconds<&Seen::session_age_ns>},
    {{"lanes_lane_heard_age_seconds", Type::gauge, "seconds",
      "Time since the last heartbeat or packet of the lane, to a second."},
     &heard,
     &write_heard},
};

}  // namespace

LaneMetrics::LaneMetrics(Node& node, Links& links) : node_(node), links_(links) {
    const auto& entries = node.control().fleet().entries();
    if (entries.size() > lanes_labelled_max) {
        unlabelled_ = entries.size();
        stage_ = Stage::numbers;
        return;
    }
    ends_.reserve(entries.size());
    for (const auto& [name, entry] : entries) {
        names_ += name;
        ends_.push_back(static_cast<std::uint32_t>(names_.size()));
    }
    down_ = node.lanes_down();
    seen_.reserve(ends_.size() + down_.size());
}

bool LaneMetrics::write(MetricsText& text) {
    switch (stage_) {
        case Stage::looking:
            look(text);
            return true;
        case Stage::samples:
            write_samples(text);
            return true;
        case Stage::numbers:
            write_numbers(text);
            stage_ = Stage::done;
            return true;
        case Stage::done:
            break;
    }
    return false;
}

void LaneMetrics::look(MetricsText& text) {
    if (looked_at_ == 0) text.begin(lane_info);
    const auto& entries = node_.control().fleet().entries();
    const std::size_t end = std::min(ends_.size(), looked_at_ + looks_max);
    for (; looked_at_ < end; ++looked_at_) {
        const std::size_t begin = looked_at_ == 0 ? 0 : ends_[looked_at_ - 1];
        const auto name = std::string_view(names_).substr(begin, ends_[looked_at_] - begin);
        const auto entry = entries.find(name);
        if (entry != entries.end()) look_at(name, entry->second, text);
    }
    if (looked_at_ < ends_.size()) return;
    for (const std::string& name : down_) add_down(name);
    stage_ = Stage::samples;
}

void LaneMetrics::look_at(std::string_view name, const Fleet::Entry& entry, MetricsText& text) {
    Control& control = node_.control();
    const LaneSpec& spec = *entry.spec;
    const auto status = control.keeper().status(*entry.lane);
    const Control::LaneTotals totals = control.totals(*entry.lane);
    Seen lane;
    set_label(lane, name);
    lane.role = spec.role;
    lane.in_service = true;
    lane.state = condition_of(entry, status, links_).state;
    lane.packets = totals.packets;
    lane.bytes = totals.bytes;
    lane.dropped = totals.dropped;
    lane.duplicates = totals.duplicates;
    lane.old = totals.old;
    lane.now_ns = control.now().boot_ns;
    lane.heard_boot_ns = entry.heard_boot_ns;
    if (status) {
        lane.sealed = true;
        lane.has_session = status->has_session;
        lane.epoch = status->epoch;
        lane.session_age_ns = status->session_age_ns;
        lane.lost = status->lost;
        lane.delay_variation_ns = status->delay_variation_ns;
        lane.heard_boot_ns = status->heard_boot_ns;
    }
    seen_.push_back(lane);
    std::string more;
    MetricsText::add_label(more, "id", std::to_string(spec.id));
    MetricsText::add_label(more, "role", word_of(spec.role));
    MetricsText::add_label(more, "cipher", word_of(cipher_of(spec)));
    MetricsText::add_label(more, "port", name_of(control, spec.port));
    text.sample(label_of(lane), more, 1);
}

void LaneMetrics::add_down(std::string_view name) {
    Seen lane;
    set_label(lane, name);
    lane.state = "down";
    seen_.push_back(lane);
}

void LaneMetrics::set_label(Seen& lane, std::string_view name) {
    lane.label = static_cast<std::uint32_t>(labels_.size());
    labels_ += MetricsText::label("lane", name);
    lane.label_bytes = static_cast<std::uint32_t>(labels_.size()) - lane.label;
}

std::string_view LaneMetrics::label_of(const Seen& lane) const noexcept {
    return std::string_view(labels_).substr(lane.label, lane.label_bytes);
}

void LaneMetrics::write_samples(MetricsText& text) {
    const LaneFamily& family = families[family_];
    if (written_ == 0) text.begin(family.family);
    const std::size_t end = std::min(seen_.size(), written_ + samples_max);
    for (; written_ < end; ++written_) {
        const Seen& lane = seen_[written_];
        if (family.applies(lane)) family.write(text, label_of(lane), lane);
    }
    if (written_ < seen_.size()) return;
    written_ = 0;
    if (++family_ == std::size(families)) stage_ = Stage::numbers;
}

void LaneMetrics::write_numbers(MetricsText& text) {
    if (unlabelled_ == 0) {
        text.begin({"lanes_lanes", Type::gauge, "", "Lanes in each state."});
        std::map<std::string_view, std::uint64_t> counts;
        for (const Seen& lane : seen_) ++counts[lane.state];
        for (const std::string_view state : states) {
            text.sample(MetricsText::label("state", state), counts[state]);
        }
    }
    text.begin({"lanes_lanes_unlabelled", Type::gauge, "",
                "Lanes that have no metrics of their own here because there are too many."});
    text.sample({}, unlabelled_);
}

}  // namespace lanes::manage
