// Sealed lanes: keys by file and by text, each error at its place, and no message that repeats a
// secret. Key files are real ones, in a folder of the test's own.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

#include "crypto/keys.hh"
#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

namespace {

crypto::PrivateKey private_key(unsigned seed) {
    crypto::PrivateKey key;
    const auto bytes = key.secret.bytes();
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(seed));
    return key;
}

std::string private_text(unsigned seed) {
    const crypto::KeyText text = crypto::to_text(private_key(seed));
    return {reinterpret_cast<const char*>(text.bytes().data()), text.len};
}

crypto::PublicKey public_key(unsigned seed) {
    return crypto::public_of(private_key(seed));
}

std::string public_text(unsigned seed) {
    return crypto::to_text(public_key(seed));
}

/// Public keys of the seeds 1, 2, ... with `between` between them.
std::string public_texts(unsigned count, const std::string& between) {
    std::string all = public_text(1);
    for (unsigned seed = 2; seed <= count; ++seed) all += between + public_text(seed);
    return all;
}

constexpr unsigned own_seed = 200;
constexpr unsigned secret_seed = 201;
constexpr std::string_view tail = "keys: {private: node.key}\nstate: s\n";
const std::string to_wan = ", over: {port: wan, to: 192.0.2.2:1}";

/// The key files of a node, and a node file that is parsed beside them.
struct Site {
    Folder folder;

    Site() {
        folder.write("node.key", private_text(own_seed) + "\n");
        folder.write("lane.psk", private_text(secret_seed) + "\n");
    }

    std::string file() const { return folder / "node.yaml"; }

    config::Loaded parse(const std::string& text, const Tables& tables = {}) const {
        Tables placed;
        for (const auto& [name, table] : tables) placed[folder / name] = table;
        return config::test::parse(text, placed, 65536, file());
    }

    /// node_head, the lanes, and what comes behind them.
    config::Loaded load(const std::string& lanes, std::string_view behind = tail) const {
        return without_unused(parse(std::string(node_head) + lanes + std::string(behind)));
    }

    std::vector<LaneSpec> good(const std::string& lanes) const {
        config::Loaded loaded = load(lanes);
        INFO(config::report(loaded));
        REQUIRE(loaded.diagnostics.empty());
        return std::move(loaded.spec.lanes);
    }

    void expect_all(const std::vector<Case>& cases) const {
        for (const Case& one : cases) {
            INFO(one.text);
            expect(load(one.text), one.wants, file());
        }
    }
};

/// A lane that sends with more keys, which begin at column 34 of line 10; and one that receives,
/// column 36.
std::string sending(const std::string& keys) {
    return "  - {name: a, id: 1, send:  lan, " + keys + to_wan + "}\n";
}
std::string receiving(const std::string& keys) {
    return "  - {name: a, id: 1, receive: lan" + (keys.empty() ? "" : ", " + keys) +
           ", over: {port: wan}}\n";
}

}  // namespace

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
