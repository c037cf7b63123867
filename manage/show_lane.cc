// `show lane NAME`: all that is known of one lane.
#include <algorithm>
#include <array>

#include "crypto/keys.hh"
#include "lanes/health.hh"
#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/lane_facts.hh"
#include "manage/match_text.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

constexpr std::array<std::string_view, AnnounceTally::verdicts> verdict_names = {
    "accepted", "repeat", "stale", "bad_mac", "rate_limited", "bad_auth", "clock", "wrong_terms"};

struct Seen {
    Control& control;
    const Fleet::Entry& entry;
    const LaneSpec& spec;
    std::optional<Keeper::Status> status;
    Condition condition;
    Links& links;
    Control::LaneTotals totals;
    std::uint64_t now_ns;

    bool sealed_receive() const { return status && spec.role == Role::receive; }
};

/// The MAC address that packets of a path go to; empty: not known, or none is needed.
std::string next_hop_mac(const Fleet::Entry& entry, std::size_t place) {
    const PathSpec& path = entry.spec->paths[place];
    if (path.has_next_hop_mac) return to_string(path.next_hop_mac);
    if (!asked_next_hop(entry, place)) return {};
    const std::uint64_t word =
        entry.plan->paths()[place].next_hop->mac.load(std::memory_order_relaxed);
    if (word == 0) return {};
    engine::MacAddress mac;
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
        mac.bytes[i] = static_cast<std::uint8_t>(word >> (40 - 8 * i));
    }
    return to_string(mac);
}

void write_paths(JsonWriter& json, const Seen& seen) {
    json.array("paths");
    for (std::size_t i = 0; i < seen.spec.paths.size(); ++i) {
        const PathSpec& path = seen.spec.paths[i];
        const bool ethernet = path.carrier == CarrierKind::ethernet;
        json.object().text("port", name_of(seen.control, path.port));
        json.text("carrier", ethernet ? "ethernet" : "udp");
        if (seen.spec.role != Role::receive) {
            json.text("to", ethernet ? to_string(path.to_mac) : to_string(path.to));
            if (const auto asked = asked_next_hop(seen.entry, i)) {
                json.text("next_hop", to_string(*asked));
            }
            json.truth("next_hop_known", next_hop_known(seen.entry, i));
            json.text("next_hop_mac", next_hop_mac(seen.entry, i));
        }
        json.end();
    }
    json.end();
}

void write_sealing(JsonWriter& json, const Seen& seen) {
    if (!seen.status) return;
    const Keeper::Status& status = *seen.status;
    json.number("rekey_seconds", seen.spec.keys->rekey_seconds);
    json.truth("secret", seen.spec.keys->secret != nullptr).array("peers");
    for (const crypto::PublicKey& peer : seen.spec.keys->peers) json.text(to_text(peer));
    json.end().truth("session", status.has_session);
    if (status.has_session) {
        json.number("epoch", status.epoch).number("session_age_ns", status.session_age_ns);
    }
    if (!seen.sealed_receive()) return;
    json.number("lost_packets", status.lost);
    json.number("delay_variation_ns", status.delay_variation_ns);
    json.object("announcements");
    for (std::size_t i = 0; i < verdict_names.size(); ++i) {
        json.number(verdict_names[i], status.announcements.counts[i]);
    }
    json.end();
    if (status.announcements.last_boot_ns != 0) {
        json.number("announced_ago_ns",
                    seen.now_ns - std::min(seen.now_ns, status.announcements.last_boot_ns));
    }
}

std::uint64_t heard_boot_ns(const Seen& seen) {
    return seen.status ? seen.status->heard_boot_ns : seen.entry.heard_boot_ns;
}

std::string as_json(Node& node, const Seen& seen) {
    const LaneSpec& spec = seen.spec;
    JsonWriter json;
    json.text("node", node.name()).object("lane").text("name", spec.name);
    json.text("state", seen.condition.state).text("cause", seen.condition.cause);
    json.number("id", spec.id).text("role", word_of(spec.role));
    json.text("cipher", word_of(cipher_of(spec))).text("port", name_of(seen.control, spec.port));
    if (spec.role == Role::patch) json.text("patch_to", name_of(seen.control, spec.patch_to));
    if (spec.role == Role::send || spec.role == Role::patch) {
        json.text("match", match_text(spec.match.get()));
    }
    if (spec.role == Role::send) json.truth("bundle", spec.bundle);
    if (spec.role == Role::receive) json.number("window_packets", spec.window);
    if (seen.entry.plan && seen.entry.plan->packet_max != 0) {
        json.number("packet_max_bytes", seen.entry.plan->packet_max);
    }
    write_paths(json, seen);
    write_sealing(json, seen);
    if (heard_boot_ns(seen) != 0) {
        json.number("heard_ago_ns", seen.now_ns - std::min(seen.now_ns, heard_boot_ns(seen)));
    }
    json.number("packets", seen.totals.packets).number("bytes", seen.totals.bytes);
    json.number("dropped_packets", seen.totals.dropped);
    json.number("duplicate_packets", seen.totals.duplicates).number("old_packets", seen.totals.old);
    json.array("workers");
    for (unsigned worker = 0; worker < seen.control.workers().size(); ++worker) {
        const LaneShare& share = seen.entry.lane->shares[worker];
        json.object().number("worker", worker).number("packets", share.packets.get());
        json.number("bytes", share.bytes.get()).number("dropped_packets", share.dropped.get());
        json.end();
    }
    return json.done();
}

