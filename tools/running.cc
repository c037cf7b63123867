// See running.hh.
#include "tools/running.hh"

#include <malloc.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/log.hh"
#include "lanes/moment.hh"

namespace lanes::tools {

using engine::Key;
using engine::log;
using engine::Result;
using engine::Severity;
namespace events = engine::events;

namespace {

manage::ReloadPlan plan_of(Difference difference) {
    manage::ReloadPlan plan;
    plan.add = std::move(difference.add);
    plan.change = std::move(difference.change);
    plan.remove = std::move(difference.remove);
    plan.keep = difference.keep;
    plan.ports = std::move(difference.ports);
    plan.restart = std::move(difference.restart);
    return plan;
}

void say_everywhere(Severity severity, const engine::Event& event,
                    std::initializer_list<engine::Field> fields, std::string_view text) {
    log(severity, event, fields, text);
}

/// What a lane that is not there is told.
engine::Error not_there(std::string_view name) {
    return {0, "there is no lane " + std::string(name) + "; `show lanes` lists them"};
}

std::string without_end(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

}  // namespace

void say_diagnostics(const config::Loaded& loaded, Printed printed) {
    const auto say = printed == Printed::yes ? &engine::log_quietly : &say_everywhere;
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
        const bool error = diagnostic.level == config::Diagnostic::Level::error;
        std::string at = diagnostic.file;
        if (diagnostic.line != 0) {
            at += ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
        }
        say(error ? Severity::error : Severity::warning, events::config, {{Key::file, at}},
            at + ": " + diagnostic.message);
    }
}

std::string usual_socket(const std::string& node) {
    return "/run/lanes/" + node + ".sock";
}

Running::Running(std::string file, std::unique_ptr<Control> control)
    : file_(std::move(file)),
      control_(std::move(control)),
      name_(control_->spec().node),
      started_ns_(system_clock().now().boot_ns) {}

// The kernel's own words do not say that it is the sandbox who refuses.
std::string Running::remark_on(const std::string& report) const {
    const bool refused = report.find(std::strerror(EACCES)) != report.npos;
    if (!refused || !control_->spec().sandbox.enforce) return "";
    return "the node is confined, and reads only from folders that its file named when it started: "
           "a file elsewhere needs restart";
}

engine::Error Running::refusal(std::string report) const {
    report = without_end(std::move(report));
    if (const std::string remark = remark_on(report); !remark.empty()) report += '\n' + remark;
    return {0, std::move(report)};
}

Result<manage::ReloadPlan> Running::plan_reload() {
    config::Loaded loaded = config::load_node(file_);
    if (!loaded.good()) return refusal(config::report(loaded));
    auto difference = control_->foresee(std::move(loaded.spec));
    ::malloc_trim(0);
    if (!difference) return difference.error();
    return plan_of(std::move(*difference));
}

Result<manage::ReloadPlan> Running::reload() {
    const auto failed = [&](std::string message, const std::string& logged) {
        log(Severity::error, events::reload, {{Key::file, file_}}, logged + "nothing was changed");
        return engine::Error{0, std::move(message) + "\nnothing was changed"};
    };
    config::Loaded loaded = config::load_node(file_);
    say_diagnostics(loaded, Printed::no);
    if (!loaded.good()) {
        std::string report = refusal(config::report(loaded)).message;
        const std::string remark = remark_on(report);
        return failed(std::move(report),
                      file_ + " has errors: " + remark + (remark.empty() ? "" : "; "));
    }
    const Severity level = loaded.spec.log.level;
    Difference difference;
    const auto tally = control_->apply(std::move(loaded.spec), &difference);
    ::malloc_trim(0);
    if (!tally) return failed(tally.error().message, tally.error().message + "; ");
    down_.clear();
    engine::log_only(level);
    log(Severity::notice, events::reload, {{Key::file, file_}},
        "reloaded " + file_ + ": lanes kept " + std::to_string(tally.value().kept) + ", changed " +
            std::to_string(tally.value().renewed + tally.value().replaced) + ", added " +
            std::to_string(tally.value().added) + ", removed " +
            std::to_string(tally.value().removed));
    return plan_of(std::move(difference));
}

Result<void> Running::put_lane(std::string_view text) {
    config::LoadedLane loaded = config::parse_lane(text, control_->spec(), file_);
    if (!loaded.good()) return refusal(config::report(loaded));
    const std::string name = loaded.lane.name;
    const bool takes = takes_frames(loaded.lane);
    const auto& entries = control_->fleet().entries();
    const auto former = entries.find(name);
    const bool took = former != entries.end() && takes_frames(*former->second.spec);
    const std::string behind(control_->fleet().behind(name));
    const LanesDown::Down* const down = down_.find(name);
    LaneChange change;
    if (down != nullptr && takes) change.before = down->before;
    change.put.push_back(std::move(loaded.lane));
    if (auto tally = control_->change(std::move(change)); !tally) return tally.error();
    if (took && !takes) down_.left(name, behind);
    if (down != nullptr && takes) {
        down_.back(name);
    } else if (takes && !took) {
        down_.came(name);
    }
    down_.forget(name);
    log(Severity::notice, events::lane_changed, {{Key::lane, name}},
        "lane " + name + " was put in service by hand");
    return {};
}

// Takes a lane out of the node, and out of the order in which those that are down stand.
Result<void> Running::take_out(std::string_view name) {
    LaneChange change;
    change.remove.emplace_back(name);
    if (auto tally = control_->change(std::move(change)); !tally) return tally.error();
    return {};
}

Result<void> Running::remove_lane(std::string_view name) {
    const std::string wanted(name);
    if (control_->fleet().lane(name) != nullptr) {
        const std::string behind(control_->fleet().behind(name));
        if (auto out = take_out(name); !out) return out;
        down_.left(wanted, behind);
    } else if (down_.find(name) != nullptr) {
        down_.forget(name);
    } else {
        return not_there(name);
    }
    log(Severity::notice, events::lane_changed, {{Key::lane, wanted}},
        "lane " + wanted + " was removed by hand");
    return {};
}

Result<void> Running::lane_down(std::string_view name) {
    if (down_.find(name) != nullptr) {
        return engine::Error{0, "lane " + std::string(name) + " is down already"};
    }
    auto lane = control_->spec_of(name);
    if (!lane) return not_there(name);
    const std::string behind(control_->fleet().behind(name));
    if (auto out = take_out(name); !out) return out;
    log(Severity::notice, events::lane_changed, {{Key::lane, lane->name}},
        "lane " + lane->name + " was taken out of service by hand");
    down_.add(std::move(*lane), behind);
    return {};
}

Result<void> Running::lane_up(std::string_view name) {
    const LanesDown::Down* const down = down_.find(name);
    if (down == nullptr) {
        if (control_->fleet().lane(name) == nullptr) return not_there(name);
        return engine::Error{0, "lane " + std::string(name) + " is in service already"};
    }
    LaneChange change;
    if (takes_frames(down->lane)) change.before = down->before;
    change.put.push_back(copy_of(down->lane));
    if (auto tally = control_->change(std::move(change)); !tally) return tally.error();
    const std::string back(name);
    if (takes_frames(down->lane)) down_.back(back);
    down_.forget(back);
    log(Severity::notice, events::lane_changed, {{Key::lane, back}},
        "lane " + back + " was brought back into service by hand");
    return {};
}

void Running::stop() {
    log(Severity::notice, events::node, {}, "node " + name_ + " was told to stop by management");
    stopping_ = true;
}

}  // namespace lanes::tools
