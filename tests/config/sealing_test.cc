// Sealed lanes: which keys a lane of which role has, in YAML and in tables, each error at its
// place. Where keys come from: key_ring_test.cc.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/config/sealed_site.hh"

using namespace lanes;
using namespace lanes::config::test;

TEST_CASE("A lane is sealed with aes-256-gcm unless it says otherwise") {
    const Site site;
    const std::string key = "receiver: " + public_text(1);
    const LaneSpec plain = std::move(site.good(sending(key)).at(0));
    CHECK(plain.cipher == Cipher::aes_256_gcm);
    REQUIRE(plain.keys);
    CHECK(plain.keys->by_keys());
    CHECK(plain.keys->peers == std::vector{public_key(1)});
    CHECK_FALSE(plain.keys->secret);
    REQUIRE(plain.keys->own);
    CHECK(plain.keys->own->open == public_key(own_seed));
    CHECK(plain.keys->rekey_seconds == 120);
    CHECK(site.good(sending(key + ", cipher: aes-256-gcm")).at(0).cipher == Cipher::aes_256_gcm);
    CHECK(site.good(sending(key + ", cipher: chacha20-poly1305")).at(0).cipher ==
          Cipher::chacha20_poly1305);
    const LaneSpec clear = std::move(site.good(sending("cipher: none")).at(0));
    CHECK(clear.cipher == Cipher::none);
    CHECK_FALSE(clear.keys);
}

TEST_CASE("A shared secret works alone, without keys of the node, and on top of keys") {
    const Site site;
    const config::Loaded alone = site.load(sending("secret: lane.psk"), "state: s\n");
    INFO(config::report(alone));
    REQUIRE(alone.diagnostics.empty());
    CHECK_FALSE(alone.spec.keys);
    const KeySpec& spec = *alone.spec.lanes.at(0).keys;
    CHECK_FALSE(spec.by_keys());
    CHECK_FALSE(spec.own);
    REQUIRE(spec.secret);
    CHECK(spec.secret->secret == private_key(secret_seed).secret);
    const auto both =
        site.good(receiving("sender: " + public_text(1) + ", secret: " + site.folder / "lane.psk"));
    CHECK(both.at(0).keys->by_keys());
    CHECK(both.at(0).keys->secret->secret == private_key(secret_seed).secret);
}

TEST_CASE("A sending lane has one receiver to sixty-four") {
    const Site site;
    CHECK(site.good(sending("receiver: [" + public_text(1) + "]")).at(0).keys->peers.size() == 1);
    const auto many = site.good(sending("receiver: [" + public_texts(64, ", ") + "]"));
    REQUIRE(many.at(0).keys->peers.size() == 64);
    CHECK(many.at(0).keys->peers.back() == public_key(64));
    site.expect_all({
        {sending("receiver: [" + public_texts(65, ", ") + "]"),
         {{"10:44: error: ", "expected 1 to 64 public keys for `receiver` of lane `a`, found 65"}}},
        {sending("receiver: []"), {{"10:44: error: ", "found 0; write one for each"}}},
        {sending("receiver: ~"), {{"10:34: error: ", "or a list of them, for `receiver`"}}},
        {sending("receiver: {a: b}"), {{"10:44: error: ", "found a map"}}},
        {sending("receiver: [[" + public_text(1) + "]]"), {{"10:45: error: ", "found a list"}}},
        {sending("receiver: [" + public_text(1) + ", " + public_text(2) + ", " + public_text(1) +
                 "]"),
         {{"10:137: error: ", "`receiver` of lane `a`, 3 of 3, is the same key"}}},
    });
}

TEST_CASE("The life of a session's keys is one second to two minutes") {
    const Site site;
    const auto with = [](const std::string& rekey) {
        return sending("rekey: " + rekey + ", secret: lane.psk");
    };
    CHECK(site.good(with("1")).at(0).keys->rekey_seconds == 1);
    CHECK(site.good(with("120")).at(0).keys->rekey_seconds == 120);
    site.expect_all({
        {with("0"), {{"10:41: error: ", "a number from 1 to 120 (seconds) for `rekey`"}}},
        {with("121"), {{"10:41: error: ", "the most is 120"}}},
        {with("2m"), {{"10:41: error: ", "write decimal digits"}}},
    });
}

