// Nodes that run within this process: sealed lanes over memory wires between them, from a generator
// port to a sink port; reloads and extra lanes while traffic flows lose nothing; what cannot become
// ready is named. Ports, workers and clocks are real.
#include "bench/traffic/nodes.hh"

#include <catch2/catch.hpp>
#include <future>
#include <stdexcept>

#include "bench/traffic/scenario_bed.hh"
#include "crypto/keys.hh"
#include "crypto/vault.hh"
#include "engine/log.hh"
#include "tests/bench/folder.hh"

namespace lanes::bench {
namespace {

using Catch::Matchers::Contains;
using test::Folder;

/// Offers that no machine and no sanitizer finds hard: nothing here depends on time.
constexpr double rate_pps = 2000;
constexpr double seconds = 0.4;

const std::string sender_ports =
    "node: sender\n"
    "ports:\n"
    "  lan: {driver: memory, device: lan-a}\n"
    "  wan: {driver: memory, device: wan, address: 192.0.2.1/24}\n";
const std::string receiver_ports =
    "node: receiver\n"
    "ports:\n"
    "  wan: {driver: memory, device: wan, address: 192.0.2.2/24}\n"
    "  lan: {driver: memory, device: lan-b}\n";

std::string sending_lane(const std::string& name, unsigned id, const std::string& rest) {
    return "  - {name: " + name + ", id: " + std::to_string(id) +
           ", send: lan, over: {port: wan, to: \"192.0.2.2:4790\", next_hop: "
           "\"02:4c:4e:00:00:02\"}, " +
           rest + "}\n";
}
std::string receiving_lane(const std::string& name, unsigned id, const std::string& rest) {
    return "  - {name: " + name + ", id: " + std::to_string(id) +
           ", receive: lan, over: {port: wan}, " + rest + "}\n";
}

void write_secret(const Folder& folder) {
    REQUIRE(crypto::initialise());
    const auto text = crypto::to_text(crypto::generate_shared(crypto::system_random()));
    const auto bytes = text.bytes();
    folder.write("lane.secret",
                 std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string bed_file(const Folder& folder, const std::string& traffic) {
    return folder.write("bed.yaml",
                        "nodes: [sender.yaml, receiver.yaml]\n"
                        "ports:\n"
                        "  out: {driver: memory, device: lan-a}\n"
                        "  in: {driver: memory, device: lan-b}\n"
                        "traffic: {from: out, to: in, " +
                            traffic + "}\n");
}

std::string sealed_bed(const Folder& folder) {
    engine::log_only(engine::Severity::error);
    write_secret(folder);
    folder.write("sender.yaml", sender_ports + "state: sender\nlanes:\n" +
                                    sending_lane("out", 1, "secret: lane.secret"));
    folder.write("receiver.yaml", receiver_ports + "state: receiver\nlanes:\n" +
                                      receiving_lane("in", 1, "secret: lane.secret"));
    return bed_file(folder, "size: imix, rate: 2 kpps, seconds: 0.4");
}

void check_nothing_lost(const Trial& trial) {
    CHECK(trial.sent > 0);
    CHECK(trial.received == trial.sent);
    CHECK(trial.lost == 0);
    CHECK(trial.corrupt == 0);
    CHECK(trial.duplicates == 0);
    CHECK(trial.latency_ns.count() == trial.received);
    CHECK(trial.latency_ns.min() > 0);
}

std::uint64_t drops_named(const Nodes& nodes, const std::string& reason) {
    for (const auto& [name, count] : nodes.drops()) {
        if (name == reason) return count;
    }
    return 0;
}

}  // namespace

TEST_CASE("Two sealed nodes in one process deliver every frame of a mix of sizes") {
    const Folder folder;
    Bed bed = open_bed(sealed_bed(folder));
    CHECK(bed.name == "bed");
    CHECK(bed.rate_pps == 2000);
    REQUIRE(bed.nodes);
    check_nothing_lost(bed.testbed->run(rate_pps, seconds));
    check_nothing_lost(bed.testbed->burst(64));
    const std::vector<SizeShare> sizes{{1518, 1}};
    bed.testbed->set_sizes(sizes);
    CHECK(bed.testbed->frame_bits() == 1518 * 8);
    check_nothing_lost(bed.testbed->run(rate_pps, seconds));
    CHECK(drops_named(*bed.nodes, "bad_tag") == 0);
}

TEST_CASE("Nodes tell how long their workers were in each phase, once they time them") {
    const Folder folder;
    Bed bed = open_bed(sealed_bed(folder));
    check_nothing_lost(bed.testbed->run(rate_pps, seconds / 2));
    for (const Nodes::Spent& spent : bed.nodes->spent()) {
        for (const std::uint64_t ticks : spent.ticks) CHECK(ticks == 0);
    }
    bed.nodes->time_phases();
    const Trial trial = bed.testbed->run(rate_pps, seconds / 2);
    check_nothing_lost(trial);
    const auto spent = bed.nodes->spent();
    REQUIRE(spent.size() == 2);
    CHECK(spent[0].node != spent[1].node);
    for (const Nodes::Spent& node : spent) {
        CHECK(node.packets >= trial.sent);
        for (const std::uint64_t ticks : node.ticks) CHECK(ticks > 0);
    }
}

TEST_CASE("A bed can be closed and opened again, with the state its nodes left behind") {
    const Folder folder;
    const std::string file = sealed_bed(folder);
    for (int round = 0; round < 2; ++round) {
        Bed bed = open_bed(file);
        check_nothing_lost(bed.testbed->run(rate_pps, seconds / 2));
    }
}

TEST_CASE("Reloads and extra lanes while traffic flows lose no frame") {
    const Folder folder;
    Bed bed = open_bed(sealed_bed(folder));
    auto running = std::async(std::launch::async, [&] { return bed.testbed->run(rate_pps, 1.0); });
    for (unsigned round = 0; round < 5; ++round) {
        bed.nodes->reload();
        bed.nodes->set_extra_lanes(100 * round);
        bed.nodes->set_extra_lanes(50);
    }
    bed.nodes->set_extra_lanes(0);
    check_nothing_lost(running.get());
}

TEST_CASE("A reload takes what the file says now, and one with errors changes nothing") {
    const Folder folder;
    Bed bed = open_bed(sealed_bed(folder));
    const std::string good = receiver_ports + "state: receiver\nlanes:\n" +
                             receiving_lane("in", 1, "secret: lane.secret");
    folder.write("receiver.yaml", receiver_ports + "state: receiver\nlanse: []\n");
    CHECK_THROWS_WITH(bed.nodes->reload(),
                      Contains("receiver.yaml:6:1: error: ") && Contains("did you mean `lanes`?"));
    check_nothing_lost(bed.testbed->run(rate_pps, seconds));

    // Another id: the sender's lane is unknown here.
    folder.write("receiver.yaml", receiver_ports + "state: receiver\nlanes:\n" +
                                      receiving_lane("other", 9, "secret: lane.secret"));
    bed.nodes->reload();
    const Trial trial = bed.testbed->run(rate_pps, seconds / 4);
    CHECK(trial.received == 0);
    CHECK(trial.lost == trial.sent);
    CHECK(drops_named(*bed.nodes, "unknown_lane") >= trial.sent);
}

TEST_CASE("As many flows as lanes: each flow goes through a lane of its own") {
    const Folder folder;
    engine::log_only(engine::Severity::error);
    folder.write("sender.yaml", sender_ports + "tables: [sender.csv]\n");
    folder.write("receiver.yaml", receiver_ports + "tables: [receiver.csv]\n");
    std::string sending = "name,id,send,over.port,over.to,over.next_hop,cipher,match.destination\n";
    std::string receiving = "name,id,receive,over.port,cipher\n";
    for (int n = 1; n <= 4; ++n) {
        const std::string number = std::to_string(n);
        const std::string id = std::to_string(100 + n);
        sending += "flow-" + number + "," + id + ",lan,wan,192.0.2.2:4790,02:4c:4e:00:00:02,none," +
                   "198.19.0." + number + "\n";
        // The receiver lacks the lane of the fourth flow.
        if (n != 4) receiving += "flow-" + number + "," + id + ",lan,wan,none\n";
    }
    folder.write("sender.csv", sending);
    folder.write("receiver.csv", receiving);
    Bed bed = open_bed(bed_file(folder, "flows: 4"));
    const Trial trial = bed.testbed->run(rate_pps, seconds);
    CHECK(trial.sent == 800);
    CHECK(trial.received == 600);
    CHECK(drops_named(*bed.nodes, "unknown_lane") == 200);
}

TEST_CASE("A node of two workers is fed through one of them and delivers everything") {
    const Folder folder;
    engine::log_only(engine::Severity::error);
    folder.write("sender.yaml", sender_ports + "workers: [0, 1]\nlanes:\n" +
                                    sending_lane("out", 1, "cipher: none"));
    folder.write("receiver.yaml", receiver_ports + "workers: [0, 1]\nlanes:\n" +
                                      receiving_lane("in", 1, "cipher: none"));
    if (std::thread::hardware_concurrency() < 2) {
        WARN("skipped: two workers need two cores");
        return;
    }
    Bed bed = open_bed(bed_file(folder, "flows: 8"));
    check_nothing_lost(bed.testbed->run(rate_pps, seconds));
    CHECK_FALSE(bed.remarks.empty());  // workers share cores with each other
}

TEST_CASE("Lanes that do not get their keys are named with the cause") {
    const Folder folder;
    engine::log_only(engine::Severity::error);
    write_secret(folder);
    const std::string file =
        folder.write("receiver.yaml",
                     receiver_ports + "lanes:\n" + receiving_lane("in", 1, "secret: lane.secret"));
    std::vector<config::Loaded> loaded;
    loaded.push_back(load_node_file(file));
    REQUIRE(loaded[0].good());
    const auto nodes = start_nodes({file}, std::move(loaded));
    CHECK_THROWS_WITH(wait_until_ready(*nodes, 0.1),
                      Contains(file + ": lane in is not ready: no-key: no announcement has come"));
}

TEST_CASE("A node that cannot start is named, and leaves nothing open") {
    const Folder folder;
    engine::log_only(engine::Severity::error);
    const std::string file = folder.write("sender.yaml",
                                          "node: sender\n"
                                          "ports:\n"
                                          "  lan: {driver: memory, device: lan-a}\n"
                                          "  wan: {driver: af_packet, device: no-such-dev}\n"
                                          "lanes: [{name: p, patch: {from: lan, to: wan}}]\n");
    for (int round = 0; round < 2; ++round) {
        std::vector<config::Loaded> loaded;
        loaded.push_back(load_node_file(file));
        CHECK_THROWS_WITH(start_nodes({file}, std::move(loaded)), Contains("no-such-dev"));
    }
}

}  // namespace lanes::bench
