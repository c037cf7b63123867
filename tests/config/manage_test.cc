// `manage` of a node file: where a node can be managed, and what is refused at its place. And lanes
// that come to a running node as a text, by the same keys and errors as in a file.
#include <catch2/catch.hpp>

#include "tests/config/sealed_site.hh"
#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

namespace {

const std::string head = R"(node: n
ports:
  lan: {driver: memory, device: a}
  wan: {driver: memory, device: b, address: 192.0.2.1/24}
lanes:
  - {name: one, id: 1, send: lan, over: {port: wan, to: "192.0.2.2:4790"}, cipher: none}
)";

ManageSpec read(const std::string& manage) {
    const config::Loaded loaded = parse(head + manage, {}, 65536, "/etc/lanes/n.yaml");
    INFO(config::report(loaded));
    REQUIRE(loaded.good());
    REQUIRE(loaded.diagnostics.empty());
    return loaded.spec.manage;
}

std::string text_of(const config::LoadedLane& lane) {
    return config::report(lane);
}

}  // namespace

TEST_CASE("`manage` says where the node can be managed; without it, at the usual place") {
    using Socket = ManageSpec::Socket;
    CHECK(read("").kind == Socket::usual);
    CHECK_FALSE(read("").telnet);
    CHECK(read("manage: {socket: none}").kind == Socket::none);
    const ManageSpec given = read("manage: {socket: ../n.sock}");
    CHECK(given.kind == Socket::given);
    CHECK(given.socket == "/etc/n.sock");
    CHECK(read("manage: {socket: \"none\"}").socket == "/etc/lanes/none");
    const ManageSpec telnet = read("manage: {telnet: \"127.0.0.1:2601\"}");
    CHECK(telnet.kind == Socket::usual);
    REQUIRE(telnet.telnet);
    CHECK(to_string(*telnet.telnet) == "127.0.0.1:2601");
    CHECK(read("manage: {telnet: \"[::1]:2601\"}").telnet);
    CHECK(read("manage: {telnet: \"127.9.9.9:1\"}").telnet);
}

TEST_CASE("`manage.metrics` is an address of loopback or the path of a socket") {
    const ManageSpec none = read("");
    CHECK_FALSE(none.metrics);
    CHECK(none.metrics_socket.empty());
    const ManageSpec http = read("manage: {metrics: 127.0.0.1:9464}");
    REQUIRE(http.metrics);
    CHECK(to_string(*http.metrics) == "127.0.0.1:9464");
    CHECK(http.metrics_socket.empty());
    CHECK(http.kind == ManageSpec::Socket::usual);
    CHECK_FALSE(http == none);
    CHECK(read("manage: {metrics: \"[::1]:9464\"}").metrics);
    const ManageSpec socket = read("manage: {metrics: /run/lanes/n.metrics.sock, socket: none}");
    CHECK(socket.metrics_socket == "/run/lanes/n.metrics.sock");
    CHECK_FALSE(socket.metrics);
    CHECK_FALSE(socket == none);
    CHECK(read("manage: {metrics: ./m.sock}").metrics_socket == "/etc/lanes/m.sock");
}

