// Rekeying through whole nodes: 72 hours of it, with traffic in every step and nothing lost, and
// what happens to keys that are over.
#include <catch2/catch.hpp>

#include <map>

#include "tests/lanes/sealed_bed.hh"
#include "tests/sanitizers.hh"

using namespace lanes;
using namespace lanes::test;
using engine::Drop;

namespace {

constexpr unsigned slower = sanitized ? 8 : 1;

/// Numbered frames, some in every step, and a count of what comes out.
struct Stream {
    explicit Stream(SealedBed& over) : bed(over) {}

    void run(std::uint64_t ns, std::uint64_t step_ns, unsigned per_step) {
        for (std::uint64_t passed = 0; passed < ns; passed += step_ns) {
            for (unsigned i = 0; i < per_step; ++i) {
                engine::store_be(frame.data() + 20, sent++);
                REQUIRE(bed.lan_a->send(frame));
            }
            bed.pass(step_ns, step_ns);
            for (const Bytes& got : bed.received()) {
                in_order = in_order && engine::load_be<std::uint64_t>(got.data() + 20) == delivered;
                ++delivered;
            }
        }
    }

    SealedBed& bed;
    Bytes frame = ethernet_frame(100, 1);
    std::uint64_t sent = 0;
    std::uint64_t delivered = 0;
    bool in_order = true;
};

void check_nothing_lost(const SealedBed& bed, const Stream& stream) {
    CHECK(stream.delivered == stream.sent);
    CHECK(stream.in_order);
    CHECK(bed.a->control->totals().dropped() == 0);
    CHECK(bed.b->control->totals().dropped() == 0);
    CHECK(bed.a->control->totals().balanced());
    CHECK(bed.b->control->totals().balanced());
    CHECK(bed.status_b().lost == 0);
}

}  // namespace

TEST_CASE("the rekeys of 72 hours, one a second, with traffic in every step and nothing lost") {
    SealedBed::Options with;
    with.rekey_seconds = 1;
    with.backend_b = "libsodium";
    SealedBed bed(with);
    bed.start_up();
    Stream stream(bed);
    const unsigned rekeys = 2160 / slower;
    const std::uint32_t first = bed.status_a().epoch;
    // The lead is half of a session's life.
    stream.run((rekeys + 1) * ns_per_second, 10 * ns_per_ms, 1);
    INFO(rekeys << " rekeys");
    CHECK(bed.status_a().epoch - first >= rekeys - rekeys / 50);
    check_nothing_lost(bed, stream);
}

TEST_CASE("72 hours at the usual pace with sparse traffic, and nothing lost") {
    SealedBed bed;
    bed.start_up();
    Stream stream(bed);
    const std::uint64_t hours = 72 / slower;
    const std::uint32_t first = bed.status_a().epoch;
    stream.run(hours * 3600 * ns_per_second, ns_per_second, 1);
    CHECK(bed.status_a().epoch - first >= hours * 3600 / 122);
    check_nothing_lost(bed, stream);
}

TEST_CASE("packets of the former keys that are late arrive for five seconds, and then no more") {
    SealedBed::Options with;
    with.rekey_seconds = 10;
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    bed.send(some_frames(30));
    const auto held = bed.take();
    const std::uint32_t first = bed.status_a().epoch;
    for (unsigned step = 0; step < 1200 && bed.status_a().epoch == first; ++step) {
        bed.pass(10 * ns_per_ms);
    }
    REQUIRE(bed.status_a().epoch == first + 1);
    bed.give({held.begin(), held.begin() + 10});
    CHECK(bed.received().size() == 10);
    bed.pass(4800 * ns_per_ms);
    bed.give({held.begin() + 10, held.begin() + 20});
    CHECK(bed.received().size() == 10);
    bed.pass(400 * ns_per_ms);
    bed.expect({held.begin() + 20, held.end()}, Drop::no_session);
    bed.expect({held.begin(), held.begin() + 10}, Drop::no_session);
}

TEST_CASE("a session that is not replaced is over for the receiver after its lifetime") {
    SealedBed::Options with;
    with.rekey_seconds = 10;  // so its lifetime is 40 s
    SealedBed bed(with);
    bed.start_up();
    bed.take();
    bed.send(some_frames(30));
    const auto held = bed.take();
    bed.stop_a();
    bed.pass(39'600 * ns_per_ms);
    bed.give({held.begin(), held.begin() + 10});
    CHECK(bed.received().size() == 10);
    CHECK(bed.status_b().health.state == LaneState::silent);
    bed.pass(300 * ns_per_ms);
    bed.expect({held.begin() + 10, held.end()}, Drop::no_session);
    CHECK(bed.status_b().session_age_ns == 0);
    CHECK(bed.status_b().health.state == LaneState::silent);
}

TEST_CASE("a sender without a new session stops when the old one's lifetime is over") {
    SealedBed::Options with;
    with.rekey_seconds = 10;
    SealedBed bed(with);
    bed.start_up();
    bed.memory_a.failing = true;
    bed.pass(38 * ns_per_second);  // it stops a second before receivers do
    bed.check_through(some_frames(10));
    bed.pass(1100 * ns_per_ms);
    const std::uint64_t before = bed.a->drops(Drop::no_key);
    bed.send(some_frames(10));
    CHECK(bed.take().empty());
    CHECK(bed.a->drops(Drop::no_key) - before == 10);
    CHECK(bed.status_a().health.state == LaneState::no_key);
    bed.memory_a.failing = false;
    bed.pass(1300 * ns_per_ms);
    bed.check_through(some_frames(10));
}

TEST_CASE("announcements that are lost on the way cost nothing while one of the lead arrives") {
    SealedBed::Options with;
    with.rekey_seconds = 6;
    SealedBed bed(with);
    bed.start_up();
    Stream stream(bed);
    std::map<std::uint64_t, unsigned> announced;  // times, by stamp
    // Of each session only the fifth announcement comes through, two seconds after the first.
    for (unsigned step = 0; step < 3000; ++step) {
        engine::store_be(stream.frame.data() + 20, stream.sent++);
        REQUIRE(bed.lan_a->send(stream.frame));
        bed.pass(10 * ns_per_ms, [&](const Bytes& frame) {
            if (!bed.is_announcement(frame)) return std::vector<Bytes>{frame};
            const auto stamp = wire::read_header(frame.data() + bed.carrier_bytes()).sequence;
            return ++announced[stamp] == 5 ? std::vector<Bytes>{frame} : std::vector<Bytes>{};
        });
        stream.delivered += bed.received().size();
    }
    CHECK(announced.size() >= 5);
    check_nothing_lost(bed, stream);
}

TEST_CASE("the switch of keys comes between two bursts: each packet opens under its own") {
    SealedBed::Options with;
    with.rekey_seconds = 1;
    with.workers_a = 3;
    with.workers_b = 2;
    SealedBed bed(with);
    bed.start_up();
    std::uint32_t number = 0;
    for (unsigned step = 0; step < 1000 / slower; ++step) {
        bed.check_through(some_frames(30, 60, number));
        number += 30;
        bed.pass(10 * ns_per_ms);
    }
    CHECK(bed.b->control->totals().dropped() == 0);
    CHECK(bed.status_b().lost == 0);
}
