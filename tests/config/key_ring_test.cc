// Keys by file and by text: what is shared, what is refused at its place, and no message that
// repeats a secret. Key files are real ones, in a folder of the test's own.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/config/sealed_site.hh"

using namespace lanes;
using namespace lanes::config::test;

TEST_CASE("A node's own key pair is shared by it and its lanes, wherever `keys` stands") {
    const Site site;
    const std::string lanes = sending("receiver: \"" + public_text(1) + "\"") +
                              "  - {name: b, id: 2, receive: tun, sender: " + public_text(2) +
                              ", over: {port: far}}\n";
    const std::string head(node_head);
    const std::string first = std::string(tail) + head + lanes;
    for (const std::string& text : {head + lanes + std::string(tail), first}) {
        const config::Loaded loaded = without_unused(site.parse(text));
        INFO(config::report(loaded));
        REQUIRE(loaded.good());
        REQUIRE(loaded.spec.keys);
        CHECK(loaded.spec.keys->open == public_key(own_seed));
        CHECK(loaded.spec.lanes.at(0).keys->own == loaded.spec.keys);
        CHECK(loaded.spec.lanes.at(1).keys->own == loaded.spec.keys);
        CHECK(loaded.spec.lanes.at(1).keys->peers == std::vector{public_key(2)});
        CHECK(loaded.spec.state == site.folder / "s");
    }
}

TEST_CASE("A file that many lanes name, in whatever spelling, is read once") {
    const Site site;
    std::string table = "name,id,receive,over.port,secret\n";
    const std::vector<std::string> names = {"lane.psk", "./lane.psk", site.folder / "lane.psk"};
    for (std::size_t i = 0; i < 9; ++i) {
        const std::string n = std::to_string(i + 1);
        table += "lane" + n + "," + n + ",lan,wan," + names[i % names.size()] + "\n";
    }
    const config::Loaded loaded = site.parse(
        std::string(node_head.substr(0, node_head.find("lanes:"))) + "tables: [t.csv]\nstate: s\n",
        {{"t.csv", table}});
    INFO(config::report(loaded));
    REQUIRE(loaded.good());
    REQUIRE(loaded.spec.lanes.size() == 9);
    for (const LaneSpec& lane : loaded.spec.lanes) {
        CHECK(lane.keys->secret == loaded.spec.lanes[0].keys->secret);
    }
    CHECK(loaded.spec.lanes[0].keys->secret.use_count() == 9);
}

TEST_CASE("Lanes with peers need a key of the node, and the first of them says so") {
    const Site site;
    const std::string lanes =
        sending("receiver: " + public_text(1)) +
        "  - {name: b, id: 2, receive: tun, over: {port: far}, sender: " + public_text(2) + "}\n";
    expect(site.load(lanes, "state: s\n"),
           {{"10:44: error: ", "but the node has no key of its own; expected `keys`"}},
           site.file());
    const auto with = [&](const std::string& keys) {
        return site.load(lanes, keys + "state: s\n");
    };
    const std::string place = "12:7: error: ";
    expect(with("keys: node.key\n"),
           {{place, "expected a map for `keys`, found a text; write keys: {private: FILE}"}},
           site.file());
    expect(with("keys: {}\n"), {{place, "found an empty map"}}, site.file());
    expect(with("keys: {privat: node.key}\n"),
           {{place, "`keys` has no `private`"}, {"12:8: error: ", "did you mean `private`?"}},
           site.file());
    expect(with("keys: {private: [node.key]}\n"), {{"12:17: error: ", "found a list"}},
           site.file());
    expect(with("keys: {private: \"\"}\n"), {{"12:17: error: ", "found an empty text"}},
           site.file());
}

TEST_CASE("A key file that cannot be taken is reported where it is named") {
    const Site site;
    const auto path = [&](const std::string& name) { return site.folder / name; };
    site.folder.write("open.psk", private_text(1) + "\n", 0644);
    site.folder.write("group.psk", private_text(1) + "\n", 0640);
    site.folder.write("short.psk", private_text(1).substr(0, 40) + "\n");
    site.folder.write("long.psk", private_text(1) + "\n" + private_text(2) + "\n");
    site.folder.write("empty.psk", "");
    site.folder.write("zero.psk", private_text(0));
    const auto secret = [](const std::string& name) { return sending("secret: " + name); };
    site.expect_all({
        {secret("open.psk"),
         {{"10:42: error: ",
           "cannot take the key for `secret` of lane `a`; expected a file made by `lanes key "
           "secret > FILE`; " +
               path("open.psk") + ": group or others have access (mode 0644)"}}},
        {secret("open.psk"), {{"10:42: error: ", "chmod 600 " + path("open.psk")}}},
        {secret("group.psk"), {{"10:42: error: ", "mode 0640"}}},
        {secret("none.psk"),
         {{"10:42: error: ", path("none.psk") + ": No such file or directory"}}},
        {secret("."), {{"10:42: error: ", "not a regular file"}}},
        {secret("short.psk"), {{"10:42: error: ", "expected 44 characters of base64"}}},
        {secret("long.psk"), {{"10:42: error: ", "expected 44 characters of base64"}}},
        {secret("empty.psk"), {{"10:42: error: ", "expected 44 characters of base64"}}},
        {secret("zero.psk"), {{"10:42: error: ", "it is all zeros"}}},
        {secret("none.psk") + "  - {name: b, id: 2, receive: tun, secret: none.psk, over: {port: "
                              "far}}\n",
         {{"10:42: error: ", "No such file"}, {"11:44: error: ", "No such file"}}},
        {secret("\"a\\nb\""), {{"10:42: error: ", "found a control character for `secret`"}}},
        {secret("\"a\\x00b\""), {{"10:42: error: ", "a control character"}}},
        {secret("\"a\\x1bb\""), {{"10:42: error: ", "a control character"}}},
        {secret(std::string(5000, '.')), {{"10:42: error: ", "found more than 4095 bytes"}}},
    });
    site.folder.write("node.key", private_text(own_seed), 0604);
    expect(
        site.load(sending("receiver: " + public_text(1))),
        {{"11:17: error: ", "`lanes key new > FILE`; " + path("node.key") + ": group or others"}},
        site.file());
}

