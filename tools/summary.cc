// See summary.hh.
#include "tools/summary.hh"

#include <algorithm>
#include <string_view>
#include <utility>

namespace lanes::tools {
namespace {

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string_view verb(Role role) {
    switch (role) {
        case Role::send:
            return "sent ";
        case Role::receive:
            return "received ";
        case Role::patch:
            return "patched ";
        case Role::relay:
            return "relayed ";
    }
    return "";
}

}  // namespace

std::vector<std::string> summary(const Control& control, std::size_t lanes_shown) {
    std::vector<std::pair<std::string_view, const Fleet::Entry*>> busy;
    for (const auto& [name, entry] : control.fleet().entries()) {
        const auto totals = control.totals(*entry.lane);
        if (totals.packets + totals.dropped != 0) busy.emplace_back(name, &entry);
    }
    std::sort(busy.begin(), busy.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> lines;
    for (const auto& [name, entry] : busy) {
        if (lines.size() == lanes_shown) {
            lines.push_back("and " + number(busy.size() - lanes_shown) +
                            " more lanes with traffic");
            break;
        }
        const auto totals = control.totals(*entry->lane);
        std::string line = "lane " + std::string(name) + ": ";
        line += verb(entry->spec->role);
        line += number(totals.packets) + " packets, " + number(totals.bytes) + " bytes; dropped " +
                number(totals.dropped);
        if (totals.duplicates + totals.old != 0) {
            line += " (duplicates " + number(totals.duplicates) + ", too old " +
                    number(totals.old) + ")";
        }
        lines.push_back(std::move(line));
    }
    const auto totals = control.totals();
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        if (totals.drops[i] == 0) continue;
        const auto& text = engine::drop_texts[i];
        lines.push_back("dropped " + number(totals.drops[i]) + " as " + std::string(text.name) +
                        ": " + std::string(text.remedy));
    }
    lines.push_back("frames: received " + number(totals.received) + ", made " +
                    number(totals.made) + ", sent " + number(totals.sent) + ", absorbed " +
                    number(totals.absorbed) + ", dropped " + number(totals.dropped()));
    return lines;
}

std::vector<std::string> states(const Control& control, std::size_t lanes_shown) {
    struct Row {
        bool up;
        std::string_view name;
        Role role;
        Keeper::Status status;
    };
    std::vector<Row> rows;
    for (const auto& [name, entry] : control.fleet().entries()) {
        const auto status = control.keeper().status(*entry.lane);
        if (!status) continue;
        rows.push_back({status->health.state == LaneState::up, name, entry.spec->role, *status});
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return std::pair(a.up, a.name) < std::pair(b.up, b.name);
    });
    std::vector<std::string> lines;
    for (const Row& row : rows) {
        if (lines.size() == lanes_shown) {
            lines.push_back("and " + number(rows.size() - lanes_shown) + " more sealed lanes");
            break;
        }
        const Keeper::Status& status = row.status;
        std::string line = "lane " + std::string(row.name) + " is ";
        line += name_of(status.health.state);
        if (!status.health.cause.empty()) line += ": " + status.health.cause;
        if (status.has_session) {
            line += "; epoch " + number(status.epoch) + " for " + span_text(status.session_age_ns);
        }
        if (row.role == Role::receive) {
            line += "; lost on the way " + number(status.lost) + ", delay varies by " +
                    number(status.delay_variation_ns / 1000) + " us";
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

std::vector<std::string> losses(Control& control) {
    std::vector<std::string> lines;
    for (auto& slot : control.ports().slots()) {
        if (!slot.port) continue;
        const engine::DeviceLoss loss = slot.port->loss();
        if (loss.rx_lost + loss.tx_lost == 0) continue;
        lines.push_back("port " + slot.spec.name + ": lost by the device " + number(loss.rx_lost) +
                        " before we could receive (its queue was full: add workers, give them "
                        "cores of their own, or raise `ring_frames` of af_packet), " +
                        number(loss.tx_lost) + " after we sent");
    }
    return lines;
}

}  // namespace lanes::tools
