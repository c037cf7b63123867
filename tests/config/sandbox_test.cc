// `sandbox` of a node file: in force unless the operator says otherwise, and what is refused at its
// place. And the files that a node reads, which its sandbox must let it read again.
#include <catch2/catch.hpp>

#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

namespace {

const std::string head = R"(node: n
ports:
  a: {driver: memory, device: w}
  b: {driver: memory, device: w}
lanes:
  - {name: one, patch: {from: a, to: b}}
)";

SandboxSpec read(const std::string& sandbox) {
    const config::Loaded loaded = parse(head + sandbox);
    INFO(config::report(loaded));
    REQUIRE(loaded.good());
    REQUIRE(loaded.diagnostics.empty());
    return loaded.spec.sandbox;
}

}  // namespace

TEST_CASE("a node is confined unless its file says otherwise") {
    CHECK(read("") == SandboxSpec{});
    CHECK(read("").enforce);
    CHECK_FALSE(read("").reopen_ports);
    CHECK_FALSE(read("sandbox: {enforce: false}").enforce);
    CHECK(read("sandbox: {reopen_ports: true}").reopen_ports);
    const SandboxSpec sandbox = read("sandbox: {user: lanes, group: wire, enforce: true}");
    CHECK(sandbox.user == "lanes");
    CHECK(sandbox.group == "wire");
    CHECK(sandbox.enforce);
}

TEST_CASE("what is wrong with `sandbox` is refused at its place") {
    const std::vector<Case> cases = {
        {"sandbox:", {{"7:1: error: ", "expected a map for `sandbox`, found nothing"}}},
        {"sandbox: {}", {{"7:10: error: ", "found an empty map"}}},
        {"sandbox: false", {{"7:10: error: ", "expected a map for `sandbox`"}}},
        {"sanbox: {user: lanes}", {{"7:1: error: ", "did you mean `sandbox`?"}}},
        {"sandbox: {usr: lanes}", {{"7:11: error: ", "did you mean `user`?"}}},
        {"sandbox: {enforce: maybe}", {{"7:20: error: ", "sandbox.enforce"}}},
        {"sandbox: {reopen_ports: 1}", {{"7:25: error: ", "sandbox.reopen_ports"}}},
        {"sandbox: {user: \"a b\"}", {{"7:17: error: ", "sandbox.user"}}},
        {"sandbox: {group: lanes}", {{"7:10: error: ", "add `user: NAME`"}}},
    };
    for (const Case& one : cases) {
        INFO(one.text);
        expect(parse(head + one.text), one.wants, "node.yaml");
    }
}

TEST_CASE("what was read beside the node file is known, each file once") {
    const Folder folder;
    folder.write("n.yaml", head + "tables: [more.csv, ./other.csv]\n");
    for (const char* name : {"more.csv", "other.csv"}) folder.write(name, "name,patch\n");
    const config::Loaded loaded = config::load_node(folder / "n.yaml");
    INFO(config::report(loaded));
    CHECK(loaded.spec.files == std::vector<std::string>{folder / "more.csv", folder / "other.csv"});
}
