// Lane tables: RFC 4180 in all its forms, places of cells however they are written, and errors that
// reach over several files.
#include <catch2/catch.hpp>

#include "config/tables.hh"
#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;
using namespace std::string_literals;

namespace {

std::string node_with(const std::string& tables) {
    return std::string(node_head.substr(0, node_head.find("lanes:"))) + "tables: [" + tables +
           "]\n";
}

/// Read whole and in pieces of one and of seven bytes: all must say the same.
config::Loaded load(const std::string& table) {
    const Tables tables = {{"t.csv", table}};
    config::Loaded whole = without_unused(parse(node_with("t.csv"), tables));
    for (const std::size_t piece_len : {std::size_t{1}, std::size_t{7}}) {
        const config::Loaded pieces = without_unused(parse(node_with("t.csv"), tables, piece_len));
        CHECK(config::report(pieces) == config::report(whole));
        CHECK(pieces.spec.lanes.size() == whole.spec.lanes.size());
    }
    return whole;
}

void expect_all(const std::vector<Case>& cases) {
    for (const Case& one : cases) {
        INFO(one.text);
        expect(load(one.text), one.wants, "t.csv");
    }
}

const std::string head = "name,id,receive,over.port,cipher\n";

}  // namespace

TEST_CASE("A table is read in every form that RFC 4180 has") {
    for (const std::string table : {
             "name,id,receive,over.port,cipher\na,1,lan,wan,none\nb,2,lan,wan,none\n",
             "name,id,receive,over.port,cipher\r\na,1,lan,wan,none\r\nb,2,lan,wan,none\r\n",
             "name,id,receive,over.port,cipher\na,1,lan,wan,none\nb,2,lan,wan,none",
             "\"name\",\"id\",receive,over.port,cipher\n\"a\",\"1\",lan,wan,none\nb,2,lan,\"wan\","
             "none",
             "\xef\xbb\xbfname,id,receive,over.port,cipher\na,1,lan,wan,none\n\n\nb,2,lan,wan,"
             "none\n\n",
             "cipher,over.port,receive,id,name\nnone,wan,lan,1,a\nnone,wan,lan,2,b\n",
         }) {
        INFO(table);
        const config::Loaded loaded = load(table);
        INFO(config::report(loaded));
        REQUIRE(loaded.diagnostics.empty());
        REQUIRE(loaded.spec.lanes.size() == 2);
        CHECK(loaded.spec.lanes[1].name == "b");
        CHECK(loaded.spec.lanes[1].id == 2);
        CHECK(loaded.spec.lanes[1].role == Role::receive);
        CHECK(loaded.spec.lanes[1].paths.at(0).port == 1);
    }
    CHECK(load(head).good());
}

TEST_CASE("A table gives the same lane as YAML does") {
    const config::Loaded yaml =
        parse(std::string(node_head) +
              "  - {name: a, id: 7, send: lan, cipher: none, bundle: true, mtu: 1400,\n"
              "     over: {port: wan, to: 192.0.2.2:4790, next_hop: 192.0.2.254, carrier: udp},\n"
              "     match: {vlan: 5, ether_type: 0x0800, source_mac: \"02:00:00:00:00:01\",\n"
              "             destination_mac: \"02:00:00:00:00:02\", source: 10.0.0.0/8,\n"
              "             destination: 10.1.0.0/16, protocol: udp, source_port: 1-2,\n"
              "             destination_port: 3, dscp: ef}}\n"
              "  - {name: b, id: 8, relay: wan, over: {port: cap, to: \"02:00:00:00:00:09\"}}\n"
              "  - {name: c, patch: {from: lan, to: mem}}\n"
              "  - {name: d, id: 9, receive: tun, window: 64, over: {port: far}, cipher: none}\n");
    const config::Loaded csv = load(
        "name,id,send,receive,over.port,over.to,over.next_hop,over.carrier,cipher,bundle,mtu,"
        "window,"
        "relay,patch.from,patch.to,match.vlan,match.ether_type,match.source_mac,"
        "match.destination_mac,match.source,match.destination,match.protocol,match.source_port,"
        "match.destination_port,match.dscp\n"
        "a,7,lan,,wan,192.0.2.2:4790,192.0.2.254,udp,none,true,1400,,,,,5,0x0800,02:00:00:00:00:01,"
        "02:00:00:00:00:02,10.0.0.0/8,10.1.0.0/16,udp,1-2,3,ef\n"
        "b,8,,,cap,02:00:00:00:00:09,,,,,,,wan,,,,,,,,,,,,\n"
        "c,,,,,,,,,,,,,lan,mem,,,,,,,,,,\n"
        "d,9,,tun,far,,,,none,,,64,,,,,,,,,,,,,\n");
    INFO(config::report(yaml) << config::report(csv));
    REQUIRE(yaml.good());
    REQUIRE(csv.good());
    REQUIRE(csv.spec.lanes.size() == yaml.spec.lanes.size());
    for (std::size_t i = 0; i < csv.spec.lanes.size(); ++i) {
        INFO(i);
        CHECK(same(csv.spec.lanes[i], yaml.spec.lanes[i]));
    }
}

