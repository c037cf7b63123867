// Outputs of a made-up report. Whether others can read them (CSV, HTML, SVG) is for
// tests/e2e/bench_output.py, which has real parsers; here is what they say.
#include "bench/output/output.hh"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "bench/output/axis.hh"
#include "bench/output/format.hh"
#include "bench/output/plot.hh"
#include "bench/output/plots.hh"
#include "bench/output/svg.hh"

namespace lanes::bench {
namespace {

Json row_of(const std::string& path, const Json& size, double rate) {
    return {
        {"case", path + ", " + (size.is_string() ? size.get<std::string>() : size.dump() + " B")},
        {"path", path},
        {"size", size},
        {"packets_per_second", rate},
        {"metric", "packets_per_second"},
        {"better", "higher"},
        {"samples", {rate, rate}},
        {"stages", {{"receive", 10.5}, {path, 20.25}}},
        {"units", {{"packets_per_second", "packets/s, all workers"}, {"stages", "clocks"}}}};
}

Report some() {
    Report report;
    report.command = "pipeline";
    report.environment = {{"kernel", "Linux 6.1"},
                          {"cpu", {{"model", "A, \"fast\" one"}, {"flags", {"aes", "avx2"}}}}};
    report.results = {row_of("clear", 64, 12345678), row_of("clear", 1420, 2500000),
                      row_of("seal", "imix", 1)};
    report.remarks = {"a remark"};
    report.columns = {{"case", "case", 0},
                      {"packets_per_second", "rate", 0},
                      {"stages.receive", "receive", 1},
                      {"absent", "nothing", 0}};
    return report;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

}  // namespace

TEST_CASE("a table has text left, numbers right, units below and one scale per column") {
    Report report = some();
    report.results.erase(2);
    CHECK(to_table(report) ==
          "case            rate  receive  nothing\n"
          "                Mpps   clocks\n"
          "clear, 64 B    12.35     10.5  -\n"
          "clear, 1420 B   2.50     10.5  -\n"
          "note: a remark\n"
          "\n"
          "A, \"fast\" one\n"
          "Linux 6.1\n");
}

TEST_CASE("a table cannot move the cursor of the terminal it is printed on") {
    Report report = some();
    report.results[0]["case"] = "\x1b[2Jevil\n";
    report.remarks = {"\x1b]0;title\a"};
    for (const char letter : to_table(report)) {
        CHECK((letter == '\n' || static_cast<unsigned char>(letter) >= 0x20));
    }
}

TEST_CASE("a table of nothing is only its remarks, and a report without columns has its metrics") {
    CHECK(to_table(Report()).empty());
    Report report = some();
    report.columns.clear();
    CHECK(to_table(report).starts_with("case           packets_per_second\n"));
}

TEST_CASE("units take the prefix that suits the largest value") {
    const auto scale = [](const char* unit, std::vector<double> values) {
        const Scale found = choose_scale(unit, values, 2);
        return fixed(values[0] * found.factor, found.decimals) + " " + found.unit;
    };
    CHECK(scale("packets/s", {1234567}) == "1.23 Mpps");
    CHECK(scale("packets/s, all workers", {1234567}) == "1.23 Mpps");
    CHECK(scale("bit/s of frames", {2.5e10}) == "25.0 Gbit/s");
    CHECK(scale("packets/s", {500, 2e6}) == "0.001 Mpps");
    CHECK(scale("bytes", {64, 9000}) == "64 bytes");
    CHECK(scale("bytes", {3.5e8}) == "350 MB");
    CHECK(scale("ns", {84.25}) == "84.2 ns");
    CHECK(scale("us", {12.5, 3}) == "12.50 µs");
    CHECK(scale("us", {12500}) == "12.5 ms");
    CHECK(scale("clocks", {3.14159}) == "3.14 clocks");
    CHECK(scale("%", {0}) == "0 %");
}

TEST_CASE("numbers are never written as minus nothing") {
    CHECK(fixed(-0.001, 2) == "0.00");
    CHECK(fixed(-0.5, 0) == "0");
    CHECK(fixed(-1.25, 1) == "-1.2");
    CHECK(fixed(std::nan(""), 1) == "-");
}

TEST_CASE("CSV quotes what RFC 4180 says and leaves lists out") {
    Report report = some();
    report.results[0]["case"] = "a \"b\", c\nd";
    report.results[2]["late"] = true;
    const std::string csv = to_csv(report);
    CHECK(
        csv.starts_with("case,path,size,packets_per_second,metric,better,stages.receive,"
                        "stages.clear,units.packets_per_second,units.stages,stages.seal,late,"
                        "environment.kernel,environment.cpu.model,environment.cpu.flags\r\n"
                        "\"a \"\"b\"\", c\nd\",clear,64,12345678.0,packets_per_second,higher,"
                        "10.5,20.25,\"packets/s, all workers\",clocks,,,Linux 6.1,"
                        "\"A, \"\"fast\"\" one\",aes avx2\r\n"));
    CHECK(csv.find("samples") == std::string::npos);
    CHECK(csv.ends_with("\r\n"));
}

TEST_CASE("a page says everything, loads nothing and escapes what it says") {
    Report report = some();
    report.command = "<script>alert('x')</script>";
    report.results[0]["case"] = "<b onload=\"x\">&\x01";
    report.remarks = {"</ul><img src=x>"};
    report.environment["</td>"] = "<iframe>";
    const std::string page = to_html(report);
    for (const char* never : {"<script", "<img", "<iframe", "<b ", "http:", "https:", "url(",
                              "@import", "<link", "\x01"}) {
        INFO(never);
        CHECK(page.find(never) == std::string::npos);
    }
    CHECK(page.find("&lt;b onload=&quot;x&quot;&gt;&amp;?") != std::string::npos);
    CHECK(page.find("prefers-color-scheme:dark") != std::string::npos);
}

TEST_CASE("rows get the plots that their fields call for") {
    const Report report = some();
    const auto throughput = throughput_plots(report);
    REQUIRE(throughput.size() == 1);
    CHECK(throughput[0].find("Packet rate by frame size") != std::string::npos);
    CHECK(throughput[0].find(">Mpps<") != std::string::npos);
    CHECK(throughput[0].find(">imix<") != std::string::npos);
    // Two sizes of `clear` are one line; `seal` is another and has one point.
    CHECK(count(throughput[0], "<polyline") == 1);
    CHECK(count(throughput[0], "<circle") == 3);
    const auto stages = stage_plots(report);
    REQUIRE(stages.size() == 1);
    CHECK(stages[0].find("seal: 20.2 clocks") != std::string::npos);
    CHECK(latency_plots(report).empty());
    CHECK(loss_plots(report).empty());
    CHECK(trend_plots(report).empty());

    Report one_size = report;
    for (Json& row : one_size.results) row["size"] = 64;
    CHECK(throughput_plots(one_size).at(0).find("Packet rate at size 64") != std::string::npos);
}

TEST_CASE("percentiles, loads and series become plots") {
    Report report;
    report.results = {
        {{"case", "a"},
         {"latency_us",
          {{"min", 1.0}, {"p50", 2.0}, {"p99_9", 9.0}, {"max", 40.0}, {"mean", 3.0}}}},
        {{"case", "b"}, {"latency_us", {{"50", {{"p50", 2.0}, {"p99", 3.0}}}}}}};
    const auto latency = latency_plots(report);
    REQUIRE(latency.size() == 1);
    CHECK(latency[0].find(">99.9 %<") != std::string::npos);
    CHECK(latency[0].find("b, at 50 % load") != std::string::npos);
    CHECK(count(latency[0], "<circle") == 6);

    report.results = Json::array();
    for (const int load : {50, 100}) {
        report.results.push_back({{"case", "bed, 64 B, loss at " + std::to_string(load) + " %"},
                                  {"load_percent", load},
                                  {"loss_percent", load / 50 - 1.0}});
    }
    const auto loss = loss_plots(report);
    REQUIRE(loss.size() == 1);
    CHECK(count(loss[0], "<polyline") == 1);

    report.results = {{{"case", "memory"},
                       {"series", {{"x_seconds", {0, 10, 20}}, {"y", {5e6, 6e6, 7e6}}}},
                       {"slope_per_hour", 3.6e8},
                       {"low", 3.5e8},
                       {"high", 3.7e8},
                       {"verdict", "over"},
                       {"units", {{"series", {{"y", "bytes"}}}, {"median", "bytes"}}}}};
    const auto trends = trend_plots(report);
    REQUIRE(trends.size() == 1);
    CHECK(trends[0].find("memory: 360 MB/h (350 to 370 with 95 % confidence), over") !=
          std::string::npos);
    CHECK(count(trends[0], "<polygon") == 1);
}

TEST_CASE("the part of a case that a plot's axis says is not repeated in its legend") {
    CHECK(case_without("seal, 64 B, aes, 64 lanes", {"64"}) == "seal, aes, 64 lanes");
    CHECK(case_without("bed, size 1420, 100 kpps", {"1420"}) == "bed, 100 kpps");
    CHECK(case_without("clear, imix", {"imix"}) == "clear");
    CHECK(case_without("clear, 640 B", {"64"}) == "clear, 640 B");
    CHECK(case_without("64", {"64"}) == "64");
}

TEST_CASE("axes end beyond their values and are marked at round numbers") {
    const Axis rates = linear_axis("Mpps", std::array{0.4, 12.3}, Start::at_zero);
    CHECK(rates.low == 0);
    CHECK(rates.high == 14);
    CHECK(rates.ticks.back().label == "14");
    CHECK(rates.place(7) == Approx(0.5));
    const Axis flat = linear_axis("B", std::array{100.0, 100.0}, Start::at_least);
    CHECK(flat.low < 100);
    CHECK(flat.high > 100);
    const Axis decades = log_axis("us", std::array{2.0, 700.0});
    CHECK(decades.place(1) == 0);
    CHECK(decades.place(10) == Approx(1.0 / 3));
    CHECK(decades.place(1000) == Approx(1));
    const Axis nines = percentile_axis(5);
    CHECK(nines.place(3) == Approx(0.5));
    CHECK(nines.ticks.back().label == "max");
    for (const double value : {0.0, 1e-12, 1e12}) {
        const Axis axis = linear_axis("", std::array{value}, Start::at_zero);
        CHECK(std::isfinite(axis.place(value)));
        CHECK(axis.ticks.size() < 20);
    }
}

TEST_CASE("a column has the unit of the rows that fill it, though the first row does not") {
    Report report;
    report.columns = {{"case", "case", 0}, {"offered_pps", "offered", 1}};
    report.results.push_back({{"case", "without"}});
    report.results.push_back({{"case", "with"},
                              {"offered_pps", 2'500'000.0},
                              {"units", {{"offered_pps", "packets/s"}}}});
    const std::string table = to_table(report);
    CHECK_THAT(table, Catch::Contains("Mpps"));
    CHECK_THAT(table, Catch::Contains("2.5"));
}

}  // namespace lanes::bench
