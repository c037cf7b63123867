// The grammar of management: words, which command they mean, what is refused, what completion
// offers. The node is one that writes down what was asked of it.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "manage/command.hh"
#include "manage/grammar.hh"
#include "tests/manage/fake_node.hh"

using namespace lanes::manage;
using lanes::manage::test::FakeNode;

namespace {

std::vector<std::string> texts(std::string_view line) {
    std::vector<std::string> all;
    for (const Word& word : split(line).all) all.push_back(word.text);
    return all;
}

using Strings = std::vector<std::string>;

Answer ask(FakeNode& node, std::string_view line, Rights rights = Rights::write) {
    return execute(node, line, rights);
}

}  // namespace

TEST_CASE("a line falls into words as in a shell") {
    CHECK(texts("") == Strings{});
    CHECK(texts("  show\tlanes  ") == Strings{"show", "lanes"});
    CHECK(texts("lane add '{name: a}'") == Strings{"lane", "add", "{name: a}"});
    CHECK(texts(R"(a "b \" \\ \n c" d)") == Strings{"a", R"(b " \ \n c)", "d"});
    CHECK(texts(R"('it'\''s' a\ b)") == Strings{"it's", "a b"});
    CHECK(texts(R"(a"b"'c' '' "")") == Strings{"abc", "", ""});
    CHECK(split("'a").open);
    CHECK(split("\"a\\\"").open);
    CHECK_FALSE(split("a\\").open);
    CHECK(texts("a\\") == Strings{"a\\"});
}

TEST_CASE("the table of commands is sorted, and each is complete") {
    const auto all = commands();
    CHECK(std::is_sorted(all.begin(), all.end(),
                         [](const Command& a, const Command& b) { return a.words < b.words; }));
    for (const Command& command : all) {
        INFO(command.words);
        CHECK(command.run != nullptr);
        CHECK_FALSE(command.help.empty());
        CHECK_FALSE(command.help.ends_with('.'));
    }
}

TEST_CASE("a command may be shortened while only one is meant") {
    FakeNode node;
    struct Case {
        std::string line;
        Strings asked;
    };
    const std::vector<Case> cases = {
        {"reload", {"reload"}},
        {"r", {"reload"}},
        {"re --dry-run", {"plan"}},
        {"--dry-run reload", {"plan"}},
        {"l u a", {"up a"}},
        {"lane down 'a'", {"down a"}},
        {"lane rem a", {"remove a"}},
        {"lane add '{name: a}'", {"put {name: a}"}},
        {R"(l a {name: a, to: "1.2.3.4:5", x: it's --json} )",
         {R"(put {name: a, to: "1.2.3.4:5", x: it's --json})"}},
        {"lane up -- --json", {"up --json"}},
        {"lane up '--json'", {"up --json"}},
        {"stop", {"stop"}},
    };
    for (const Case& one : cases) {
        INFO(one.line);
        node.asked.clear();
        const Answer answer = ask(node, one.line);
        CHECK(answer.status == 0);
        CHECK(node.asked == one.asked);
    }
}

TEST_CASE("what is not understood changes nothing, and says what was expected") {
    FakeNode node;
    struct Case {
        std::string line;
        std::string says;
    };
    const std::vector<Case> cases = {
        {"", "`help` lists all"},
        {"   ", "`help` lists all"},
        {"frobnicate", "no command begins with `frobnicate`"},
        {"show", "show lanes [NAME...]"},
        {"show frob", "`show` is not followed by `frob`"},
        {"s l", "could be one of these"},
        {"st", "write `stop` in full"},
        {"sto", "write `stop` in full"},
        {"stop now", "`stop` takes nothing more"},
        {"lane up", "the name of one lane; expected: lane up NAME"},
        {"lane up a b", "the name of one lane"},
        {"lane add", "{name: a, id: 1, ...}"},
        {"lane add name a", "takes one text"},
        {"set log loud", "found `loud`; expected: set log error|warning|notice|info|debug"},
        {"set log", "one of error|warning"},
        {"set phases {on}", "found `{on}`"},
        {"reload --dryrun", "no option `--dryrun`"},
        {"stop --dry-run", "cannot be tried with --dry-run"},
        {"lane up 'a", "a quote is not closed"},
        {"{", "no command begins with `{`"},
        {"help frob", "no such command"},
        {"'' ''", "no command begins with ``"},
    };
    for (const Case& one : cases) {
        INFO(one.line);
        const Answer answer = ask(node, one.line);
        CHECK(answer.status == 2);
        CHECK_THAT(answer.text, Catch::Contains(one.says));
        CHECK(answer.text.ends_with('\n'));
    }
    CHECK(node.asked.empty());
}

