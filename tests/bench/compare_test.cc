// Comparisons: what counts as worse, correction for many cases, and programs that run in turn.
#include <catch2/catch.hpp>
#include <random>

#include "bench/compare/judge.hh"
#include "bench/compare/pairs.hh"
#include "bench/compare/program.hh"
#include "bench/statistics.hh"

namespace lanes::bench {
namespace {

using Values = std::vector<double>;

/// `count` values around `center`, spread evenly over 1 %.
Values around(double center, int count) {
    Values values;
    for (int i = 0; i < count; ++i) values.push_back(center * (1 + 0.01 * (i - count / 2) / count));
    return values;
}

Pair pair(const std::string& name, Values a, Values b) {
    Pair made;
    made.name = name;
    made.metric = "ns";
    if (!a.empty()) made.a_median = median(a);
    if (!b.empty()) made.b_median = median(b);
    made.a = std::move(a);
    made.b = std::move(b);
    return made;
}

Change change_of(const Pair& one, const Rules& rules = {}) {
    return judge({one}, rules).at(0).change;
}

Report report_of(const std::vector<std::pair<std::string, Values>>& cases) {
    Report report;
    for (const auto& [name, samples] : cases) {
        report.results.push_back({{"case", name},
                                  {"metric", "ns"},
                                  {"better", "lower"},
                                  {"ns", median(samples)},
                                  {"samples", samples},
                                  {"units", {{"ns", "ns"}}}});
    }
    return report;
}

/// A line for the shell that prints a report with one case, and nothing else.
std::string printing(const std::string& value) {
    return R"(printf '{"environment":{},"results":[{"case":"c","metric":"m","better":"lower",)"
           R"("m":%s}]}' )" +
           value + "; : ";
}

}  // namespace

TEST_CASE("a change counts when it is significant and larger than the budget") {
    CHECK(change_of(pair("c", around(100, 15), around(110, 15))) == Change::worse);
    CHECK(change_of(pair("c", around(110, 15), around(100, 15))) == Change::better);
    // Significant, for no two samples overlap, but small.
    const Pair small = pair("c", around(100, 15), around(101.5, 15));
    CHECK(judge({small}, {}).at(0).p < 0.001);
    CHECK(change_of(small) == Change::same);
    Rules strict;
    strict.budget_percent = 1;
    CHECK(change_of(small, strict) == Change::worse);
    // Large, but the samples are all over the place.
    CHECK(change_of(pair("c", {50, 60, 100, 150, 160, 90}, {55, 65, 120, 155, 165, 95})) ==
          Change::same);
}

TEST_CASE("where more is better a fall is worse") {
    Pair rate = pair("c", around(100, 15), around(90, 15));
    rate.lower_is_better = false;
    CHECK(change_of(rate) == Change::worse);
    CHECK(*judge({rate}, {}).at(0).change_percent == Approx(-10));
    std::swap(rate.a, rate.b);
    std::swap(rate.a_median, rate.b_median);
    CHECK(change_of(rate) == Change::better);
}

TEST_CASE("a rise from nothing counts although no percentage says how much") {
    const auto judged = judge({pair("c", Values(9, 0.0), around(5, 9))}, {}).at(0);
    CHECK_FALSE(judged.change_percent.has_value());
    CHECK(judged.change == Change::worse);
    const auto still = judge({pair("c", Values(9, 0.0), Values(9, 0.0))}, {}).at(0);
    CHECK(still.change_percent == 0);
    CHECK(still.change == Change::same);
}

TEST_CASE("a case without samples is judged only when forced") {
    const Pair single = pair("c", {100}, {150});
    CHECK(change_of(single) == Change::no_samples);
    Rules force;
    force.force = true;
    CHECK(change_of(single, force) == Change::worse);
    CHECK(change_of(pair("c", {100}, {101}), force) == Change::same);
    CHECK(change_of(pair("c", {100}, {80}), force) == Change::better);
}

TEST_CASE("samples so few that nothing could be significant are called so") {
    // Three against three: the least p value is 2 / 20.
    const Pair few = pair("c", {100, 101, 102}, {150, 151, 152});
    CHECK(*judge({few}, {}).at(0).p == Approx(0.1));
    CHECK(change_of(few) == Change::few_samples);
    Rules force;
    force.force = true;
    CHECK(change_of(few, force) == Change::worse);
    CHECK(change_of(pair("c", {100, 101, 102}, {100, 101, 102})) == Change::same);
}

TEST_CASE("the least p value is that of lists that do not overlap") {
    for (const int m : {1, 2, 5, 10}) {
        for (const int n : {1, 3, 7}) {
            const auto size = [](int count) { return static_cast<std::size_t>(count); };
            CHECK(least_p(Test::mann_whitney, size(m), size(n)) ==
                  Approx(mann_whitney(around(1, m), around(9, n))));
        }
        const auto pairs = static_cast<std::size_t>(m);
        CHECK(least_p(Test::signed_rank, pairs, pairs) ==
              Approx(signed_rank(around(1, m), around(9, m))));
    }
    CHECK(rounds_needed(1, 0.01) == 8);
    CHECK(rounds_needed(24, 0.01) == 13);
}

TEST_CASE("Holm's correction is that of R's p.adjust") {
    const auto corrected = holm({0.01, 0.04, 0.03, 0.005});
    CHECK(corrected == std::vector<double>{0.03, 0.06, 0.06, 0.02});
    CHECK(holm({0.9, 0.8}) == std::vector<double>{1, 1});
    CHECK(holm({}).empty());
}

TEST_CASE("among many cases that did not change none is called worse") {
    std::mt19937 random(7);
    std::normal_distribution<double> noise(100, 5);
    int without = 0, with = 0;
    for (int run = 0; run < 20; ++run) {
        std::vector<Pair> pairs;
        for (int i = 0; i < 50; ++i) {
            Values a, b;
            for (int n = 0; n < 9; ++n) {
                a.push_back(noise(random));
                b.push_back(noise(random));
            }
            pairs.push_back(pair(std::to_string(i), a, b));
        }
        for (const Judged& judged : judge(pairs, {})) {
            without += *judged.p < 0.01 ? 1 : 0;
            with += judged.change == Change::worse || judged.change == Change::better ? 1 : 0;
        }
    }
    // A thousand cases: about ten by chance alone, and none of them stands.
    CHECK(without > 2);
    CHECK(with == 0);
}

TEST_CASE("rows of two reports are paired by their case, and lone ones are told") {
    const auto pairs = pair_reports(report_of({{"x", {1, 2}}, {"y", {3, 4}}}),
                                    report_of({{"y", {5, 6}}, {"z", {7}}}));
    REQUIRE(pairs.size() == 3);
    CHECK(pairs[0].name == "x");
    CHECK(pairs[1].a == Values{3, 4});
    CHECK(pairs[1].b == Values{5, 6});
    CHECK(pairs[1].unit == "ns");
    const auto judged = judge(pairs, {});
    CHECK(judged[0].change == Change::only_a);
    CHECK(judged[2].change == Change::only_b);

    Report other = report_of({{"x", {1}}});
    other.results[0]["metric"] = "clocks";
    CHECK_THROWS_WITH(pair_reports(report_of({{"x", {1}}}), other),
                      Catch::Contains("`x` is measured by ns here and by clocks there"));
}

TEST_CASE("rounds are paired by number, and a round that lacks a case is left out") {
    const auto round = [](double x) { return report_of({{"x", {x}}}); };
    std::vector<Report> a = {round(1), round(2), report_of({}), round(4)};
    std::vector<Report> b = {round(10), report_of({}), round(30), round(40)};
    const auto pairs = pair_rounds(a, b);
    REQUIRE(pairs.size() == 1);
    CHECK(pairs[0].a == Values{1, 4});
    CHECK(pairs[0].b == Values{10, 40});
    CHECK(pairs[0].b_median == 30);
}

TEST_CASE("environments that differ are told field by field") {
    const Json a = Json::parse(R"({"cpu": {"model": "one"}, "kernel": "6.1", "date": "then"})");
    Json b = a;
    CHECK(differences(a, b).empty());
    b["date"] = "now";
    CHECK(differences(a, b).empty());
    b["cpu"]["model"] = "two";
    b["compiler"] = "gcc";
    const auto found = differences(a, b);
    REQUIRE(found.size() == 2);
    CHECK(found[0] == R"(the environments differ, cpu.model: "one" in A, "two" in B)");
    CHECK(found[1] == R"(the environments differ, compiler: null in A, "gcc" in B)");
}

TEST_CASE("a program's report is read from what it prints") {
    CHECK(Program::of(printing("2.5")).run({"ignored"}).results.at(0).at("m") == 2.5);
    // $@ says where the arguments go.
    CHECK(Program::of("set -- $@; " + printing("$2")).run({"1", "22"}).results.at(0).at("m") == 22);
}

TEST_CASE("a program that fails or prints something else is told with what it said") {
    CHECK_THROWS_WITH(Program::of("echo no such port >&2; exit 2; :").run({}),
                      Catch::Contains("exited with status 2") && Catch::Contains("no such port"));
    CHECK_THROWS_WITH(Program::of("echo hello; echo odd >&2; :").run({}),
                      Catch::Contains("printed no report") && Catch::Contains("odd"));
    CHECK_THROWS_WITH(Program::of("kill -9 $$; :").run({}), Catch::Contains("signal 9"));
    CHECK_THROWS_WITH(Program::of("/nonexistent/lanes-bench").run({}),
                      Catch::Contains("exited with status 127"));
}

}  // namespace lanes::bench
