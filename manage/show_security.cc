// `show security`: what this process can no longer do, thread by thread, as the kernel tells it.
// What was decided at the start (what this kernel lacks, whether the operator wanted a sandbox at
// all) stands beside it, so that both can be compared. Each thread is interrupted for one open()
// that fails: the kernel tells of landlock in no other way.
#include "sandbox/report.hh"

#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/views.hh"
#include "sandbox/rights.hh"
#include "sandbox/sandbox.hh"

namespace lanes::manage {
namespace {

using sandbox::Confinement;
using sandbox::Report;
using sandbox::ThreadReport;

constexpr unsigned seccomp_filter = 2;  ///< SECCOMP_MODE_FILTER

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text.empty() ? "none" : text;
}

std::string capabilities(std::uint64_t mask) {
    return joined(sandbox::capability_names(mask));
}

const char* yes_no(bool value) {
    return value ? "yes" : "no";
}

std::string threads_text(const Report& report) {
    using enum Columns::Side;
    Columns columns({"THREAD", "NAME", "USER", "GROUP", "GROUPS", "CAPABILITIES",
                     "NO NEW PRIVILEGES", "SECCOMP FILTERS", "LANDLOCK"},
                    {right, left, right, right, right, left, left, right, left});
    for (const ThreadReport& thread : report.threads) {
        const bool filtered = thread.seccomp_mode == seccomp_filter;
        columns.add({std::to_string(thread.tid), thread.name, std::to_string(thread.user),
                     std::to_string(thread.group), std::to_string(thread.groups.size()),
                     capabilities(thread.effective | thread.permitted),
                     yes_no(thread.no_new_privileges),
                     filtered ? std::to_string(thread.seccomp_filters) : "none",
                     yes_no(thread.landlocked)});
    }
    return columns.text();
}

std::string as_text(const Report& report, const Confinement& decided) {
    std::string text =
        decided.enforced
            ? "sandbox in force, for " + joined(decided.drivers) + "; ports that need privileges " +
                  (decided.reopen == sandbox::Reopen::allowed ? "can be opened at a reload"
                                                              : "need a restart") +
                  '\n'
            : "NO SANDBOX: the node file says `sandbox: {enforce: false}`\n";
    text += std::string("core dumps ") + (report.core_bytes_max == 0 ? "off" : "ON") +
            ", memory readable by others of this user: " + yes_no(report.dumpable) + ", " +
            bytes_text(report.locked_bytes) + " locked for keys\n\n" + threads_text(report);
    if (!decided.missing.empty()) text += "\nnot in force\n";
    for (const std::string& part : decided.missing) text += "  " + part + '\n';
    if (!report.refused.empty()) text += "\nrefused system calls\n";
    for (const sandbox::Refusal& refusal : report.refused) {
        text += "  " + refusal.call + ", " + counted(refusal.count, "time") + ", last to thread " +
                std::to_string(refusal.last_tid) + '\n';
    }
    return text;
}

void list(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
    json.array(key);
    for (const std::string& text : texts) json.text(text);
    json.end();
}

void add_thread(JsonWriter& json, const ThreadReport& thread) {
    json.object().number("thread", static_cast<std::uint64_t>(thread.tid));
    json.text("name", thread.name).number("user", thread.user).number("group", thread.group);
    json.number("supplementary_groups", thread.groups.size());
    json.truth("no_new_privileges", thread.no_new_privileges);
    json.truth("seccomp", thread.seccomp_mode == seccomp_filter);
    json.number("seccomp_filters", thread.seccomp_filters);
    json.truth("landlock", thread.landlocked);
    list(json, "capabilities_effective", sandbox::capability_names(thread.effective));
    list(json, "capabilities_permitted", sandbox::capability_names(thread.permitted));
    list(json, "capabilities_inheritable", sandbox::capability_names(thread.inheritable));
    list(json, "capabilities_bounding", sandbox::capability_names(thread.bounding));
    list(json, "capabilities_ambient", sandbox::capability_names(thread.ambient));
    json.end();
}

std::string as_json(const Node& node, const Report& report, const Confinement& decided) {
    JsonWriter json;
    json.text("node", node.name()).truth("enforced", decided.enforced);
    json.truth("reopen_ports", decided.reopen == sandbox::Reopen::allowed);
    list(json, "drivers", decided.drivers);
    list(json, "in_force", decided.in_force);
    list(json, "missing", decided.missing);
    json.truth("dumpable", report.dumpable).number("core_bytes_max", report.core_bytes_max);
    json.number("locked_bytes", report.locked_bytes).array("threads");
    for (const ThreadReport& thread : report.threads) add_thread(json, thread);
    json.end().array("refused_calls");
    for (const sandbox::Refusal& refusal : report.refused) {
        json.object().text("call", refusal.call).number("count", refusal.count);
        json.number("last_thread", static_cast<std::uint64_t>(refusal.last_tid)).end();
    }
    return json.done();
}

}  // namespace

Answer show_security(Node& node, const Request& request) {
    auto report = sandbox::read_report();
    if (!report) return {1, report.error().message + '\n'};
    const Confinement& decided = sandbox::confinement();
    return {0, request.json ? as_json(node, *report, decided) : as_text(*report, decided)};
}

}  // namespace lanes::manage