void line(std::string& text, std::string_view what, const std::string& value) {
    text += "  " + std::string(what);
    text.append(what.size() < 12 ? 12 - what.size() : 1, ' ');
    text += value + '\n';
}

void session_lines(std::string& text, const Seen& seen) {
    if (!seen.status) return;
    const Keeper::Status& status = *seen.status;
    const KeySpec& keys = *seen.spec.keys;
    std::string how = keys.by_keys() ? "by keys" : "by a secret";
    if (keys.by_keys() && keys.secret) how += " and a secret";
    line(text, "sealed", std::string(word_of(seen.spec.cipher)) + ", " + how);
    for (const crypto::PublicKey& peer : keys.peers) {
        line(text, seen.spec.role == Role::send ? "receiver" : "sender", to_text(peer));
    }
    line(text, "session",
         status.has_session
             ? "epoch " + std::to_string(status.epoch) + " for " + span_text(status.session_age_ns)
             : "none");
    if (!seen.sealed_receive()) return;
    line(text, "on the way",
         "lost " + grouped(status.lost) + ", the delay varies by " +
             delay_text(status.delay_variation_ns));
    std::string told;
    for (std::size_t i = 0; i < verdict_names.size(); ++i) {
        if (status.announcements.counts[i] == 0) continue;
        told += (told.empty() ? "" : ", ") + std::string(verdict_names[i]) + ' ' +
                grouped(status.announcements.counts[i]);
    }
    line(text, "announced", told.empty() ? "never" : told);
}

std::string as_text(const Seen& seen) {
    const LaneSpec& spec = seen.spec;
    std::string text = "lane " + spec.name + " is " + std::string(seen.condition.state);
    text += (seen.condition.cause.empty() ? "" : ": " + seen.condition.cause) + '\n';
    if (spec.id != 0) line(text, "id", std::to_string(spec.id));
    line(text, "does", std::string(word_of(spec.role)) + ' ' + way_of(seen.control, spec));
    if (spec.role == Role::send || spec.role == Role::patch) {
        line(text, "takes", match_text(spec.match.get()));
    }
    for (std::size_t i = 0; i < spec.paths.size(); ++i) {
        std::string path = text_of(seen.control, spec.paths[i], spec.role);
        const std::string mac = next_hop_mac(seen.entry, i);
        if (const auto asked = asked_next_hop(seen.entry, i)) {
            path += ", next hop " + to_string(*asked) + (mac.empty() ? " unknown" : " at " + mac);
        } else if (!mac.empty()) {
            path += ", next hop " + mac;
        }
        line(text, spec.role == Role::receive ? "arrives on" : "path", path);
    }
    if (seen.entry.plan && seen.entry.plan->packet_max != 0) {
        line(text, "packets",
             "of at most " + std::to_string(seen.entry.plan->packet_max) + " bytes" +
                 (spec.bundle ? ", small frames share one" : ""));
    }
    if (spec.role == Role::receive) line(text, "window", grouped(spec.window) + " packets");
    session_lines(text, seen);
    if (const std::uint64_t heard = heard_boot_ns(seen); heard != 0) {
        line(text, "heard", span_text(seen.now_ns - std::min(seen.now_ns, heard)) + " ago");
    }
    line(text, "counts",
         counted(seen.totals.packets, "packet") + ", " + bytes_text(seen.totals.bytes) +
             "; dropped " + grouped(seen.totals.dropped) + ", duplicates " +
             grouped(seen.totals.duplicates) + ", too old " + grouped(seen.totals.old));
    return text;
}

}  // namespace

Answer show_lane(Node& node, const Request& request) {
    const Found found = find_lane(node, request);
    if (found.entry == nullptr) return found.answer;
    Control& control = node.control();
    Links links(control);
    auto status = control.keeper().status(*found.entry->lane);
    Condition condition = condition_of(*found.entry, status, links);
    const Seen seen{control,
                    *found.entry,
                    *found.entry->spec,
                    std::move(status),
                    std::move(condition),
                    links,
                    control.totals(*found.entry->lane),
                    control.now().boot_ns};
    return {0, request.json ? as_json(node, seen) : as_text(seen)};
}

}  // namespace lanes::manage
