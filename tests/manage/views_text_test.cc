// What the views write with: JSON that every parser takes, and tables of text.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "manage/columns.hh"
#include "manage/json.hh"
#include "manage/match_text.hh"

using namespace lanes;
using namespace lanes::manage;

TEST_CASE("whatever text goes into JSON comes out valid, and valid text as it was") {
    for (const std::string& text :
         {std::string("plain"), std::string("a\"b\\c\n\t\x01\x1f"), std::string("\0x", 2),
          std::string("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9b\xa3")}) {
        JsonWriter json;
        const auto parsed = nlohmann::json::parse(json.text("key", text).done());
        CHECK(parsed["key"] == text);
    }
    const char* broken[] = {"\xff",         "\xc0\xaf",         "a\xe2\x82",
                            "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\xaf",
                            "\x80z",        "\xf0\x8f\xbf\xbf"};
    for (const char* text : broken) {
        JsonWriter json;
        const auto parsed = nlohmann::json::parse(json.text("key", text).done());
        CHECK_THAT(parsed["key"].get<std::string>(), Catch::Contains("\xef\xbf\xbd"));
    }
}

TEST_CASE("JSON closes what was opened, with commas where they belong") {
    JsonWriter json;
    json.number("a", UINT64_MAX).array("b").text("x").object().truth("t", true).end();
    json.object().end().end().null("n").object("o").number("p", 0);
    CHECK(json.done() ==
          "{\"schema\":\"lanes/1\",\"a\":18446744073709551615,\"b\":[\"x\",{\"t\":true},{}],"
          "\"n\":null,\"o\":{\"p\":0}}\n");
}

TEST_CASE("columns are as wide as they must be, numbers stand right, lines end with text") {
    using enum Columns::Side;
    Columns columns({"NAME", "N", "WHY"}, {left, right});
    columns.add({"a", "1", "x"});
    columns.add({"b\xc3\xbc", "1,234"});
    CHECK(columns.text() == "NAME      N  WHY\na         1  x\nb\xc3\xbc    1,234\n");
}

TEST_CASE("numbers for people") {
    CHECK(grouped(0) == "0");
    CHECK(grouped(999) == "999");
    CHECK(grouped(1000) == "1,000");
    CHECK(grouped(1234567) == "1,234,567");
    CHECK(bytes_text(999) == "999 B");
    CHECK(bytes_text(1000) == "1.00 kB");
    CHECK(bytes_text(999'999) == "1.00 MB");
    CHECK(bytes_text(123'456'789) == "123 MB");
    CHECK(counted(1, "lane") == "1 lane");
    CHECK(counted(1200, "lane") == "1,200 lanes");
    CHECK(delay_text(1500) == "1.5 us");
    CHECK(delay_text(12'300'000) == "12.3 ms");
}

TEST_CASE("a match in the words of a node file") {
    CHECK(match_text(nullptr) == "every frame");
    MatchSpec match;
    CHECK(match_text(&match) == "every frame");
    match.vlan = MatchSpec::vlan_none;
    match.ether_type = 0x800;
    match.protocol = 17;
    match.has_destination = true;
    match.destination = *engine::parse_prefix("198.51.100.0/24");
    match.destination_port = {80, 90};
    CHECK(match_text(&match) ==
          "vlan none, ether_type 0x0800, protocol 17, destination 198.51.100.0/24, "
          "destination_port 80-90");
}
