// The door: files that are there and files that are not, all errors in one run, and the report.
#include "config/config.hh"

#include <catch2/catch.hpp>

#include "config/port_keys.hh"
#include "tests/config/support.hh"

using namespace lanes;
using namespace lanes::config::test;

TEST_CASE("A node file and its table are loaded from their folder") {
    const Folder folder;
    folder.write("t.csv", "name,id,receive,over.port,cipher\na,1,lan,wan,none\n");
    const std::string path = folder.write(
        "n.yaml", std::string(node_head.substr(0, node_head.find("lanes:"))) + "tables: [t.csv]\n");
    const config::Loaded loaded = without_unused(config::load_node(path));
    INFO(config::report(loaded));
    CHECK(loaded.good());
    CHECK_FALSE(loaded.unreadable);
    CHECK(loaded.spec.lanes.size() == 1);
    folder.write("t.csv", "name,id,receive,over.port,cipher\na,x,lan,wan,none\n");
    CHECK_THAT(config::report(without_unused(config::load_node(path))),
               Catch::StartsWith((folder / "t.csv") + ":2:3: error: "));
}

TEST_CASE("A node file that cannot be read is not an error of its content") {
    const Folder folder;
    config::Loaded loaded = config::load_node(folder / "none.yaml");
    CHECK(loaded.unreadable);
    CHECK_FALSE(loaded.good());
    CHECK_THAT(config::report(loaded), Catch::StartsWith((folder / "none.yaml") + ": error: "));
    CHECK_THAT(config::report(loaded), Catch::Contains("No such file or directory"));
    loaded = config::load_node(folder / ".");
    CHECK(loaded.unreadable);
    CHECK_THAT(config::report(loaded), Catch::Contains("Is a directory"));
    const std::string path = folder.write(
        "n.yaml", "node: n\nports: {a: {driver: tap, device: a}}\ntables: [none.csv, .]\n");
    loaded = without_unused(config::load_node(path));
    CHECK_FALSE(loaded.unreadable);
    REQUIRE(loaded.diagnostics.size() == 2);
    CHECK_THAT(config::to_string(loaded.diagnostics[0]), Catch::Contains("n.yaml:3:10: error: "));
    CHECK_THAT(config::to_string(loaded.diagnostics[1]), Catch::Contains("Is a directory"));
}

TEST_CASE("All errors of a run come at once and in order of place") {
    const std::string text =
        "node: tex as\n"
        "workers: 65\n"
        "ports:\n"
        "  lan: {driver: tap, device: lane0, adress: 10.8.0.1, mtu: 010}\n"
        "  wan: {driver: af_paket, device: eth1}\n"
        "lanes:\n"
        "  - name: out\n"
        "    id: 101\n"
        "    send: lam\n"
        "    over: {port: wan, to: 192.0.2.2}\n"
        "    cipher: aes-256-gcm\n"
        "  - name: out\n"
        "    id: 101\n"
        "    receive: lan\n"
        "    over: wan\n"
        "  - &again {name: z, name: y}\n";
    expect(parse(text),
           {{"1:7: error: ", "take out the blank"},
            {"2:10: error: ", "the most is 64"},
            {"4:37: error: ", "did you mean `address`?"},
            {"4:60: error: ", "write 10"},
            {"5:17: error: ", "did you mean `af_packet`?"},
            {"9:11: error: ", "did you mean `lan`?"},
            {"10:27: error: ", "add the UDP port"},
            {"11:13: error: ", "lane `out` is sealed and has no key"},
            {"12:5: error: ", "lane `out` is sealed, as every lane is"},
            {"12:11: error: ", "is already taken at node.yaml:7:11"},
            {"13:9: error: ", "is already lane `out`'s at node.yaml:8:9"},
            {"15:11: error: ", "expected a map for `over`"},
            {"16:5: error: ", "found an anchor"},
            {"16:5: error: ", "does nothing"},
            {"16:22: error: ", "`name` is already set"}},
           "node.yaml");
}

TEST_CASE("A report has at most a hundred lines, errors first, and counts the rest") {
    config::Loaded loaded;
    CHECK(config::report(loaded).empty());
    using Level = config::Diagnostic::Level;
    for (unsigned i = 1; i <= 100; ++i) {
        loaded.diagnostics.push_back({"f", i, 1, Level::warning, "w"});
        loaded.diagnostics.push_back({"f", i, 2, Level::error, "e"});
    }
    loaded.left_out = 5;
    const std::string text = config::report(loaded);
    CHECK(std::count(text.begin(), text.end(), '\n') == 101);
    CHECK(text.find("warning") == std::string::npos);
    CHECK_THAT(text, Catch::StartsWith("f:1:2: error: e\n"));
    CHECK_THAT(text, Catch::EndsWith("f:100:2: error: e\n... and 105 more\n"));
}

TEST_CASE("What is kept of endless errors is bounded") {
    std::string text(node_head);
    for (int i = 0; i < 3000; ++i) text += "  - x\n";
    const config::Loaded loaded = without_unused(parse(text));
    CHECK(loaded.diagnostics.size() == config::Diagnostics::kept_max);
    CHECK(loaded.left_out == 3000 - config::Diagnostics::kept_max);
    CHECK_FALSE(loaded.good());
}

TEST_CASE("Every driver in the key table takes the keys that it requires") {
    for (const std::string_view name : config::driver_names()) {
        const config::DriverKeys* driver = config::find_driver_keys(name);
        REQUIRE(driver != nullptr);
        CHECK((driver->required & driver->optional) == 0);
        CHECK(config::keys_of(*driver).size() > 1);
    }
    CHECK(config::find_driver_keys("tup") == nullptr);
}