TEST_CASE("A sealed lane has the key that its role needs") {
    const Site site;
    const std::string one = public_text(1);
    site.expect_all({
        {sending("mtu: 1400"),
         {{"10:5: error: ",
           "lane `a` is sealed, as every lane is that does not say otherwise, and has no key; "
           "expected `receiver: PUBLIC-KEY` or `secret: FILE`"}}},
        {sending("cipher: chacha20-poly1305"),
         {{"10:42: error: ", "lane `a` is sealed and has no key"}}},
        {receiving(""), {{"10:5: error: ", "expected `sender: PUBLIC-KEY` or `secret: FILE`"}}},
        {sending("cipher: non"), {{"10:42: error: ", "did you mean `none`?"}}},
        {sending("cipher: aes256gcm, receiver: " + one),
         {{"10:42: error: ", "did you mean `aes-256-gcm`?"}}},
        {sending("sender: " + one),
         {{"10:42: error: ",
           "`sender` in lane `a`, which sends; expected it only in lanes that "
           "receive; a lane that sends has a `receiver`"}}},
        {receiving("receiver: " + one),
         {{"10:46: error: ", "a lane that receives has a `sender`, others have neither"}}},
        {receiving("sender: " + one + ", rekey: 60"),
         {{"10:97: error: ", "`rekey` in lane `a`, which receives"}}},
        {receiving("sender: [" + one + "]"), {{"10:44: error: ", "found a list"}}},
        {sending("recever: " + one),
         {{"10:5: error: ", "has no key"}, {"10:34: error: ", "did you mean `receiver`?"}}},
    });
}

TEST_CASE("A lane without encryption has no keys") {
    const Site site;
    const std::string one = public_text(1);
    site.expect_all({
        {sending("cipher: none, receiver: " + one),
         {{"10:58: error: ",
           "found `receiver` beside `cipher: none` in lane `a`; expected it only "
           "in sealed lanes; remove one of them"}}},
        {sending("cipher: none, secret: lane.psk, rekey: 9"),
         {{"10:56: error: ", "`secret` beside"}, {"10:73: error: ", "`rekey` beside"}}},
        {receiving("cipher: none, sender: " + one), {{"10:58: error: ", "`sender` beside"}}},
        {"  - {name: a, patch: {from: lan, to: wan}, secret: lane.psk}\n",
         {{"10:52: error: ", "`secret` in lane `a`, which patches"}}},
        {"  - {name: a, id: 1, relay: wan, rekey: 5, sender: " + one + to_wan + "}\n",
         {{"10:41: error: ", "`rekey` in lane `a`, which relays"},
          {"10:52: error: ", "`sender` in lane `a`, which relays"}}},
    });
}

TEST_CASE("A node's own public key as a peer is a warning") {
    const Site site;
    const std::string own = public_text(own_seed);
    const config::Loaded loaded =
        site.load(sending("receiver: [" + public_text(1) + ", " + own + "]"));
    expect(loaded,
           {{"10:91: warning: ", "`receiver` of lane `a`, 2 of 2 is this node's own public key"}},
           site.file());
    CHECK(loaded.good());
    expect(site.load(receiving("sender: " + own)),
           {{"10:44: warning: ", "`sender` of lane `a` is this node's own public key"}},
           site.file());
}

TEST_CASE("Sealed lanes without `state` are a warning that says what is lost") {
    const Site site;
    config::Loaded loaded = site.load(receiving("secret: lane.psk"), "");
    expect(loaded,
           {{"1:1: warning: ",
             "lane `a` is sealed: after a restart, what was sent to it in the "
             "last five minutes can be replayed"}},
           site.file());
    CHECK(loaded.good());
    expect(site.load(sending("secret: lane.psk"), ""),
           {{"1:1: warning: ", "add `state: DIRECTORY`"}}, site.file());
    CHECK(site.load(receiving("cipher: none"), "").diagnostics.empty());
}

