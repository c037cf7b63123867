// `show tables`: how large what grows with lanes has become: the lane table, the match rules of
// each port, and the memory of the process.
#include <malloc.h>

#include <optional>

#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/lane_facts.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

struct Sizes {
    std::size_t lanes = 0, sealed = 0, down = 0;
    std::uint64_t table_slots = 0;
    std::uint64_t match_rules = 0;
    std::uint64_t heap_bytes = 0;
    std::optional<std::uint64_t> resident;
};

Sizes sizes_of(Node& node) {
    Control& control = node.control();
    Sizes sizes;
    sizes.lanes = control.fleet().entries().size();
    for (const auto& [name, entry] : control.fleet().entries()) {
        sizes.sealed += entry.spec->keys ? 1 : 0;
    }
    sizes.down = node.lanes_down().size();
    sizes.table_slots = control.table().capacity();
    sizes.match_rules = control.rules().taken();
    sizes.heap_bytes = ::mallinfo2().uordblks;
    sizes.resident = resident_bytes();
    return sizes;
}

std::string as_text(Control& control, const Sizes& sizes) {
    using enum Columns::Side;
    std::string text = "lanes: " + grouped(sizes.lanes) + " in service, " + grouped(sizes.sealed) +
                       " of them sealed; " + grouped(sizes.down) + " down\n";
    text += "lane table: " + grouped(sizes.table_slots) + " slots\n";
    text += "match rules: " + grouped(sizes.match_rules) + '\n';
    text += "memory: " + bytes_text(sizes.heap_bytes) + " allocated";
    if (sizes.resident) text += ", " + bytes_text(*sizes.resident) + " resident";
    text += "\n";
    Columns columns({"PORT", "MATCH TABLES", "SLOTS"}, {left, right, right});
    bool any = false;
    for (const Ports::Slot& slot : control.ports().slots()) {
        if (!slot.taken() || !slot.matches) continue;
        any = true;
        columns.add(
            {slot.spec.name, grouped(slot.matches->tuples()), grouped(slot.matches->slots())});
    }
    return any ? text + '\n' + columns.text() : text;
}

}  // namespace

Answer show_tables(Node& node, const Request& request) {
    Control& control = node.control();
    const Sizes sizes = sizes_of(node);
    if (!request.json) return {0, as_text(control, sizes)};
    JsonWriter json;
    json.text("node", node.name()).number("lanes", sizes.lanes);
    json.number("sealed_lanes", sizes.sealed).number("down_lanes", sizes.down);
    json.number("lane_table_slots", sizes.table_slots).number("match_rules", sizes.match_rules);
    json.number("allocated_bytes", sizes.heap_bytes);
    if (sizes.resident) {
        json.number("resident_bytes", *sizes.resident);
    } else {
        json.null("resident_bytes");
    }
    json.array("ports");
    for (const Ports::Slot& slot : control.ports().slots()) {
        if (!slot.taken() || !slot.matches) continue;
        json.object().text("name", slot.spec.name).number("match_tables", slot.matches->tuples());
        json.number("match_slots", slot.matches->slots()).end();
    }
    return {0, json.done()};
}

}  // namespace lanes::manage
