// The streams of the test vectors, given to a node packet by packet: what it delivers and what it
// drops, and why, must be what tests/vectors/streams.json says. The node is a real one, over memory
// ports; only its clock and its memory are the test's.
#include <algorithm>
#include <catch2/catch.hpp>

#include "lanes/records.hh"
#include "tests/crypto/support.hh"
#include "tests/lanes/bed.hh"
#include "tests/lanes/vectors.hh"

using namespace lanes;
using namespace lanes::test;

namespace {

constexpr std::uint64_t boot_ns = 1'000'000 * ns_per_second;
constexpr std::size_t verdicts = AnnounceTally::verdicts;
const engine::MacAddress near_mac{{2, 0x4c, 0x4e, 0, 0, 2}};
const std::vector<std::string> verdict_names = {"accepted",     "repeat",   "stale", "bad_mac",
                                                "rate_limited", "bad_auth", "clock", "wrong_terms"};

std::unique_ptr<StateStore> store_of(const Json& stream) {
    auto store = forgetful_store();
    if (stream["mark"] == 0) return store;
    const StateStore::Entry entry{"receive-" + std::to_string(stream["lane"].get<unsigned>()),
                                  to_text(record_of(stream))};
    REQUIRE(store->save({&entry, 1}));
    return store;
}

/// The receiver of a stream.
struct Rig {
    explicit Rig(const Json& stream)
        : begin_unix_ns(stream["begin_unix_ns"]),
          node(1, Control::Threads::none, store_of(stream)) {
        at(0);
        if (stream["port"] == "ip") node.knobs.kinds["lan"] = engine::PortKind::ip;
        NodeSpec spec = node.spec();
        spec.ports = {port_spec("lan", lan_wire),
                      port_spec("wan", wan_wire, {"192.0.2.2/24", "2001:db8::2/64"})};
        LaneSpec lane = lane_spec("in", stream["lane"], Role::receive, 0, {over(1)});
        lane.window = stream["window"];
        lane.cipher = stream["suite"] == 1 ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305;
        lane.keys = std::make_unique<KeySpec>(
            keys_of(stream["receiver_private"], stream["sender_public"], stream["psk"]));
        spec.lanes = lanes_of(std::move(lane));
        node.apply(std::move(spec));
    }

    void at(std::uint64_t ms) {
        node.clock.moment = {boot_ns + ms * ns_per_ms, begin_unix_ns + ms * ns_per_ms};
    }

    /// Control before and after the packet: what has ended ends, what was noted is read.
    void give(const Bytes& packet) {
        node.control->tick();
        REQUIRE(wan.send(carry_ipv4(packet, near_mac, "192.0.2.1", "192.0.2.2")));
        node.run();
        node.control->tick();
        node.run();
    }

    AnnounceTally tally() const {
        return node.control->keeper().status(*node.control->fleet().lane("in"))->announcements;
    }

    std::uint64_t begin_unix_ns;
    std::string lan_wire = fresh_wire(), wan_wire = fresh_wire();
    Far lan{lan_wire}, wan{wan_wire};
    Node node;
};

/// What came of one packet, as an outcome of the vectors without the order of its drops.
void check_event(Rig& rig, const Json& event) {
    rig.at(event["at_ms"]);
    const auto before = rig.node.control->totals();
    const AnnounceTally told = rig.tally();
    rig.give(bytes_of(event["packet"]));
    const auto after = rig.node.control->totals();
    const AnnounceTally tells = rig.tally();

    std::vector<std::string> delivered;
    for (const Bytes& frame : rig.lan.collect()) {
        delivered.push_back("delivered " + crypto::test::to_hex(frame));
    }
    std::map<std::string, std::uint64_t> dropped, judged, wanted_drops, wanted_verdicts;
    for (std::size_t i = 0; i < engine::drop_count; ++i) {
        const std::uint64_t count = after.drops[i] - before.drops[i];
        if (count != 0) dropped[std::string(engine::drop_texts[i].name)] = count;
    }
    for (std::size_t i = 0; i < verdicts; ++i) {
        const std::uint64_t count = tells.counts[i] - told.counts[i];
        if (count != 0) judged[verdict_names[i]] = count;
    }
    std::vector<std::string> wanted;
    for (const Json& each : event["outcome"]) {
        const std::string text = each;
        const bool verdict =
            std::find(verdict_names.begin(), verdict_names.end(), text) != verdict_names.end();
        if (text.rfind("delivered ", 0) == 0) {
            wanted.push_back(text);
        } else if (text != "fragment" && text != "heartbeat" && text != "absorbed" &&
                   text != "accepted" && text != "repeat") {
            ++wanted_drops[text];
        }
        if (verdict) ++wanted_verdicts[text];
    }
    CHECK(delivered == wanted);
    CHECK(dropped == wanted_drops);
    CHECK(judged == wanted_verdicts);
}

}  // namespace

TEST_CASE("a node does with every packet of the streams what the vectors say") {
    for (const Json& stream : load_vectors("streams")) {
        Rig rig(stream);
        for (const Json& event : stream["events"]) {
            INFO(stream["name"] << ": " << event["what"]);
            check_event(rig, event);
        }
    }
}
