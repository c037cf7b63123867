// How a station finds next hops: which it asks for and when, what it believes and what not.
#include <catch2/catch.hpp>
#include <thread>

#include "drivers/station/neighbours.hh"
#include "tests/drivers/station_bed.hh"

namespace lanes::test {
namespace {

const std::string far_text = "02:00:00:00:00:02";
const Octets other_mac = {2, 0, 0, 0, 0, 7};

Arp arp_reply() {
    Arp reply;
    reply.to = own_mac;
    reply.operation = 2;
    reply.target_mac = own_mac;
    return reply;
}

bool asks_arp(const std::vector<Octets>& sent, const Octets& to, const std::string& target) {
    return sent.size() == 1 && part(sent[0], 0, 6) == to && part(sent[0], 12, 2) == word(0x0806) &&
           part(sent[0], 20, 2) == word(1) && part(sent[0], 28, 4) == ip("192.0.2.1") &&
           part(sent[0], 38, 4) == ip(target);
}

engine::IpAddress host(unsigned n) {
    return *engine::parse_ip("10." + std::to_string(n >> 16 & 255) + "." +
                             std::to_string(n >> 8 & 255) + "." + std::to_string(n & 255));
}

engine::MacAddress mac(unsigned n) {
    return {{2, 0, 0, 1, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}};
}

}  // namespace

TEST_CASE("a next hop on the link is asked for by ARP, and known when it answers") {
    StationBed bed;
    CHECK(bed.next_hop("192.0.2.2").empty());
    CHECK(bed.station.waiting());
    CHECK(asks_arp(bed.serve({}), all_macs, "192.0.2.2"));
    CHECK(!bed.station.waiting());
    bed.serve({arp_reply().frame()});
    CHECK(bed.taken.size() == 1);
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    CHECK(!bed.station.waiting());
}

TEST_CASE("a next hop on the link is asked for by a solicitation, and known when it answers") {
    StationBed bed;
    CHECK(bed.next_hop("2001:db8::2").empty());
    const Octets question = Octets{0x33, 0x33, 0xff, 0, 0, 2} + own_mac + word(0x86dd) +
                            Octets{0x60, 0, 0, 0} + word(32) + Octets{58, 255} + ip("2001:db8::1") +
                            ip("ff02::1:ff00:2") + Octets{135, 0, 0, 0, 0, 0, 0, 0} +
                            ip("2001:db8::2") + Octets{1, 1} + own_mac;
    CHECK(bed.serve({}) == std::vector<Octets>{with_checksum_v6(question)});
    bed.serve({Advertisement{}.frame()});
    CHECK(bed.taken.size() == 1);
    CHECK(bed.next_hop("2001:db8::2") == far_text);
    // Link-local destinations are on the link, and asked for from the link-local address.
    CHECK(bed.next_hop("fe80::2").empty());
    const auto sent = bed.serve({});
    REQUIRE(sent.size() == 1);
    CHECK(part(sent[0], 22, 16) == ip("fe80::1"));
}

TEST_CASE("what is not on the link goes to the gateway of its family") {
    StationBed bed({"192.0.2.1/24", "2001:db8::1/64"}, {"2001:db8::fe", "192.0.2.254"});
    bed.next_hop("198.51.100.1");
    CHECK(asks_arp(bed.serve({}), all_macs, "192.0.2.254"));
    bed.next_hop("2001:db8:1::1");
    const auto sent = bed.serve({});
    REQUIRE(sent.size() == 1);
    CHECK(part(sent[0], 62, 16) == ip("2001:db8::fe"));
    StationBed alone({"192.0.2.1/24"});
    CHECK(alone.next_hop("198.51.100.1").empty());
    CHECK(alone.next_hop("2001:db8::2").empty());
    CHECK(!alone.station.waiting());
}

TEST_CASE("groups and broadcast have their MAC addresses without a question") {
    StationBed bed;
    CHECK(bed.next_hop("255.255.255.255") == "ff:ff:ff:ff:ff:ff");
    CHECK(bed.next_hop("192.0.2.255") == "ff:ff:ff:ff:ff:ff");
    CHECK(bed.next_hop("239.129.2.3") == "01:00:5e:01:02:03");
    CHECK(bed.next_hop("ff02::1:ff00:2") == "33:33:ff:00:00:02");
    CHECK(bed.next_hop("192.0.2.1").empty());
    CHECK(bed.next_hop("0.0.0.0").empty());
    CHECK(!bed.station.waiting());
}

TEST_CASE("a silent neighbour is asked once a second") {
    StationBed bed;
    for (unsigned i = 0; i < 100; ++i) {
        bed.next_hop("192.0.2.2");
        CHECK(bed.serve({}).size() == (i % 10 == 0 ? 1 : 0));
        bed.wait(0.1);
    }
}

TEST_CASE("a known neighbour is asked again after half a minute, and forgotten if silent") {
    StationBed bed;
    bed.next_hop("192.0.2.2");
    bed.serve({});
    bed.serve({arp_reply().frame()});
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    bed.wait(29);
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    CHECK(bed.serve({}).empty());
    bed.wait(1);
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    CHECK(asks_arp(bed.serve({}), far_mac, "192.0.2.2"));
    bed.serve({arp_reply().frame()});
    bed.next_hop("192.0.2.2");
    bed.wait(30);
    for (unsigned i = 0; i < 4; ++i) {
        CHECK(bed.next_hop("192.0.2.2") == far_text);
        CHECK(asks_arp(bed.serve({}), i == 0 ? far_mac : all_macs, "192.0.2.2"));
        bed.wait(1);
    }
    CHECK(bed.next_hop("192.0.2.2").empty());
    CHECK(bed.serve({}).size() == 1);
    bed.serve({arp_reply().frame()});
    CHECK(bed.next_hop("192.0.2.2") == far_text);
}

TEST_CASE("a station believes only what it asked for") {
    StationBed bed;
    Arp stranger = arp_reply();
    bed.serve({stranger.frame()});
    CHECK(bed.next_hop("192.0.2.2").empty());  // it had not asked yet
    bed.serve({});
    bed.serve({arp_reply().frame()});
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    // Another MAC address, unasked: not believed, but reason to ask.
    Arp claim = arp_reply();
    claim.sender_mac = other_mac;
    SECTION("as a reply") {}
    SECTION("as an announcement") {
        claim.operation = 1;
        claim.to = all_macs;
        claim.target = claim.sender;
    }
    SECTION("as a request for us") {
        claim.operation = 1;
        claim.to = all_macs;
    }
    for (unsigned i = 0; i < 1000; ++i) bed.serve({claim.frame()});
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    bed.wait(1);
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    CHECK(asks_arp(bed.serve({}), all_macs, "192.0.2.2"));
    CHECK(bed.next_hop("192.0.2.2") == far_text);
    bed.serve({claim.frame()});
    CHECK(bed.next_hop("192.0.2.2") == "02:00:00:00:00:07");
}

TEST_CASE("an announcement stays in the burst, since others want it too") {
    StationBed bed;
    Arp announcement;
    announcement.target = announcement.sender;
    bed.serve({announcement.frame()});
    CHECK(bed.left.size() == 1);
    Advertisement unsolicited;
    unsolicited.to = {0x33, 0x33, 0, 0, 0, 1};
    unsolicited.destination = "ff02::1";
    unsolicited.flags = 0x20;
    bed.serve({unsolicited.frame()});
    CHECK(bed.left.size() == 1);
}

TEST_CASE("a station learns from advertisements by this table") {
    struct Row {
        const char* what;
        bool learned;
        std::function<void(Advertisement&)> change;
        std::function<void(Octets&)> spoil = [](Octets&) {};
    };
    using A = Advertisement;
    const std::vector<Row> rows = {
        {"as it is", true, [](A&) {}},
        {"without the option", true, [](A& a) { a.options = {}; }},
        {"to all nodes", true,
         [](A& a) {
             a.to = {0x33, 0x33, 0, 0, 0, 1};
             a.destination = "ff02::1";
             a.flags = 0x20;
         }},
        {"to all nodes, solicited", false,
         [](A& a) {
             a.to = {0x33, 0x33, 0, 0, 0, 1};
             a.destination = "ff02::1";
         }},
        {"of another address", false, [](A& a) { a.target = "2001:db8::3"; }},
        {"of a group", false, [](A& a) { a.target = "ff02::2"; }},
        {"of our own", false, [](A& a) { a.target = "2001:db8::1"; }},
        {"to a neighbour", false, [](A& a) { a.destination = "2001:db8::9"; }},
        {"frame to a neighbour", false, [](A& a) { a.to = other_mac; }},
        {"from nobody", false, [](A& a) { a.source = "::"; }},
        {"option a group's", false, [](A& a) { a.options[2] = 3; }},
        {"option ours", false,
         [](A& a) {
             a.options = Octets{2, 1} + own_mac;
         }},
        {"option of length 0", false, [](A& a) { a.options[1] = 0; }},
        {"hop limit", false, [](A&) {},
         [](Octets& f) {
             f[21] = 64;
             f = with_checksum_v6(f);
         }},
        {"checksum", false, [](A&) {}, [](Octets& f) { f[56] ^= 1; }},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        StationBed bed;
        bed.next_hop("2001:db8::2");
        bed.serve({});
        A advertisement;
        row.change(advertisement);
        Octets frame = advertisement.frame();
        row.spoil(frame);
        CHECK(bed.serve({frame}).empty());
        CHECK(bed.next_hop("2001:db8::2") == (row.learned ? far_text : ""));
    }
}

TEST_CASE("a table of neighbours holds as many as it says, and gives up idle ones") {
    drivers::Neighbours table;
    std::uint64_t now = drivers::Neighbours::second_ns;
    const auto learn = [&](unsigned n) {
        table.find(host(n), now);
        while (table.take()) continue;
        table.heard(host(n), mac(n));
        return table.find(host(n), now) == mac(n);
    };
    unsigned learned = 0;
    for (unsigned n = 1; n <= 100'000; ++n) {
        const bool good = learn(n);
        if (n <= drivers::Neighbours::hops_max) REQUIRE(good);
        learned += good ? 1 : 0;
    }
    CHECK(learned <= 2 * drivers::Neighbours::hops_max);
    for (unsigned n = 1; n <= drivers::Neighbours::hops_max; ++n) {
        REQUIRE(table.find(host(n), now) == mac(n));
    }
    now += drivers::Neighbours::idle_ns;
    for (unsigned n = 200'001; n <= 200'000 + drivers::Neighbours::hops_max; ++n) REQUIRE(learn(n));
}

TEST_CASE("questions that find no place are asked later") {
    drivers::Neighbours table;
    const std::uint64_t now = drivers::Neighbours::second_ns;
    unsigned taken = 0;
    for (unsigned round = 0; round < 4; ++round) {
        for (unsigned n = 1; n <= 100; ++n) table.find(host(n), now);
        while (const auto question = table.take()) {
            ++taken;
            CHECK(question->address == host(taken));
        }
    }
    CHECK(taken == 100);
}

TEST_CASE("workers that hear at once never mix up two neighbours") {
    drivers::Neighbours table;
    constexpr unsigned hosts = 600;
    std::atomic<bool> done{false};
    std::vector<std::thread> workers;
    std::atomic<unsigned> questions{0};
    for (unsigned w = 0; w < 2; ++w) {
        workers.emplace_back([&, w] {
            unsigned n = w;
            while (!done.load(std::memory_order_relaxed)) {
                while (const auto question = table.take()) {
                    questions.fetch_add(1, std::memory_order_relaxed);
                }
                for (unsigned i = 0; i < 64; ++i, ++n) table.heard(host(n % hosts), mac(n % hosts));
            }
        });
    }
    // The clock runs fast, so that places change hands all the time.
    std::uint64_t now = drivers::Neighbours::second_ns;
    unsigned wrong = 0;
    unsigned known = 0;
    for (unsigned round = 0; round < 300; ++round) {
        now += drivers::Neighbours::idle_ns;
        const unsigned first = round % 2 * hosts / 2;
        for (unsigned n = first; n < first + hosts / 2; ++n) {
            const auto found = table.find(host(n), now);
            if (!found) continue;
            ++known;
            if (*found != mac(n)) ++wrong;
        }
        std::this_thread::yield();
    }
    done.store(true, std::memory_order_relaxed);
    for (auto& worker : workers) worker.join();
    CHECK(wrong == 0);
    CHECK(known > 0);
    CHECK(questions.load() > 0);
}

}  // namespace lanes::test
