// See story.hh.
#include "manage/story.hh"

#include <algorithm>

#include "manage/columns.hh"
#include "manage/json.hh"

namespace lanes::manage {
namespace {

std::string_view word_of(Story::Step::Finding finding) {
    switch (finding) {
        case Story::Step::Finding::good:
            return "good";
        case Story::Step::Finding::bad:
            return "bad";
        case Story::Step::Finding::told:
            break;
    }
    return "told";
}

std::string_view mark_of(Story::Step::Finding finding) {
    switch (finding) {
        case Story::Step::Finding::good:
            return "ok";
        case Story::Step::Finding::bad:
            return "!!";
        case Story::Step::Finding::told:
            break;
    }
    return "--";
}

std::string_view word_of(Story::Refusal::Scope scope) {
    return scope == Story::Refusal::Scope::lane ? "lane" : "node";
}

void write(JsonWriter& json, std::string_view key, const std::vector<std::string>& lines) {
    json.array(key);
    for (const std::string& line : lines) json.text(line);
    json.end();
}

}  // namespace

void Story::good(std::string step, std::string text) {
    steps.push_back({Step::Finding::good, std::move(step), std::move(text)});
}

void Story::bad(std::string step, std::string text) {
    steps.push_back({Step::Finding::bad, std::move(step), std::move(text)});
}

void Story::tell(std::string step, std::string text) {
    steps.push_back({Step::Finding::told, std::move(step), std::move(text)});
}

std::string Story::as_text() const {
    std::string out = "lane " + lane + ' ' + summary + '\n';
    out += "it is " + state + (cause.empty() ? "" : ": " + cause) + '\n';
    std::size_t width = 0;
    for (const Step& step : steps) width = std::max(width, step.step.size());
    for (const Step& step : steps) {
        out += "  " + std::string(mark_of(step.finding)) + "  " + step.step;
        out.append(width - step.step.size() + 2, ' ');
        out += step.text + '\n';
    }
    if (!refused.empty()) out += "refused here\n";
    for (const Refusal& refusal : refused) {
        const engine::DropText& reason = engine::text_of(refusal.reason);
        out += "  " + grouped(refusal.packets) +
               (refusal.scope == Refusal::Scope::lane ? " of this lane" : " in the whole node") +
               " as " + std::string(reason.name) + ": " + std::string(reason.remedy) + '\n';
    }
    if (!other_end.empty()) out += "the other end\n";
    for (const std::string& line : other_end) out += "  " + line + '\n';
    out += "what to do\n";
    for (const std::string& line : to_do) out += "  " + line + '\n';
    return out;
}

std::string Story::as_json(const std::string& node) const {
    JsonWriter json;
    json.text("node", node).text("lane", lane).text("summary", summary);
    json.text("state", state).text("cause", cause).array("steps");
    for (const Step& step : steps) {
        json.object().text("step", step.step).text("finding", word_of(step.finding));
        json.text("text", step.text).end();
    }
    json.end().array("refused");
    for (const Refusal& refusal : refused) {
        const engine::DropText& reason = engine::text_of(refusal.reason);
        json.object().text("reason", reason.name).number("packets", refusal.packets);
        json.text("scope", word_of(refusal.scope)).text("remedy", reason.remedy).end();
    }
    json.end();
    write(json, "other_end", other_end);
    write(json, "to_do", to_do);
    return json.done();
}

}  // namespace lanes::manage
