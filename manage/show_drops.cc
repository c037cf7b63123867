// `show drops`: what was dropped, why, and what to do; and the books, which balance whenever no
// frame is under way.
#include <algorithm>

#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/views.hh"

namespace lanes::manage {
namespace {

std::string as_text(const Control::Totals& totals) {
    using enum Columns::Side;
    std::vector<std::size_t> reasons;
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        if (totals.drops[i] != 0) reasons.push_back(i);
    }
    std::stable_sort(reasons.begin(), reasons.end(), [&](std::size_t a, std::size_t b) {
        return totals.drops[a] > totals.drops[b];
    });
    std::string text;
    if (reasons.empty()) {
        text = "nothing was dropped\n";
    } else {
        Columns columns({"DROPPED", "REASON", "WHAT IT IS: WHAT TO DO"}, {right, left, left});
        for (const std::size_t i : reasons) {
            const engine::DropText& reason = engine::drop_texts[i];
            columns.add(
                {grouped(totals.drops[i]), std::string(reason.name), std::string(reason.remedy)});
        }
        text = columns.text();
    }
    return text + "frames: received " + grouped(totals.received) + ", made " +
           grouped(totals.made) + ", sent " + grouped(totals.sent) + ", absorbed " +
           grouped(totals.absorbed) + ", dropped " + grouped(totals.dropped()) + '\n';
}

}  // namespace

Answer show_drops(Node& node, const Request& request) {
    const Control::Totals totals = node.control().totals();
    if (!request.json) return {0, as_text(totals)};
    JsonWriter json;
    json.text("node", node.name());
    json.number("received_frames", totals.received).number("made_frames", totals.made);
    json.number("sent_frames", totals.sent).number("absorbed_frames", totals.absorbed);
    json.number("dropped_frames", totals.dropped()).array("drops");
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        json.object().text("reason", engine::drop_texts[i].name);
        json.number("frames", totals.drops[i]).text("remedy", engine::drop_texts[i].remedy).end();
    }
    return {0, json.done()};
}

}  // namespace lanes::manage