TEST_CASE("what is wrong with `manage` is refused at its place") {
    const std::vector<Case> cases = {
        {"manage:", {{"7:1: error: ", "expected a map for `manage`, found nothing"}}},
        {"manage: {}", {{"7:9: error: ", "found an empty map"}}},
        {"manage: [a]", {{"7:9: error: ", "found a list"}}},
        {"mange: {socket: none}", {{"7:1: error: ", "did you mean `manage`?"}}},
        {"manage: {sockt: none}", {{"7:10: error: ", "did you mean `socket`?"}}},
        {"manage: {socket: [a]}", {{"7:18: error: ", "a path, or `none`"}}},
        {"manage: {socket: \"\"}", {{"7:18: error: ", "a path of 1 to 4095 bytes"}}},
        {"manage: {socket: /run/}", {{"7:18: error: ", "found a folder"}}},
        {"manage: {socket: /" + std::string(107, 'x') + "}",
         {{"7:18: error: ", "at most 107 bytes, for `manage.socket`, found one of 108"}}},
        {"manage: {telnet: 2601}", {{"7:18: error: ", "write telnet: \"127.0.0.1:2601\""}}},
        {"manage: {telnet: \"127.0.0.1\"}", {{"7:18: error: ", "an address of this host's own"}}},
        {"manage: {telnet: \"127.0.0.1:0\"}", {{"7:18: error: ", "an address of this host's own"}}},
        {"manage: {telnet: \"192.0.2.1:2601\"}",
         {{"7:18: error: ", "expected a loopback address"}}},
        {"manage: {telnet: \"0.0.0.0:2601\"}", {{"7:18: error: ", "telnet is not encrypted"}}},
        {"manage: {telnet: \"[::]:2601\"}", {{"7:18: error: ", "expected a loopback address"}}},
        {"manage: {telnet: \"[::ffff:127.0.0.1]:2601\"}",
         {{"7:18: error: ", "expected a loopback address"}}},
        {"manage: {telnet: \"128.0.0.1:2601\"}", {{"7:18: error: ", "through ssh"}}},
        {"manage: {metrics: 9464}",
         {{"7:19: error: ", "write metrics: \"127.0.0.1:9464\", or a path with a / in it"}}},
        {"manage: {metrics: m.sock}", {{"7:19: error: ", "a loopback address and a port, or"}}},
        {"manage: {metrics: [a]}", {{"7:19: error: ", "a loopback address and a port, or"}}},
        {"manage: {metrics: 127.0.0.1:0}", {{"7:19: error: ", "a loopback address and a port"}}},
        {"manage: {metrics: 0.0.0.0:9464}", {{"7:19: error: ", "HTTP without encryption"}}},
        {"manage: {metrics: 192.0.2.1:9464}",
         {{"7:19: error: ", "write metrics: \"127.0.0.1:9464\""}}},
        {"manage: {metrics: \"[::]:9464\"}", {{"7:19: error: ", "expected a loopback address"}}},
        {"manage: {metrics: /run/}", {{"7:19: error: ", "found a folder"}}},
        {"manage: {metrics: /" + std::string(107, 'x') + "}",
         {{"7:19: error: ", "at most 107 bytes, for `manage.metrics`, found one of 108"}}},
        {"manage: {metrics: /run/a, socket: /run/../run/a}",
         {{"7:19: error: ", "`manage.metrics` and `manage.socket` are the same place"}}},
        {"manage: {metrics: 127.0.0.1:26, telnet: 127.0.0.1:26}",
         {{"7:19: error: ", "`manage.metrics` and `manage.telnet` are the same place"}}},
        {"manage: {telnet: \"127.0.0.1:26\", password_file: /nowhere}",
         {{"7:49: error: ", "cannot take the password for `manage.password_file`"}}},
    };
    for (const Case& one : cases) {
        INFO(one.text);
        expect(parse(head + one.text), one.wants, "node.yaml");
    }
}

TEST_CASE("a password file holds one line that nobody else can read") {
    const Folder folder;
    const auto loaded = [&](const std::string& name) {
        return parse(head + "manage: {telnet: \"127.0.0.1:26\", password_file: " + name + "}", {},
                     65536, folder / "n.yaml");
    };
    folder.write("good", "open sesame\n");
    const config::Loaded good = loaded("good");
    INFO(config::report(good));
    REQUIRE(good.good());
    REQUIRE(good.spec.manage.password);
    CHECK(good.spec.manage.password->is("open sesame"));
    CHECK_FALSE(good.spec.manage.password->is("open sesame\n"));
    CHECK_FALSE(good.spec.manage.password->is(""));
    CHECK(good.spec.manage == loaded("good").spec.manage);
    folder.write("good", "another one");
    CHECK_FALSE(good.spec.manage == loaded("good").spec.manage);

    folder.write("open", "open sesame\n", 0640);
    folder.write("short", "1234567\n");
    folder.write("lines", "open\nsesame\n");
    folder.write("empty", "");
    folder.write("long", std::string(129, 'x'));
    folder.write("longest", std::string(128, 'x') + "\n");
    CHECK(loaded("longest").good());
    const auto refused = [&](const std::string& name, const std::string& why) {
        INFO(name);
        expect(loaded(name), {{"7:49: error: ", why}}, folder / "n.yaml");
        CHECK(config::report(loaded(name)).find("sesame") == std::string::npos);
    };
    refused("open", "chmod 600");
    refused("short", "expected one line of 8 to 128 printable bytes");
    refused("lines", "expected one line");
    refused("empty", "expected one line");
    refused("long", "expected one line");
    refused("absent", "No such file");
    refused(".", "not a regular file");
}

