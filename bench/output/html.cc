// The page: one file, nothing loaded, no script; plots are SVG made here. It opens from disk, and a
// browser's preference decides between light and dark.
#include "bench/output/format.hh"
#include "bench/output/output.hh"
#include "bench/output/plots.hh"
#include "bench/output/svg.hh"

namespace lanes::bench {
namespace {

constexpr const char* page_style = R"(
body{margin:24px auto;max-width:1120px;padding:0 20px;background:var(--bg);color:var(--fg);
font:15px/1.45 system-ui,sans-serif}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 8px}
p.e{color:var(--muted);margin:2px 0;font-size:13px}
figure{margin:0 0 24px}
.w{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:4px 10px;border-bottom:1px solid var(--grid);text-align:left;white-space:nowrap}
th{vertical-align:bottom}td.n,th.n{text-align:right}th small{color:var(--muted);font-weight:400}
details td{white-space:normal}
)";

std::string section(const std::string& title, const std::vector<std::string>& drawings) {
    if (drawings.empty()) return "";
    std::string text = "<h2>" + title + "</h2>\n";
    for (const std::string& drawing : drawings) text += "<figure>" + drawing + "</figure>\n";
    return text;
}

std::string table_of(const Report& report) {
    const Grid grid = make_grid(report);
    std::string text = "<h2>Results</h2>\n<div class=\"w\"><table>\n<tr>";
    for (const Grid::Heading& heading : grid.headings) {
        text +=
            std::string("<th") + (heading.number ? " class=\"n\">" : ">") + escaped(heading.title);
        if (!heading.unit.empty()) text += "<br><small>" + escaped(heading.unit) + "</small>";
        text += "</th>";
    }
    text += "</tr>\n";
    for (const auto& row : grid.rows) {
        text += "<tr>";
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += std::string("<td") + (grid.headings[i].number ? " class=\"n\">" : ">") +
                    escaped(row[i]) + "</td>";
        }
        text += "</tr>\n";
    }
    return text + "</table></div>\n";
}

void add_environment(const Json& object, const std::string& prefix, std::string& text) {
    for (const auto& [name, value] : object.items()) {
        if (value.is_object()) {
            add_environment(value, prefix + name + ".", text);
            continue;
        }
        std::string shown;
        if (value.is_array()) {
            for (const Json& item : value) {
                shown += (shown.empty() ? "" : " ") +
                         (item.is_string() ? item.get<std::string>() : item.dump());
            }
        } else {
            shown = value.is_null()     ? "not known"
                    : value.is_string() ? value.get<std::string>()
                                        : value.dump();
        }
        text += "<tr><td>" + escaped(prefix + name) + "</td><td>" + escaped(shown) + "</td></tr>\n";
    }
}

}  // namespace

std::string to_html(const Report& report) {
    const std::string title = escaped("lanes-bench " + report.command);
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
        title + "</title>\n<style>" + plot_style + page_style + "</style></head><body>\n<h1>" +
        title + "</h1>\n";
    for (const std::string& line : environment_lines(report.environment)) {
        page += "<p class=\"e\">" + escaped(line) + "</p>\n";
    }
    if (!report.remarks.empty()) {
        page += "<h2>Notes</h2>\n<ul>\n";
        for (const std::string& remark : report.remarks)
            page += "<li>" + escaped(remark) + "</li>\n";
        page += "</ul>\n";
    }
    page += section("Throughput", throughput_plots(report));
    page += section("Stages", stage_plots(report));
    page += section("Loss", loss_plots(report));
    page += section("Latency", latency_plots(report));
    page += section("Trends", trend_plots(report));
    page += table_of(report);
    std::string environment;
    add_environment(report.environment, "", environment);
    page += "<details><summary>Environment</summary>\n<div class=\"w\"><table>\n" + environment +
            "</table></div></details>\n";
    return page + "</body></html>\n";
}

}  // namespace lanes::bench
