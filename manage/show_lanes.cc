// `show lanes [NAME...]`: a line for each lane, by name. Bounded, since the answer is made on the
// Control thread and read by people: of more lanes than it shows, those that are not up come first,
// and NAME may be a pattern as in a shell. Of a node with very many lanes not all are looked at.
#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/lane_facts.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

constexpr std::size_t text_lanes_max = 1'000;
constexpr std::size_t json_lanes_max = 10'000;
/// Of more lanes than this, only those that are shown are looked at: a look at each of a million
/// would keep Control from its ticks for a second.
constexpr std::size_t lanes_examined_max = 100'000;

struct Row {
    std::string_view name;
    const Fleet::Entry* entry = nullptr;  ///< nullptr: taken out of service
    std::optional<Keeper::Status> status{};
    Condition condition{};
};

struct Chosen {
    std::vector<Row> rows;
    std::size_t total = 0;
    bool examined = true;                            ///< all, not only those shown
    std::map<std::string_view, std::size_t> states;  ///< how many are how
};

bool is_pattern(const std::string& name) {
    return name.find_first_of("*?[") != std::string::npos;
}

bool wanted(const std::vector<std::string>& patterns, const std::string& name) {
    if (patterns.empty()) return true;
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
}

void examine(Row& row, Control& control, Links& links) {
    if (row.entry == nullptr) {
        row.condition = {"down", "taken out of service here; `lane up` brings it back"};
        return;
    }
    row.status = control.keeper().status(*row.entry->lane);
    row.condition = condition_of(*row.entry, row.status, links);
}

bool by_name(const Row& a, const Row& b) {
    return a.name < b.name;
}

/// The first `limit` by name; those that are not up before the others, if not all are shown.
void cut(Chosen& chosen, std::size_t limit, bool troubled_first) {
    auto& rows = chosen.rows;
    if (rows.size() > limit) {
        const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(limit);
        std::partial_sort(rows.begin(), middle, rows.end(), [&](const Row& a, const Row& b) {
            const bool up_a = troubled_first && a.condition.up();
            const bool up_b = troubled_first && b.condition.up();
            return up_a != up_b ? up_b : a.name < b.name;
        });
        rows.resize(limit);
    } else {
        std::sort(rows.begin(), rows.end(), by_name);
    }
}

Chosen choose(Node& node, const Request& request, const std::vector<std::string>& down) {
    Control& control = node.control();
    Chosen chosen;
    const auto& names = request.arguments;
    if (!names.empty() && std::none_of(names.begin(), names.end(), is_pattern)) {
        for (const std::string& name : names) {
            const auto at = control.fleet().entries().find(name);
            if (at != control.fleet().entries().end())
                chosen.rows.push_back({at->first, &at->second});
        }
    } else {
        for (const auto& [name, entry] : control.fleet().entries()) {
            if (wanted(names, entry.spec->name)) chosen.rows.push_back({name, &entry});
        }
    }
    for (const std::string& name : down) {
        if (wanted(names, name)) chosen.rows.push_back({name});
    }
    chosen.total = chosen.rows.size();
    chosen.examined = chosen.total <= lanes_examined_max;
    const std::size_t limit = request.json ? json_lanes_max : text_lanes_max;
    if (!chosen.examined) cut(chosen, limit, false);
    Links links(control);
    for (Row& row : chosen.rows) {
        examine(row, control, links);
        ++chosen.states[row.condition.state];
    }
    cut(chosen, limit, true);
    return chosen;
}