TEST_CASE("Errors of a table's form") {
    const std::string row = "a,1,lan,wan,none\n";
    expect_all({
        {"", {{"1:1: error: ", "the table is empty"}}},
        {"\n\n", {{"1:1: error: ", "the table is empty"}}},
        {"name,id,recieve,over.port,cipher\n" + row,
         {{"1:1: error: ", "no column that says what its lanes do"},
          {"1:9: error: ", "did you mean `receive`?"}}},
        {"name,id,receive,over.port,cipher,colour\n",
         {{"1:34: error: ", "unknown column `colour`"}}},
        {"name,id,receive,over.port,cipher,id\n", {{"1:34: error: ", "already column 2"}}},
        {"id,receive\n1,lan\n", {{"1:1: error: ", "no column `name`"}}},
        {head + "a,1,lan,wan\n", {{"2:1: error: ", "the row has 4 cells; expected 5"}}},
        {head + row + "b,2,lan,wan,none,\n", {{"3:18: error: ", "the row has 6 cells"}}},
        {head + "a,1,la\"n,wan,none\n", {{"2:7: error: ", "a quote within a cell"}}},
        {head + "a,1, \"lan\",wan,none\n", {{"2:6: error: ", "no blank before it"}}},
        {head + "a,1,\"lan\"x,wan,none\n", {{"2:10: error: ", "found `x` behind a closing quote"}}},
        {head + "a,1,\"lan,wan,none\nb\n", {{"2:5: error: ", "never ends"}}},
        {head + "a,1,lan,wan,\"none", {{"2:13: error: ", "never ends"}}},
        {head + "a\xff,1,lan,wan,none\n", {{"2:1: error: ", "not UTF-8"}}},
        {head + "a,1,lan,w\0n,none\n"s, {{"2:9: error: ", "a NUL byte"}}},
        {head + "a, 1,lan,wan,none\n", {{"2:3: error: ", "decimal digits"}}},
    });
}

TEST_CASE("A cell's place is exact behind quotes, line ends in cells, CR LF and empty lines") {
    expect_all({
        {"name,id,receive,over.port,cipher\r\n\r\na,1,lan,wan,none\r\nb,x,lan,wan,none\r\n",
         {{"4:3: error: ", "found `x`"}}},
        {head + "\"a\"\"\n\nb\",x,lan,wan,none\nc,y,lan,wan,none\n",
         {{"2:1: error: ", "a name of 1 to 64"},
          {"4:4: error: ", "found `x`"},
          {"5:3: error: ", "found `y`"}}},
        {head + "\"a\r\nb\",x,lan,wan,none\n",
         {{"2:1: error: ", "a name of"}, {"3:4: error: ", "found `x`"}}},
        {"name,id,receive,over.port,cipher\ra,x,lan,wan,none\r", {{"2:3: error: ", "found `x`"}}},
        {head + "a,x,lan,wan,none", {{"2:3: error: ", "found `x`"}}},
    });
}