TEST_CASE("A public key that is none is refused, and not repeated") {
    const Site site;
    const auto receiver = [](const std::string& text) { return sending("receiver: " + text); };
    const std::string zero = std::string(43, 'A') + "=";
    const std::string expected = "expected 44 characters of base64";
    site.expect_all({
        {receiver(zero),
         {{"10:44: error: ",
           "`receiver` of lane `a`: not a public key: a point of "
           "low order"}}},
        {receiver("AQ" + zero.substr(2)), {{"10:44: error: ", "a point of low order"}}},
        {receiver("texas.pub"), {{"10:44: error: ", expected}}},
        {receiver("\"\""), {{"10:44: error: ", expected}}},
        {receiver(public_text(1).substr(1)), {{"10:44: error: ", expected}}},
        {receiver(public_text(1).substr(0, 43)), {{"10:44: error: ", expected}}},
        {receiver("A" + public_text(1)), {{"10:44: error: ", expected}}},
        {receiver("\" " + public_text(1) + "\""), {{"10:44: error: ", expected}}},
        {receiver("[" + public_text(1) + ", \"x\\u0000\"]"),
         {{"10:91: error: ", "`receiver` of lane `a`, 2 of 2: not a key"}}},
        {receiving("sender: x"), {{"10:44: error: ", "prints at the sending node"}}},
    });
}

TEST_CASE("No message repeats a key that was pasted, wherever it was pasted") {
    const Site site;
    const std::string key = "h7lAzx+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXY=";
    REQUIRE(crypto::parse_private(key));
    const std::string core = key.substr(4, 36);
    const std::string one = "receiver: " + public_text(1);
    for (const std::string& text : {
             sending("secret: " + key),
             sending("secret: " + key.substr(0, 43)),
             sending("secret: " + key.substr(0, 41)),
             sending("secret: \"" + key + "\\n\""),
             sending("secret: [" + key + "]"),
             sending("secret: {" + key + ": 1}"),
             sending("receiver: x" + key),
             sending("receiver: " + key.substr(0, 43)),
             sending("receiver: [x, " + key + "x]"),
             receiving("sender: " + key + "x"),
             sending(one + ", rekey: " + key),
             sending(one + ", cipher: " + key),
             sending(one + ", " + key + ": 1"),
             sending(one + ", secrets: " + key),
             sending(one + ", bundle: " + key),
             "  - " + key + "\n",
             "  - secret:" + key + "\n",
         }) {
        INFO(text);
        const config::Loaded loaded = site.load(text);
        CHECK_FALSE(loaded.good());
        CHECK(config::report(loaded).find(core) == std::string::npos);
    }
    for (const std::string& behind : {
             "keys: " + key,
             "keys: {private: " + key + "}",
             "keys: {private: " + key.substr(0, 43) + "}",
             "keys: {private: [" + key + "]}",
             "keys: {" + key + ": node.key}",
             "keys: {private: node.key, public: 1, " + key + ": x}",
             "crypto: " + key,
             "crypto: {backend: " + key + "}",
             key + ": x",
             "tables: " + key,
         }) {
        INFO(behind);
        const config::Loaded loaded =
            site.load(sending("cipher: none"), "state: s\n" + behind + "\n");
        CHECK_FALSE(loaded.good());
        CHECK(config::report(loaded).find(core) == std::string::npos);
    }
    expect(site.load(sending("secret: " + key)),
           {{"10:42: error: ",
             "found what looks like a key for `secret` of lane `a`; expected the "
             "name of a file"}},
           site.file());
    expect(site.load(sending("cipher: none"), "keys: {private: " + key + "}\n"),
           {{"11:17: error: ", "found what looks like a key for `keys.private`"}}, site.file());
}
