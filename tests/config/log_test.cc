// `log` of a node file: where messages go, and what is refused at its place.
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

LogSpec read(const std::string& log) {
    const config::Loaded loaded = parse(head + log, {}, 65536, "/etc/lanes/n.yaml");
    INFO(config::report(loaded));
    REQUIRE(loaded.good());
    REQUIRE(loaded.diagnostics.empty());
    return loaded.spec.log;
}

}  // namespace

TEST_CASE("messages go where it is usual unless the node file says otherwise") {
    using engine::LogPlace;
    using engine::Severity;
    CHECK(read("") == LogSpec{});
    CHECK(read("").to.empty());
    CHECK(read("").level == Severity::info);
    CHECK(read("log: {to: journal}").to == std::vector{LogPlace::journal});
    CHECK(read("log: {to: [syslog, stderr]}").to ==
          std::vector{LogPlace::syslog, LogPlace::standard_error});
    CHECK(read("log: {level: error}").level == Severity::error);
    CHECK(read("log: {level: debug}").level == Severity::debug);
    CHECK(read("log: {facility: local3}").facility == 19);
    CHECK(read("log: {facility: daemon}").facility == 3);
    CHECK(read("log: {to: syslog, syslog: /run/x}").socket == "/run/x");
    CHECK(read("log: {to: syslog, syslog: ./x}").socket == "/etc/lanes/x");
    const LogSpec remote = read("log: {to: syslog, syslog: \"192.0.2.9:514\"}");
    REQUIRE(remote.server);
    CHECK(to_string(*remote.server) == "192.0.2.9:514");
    CHECK(remote.socket.empty());
    CHECK(read("log: {to: syslog, syslog: \"[2001:db8::9]:514\"}").server);
}

TEST_CASE("what is wrong with `log` is refused at its place") {
    const std::vector<Case> cases = {
        {"log:", {{"7:1: error: ", "expected a map for `log`, found nothing"}}},
        {"log: {}", {{"7:6: error: ", "found an empty map"}}},
        {"log: syslog", {{"7:6: error: ", "expected a map for `log`"}}},
        {"lgo: {to: syslog}", {{"7:1: error: ", "did you mean `log`?"}}},
        {"log: {levl: info}", {{"7:7: error: ", "did you mean `level`?"}}},
        {"log: {level: notise}", {{"7:14: error: ", "did you mean `notice`?"}}},
        {"log: {level: 3}", {{"7:14: error: ", "log.level"}}},
        {"log: {to: jurnal}", {{"7:11: error: ", "did you mean `journal`?"}}},
        {"log: {to: []}", {{"7:11: error: ", "found an empty list"}}},
        {"log: {to: [stderr, stderr]}", {{"7:20: error: ", "found `stderr` twice"}}},
        {"log: {to: {a: b}}", {{"7:11: error: ", "log.to"}}},
        {"log: {facility: local8}", {{"7:17: error: ", "did you mean `local"}}},
        {"log: {facility: kern}", {{"7:17: error: ", "log.facility"}}},
        {"log: {to: syslog, syslog: \"192.0.2.9\"}",
         {{"7:27: error: ", "the address and port of a server"}}},
        {"log: {to: syslog, syslog: \"192.0.2.9:0\"}", {{"7:27: error: ", "\"192.0.2.9:514\""}}},
        {"log: {to: syslog, syslog: /dev/}", {{"7:27: error: ", "the path of a socket"}}},
        {"log: {to: syslog, syslog: /" + std::string(108, 'x') + "}",
         {{"7:27: error: ", "at most 107 bytes"}}},
        {"log: {syslog: /dev/log}", {{"7:7: error: ", "add to: [syslog]"}}},
        {"log: {to: stderr, syslog: /dev/log}", {{"7:19: error: ", "add to: [syslog]"}}},
    };
    for (const Case& one : cases) {
        INFO(one.text);
        expect(parse(head + one.text), one.wants, "node.yaml");
    }
}