TEST_CASE("A row's errors are those of a YAML lane, at the cells") {
    expect_all({
        {head + "a,0,lam,wan,aes-256-gcm\n",
         {{"2:3: error: ", "the least is 1"},
          {"2:5: error: ", "did you mean `lan`?"},
          {"2:13: error: ", "lane `a` is sealed and has no key"}}},
        {head + "a,1,,wan,none\n", {{"2:1: error: ", "lane `a` does nothing"}}},
        {head + ",1,lan,wan,none\n", {{"2:1: error: ", "has no `name`"}}},
        {head + "a,1,lan,,none\n", {{"2:1: error: ", "has no `over`"}}},
        {"name,id,receive,over.to,cipher,match.vlan\na,1,lan,192.0.2.2:1,none,5\n",
         {{"2:9: error: ", "has no `port`"},
          {"2:9: error: ", "which receives"},
          {"2:26: error: ", "`match` in lane `a`, which receives"}}},
        {"name,patch.from\na,lan\n", {{"2:3: error: ", "has no `patch.to`"}}},
    });
}

TEST_CASE("A cell takes 4096 bytes and not one more") {
    const auto with_device = [](std::size_t len) {
        return head + "a,1," + std::string(len, 'x') + ",wan,none\n";
    };
    expect(load(with_device(4096)), {{"2:5: error: ", "names port"}}, "t.csv");
    expect(load(with_device(4097)), {{"2:5: error: ", "4097 bytes"}}, "t.csv");
    expect(load(with_device(100'000)), {{"2:5: error: ", "longer than 4096 bytes"}}, "t.csv");
}

TEST_CASE("A table takes 64 columns and not one more") {
    std::string columns = "name,id,send";
    for (int i = 3; i < 64; ++i) columns += ",name";
    CHECK(load(columns + "\n").diagnostics.size() == 61);
    expect(load(columns + ",name\n"),
           {{"1:" + std::to_string(columns.size() + 2) + ": error: ", "more than 64 columns"}},
           "t.csv");
}

TEST_CASE("Names and ids are compared over all files of a node") {
    const Tables tables = {{"t.csv", head + "b,2,lan,wan,none\n"},
                           {"u.csv", head + "c,3,lan,wan,none\nb,9,lan,wan,none\n"}};
    const std::string text = std::string(node_head) +
                             "  - {name: a, id: 3, receive: lan, over: {port: wan}, cipher: none}\n"
                             "tables: [t.csv, u.csv]\n";
    const config::Loaded loaded = without_unused(parse(text, tables));
    expect(loaded,
           {{"2:3: error: ", "lane id 3 is already lane `a`'s at node.yaml:10:19"},
            {"3:1: error: ", "lane name `b` is already taken at t.csv:2:1"}},
           "u.csv");
    expect(without_unused(parse(node_with("t.csv, ./t.csv"), tables)),
           {{"9:17: error: ", "is in `tables` already"}}, "node.yaml");
}

TEST_CASE("A hundred thousand rows load, and one repeated id among them is found") {
    std::string table = "name,id,send,over.port,over.to,cipher,match.source\n";
    for (int i = 0; i < 100'000; ++i) {
        const std::string n = std::to_string(i);
        table += "lane-" + n + "," + std::to_string(i == 99'999 ? 5 : i + 1) +
                 ",lan,wan,192.0.2.2:4790,none,10." + std::to_string(i >> 16) + "." +
                 std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255) + "\n";
    }
    const config::Loaded loaded = without_unused(parse(node_with("t.csv"), {{"t.csv", table}}));
    CHECK(loaded.spec.lanes.size() == 100'000);
    expect(loaded, {{"100001:12: error: ", "lane id 5 is already lane `lane-4`'s at t.csv:6:8"}},
           "t.csv");
}