void write(JsonWriter& json, const Row& row, Control& control, std::uint64_t now_ns) {
    json.object().text("name", row.name).text("state", row.condition.state);
    json.text("cause", row.condition.cause);
    if (row.entry == nullptr) {
        json.end();
        return;
    }
    const LaneSpec& spec = *row.entry->spec;
    const Control::LaneTotals totals = control.totals(*row.entry->lane);
    json.number("id", spec.id).text("role", word_of(spec.role));
    json.text("cipher", word_of(cipher_of(spec))).text("port", name_of(control, spec.port));
    json.array("over");
    if (spec.role == Role::patch) json.text(name_of(control, spec.patch_to));
    for (const PathSpec& path : spec.paths) json.text(name_of(control, path.port));
    json.end();
    json.number("packets", totals.packets).number("bytes", totals.bytes);
    json.number("dropped_packets", totals.dropped).number("duplicate_packets", totals.duplicates);
    json.number("old_packets", totals.old);
    if (!row.status) {
        json.end();
        return;
    }
    if (row.status->has_session) {
        json.number("epoch", row.status->epoch);
        json.number("session_age_ns", row.status->session_age_ns);
    }
    if (spec.role == Role::receive) {
        json.number("lost_packets", row.status->lost);
        json.number("delay_variation_ns", row.status->delay_variation_ns);
        if (row.status->heard_boot_ns != 0) {
            json.number("heard_ago_ns", now_ns - std::min(now_ns, row.status->heard_boot_ns));
        }
    }
    json.end();
}

std::string as_json(Node& node, const Chosen& chosen) {
    const std::uint64_t now_ns = node.control().now().boot_ns;
    JsonWriter json;
    json.text("node", node.name());
    json.number("uptime_ns", now_ns - std::min(now_ns, node.started_ns()));
    json.number("lanes_total", chosen.total).number("lanes_shown", chosen.rows.size());
    if (chosen.examined) {
        json.object("states");
        for (const auto& [state, count] : chosen.states) json.number(state, count);
        json.end();
    } else {
        json.null("states");
    }
    json.array("lanes");
    for (const Row& row : chosen.rows) write(json, row, node.control(), now_ns);
    return json.done();
}

std::string as_text(Node& node, const Chosen& chosen) {
    using enum Columns::Side;
    Columns columns(
        {"LANE", "ID", "DOES", "WAY", "CIPHER", "STATE", "PACKETS", "BYTES", "DROPPED", "LOST"},
        {left, right, left, left, left, left, right, right, right, right});
    Control& control = node.control();
    for (const Row& row : chosen.rows) {
        if (row.entry == nullptr) {
            columns.add({std::string(row.name), "", "", "", "", std::string(row.condition.state)});
            continue;
        }
        const LaneSpec& spec = *row.entry->spec;
        const Control::LaneTotals totals = control.totals(*row.entry->lane);
        const bool measured = row.status && spec.role == Role::receive;
        columns.add({std::string(row.name), spec.id == 0 ? "-" : std::to_string(spec.id),
                     std::string(word_of(spec.role)), way_of(control, spec),
                     std::string(word_of(cipher_of(spec))), std::string(row.condition.state),
                     grouped(totals.packets), bytes_text(totals.bytes), grouped(totals.dropped),
                     measured ? grouped(row.status->lost) : "-"});
    }
    std::string text = columns.text();
    const std::size_t more = chosen.total - chosen.rows.size();
    if (more != 0) {
        text += "and " + counted(more, "more lane") + ": narrow by a name or a pattern such as `" +
                std::string(chosen.rows.front().name.substr(0, 2)) + "*`\n";
    }
    text += counted(chosen.total, "lane");
    if (chosen.examined) {
        const char* before = ": ";
        for (const auto& [state, count] : chosen.states) {
            text += before + grouped(count) + " " + std::string(state);
            before = ", ";
        }
    }
    text += '\n';
    const auto trouble = std::find_if(chosen.rows.begin(), chosen.rows.end(),
                                      [](const Row& row) { return !row.condition.up(); });
    if (trouble != chosen.rows.end()) {
        text += "`why " + std::string(trouble->name) + "` says what is wrong there\n";
    }
    return text;
}

}  // namespace

Answer show_lanes(Node& node, const Request& request) {
    const std::vector<std::string> down = node.lanes_down();
    const Chosen chosen = choose(node, request, down);
    if (chosen.total == 0 && request.arguments.size() == 1 &&
        !is_pattern(request.arguments.front())) {
        return no_such_lane(node, request.arguments.front(), request);
    }
    if (request.json) return {0, as_json(node, chosen)};
    return {0, chosen.total == 0 ? "no lanes\n" : as_text(node, chosen)};
}

}  // namespace lanes::manage
