// The station's answers, field by field: a good question of each kind and the answer that the RFC
// wants; then every field broken once, every length cut, every bit turned.
#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "tests/drivers/station_bed.hh"

namespace lanes::test {
namespace {

using engine::Drop;

/// One way to spoil a good frame, or to change it so that the answer changes.
template <typename Question>
struct Row {
    const char* what;
    bool answered;
    std::function<void(Question&)> change;
    std::function<void(Octets&)> spoil = [](Octets&) {};
};

template <typename Question>
void check(const std::vector<Row<Question>>& rows) {
    for (const auto& row : rows) {
        INFO(row.what);
        StationBed bed;
        Question question;
        row.change(question);
        Octets frame = question.frame();
        row.spoil(frame);
        CHECK(!bed.answer(frame).empty() == row.answered);
        CHECK(bed.taken.size() == (row.answered ? 1 : 0));
        CHECK(bed.left.size() == (row.answered ? 0 : 1));
    }
}

std::function<void(Octets&)> set(std::size_t at, std::uint8_t value) {
    return [=](Octets& frame) { frame[at] = value; };
}
/// The same with a right ICMPv6 checksum.
std::function<void(Octets&)> set_v6(std::size_t at, std::uint8_t value) {
    return [=](Octets& frame) {
        frame[at] = value;
        frame = with_checksum_v6(frame);
    };
}
const auto as_it_is = [](auto&) {};

Octets tagged(const Octets& frame, unsigned tag) {
    return part(frame, 0, 12) + word(0x8100) + word(tag) + part(frame, 12, frame.size() - 12);
}

std::vector<Octets> good_frames() {
    return {Arp{}.frame(), Solicitation{}.frame(), Echo{}.frame(), EchoV6{}.frame()};
}

}  // namespace

TEST_CASE("a station answers an ARP request with its own MAC address") {
    StationBed bed;
    const Octets answer = bed.answer(Arp{}.frame());
    const Octets expected = far_mac + own_mac + word(0x0806) + word(1) + word(0x0800) +
                            Octets{6, 4} + word(2) + own_mac + ip("192.0.2.1") + far_mac +
                            ip("192.0.2.2") + Octets(18, 0);
    CHECK(answer == expected);
    CHECK(bed.tx.flushes == 2);  // one for the announcement
    CHECK(bed.worker.absorbed.get() == 1);
    CHECK(bed.worker.made.get() == bed.worker.sent.get());
}

TEST_CASE("a station answers ARP by this table") {
    using R = Row<Arp>;
    check<Arp>({
        R{"as it is", true, as_it_is},
        R{"to us alone", true, [](Arp& a) { a.to = own_mac; }},
        R{"a probe (RFC 5227)", true, [](Arp& a) { a.sender = "0.0.0.0"; }},
        R{"target MAC filled in", true, [](Arp& a) { a.target_mac = own_mac; }},
        R{"from behind another network", true, [](Arp& a) { a.sender = "198.51.100.7"; }},
        R{"for a neighbour's address", false, [](Arp& a) { a.target = "192.0.2.3"; }},
        R{"to a neighbour's MAC", false, [](Arp& a) { a.to = {2, 0, 0, 0, 0, 9}; }},
        R{"to a group's MAC", false, [](Arp& a) { a.to = {1, 0, 0x5e, 0, 0, 1}; }},
        R{"an operation of RARP", false, [](Arp& a) { a.operation = 3; }},
        R{"operation 0", false, [](Arp& a) { a.operation = 0; }},
        R{"sender's MAC a group's", false, [](Arp& a) { a.sender_mac = {3, 0, 0, 0, 0, 2}; }},
        R{"sender's MAC broadcast", false, [](Arp& a) { a.sender_mac = all_macs; }},
        R{"sender's MAC zero", false, [](Arp& a) { a.sender_mac = Octets(6, 0); }},
        R{"sender's MAC ours", false, [](Arp& a) { a.sender_mac = own_mac; }},
        R{"sender a group", false, [](Arp& a) { a.sender = "224.0.0.1"; }},
        R{"sender everybody", false, [](Arp& a) { a.sender = "255.255.255.255"; }},
        R{"sender the network's broadcast", false, [](Arp& a) { a.sender = "192.0.2.255"; }},
        R{"sender the network", false, [](Arp& a) { a.sender = "192.0.2.0"; }},
        R{"sender loopback", false, [](Arp& a) { a.sender = "127.0.0.1"; }},
        R{"sender 0/8", false, [](Arp& a) { a.sender = "0.0.0.1"; }},
        R{"sender our address", false, [](Arp& a) { a.sender = "192.0.2.1"; }},
        R{"hardware type", false, as_it_is, set(15, 6)},
        R{"protocol type", false, as_it_is, set(16, 0x86)},
        R{"hardware length", false, as_it_is, set(18, 8)},
        R{"protocol length", false, as_it_is, set(19, 16)},
        R{"EtherType", false, as_it_is, set(13, 0x35)},
        R{"frame from a group", false, as_it_is, set(6, 3)},
    });
}

TEST_CASE("a station answers a solicitation with its own MAC address") {
    StationBed bed;
    Octets expected = far_mac + own_mac + word(0x86dd) + Octets{0x60, 0, 0, 0} + word(32) +
                      Octets{58, 255} + ip("2001:db8::1") + ip("2001:db8::2") +
                      Octets{136, 0, 0, 0, 0x60, 0, 0, 0} + ip("2001:db8::1") + Octets{2, 1} +
                      own_mac;
    CHECK(bed.answer(Solicitation{}.frame()) == with_checksum_v6(expected));

    Solicitation detection;
    detection.source = "::";
    detection.options = {};
    put(expected, 0, {0x33, 0x33, 0, 0, 0, 1});
    put(expected, 38, ip("ff02::1"));
    put(expected, 58, {0x20});
    CHECK(bed.answer(detection.frame()) == with_checksum_v6(expected));
}

TEST_CASE("a station answers neighbour solicitations by this table") {
    using S = Solicitation;
    using R = Row<S>;
    check<S>({
        R{"as it is", true, as_it_is},
        R{"to us alone", true,
          [](S& s) {
              s.to = own_mac;
              s.destination = s.target;
          }},
        R{"to us alone, without the option", true,
          [](S& s) {
              s.to = own_mac;
              s.destination = s.target;
              s.options = {};
          }},
        R{"group's packet in a frame to us", true, [](S& s) { s.to = own_mac; }},
        R{"an option that nobody knows", true,
          [](S& s) {
              s.options = Octets{77, 2} + Octets(14, 1) + s.options;
          }},
        R{"duplicate address detection", true,
          [](S& s) {
              s.source = "::";
              s.options = {};
          }},
        R{"for our link-local address", true, [](S& s) { s.target = "fe80::1"; }},
        R{"detection with a source option", false, [](S& s) { s.source = "::"; }},
        R{"detection to us alone", false,
          [](S& s) {
              s.source = "::";
              s.options = {};
              s.destination = s.target;
          }},
        R{"for another address of the group", false, [](S& s) { s.target = "2001:db8:1::1"; }},
        R{"to another group", false, [](S& s) { s.destination = "ff02::1:ff00:2"; }},
        R{"to all nodes", false,
          [](S& s) {
              s.to = {0x33, 0x33, 0, 0, 0, 1};
              s.destination = "ff02::1";
          }},
        R{"frame to another group", false, [](S& s) { s.to = {0x33, 0x33, 0xff, 0, 0, 2}; }},
        R{"frame to everybody", false, [](S& s) { s.to = all_macs; }},
        R{"from a group", false, [](S& s) { s.source = "ff02::2"; }},
        R{"from loopback", false, [](S& s) { s.source = "::1"; }},
        R{"from our own address", false, [](S& s) { s.source = "2001:db8::1"; }},
        R{"option of length 0", false, [](S& s) { s.options[1] = 0; }},
        R{"option longer than the packet", false, [](S& s) { s.options[1] = 2; }},
        R{"source option of 16 bytes", false,
          [](S& s) {
              s.options = Octets{1, 2} + Octets(14, 2);
          }},
        R{"option cut", false, [](S& s) { s.options.resize(7); }},
        R{"source option a group's", false, [](S& s) { s.options[2] = 3; }},
        R{"source option ours", false,
          [](S& s) {
              s.options = Octets{1, 1} + own_mac;
          }},
        R{"hop limit 254", false, as_it_is, set_v6(21, 254)},
        R{"code 1", false, as_it_is, set_v6(55, 1)},
        R{"a router solicitation", false, as_it_is, set_v6(54, 133)},
        R{"IP version 4", false, as_it_is, set_v6(14, 0x40)},
        R{"next header", false, as_it_is, set_v6(20, 0)},
        R{"checksum", false, as_it_is, [](Octets& f) { f[56] ^= 1; }},
        R{"payload length 16", false, as_it_is, set_v6(19, 16)},
        R{"payload longer than the frame", false, as_it_is, set_v6(19, 40)},
    });
}

TEST_CASE("a station answers echo requests with what they carried") {
    StationBed bed;
    for (const std::size_t len : {0u, 1u, 17u, 18u, 56u, 1000u, 1472u}) {
        Echo question;
        question.len = len;
        Octets message = Octets{0, 0, 0, 0, 0x12, 0x34, 0, 1} + pattern(len);
        put(message, 2, word(naive_checksum(message)));
        Octets header = Octets{0x45, 0xb8} + word(28 + unsigned(len)) + word(0) + word(0x4000) +
                        Octets{64, 1, 0, 0} + ip("192.0.2.1") + ip("192.0.2.2");
        put(header, 10, word(naive_checksum(header)));
        Octets expected = far_mac + own_mac + word(0x0800) + header + message;
        if (expected.size() < 60) expected.resize(60);
        CHECK(bed.answer(question.frame()) == expected);
        // Padding behind the packet is not part of it.
        CHECK(bed.answer(question.frame() + Octets(9, 0xaa)) == expected);

        EchoV6 question_v6;
        question_v6.len = len == 1472 ? 1452 : len;
        expected = far_mac + own_mac + word(0x86dd) + Octets{0x60, 0, 0, 0} +
                   word(8 + unsigned(question_v6.len)) + Octets{58, 64} + ip("2001:db8::1") +
                   ip("2001:db8::2") + Octets{129, 0, 0, 0, 0x12, 0x34, 0, 1} +
                   pattern(question_v6.len);
        CHECK(bed.answer(question_v6.frame()) == with_checksum_v6(expected));
    }
}

TEST_CASE("a station answers echo requests by this table") {
    using R = Row<Echo>;
    check<Echo>({
        R{"as it is", true, as_it_is},
        R{"options that are nothing", true,
          [](Echo& e) {
              e.options = {1, 1, 1, 0};
          }},
        R{"a router alert", true,
          [](Echo& e) {
              e.options = {148, 4, 0, 0};
          }},
        R{"loose source route", false,
          [](Echo& e) {
              e.options = {131, 3, 4, 0};
          }},
        R{"strict source route", false,
          [](Echo& e) {
              e.options = {1, 137, 3, 4};
          }},
        R{"an option of length 0", false,
          [](Echo& e) {
              e.options = {148, 0, 0, 0};
          }},
        R{"an option too long", false,
          [](Echo& e) {
              e.options = {148, 5, 0, 0};
          }},
        R{"first fragment", false, [](Echo& e) { e.fragment = 0x2000; }},
        R{"later fragment", false, [](Echo& e) { e.fragment = 1; }},
        R{"to a neighbour", false, [](Echo& e) { e.destination = "192.0.2.3"; }},
        R{"to the network's broadcast", false, [](Echo& e) { e.destination = "192.0.2.255"; }},
        R{"to a group", false, [](Echo& e) { e.destination = "224.0.0.1"; }},
        R{"frame to everybody", false, [](Echo& e) { e.to = all_macs; }},
        R{"frame to a neighbour", false, [](Echo& e) { e.to = {2, 0, 0, 0, 0, 9}; }},
        R{"from a group", false, [](Echo& e) { e.source = "239.1.1.1"; }},
        R{"from everybody", false, [](Echo& e) { e.source = "255.255.255.255"; }},
        R{"from the network's broadcast", false, [](Echo& e) { e.source = "192.0.2.255"; }},
        R{"from our own address", false, [](Echo& e) { e.source = "192.0.2.1"; }},
        R{"from nobody", false, [](Echo& e) { e.source = "0.0.0.0"; }},
        R{"frame from a group", false, as_it_is, set(6, 3)},
        R{"frame from our own MAC", false, as_it_is, [](Octets& f) { put(f, 6, own_mac); }},
        R{"version", false, as_it_is, set(14, 0x65)},
        R{"header of 16 bytes", false, as_it_is, set(14, 0x44)},
        R{"header longer than the packet", false, as_it_is, set(14, 0x4f)},
        R{"packet longer than the frame", false, as_it_is, set(17, 255)},
        R{"packet without a message", false, as_it_is, set(17, 27)},
        R{"header checksum", false, as_it_is, [](Octets& f) { f[24] ^= 1; }},
        R{"an echo reply", false, as_it_is, set(34, 0)},
        R{"code", false, as_it_is, set(35, 1)},
        R{"message checksum", false, as_it_is, [](Octets& f) { f[36] ^= 1; }},
        R{"message", false, as_it_is, [](Octets& f) { f[50] ^= 1; }},
    });
    using V = Row<EchoV6>;
    check<EchoV6>({
        V{"as it is", true, as_it_is},
        V{"to a neighbour", false, [](EchoV6& e) { e.destination = "2001:db8::3"; }},
        V{"to all nodes", false,
          [](EchoV6& e) {
              e.to = {0x33, 0x33, 0, 0, 0, 1};
              e.destination = "ff02::1";
          }},
        V{"frame to everybody", false, [](EchoV6& e) { e.to = all_macs; }},
        V{"from a group", false, [](EchoV6& e) { e.source = "ff02::1"; }},
        V{"from nobody", false, [](EchoV6& e) { e.source = "::"; }},
        V{"from loopback", false, [](EchoV6& e) { e.source = "::1"; }},
        V{"from our own address", false, [](EchoV6& e) { e.source = "2001:db8::1"; }},
        V{"version", false, as_it_is, set(14, 0x40)},
        V{"next header: a fragment", false, as_it_is, set_v6(20, 44)},
        V{"packet longer than the frame", false, as_it_is, set(19, 255)},
        V{"packet without a message", false, as_it_is, set(19, 7)},
        V{"an echo reply", false, as_it_is, set_v6(54, 129)},
        V{"code", false, as_it_is, set_v6(55, 1)},
        V{"checksum", false, as_it_is, [](Octets& f) { f[56] ^= 1; }},
        V{"message", false, as_it_is, [](Octets& f) { f[70] ^= 1; }},
    });
}

TEST_CASE("a station answers nothing that is cut, at any length") {
    StationBed bed;
    for (const Octets& frame : good_frames()) {
        REQUIRE(!bed.answer(frame).empty());
        for (std::size_t len = 0; len < frame.size(); ++len) {
            INFO(len);
            CHECK(bed.answer(part(frame, 0, len)).empty());
            CHECK(bed.taken.empty());
        }
    }
}

TEST_CASE("a station answers nothing in which one bit of address or message is turned") {
    // ARP has no checksum, and a solicitation's source and echo data are covered by theirs: where
    // a turned bit may be answered is listed, all else may not.
    StationBed bed;
    const std::vector<Octets> frames = {Solicitation{}.frame(), Echo{}.frame(), EchoV6{}.frame()};
    for (const Octets& frame : frames) {
        const bool v6 = frame[12] == 0x86;
        for (std::size_t at = 0; at < frame.size(); ++at) {
            const bool source_mac = at >= 6 && at < 12;
            const bool class_or_flow = v6 && at >= 14 && at < 18;
            const bool hops = v6 && frame[54] == 128 && at == 21;
            if (source_mac || class_or_flow || hops) continue;
            for (unsigned bit = 0; bit < 8; ++bit) {
                INFO("byte " << at << " bit " << bit);
                Octets broken = frame;
                broken[at] ^= static_cast<std::uint8_t>(1u << bit);
                CHECK(bed.answer(broken).empty());
            }
        }
    }
}

TEST_CASE("a station leaves what is another VLAN's alone, and keeps the tag of a priority") {
    StationBed bed;
    for (const Octets& frame : good_frames()) {
        CHECK(bed.answer(tagged(frame, 20)).empty());
        CHECK(bed.left.size() == 1);
        const Octets plain = bed.answer(frame);
        Octets answer = bed.answer(tagged(frame, 0xa000));
        REQUIRE(answer.size() >= 18);
        CHECK(part(answer, 12, 4) == word(0x8100) + word(0xa000));
        answer.erase(answer.begin() + 12, answer.begin() + 16);
        answer.resize(plain.size());
        CHECK(answer == plain);
        CHECK(bed.answer(tagged(tagged(frame, 0), 0)).empty());
    }
}

TEST_CASE("a station takes its own frames out of a burst and leaves the others in order") {
    StationBed bed;
    const Octets other = far_mac + own_mac + word(0x0800) + pattern(60);
    Arp foreign;
    foreign.target = "192.0.2.9";
    const auto answers = bed.serve({other, Arp{}.frame(), foreign.frame(), Echo{}.frame(),
                                    EchoV6{}.frame(), other + Octets{1}});
    CHECK(answers.size() == 3);
    CHECK(bed.left == std::vector<Octets>{other, foreign.frame(), other + Octets{1}});
    CHECK(bed.taken == std::vector<Octets>{Arp{}.frame(), Echo{}.frame(), EchoV6{}.frame()});
    CHECK(bed.worker.received.get() == 3);
    CHECK(bed.worker.absorbed.get() == 3);

    // Frames before `first` are another queue's.
    engine::Burst burst;
    Octets bytes = Arp{}.frame();
    engine::Frame frame;
    std::vector<std::byte> memory(bytes.size());
    std::memcpy(memory.data(), bytes.data(), bytes.size());
    frame.data = memory.data();
    frame.len = static_cast<std::uint32_t>(memory.size());
    burst.push(frame);
    burst.push(frame);
    std::array<engine::Frame, engine::burst_max> taken;
    CHECK(bed.station.serve(burst, 1, bed.tx, bed.worker, taken) == 1);
    CHECK(burst.size() == 1);
}

TEST_CASE("a station without room to answer drops the answer with a reason") {
    StationBed bed;
    bed.tx.places = 0;
    CHECK(bed.answer(Arp{}.frame()).empty());
    CHECK(bed.worker.drops[static_cast<std::size_t>(Drop::tx_full)].get() == 1);
    bed.tx.places = 9;
    Echo long_one;
    long_one.len = 1600;
    CHECK(bed.answer(long_one.frame()).empty());
    CHECK(bed.worker.drops[static_cast<std::size_t>(Drop::tx_too_big)].get() == 1);
    const auto& w = bed.worker;
    CHECK(w.received.get() + w.made.get() == w.sent.get() + w.absorbed.get() + 2);
}

TEST_CASE("a station announces its addresses once, when it first serves") {
    StationBed bed;
    REQUIRE(bed.announced.size() == 3);
    const Octets gratuitous = all_macs + own_mac + word(0x0806) + word(1) + word(0x0800) +
                              Octets{6, 4} + word(1) + own_mac + ip("192.0.2.1") + Octets(6, 0) +
                              ip("192.0.2.1") + Octets(18, 0);
    CHECK(bed.announced[0] == gratuitous);
    const Octets unsolicited =
        Octets{0x33, 0x33, 0, 0, 0, 1} + own_mac + word(0x86dd) + Octets{0x60, 0, 0, 0} + word(32) +
        Octets{58, 255} + ip("2001:db8::1") + ip("ff02::1") + Octets{136, 0, 0, 0, 0x20, 0, 0, 0} +
        ip("2001:db8::1") + Octets{2, 1} + own_mac;
    CHECK(bed.announced[1] == with_checksum_v6(unsolicited));
    CHECK(bed.serve({}).empty());
    CHECK(!bed.station.waiting());
}

TEST_CASE("a station without addresses says nothing and takes nothing") {
    StationBed bed(std::vector<std::string>{"0.0.0.0/0", "224.0.0.1/4", "::/0", "ff02::1/128"});
    CHECK(bed.announced.empty());
    for (const Octets& frame : good_frames()) CHECK(bed.answer(frame).empty());
    CHECK(bed.left.size() == 1);
    CHECK(bed.next_hop("192.0.2.2").empty());
}

TEST_CASE("a station survives random frames") {
    StationBed bed;
    std::mt19937 random(20261123);
    const auto good = good_frames();
    for (unsigned i = 0; i < 20000; ++i) {
        Octets frame = good[random() % good.size()];
        if (random() % 4 == 0) frame.resize(random() % (frame.size() + 1));
        for (auto n = random() % 6; n > 0 && !frame.empty(); --n) {
            frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
        }
        bed.serve({frame});
    }
    const auto& w = bed.worker;
    CHECK(w.made.get() == w.sent.get());
    CHECK(w.received.get() == w.absorbed.get());
}

}  // namespace lanes::test
