// Reports: fields by dotted paths, and the way to JSON and back.
#include "bench/report.hh"

#include <catch2/catch.hpp>

#include "bench/output/output.hh"

namespace lanes::bench {
namespace {

Json row(const std::string& name) {
    return {{"case", name}, {"metric", "ns"}, {"better", "lower"}, {"ns", 3.5}};
}

/// What from_json says of `text`; empty if it takes it.
std::string complaint(const std::string& text) {
    try {
        from_json(Json::parse(text));
        return "";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("a dotted path finds a field within a field") {
    const Json json = Json::parse(R"({"a": {"b": {"c": 3}, "n": null}, "l": [1]})");
    REQUIRE(find_field(json, "a.b.c") != nullptr);
    CHECK(*find_field(json, "a.b.c") == 3);
    CHECK(find_field(json, "a.n")->is_null());
    for (const char* absent : {"a.b.d", "a.b.c.d", "x", "l.0", "", "a.", ".a"}) {
        INFO(absent);
        CHECK(find_field(json, absent) == nullptr);
    }
}

TEST_CASE("a report that was written as JSON is read back the same") {
    Report report;
    report.command = "pipeline";
    report.environment = {{"kernel", "Linux"}, {"cpu", {{"cores", 2}, {"governor", nullptr}}}};
    report.results = {row("one, \"quoted\""), row("two\nlines")};
    report.results[0]["samples"] = {1.25, 2.5, 3.0};
    report.remarks = {"believe it"};
    report.columns = {{"ns", "time", 2}};
    const Report again = from_json(Json::parse(to_json_text(report)));
    CHECK(to_json(again) == to_json(report));
    CHECK(again.columns.at(0).decimals == 2);
    CHECK(to_json_text(again) == to_json_text(report));
}

TEST_CASE("an empty report is JSON too") {
    const Json all = Json::parse(to_json_text(Report()));
    CHECK(all.at("environment").is_object());
    CHECK(all.at("results") == Json::array());
}

TEST_CASE("text that is not UTF-8 does not stop the JSON") {
    Report report;
    report.results = {row("bad \xff byte")};
    CHECK_NOTHROW(Json::parse(to_json_text(report)));
}

TEST_CASE("a stored report that is not one is refused with what is missing") {
    const auto with_row = [](const std::string& row) {
        return R"({"environment": {}, "results": [)" + row + "]}";
    };
    CHECK(complaint(with_row("")).empty());
    CHECK(complaint("[]") == "not a JSON object");
    CHECK(complaint("{}") == "no `environment`");
    CHECK(complaint(R"({"environment": 3})") == "`environment` is not an object");
    CHECK(complaint(R"({"environment": {}})") == "no `results`");
    CHECK(complaint(R"({"environment": {}, "results": {}})") == "`results` is not a list");
    CHECK(complaint(with_row("3")) == "row 1 of `results` is not an object");
    CHECK(complaint(with_row(R"({"case": "a"})")) == "row 1 of `results` has no text `metric`");
    const std::string good = R"({"case": "a", "metric": "m", "better": "lower"})";
    CHECK(complaint(with_row(good)).empty());
    CHECK(complaint(with_row(good + "," + good)) == "two rows are called `a`");
    CHECK(complaint(with_row(
              R"({"case": "a", "metric": "m", "better": "lower", "samples": [1, "x"]})")) ==
          "`samples` of row 1 of `results` is not a list of numbers");
    CHECK(complaint(R"({"environment": {}, "results": [], "columns": [3]})") ==
          "a column is not an object");
    CHECK(complaint(R"({"environment": {}, "results": [], "remarks": [3]})") ==
          "a remark is not text");
}

TEST_CASE("a stored report that is not there or not JSON is named") {
    CHECK_THROWS_WITH(read_report("/nonexistent/a.json"),
                      "/nonexistent/a.json: No such file or directory");
    CHECK_THROWS_WITH(read_report("/proc/self/comm"),
                      Catch::StartsWith("/proc/self/comm: not JSON"));
}

}  // namespace lanes::bench
