// See report.hh.
#include "bench/report.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>
#include <stdexcept>

namespace lanes::bench {
namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

/// The member `name` of `all`, which must be there and pass `is`.
template <typename Is>
const Json& member(const Json& all, const char* name, Is is, const char* kind) {
    const auto found = all.find(name);
    if (found == all.end()) fail(std::string("no `") + name + "`");
    if (!is(*found)) fail(std::string("`") + name + "` is not " + kind);
    return *found;
}

void check_row(const Json& row, std::size_t number) {
    const std::string place = "row " + std::to_string(number) + " of `results`";
    if (!row.is_object()) fail(place + " is not an object");
    for (const char* name : {"case", "metric", "better"}) {
        const auto found = row.find(name);
        if (found == row.end() || !found->is_string()) {
            fail(place + " has no text `" + name + "`");
        }
    }
    const auto samples = row.find("samples");
    if (samples == row.end()) return;
    const bool numbers =
        samples->is_array() &&
        std::all_of(samples->begin(), samples->end(), [](const Json& s) { return s.is_number(); });
    if (!numbers) fail("`samples` of " + place + " is not a list of numbers");
}

Column column_of(const Json& json) {
    Column column;
    if (!json.is_object()) fail("a column is not an object");
    for (const char* name : {"field", "title"}) {
        const auto found = json.find(name);
        if (found == json.end() || !found->is_string()) fail("a column has no `field` and `title`");
    }
    column.field = json.at("field").get<std::string>();
    column.title = json.at("title").get<std::string>();
    const auto decimals = json.find("decimals");
    if (decimals != json.end() && decimals->is_number()) {
        column.decimals = std::clamp(decimals->get<int>(), 0, 9);
    }
    return column;
}

}  // namespace

const Json* find_field(const Json& row, const std::string& path) {
    const Json* at = &row;
    for (std::size_t from = 0; from <= path.size();) {
        const std::size_t dot = std::min(path.find('.', from), path.size());
        if (!at->is_object()) return nullptr;
        const auto found = at->find(path.substr(from, dot - from));
        if (found == at->end()) return nullptr;
        at = &*found;
        from = dot + 1;
    }
    return at;
}

Json to_json(const Report& report) {
    Json all = Json::object();
    all["command"] = report.command;
    all["environment"] = report.environment;
    all["results"] = report.results;
    all["remarks"] = report.remarks;
    Json columns = Json::array();
    for (const Column& column : report.columns) {
        columns.push_back(
            {{"field", column.field}, {"title", column.title}, {"decimals", column.decimals}});
    }
    all["columns"] = std::move(columns);
    return all;
}

Report from_json(const Json& all) {
    const auto text = [](const Json& json) { return json.is_string(); };
    const auto object = [](const Json& json) { return json.is_object(); };
    const auto list = [](const Json& json) { return json.is_array(); };
    if (!all.is_object()) fail("not a JSON object");
    Report report;
    if (all.contains("command")) report.command = member(all, "command", text, "text");
    report.environment = member(all, "environment", object, "an object");
    report.results = member(all, "results", list, "a list");
    std::set<std::string> cases;
    for (std::size_t i = 0; i < report.results.size(); ++i) {
        check_row(report.results[i], i + 1);
        const auto name = report.results[i].at("case").get<std::string>();
        if (!cases.insert(name).second) fail("two rows are called `" + name + "`");
    }
    if (all.contains("remarks")) {
        for (const Json& remark : member(all, "remarks", list, "a list")) {
            if (!remark.is_string()) fail("a remark is not text");
            report.remarks.push_back(remark.get<std::string>());
        }
    }
    if (all.contains("columns")) {
        for (const Json& column : member(all, "columns", list, "a list")) {
            report.columns.push_back(column_of(column));
        }
    }
    return report;
}

Report read_report(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail(path + ": " + std::strerror(errno));
    try {
        return from_json(Json::parse(file));
    } catch (const Json::exception& error) {
        fail(path + ": not JSON as lanes-bench --json writes it: " + error.what());
    } catch (const std::runtime_error& error) {
        fail(path + ": not a report of lanes-bench: " + error.what());
    }
}

}  // namespace lanes::bench