TEST_CASE("A table seals lanes as YAML does") {
    const Site site;
    const std::string one = public_text(1);
    const std::string two = public_text(2);
    const config::Loaded yaml =
        site.load(sending("receiver: [" + one + ", " + two + "], rekey: 60, secret: lane.psk") +
                  "  - {name: b, id: 2, receive: tun, over: {port: far}, sender: " + two + "}\n" +
                  "  - {name: c, id: 3, receive: tun, over: {port: far}, secret: lane.psk,\n" +
                  "     cipher: chacha20-poly1305}\n" +
                  "  - {name: d, id: 4, receive: tun, over: {port: far}, cipher: none}\n");
    const std::string text =
        std::string(node_head.substr(0, node_head.find("lanes:"))) + "tables: [t.csv]\n";
    const std::string table =
        "name,id,send,receive,over.port,over.to,receiver,sender,secret,rekey,cipher\n"
        "a,1,lan,,wan,192.0.2.2:1," +
        one + "  " + two +
        " ,,lane.psk,60,\n"
        "b,2,,tun,far,,," +
        two +
        ",,,\n"
        "c,3,,tun,far,,,,lane.psk,,chacha20-poly1305\n"
        "d,4,,tun,far,,,,,,none\n";
    const config::Loaded csv =
        without_unused(site.parse(text + std::string(tail), {{"t.csv", table}}));
    INFO(config::report(yaml) << config::report(csv));
    REQUIRE(yaml.diagnostics.empty());
    REQUIRE(csv.diagnostics.empty());
    REQUIRE(csv.spec.lanes.size() == yaml.spec.lanes.size());
    for (std::size_t i = 0; i < csv.spec.lanes.size(); ++i) {
        INFO(i);
        CHECK(same(csv.spec.lanes[i], yaml.spec.lanes[i]));
    }
    CHECK(csv.spec.lanes[0].keys->peers.size() == 2);
}

TEST_CASE("A sealed row's errors are at its cells") {
    const Site site;
    const std::string text =
        std::string(node_head.substr(0, node_head.find("lanes:"))) + "tables: [t.csv]\n";
    const std::string head = "name,id,send,over.port,over.to,receiver,secret,rekey\n";
    const std::string row = "a,1,lan,wan,192.0.2.2:1,";
    const std::string one = public_text(1);
    const std::vector<Case> cases = {
        {row + ",,\n", {{"2:1: error: ", "lane `a` is sealed, as every lane is"}}},
        {row + "\" \",,\n", {{"2:25: error: ", "found 0"}}},
        {row + one + " " + one + ",,\n",
         {{"2:25: error: ", "2 of 2, is the same key as an earlier one"}}},
        {row + one + " x,none.psk,0\n",
         {{"2:25: error: ", "`receiver` of lane `a`, 2 of 2: not a key"},
          {"2:72: error: ", "No such file"},
          {"2:81: error: ", "the least is 1"}}},
        {row + "," + one + ",\n", {{"2:26: error: ", "found what looks like a key"}}},
        {row + public_texts(65, " ") + ",,\n", {{"2:25: error: ", "found 65"}}},
    };
    for (const Case& one_case : cases) {
        INFO(one_case.text);
        const config::Loaded loaded =
            without_unused(site.parse(text + std::string(tail), {{"t.csv", head + one_case.text}}));
        expect(loaded, one_case.wants, site.folder / "t.csv");
    }
    const config::Loaded full = without_unused(site.parse(
        text + std::string(tail), {{"t.csv", head + row + public_texts(64, " ") + ",,\n"}}));
    INFO(config::report(full));
    CHECK(full.good());
}

TEST_CASE("Errors of `crypto`") {
    const Site site;
    const auto with = [&](const std::string& text) {
        return site.load(sending("cipher: none"), text + "state: s\n");
    };
    expect(with("crypto: auto\n"),
           {{"11:9: error: ", "expected a map for `crypto`, found `auto`; write crypto:"}},
           site.file());
    expect(with("crypto: {}\n"), {{"11:9: error: ", "found an empty map"}}, site.file());
    expect(with("crypto: {backend: ipsec_mb}\n"), {{"11:19: error: ", "did you mean `ipsec-mb`?"}},
           site.file());
    expect(with("crypto: {back: auto}\n"), {{"11:10: error: ", "unknown key `back` in `crypto`"}},
           site.file());
    CHECK(with("crypto: {backend: ipsec-mb}\n").spec.backend == "ipsec-mb");
}