TEST_CASE("help lists all commands, or those that a beginning may become") {
    FakeNode node;
    const std::string all = ask(node, "help").text;
    for (const Command& command : commands())
        CHECK_THAT(all, Catch::Contains(std::string(command.words)));
    const Answer some = ask(node, "help lane");
    CHECK(some.status == 0);
    CHECK_THAT(some.text, Catch::Contains("lane remove NAME"));
    CHECK_THAT(some.text, !Catch::Contains("show"));
    CHECK(ask(node, "lane ?").text == some.text);
    CHECK(ask(node, "?").status == 0);
}

TEST_CASE("who may only look is refused by name whatever changes the node") {
    FakeNode node;
    for (const Command& command : commands()) {
        INFO(command.words);
        std::string line(command.words);
        if (command.takes == Command::Takes::lane) line += " a";
        if (command.takes == Command::Takes::text) {
            line += command.choices.empty()
                        ? " {a}"
                        : " " + std::string(command.choices.substr(0, command.choices.find('|')));
        }
        if (command.rights == Rights::read) continue;
        const Answer answer = ask(node, line, Rights::read);
        CHECK(answer.status == 1);
        CHECK_THAT(answer.text, Catch::Contains("`" + std::string(command.words) + "` changes"));
    }
    CHECK(node.asked.empty());
    CHECK(ask(node, "help", Rights::read).status == 0);
    CHECK(ask(node, "show lanes", Rights::read).status == 0);
}

TEST_CASE("with --json every answer of a command is one object with its schema") {
    FakeNode node;
    node.plan.add = {"a", "b"};
    node.plan.keep = 7;
    node.plan.ports = {"wan is opened"};
    for (const std::string line :
         {"reload --json", "reload --dry-run --json", "stop --json", "lane up a --json",
          "frob --json", "show --json", "lane up --json", "stop --dry-run --json",
          "set phases off --json", "lane add --json {a}"}) {
        INFO(line);
        const Answer answer = ask(node, line);
        const auto json = nlohmann::json::parse(answer.text);
        CHECK(json.at("schema") == "lanes/1");
        CHECK(json.contains("error") == (answer.status != 0));
    }
    const auto plan = nlohmann::json::parse(ask(node, "reload --dry-run --json").text);
    CHECK(plan.at("done") == false);
    CHECK(plan.at("add") == nlohmann::json({"a", "b"}));
    CHECK(plan.at("keep") == 7);
    CHECK(plan.at("restart") == nlohmann::json::array());
    CHECK(nlohmann::json::parse(ask(node, "reload --json").text).at("done") == true);
}

TEST_CASE("a plan that needs a restart is told and is no success") {
    FakeNode node;
    node.plan.restart = {"`workers` cannot change"};
    node.plan.remove = {"a"};
    const Answer answer = ask(node, "reload --dry-run");
    CHECK(answer.status == 1);
    CHECK(answer.text ==
          "keep     0\nremove   1: a\nrestart  `workers` cannot change\n"
          "nothing of texas.yaml is taken while the node runs: restart it\n");
    node.failure = "texas.yaml:1:2: error: no";
    CHECK(ask(node, "reload").status == 1);
    CHECK(ask(node, "reload").text == node.failure + "\n");
    CHECK(ask(node, "lane up a").text == node.failure + "\n");
}

TEST_CASE("completion offers what could stand where the line ends") {
    const Strings lanes = {"beta", "alpha", "alpine"};
    struct Case {
        std::string line;
        Strings offers;
    };
    const std::vector<Case> cases = {
        {"", {"help", "lane", "reload", "set", "show", "stop", "trace", "why"}},
        {"s", {"set", "show", "stop"}},
        {"sh", {"show"}},
        {"show", {"show"}},
        {"show l", {"lane", "lanes"}},
        {"sh w", {"workers"}},
        {"lane ", {"add", "down", "remove", "up"}},
        {"show lane ", {"alpha", "alpine", "beta"}},
        {"show lane alp", {"alpha", "alpine"}},
        {"show lane alpha ", {}},
        {"show lanes alpha b", {"beta"}},
        {"why b", {"beta"}},
        {"set log ", {"debug", "error", "info", "notice", "warning"}},
        {"set log w", {"warning"}},
        {"set phases o", {"off", "on"}},
        {"set phases on ", {}},
        {"lane add ", {}},
        {"reload -", {"--dry-run", "--json"}},
        {"stop --", {"--json"}},
        {"trace -n ", {}},
        {"trace -n 3 alp", {"alpha", "alpine"}},
        {"trace alpha -", {"--for", "--json", "-n"}},
        {"reload ", {}},
        {"frob ", {}},
        {"show lane 'alp", {}},
    };
    for (const Case& one : cases) {
        INFO(one.line);
        CHECK(complete(one.line, lanes) == one.offers);
    }
}
