// What is refused before the schema is looked at: YAML beyond what a node file needs, syntax that
// is none, and bytes that are no text.
#include "config/tree.hh"

#include <catch2/catch.hpp>

#include "tests/config/support.hh"

using namespace lanes::config;
using namespace lanes::config::test;
using namespace std::string_literals;

namespace {

/// What reading `text` as a tree reports.
std::string reported(const std::string& text) {
    Diagnostics diagnostics;
    const auto file = diagnostics.add_file("t");
    const auto root = read_tree(text, file, diagnostics);
    std::string all;
    for (const Diagnostic& diagnostic : diagnostics.sorted()) all += to_string(diagnostic) + "\n";
    if (!root) CHECK(diagnostics.errors() > 0);
    return all;
}

struct TreeCase {
    std::string text;
    std::string begins;
    std::string fragment;
};

}  // namespace

TEST_CASE("Each thing that a node file has no use for is refused at its place") {
    const std::vector<TreeCase> cases = {
        {"a: 1\nb: 2\na: 3\n", "t:3:1: error: ", "`a` is already set at t:1:1"},
        {"a: {b: 1, c: 2, b: 3}\n", "t:1:17: error: ", "`b` is already set at t:1:5"},
        {"a: &x 1\n", "t:1:4: error: ", "found an anchor"},
        {"a: &x [1]\n", "t:1:4: error: ", "found an anchor"},
        {"a: &x {b: 1}\n", "t:1:4: error: ", "found an anchor"},
        {"a: *x\n", "t:1:4: error: ", "found an alias"},
        {"a: !!int 5\n", "t:1:4: error: ", "found the tag `tag:yaml.org,2002:int`"},
        {"a: !mine [5]\n", "t:1:4: error: ", "found the tag `!mine`"},
        {"a: 1\n---\nb: 2\n", "t:2:", "a second YAML document"},
        {"? [a, b]\n: c\n", "t:1:3: error: ", "found a list as a key"},
        {"? {a: b}\n: c\n", "t:1:3: error: ", "found a map as a key"},
        {"~: c\n", "t:1:1: error: ", "found nothing as a key"},
        {"", "t:1:1: error: ", "the file is empty"},
        {"# nothing\n", "t:1:1: error: ", "the file is empty"},
    };
    for (const TreeCase& one : cases) {
        INFO(one.text);
        CHECK_THAT(reported(one.text), Catch::StartsWith(one.begins));
        CHECK_THAT(reported(one.text), Catch::Contains(one.fragment));
    }
}

TEST_CASE("Bad syntax is reported once, where it is, in an operator's words") {
    const std::vector<TreeCase> cases = {
        {"a: 1\n\tb: 2\n", "t:2:", "; "},
        {"a: {b: 1\nc: 2\n",
         "t:2:2: error: ", "look for a missing comma or brace in the map, opened at t:1:4"},
        {"a: [1, 2\n", "t:1:4: error: ", "bracket in the list, opened at t:1:4"},
        {"a: ]\n", "t:1:4: error: ", "closing bracket"},
        {"a: \"b\n", "t:1:6: error: ", "closing quote"},
        {"a: \"b\n\n \n", "t:1:6: error: ", "closing quote"},
        {"a: 'b''\n", "t:1:8: error: ", "closing quote"},
        {"a: \"b\\\n", "t:1:", "; "},
        {"a: b: c\n", "t:1:5: error: ", "or quote a value that contains `: `"},
        {"a: @b\n", "t:1:4: error: ", "put the value in quotes"},
        {"a: \"\\q\"\n", "t:1:", "unknown escape"},
        {"a:\n  - 1\n  b: 2\n", "t:3:3: error: ", "does not belong to"},
    };
    for (const TreeCase& one : cases) {
        INFO(one.text);
        const std::string all = reported(one.text);
        CHECK_THAT(all, Catch::StartsWith(one.begins));
        CHECK_THAT(all, Catch::Contains(one.fragment));
        CHECK(std::count(all.begin(), all.end(), '\n') == 1);
    }
}

TEST_CASE("Bytes that are no text are refused with their place") {
    const std::vector<TreeCase> cases = {
        {"a: 1\nb: \0\n"s, "t:2:4: error: ", "a NUL byte"},
        {"a: 1\nb: x\xff\n", "t:2:5: error: ", "not UTF-8"},
        {"\xc3\x28", "t:1:1: error: ", "not UTF-8"},
        {"\xc0\x80", "t:1:1: error: ", "not UTF-8"},
        {"\xed\xa0\x80", "t:1:1: error: ", "not UTF-8"},
        {"\xf4\x90\x80\x80", "t:1:1: error: ", "not UTF-8"},
        {"a: \xe2\x82", "t:1:4: error: ", "not UTF-8"},
        {"a: 1\x04\nb: 2\n", "t:1:5: error: ", "a control character"},
        {"a: 1\rb: 2\n", "t:1:5: error: ", "a carriage return"},
    };
    for (const TreeCase& one : cases) {
        CHECK_THAT(reported(one.text), Catch::StartsWith(one.begins));
        CHECK_THAT(reported(one.text), Catch::Contains(one.fragment));
    }
    CHECK(reported("a: \xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80\r\n") == "");
    CHECK(reported("\xef\xbb\xbfnode: n\n") == "");
}

TEST_CASE("Nesting, size and number of values end at their limits") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(reported(nested(tree_depth_max)) == "");
    CHECK_THAT(reported(nested(tree_depth_max + 1)), Catch::StartsWith("t:1:17: error: "));
    CHECK_THAT(reported(nested(100'000)), Catch::Contains("nested more than 16 deep"));
    // More of them are not even looked at: they cost 240 bytes each before any is refused.
    CHECK_THAT(reported(nested(tree_brackets_max)), Catch::Contains("nested more than 16 deep"));
    CHECK_THAT(reported(nested(tree_brackets_max + 1)), Catch::Contains("brackets"));
    const std::string text = "a: 1\n";
    CHECK(reported(text + std::string(node_file_bytes_max - text.size(), '\n')) == "");
    CHECK_THAT(reported(text + std::string(node_file_bytes_max - text.size() + 1, '\n')),
               Catch::Contains("longer than 16 MiB"));
}

TEST_CASE("A scalar stays the text it was, and quotes are remembered") {
    Diagnostics diagnostics;
    const auto root = read_tree("a: 010\nb: \"010\"\nc: |\n  x\nd: ~\ne: 'it''s'\n",
                                diagnostics.add_file("t"), diagnostics);
    REQUIRE(root);
    CHECK(root->find("a")->text == "010");
    CHECK_FALSE(root->find("a")->quoted);
    CHECK(root->find("b")->quoted);
    CHECK(root->find("c")->text == "x\n");
    CHECK(root->find("d")->kind == Node::Kind::nothing);
    CHECK(root->find("e")->text == "it's");
    CHECK(root->find("e")->at.line == 6);
    CHECK(root->find("e")->at.column == 4);
    CHECK(root->find("f") == nullptr);
}