TEST_CASE("a password file without telnet is worth a warning") {
    const Folder folder;
    folder.write("good", "open sesame\n");
    expect(parse(head + "manage: {password_file: good}", {}, 65536, folder / "n.yaml"),
           {{"7:10: warning: ", "asked for by nobody"}}, folder / "n.yaml");
}

TEST_CASE("a lane comes to a running node by the same keys as in its file") {
    const config::Loaded loaded = parse(head);
    REQUIRE(loaded.good());
    const config::LoadedLane lane = config::parse_lane(
        "{name: two, id: 2, send: lan, match: {vlan: 7}, mtu: 900, "
        "over: {port: wan, to: \"192.0.2.2:4790\"}, cipher: none}",
        loaded.spec, "n.yaml");
    INFO(text_of(lane));
    REQUIRE(lane.good());
    CHECK(lane.lane.name == "two");
    CHECK(lane.lane.port == 0);
    CHECK(lane.lane.paths.at(0).port == 1);
    CHECK(lane.lane.mtu == 900);
    CHECK(lane.lane.match->vlan == 7);
}

TEST_CASE("what is wrong with such a lane is said as of a file, by its column") {
    const config::Loaded loaded = parse(head);
    REQUIRE(loaded.good());
    struct Bad {
        std::string text;
        std::string says;
    };
    const std::vector<Bad> cases = {
        {"", "lane:1:1: error: expected a map"},
        {"two", "lane:1:1: error: "},
        {"[a]", "lane:1:1: error: "},
        {"{name: two", "lane:1:"},
        {"{name: two, id: 2, snd: lan, over: {port: wan}, cipher: none}",
         "lane:1:20: error: unknown key `snd`"},
        {"{name: two, id: 2, receive: lan, over: {port: wen}, cipher: none}",
         "names port `wen`, which does not exist; expected one of lan, wan; did you mean `wan`?"},
        {"{name: two, id: 2, receive: lan, over: {port: wan}, sender: "
         "\"" +
             public_text(1) + "\"}",
         "the node has no key of its own"},
        {"{name: two, id: x, receive: lan, over: {port: wan}, cipher: none}", "lane:1:17: error: "},
        {"- {name: two}", "lane:1:1: error: "},
    };
    for (const Bad& one : cases) {
        INFO(one.text);
        const config::LoadedLane lane = config::parse_lane(one.text, loaded.spec, "n.yaml");
        CHECK_FALSE(lane.good());
        CHECK_THAT(text_of(lane), Catch::Contains(one.says));
    }
}

TEST_CASE("a sealed lane finds its secret beside the node file and takes the node's own keys") {
    const Site site;
    const config::Loaded loaded = without_unused(site.parse(
        std::string(node_head) + sending("receiver: " + public_text(1)) + std::string(tail)));
    INFO(config::report(loaded));
    REQUIRE(loaded.good());
    const config::LoadedLane lane =
        config::parse_lane("{name: b, id: 2, receive: tun, over: {port: far}, sender: \"" +
                               public_text(2) + "\", secret: lane.psk}",
                           loaded.spec, site.file());
    INFO(text_of(lane));
    REQUIRE(lane.good());
    CHECK(lane.lane.keys->own == loaded.spec.keys);
    CHECK(lane.lane.keys->secret);
}
