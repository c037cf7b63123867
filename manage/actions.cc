// See actions.hh.
#include "manage/actions.hh"

#include <array>
#include <utility>

#include "engine/log.hh"
#include "manage/json.hh"

namespace lanes::manage {
namespace {

using engine::Result;
using engine::Severity;

/// Lanes that a plan names in a line for people; with --json it names all.
constexpr std::size_t named_max = 16;

Answer done(const Request& request, const std::string& text) {
    if (!request.json) return {0, text + '\n'};
    return {0, JsonWriter().text("done", text).done()};
}

Answer told(const Request& request, const Result<void>& result, const std::string& text) {
    return result ? done(request, text) : refused(request, 1, result.error().message);
}

std::string named(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < named_max; ++i) {
        text += (i == 0 ? "" : ", ") + names[i];
    }
    if (names.size() <= named_max) return text;
    return text + " and " + std::to_string(names.size() - named_max) + " more";
}

void line_of(std::string& text, std::string_view what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text += what;
    text += std::to_string(names.size()) + ": " + named(names) + '\n';
}

std::string text_of(const ReloadPlan& plan) {
    std::string text = "keep     " + std::to_string(plan.keep) + '\n';
    line_of(text, "add      ", plan.add);
    line_of(text, "change   ", plan.change);
    line_of(text, "remove   ", plan.remove);
    for (const std::string& port : plan.ports) text += "port     " + port + '\n';
    for (const std::string& reason : plan.restart) text += "restart  " + reason + '\n';
    return text;
}

std::string json_of(const ReloadPlan& plan, bool done) {
    JsonWriter json;
    json.truth("done", done).number("keep", plan.keep);
    const auto list = [&](std::string_view key, const std::vector<std::string>& items) {
        json.array(key);
        for (const std::string& item : items) json.text(item);
        json.end();
    };
    list("add", plan.add);
    list("change", plan.change);
    list("remove", plan.remove);
    list("ports", plan.ports);
    list("restart", plan.restart);
    return json.done();
}

}  // namespace

Answer refused(const Request& request, int status, std::string_view text) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    if (request.json) return {status, JsonWriter().text("error", text).done()};
    return {status, std::string(text) + '\n'};
}

Answer reload(Node& node, const Request& request) {
    const auto plan = request.dry_run ? node.plan_reload() : node.reload();
    if (!plan) return refused(request, 1, plan.error().message);
    const bool possible = plan.value().restart.empty();
    const int status = possible ? 0 : 1;
    if (request.json) return {status, json_of(plan.value(), !request.dry_run && possible)};
    std::string text = text_of(plan.value());
    if (!possible) {
        text += "nothing of " + node.file() + " is taken while the node runs: restart it\n";
    }
    return {status, std::move(text)};
}

Answer stop(Node& node, const Request& request) {
    node.stop();
    return done(request, "node " + node.name() + " is stopping");
}

Answer lane_add(Node& node, const Request& request) {
    return told(request, node.put_lane(request.arguments.front()),
                "done; it lasts until the next reload or restart");
}

Answer lane_remove(Node& node, const Request& request) {
    const std::string& name = request.arguments.front();
    return told(request, node.remove_lane(name),
                "lane " + name + " is gone, until the next reload or restart");
}

Answer lane_up(Node& node, const Request& request) {
    const std::string& name = request.arguments.front();
    return told(request, node.lane_up(name), "lane " + name + " is in service");
}

Answer lane_down(Node& node, const Request& request) {
    const std::string& name = request.arguments.front();
    return told(request, node.lane_down(name),
                "lane " + name + " is out of service, until `lane up` or the next reload");
}

Answer set_log(Node&, const Request& request) {
    static constexpr std::array<std::pair<std::string_view, Severity>, 5> levels = {
        {{"error", Severity::error},
         {"warning", Severity::warning},
         {"notice", Severity::notice},
         {"info", Severity::info},
         {"debug", Severity::debug}}};
    const std::string& wanted = request.arguments.front();
    for (const auto& [word, severity] : levels) {
        if (word != wanted) continue;
        engine::log_only(severity);
        return done(request, "the log has " + wanted + " and what is more severe");
    }
    return refused(request, 2, "no level of the log: " + wanted);
}

Answer set_phases(Node& node, const Request& request) {
    using Phases = engine::Worker::Phases;
    const bool on = request.arguments.front() == "on";
    for (const auto& worker : node.control().workers()) {
        worker->time_phases(on ? Phases::timed : Phases::ignored);
    }
    return done(request, on ? "workers count the clocks of each phase; `show workers` shows them"
                            : "workers count no clocks");
}

}  // namespace lanes::manage
