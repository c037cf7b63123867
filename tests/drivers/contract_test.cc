// The contract of engine/port.hh, one test for every driver: each case runs over all fixtures of
// fixtures.hh, with a real far side. Numbers are exact: what went in came out, or was counted.
#include <poll.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <map>

#include "tests/drivers/fixtures.hh"

namespace lanes::test {
namespace {

using engine::Burst;
using engine::Frame;
using engine::Port;
using engine::WorkerCounters;

using Clock = std::chrono::steady_clock;

/// Longest wait for frames that should have come.
constexpr auto patience = std::chrono::seconds(2);

/// The port under test, its fixture, and a count of what happened.
class Bench {
  public:
    Bench(Fixture& fixture, unsigned queues, std::vector<Bytes> incoming = {})
        : fixture_(fixture), queues_(queues), incoming_(std::move(incoming)) {
        auto opened = fixture.open(queues, incoming_);
        if (!opened) FAIL(opened.error().message);
        port_ = std::move(*opened);
    }

    Port& port() { return *port_; }
    WorkerCounters& counters() { return counters_; }
    const std::vector<Bytes>& incoming() const { return incoming_; }
    void close() { port_.reset(); }

    /// The longest frame that the far side handles too: drivers of Ethernet also send the four
    /// bytes of a VLAN tag more.
    std::uint32_t len_max() {
        const bool ethernet = port_->info().kind == engine::PortKind::ethernet;
        return ethernet ? port_->info().mtu + 14 : port_->tx(0).max_len();
    }

    /// Injects incoming[first, first + count), calls `injected`, receives, and hands each frame to
    /// `look`.
    template <typename Look, typename Injected = void (*)()>
    void receive(
        std::size_t first, std::size_t count, Look look, Injected injected = [] {}) {
        fixture_.inject(first, count);
        injected();
        const auto deadline = Clock::now() + patience;
        std::size_t got = 0;
        while (got < count && Clock::now() < deadline) {
            for (unsigned queue = 0; queue < queues_; ++queue) {
                Burst burst;
                const unsigned n = port_->rx(queue).receive(burst, counters_);
                REQUIRE(n == burst.size());
                if (n == 0) continue;
                for (Frame& frame : burst) look(frame, queue);
                got += n;
                port_->rx(queue).release(burst);
            }
        }
        REQUIRE(got == count);
    }

    /// Sends frames [first, first + count) through `queue` and flushes.
    void send(const std::vector<Bytes>& frames, std::size_t first, std::size_t count,
              unsigned queue = 0) {
        engine::TxQueue& tx = port_->tx(queue);
        const std::size_t end = first + count;
        while (first < end) {
            std::array<Frame, engine::burst_max> room;
            const std::size_t want = std::min<std::size_t>(room.size(), end - first);
            std::size_t longest = 0;
            for (std::size_t i = 0; i < want; ++i) {
                longest = std::max(longest, frames[first + i].size());
            }
            const unsigned n = tx.claim({room.data(), want}, static_cast<std::uint32_t>(longest));
            REQUIRE(n > 0);
            for (unsigned i = 0; i < n; ++i) fill(room[i], frames[first + i]);
            tx.send({room.data(), n}, counters_);
            tx.flush(counters_);
            first += n;
        }
    }

    void fill(Frame& room, const Bytes& frame) const {
        REQUIRE(room.len >= frame.size());
        std::memcpy(room.data, frame.data(), frame.size());
        room.len = static_cast<std::uint32_t>(frame.size());
        room.endpoint = fixture_.endpoint;
    }

    std::uint64_t dropped() const {
        std::uint64_t sum = 0;
        for (const auto& drop : counters_.drops) sum += drop.get();
        return sum;
    }

  private:
    Fixture& fixture_;
    const unsigned queues_;
    const std::vector<Bytes> incoming_;
    std::unique_ptr<Port> port_;
    WorkerCounters counters_;
};

/// Prints why and returns true if this driver cannot be tested here.
bool skipped(const Fixture& fixture) {
    if (fixture.missing.empty()) return false;
    WARN("skipped: " << fixture.missing);
    return true;
}

Bytes copy_of(const Frame& frame) {
    return {frame.data, frame.data + frame.len};
}

/// Lengths from `least` to `most`, both included: the small ones, the powers of two, their
/// neighbours.
std::vector<std::uint32_t> lengths(std::uint32_t least, std::uint32_t most) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t len = least; len < least + 80; ++len) all.push_back(len);
    for (std::uint32_t power = 128; power < most; power *= 2) {
        for (const std::uint32_t len : {power - 1, power, power + 1}) {
            if (len > all.back() && len < most) all.push_back(len);
        }
    }
    all.push_back(most - 1);
    all.push_back(most);
    return all;
}

std::vector<Bytes> make_flows(Fixture& fixture, std::size_t count, unsigned flows) {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
        frames.push_back(fixture.make(60 + i % 200, i % flows, i / flows));
    }
    return frames;
}

bool readable(int fd, int timeout_ms) {
    pollfd wait{fd, POLLIN, 0};
    return ::poll(&wait, 1, timeout_ms) == 1;
}

}  // namespace

TEMPLATE_TEST_CASE("a port opens with one and with two queues and says what it is", "[contract]",
                   LANES_FIXTURES) {
    for (const unsigned queues : {1u, 2u}) {
        TestType fixture;
        if (skipped(fixture)) return;
        Bench bench(fixture, queues);
        const engine::PortInfo& info = bench.port().info();
        CHECK(info.name == "near");
        CHECK(!info.driver.empty());
        CHECK(!info.note.empty());
        CHECK(info.mtu >= 68);
        CHECK(info.mtu <= 65535);
        for (unsigned queue = 0; queue < queues; ++queue) {
            CHECK(bench.port().tx(queue).max_len() >= bench.len_max());
            Burst burst;
            CHECK(bench.port().rx(queue).receive(burst, bench.counters()) == 0);
            bench.port().tx(queue).flush(bench.counters());
        }
        CHECK(bench.port().loss().rx_lost == 0);
    }
}

TEMPLATE_TEST_CASE("what goes in comes out, byte for byte, at every length", "[contract]",
                   LANES_FIXTURES) {
    std::uint32_t len_max = 0;
    {
        TestType fixture;
        if (skipped(fixture)) return;
        Bench bench(fixture, 1);
        len_max = bench.len_max();
    }
    TestType fixture;
    std::vector<Bytes> frames;
    for (const std::uint32_t len : lengths(fixture.len_min, len_max)) {
        frames.push_back(fixture.make(len, 0, len));
    }
    Bench bench(fixture, 1, frames);
    for (std::size_t i = 0; fixture.live && i < frames.size(); ++i) {
        bench.receive(i, 1,
                      [&](const Frame& frame, unsigned) { CHECK(copy_of(frame) == frames[i]); });
    }
    if (!fixture.live) {
        std::size_t i = 0;
        bench.receive(0, frames.size(),
                      [&](const Frame& frame, unsigned) { CHECK(copy_of(frame) == frames[i++]); });
    }
    for (std::size_t i = 0; i < frames.size(); i += 8) {
        const std::size_t count = std::min<std::size_t>(8, frames.size() - i);
        bench.send(frames, i, count);
        const auto got = fixture.collect(count);
        REQUIRE(got.size() == count);
        for (std::size_t k = 0; k < count; ++k) CHECK(got[k] == frames[i + k]);
    }
    CHECK(bench.counters().sent.get() == frames.size());
    CHECK(bench.port().tx(0).counters.frames.get() == frames.size());
    CHECK(bench.dropped() == 0);
}

TEMPLATE_TEST_CASE("the order within a flow is kept, and a flow stays on its queue", "[contract]",
                   LANES_FIXTURES) {
    constexpr unsigned flows = 4;
    TestType fixture;
    if (skipped(fixture)) return;
    const std::vector<Bytes> frames = make_flows(fixture, 4096, flows);
    Bench bench(fixture, 2, frames);
    std::map<std::uint32_t, std::uint32_t> next;
    std::map<std::uint32_t, unsigned> queue_of;
    const auto look = [&](const Frame& frame, unsigned queue) {
        const Mark mark = mark_of(copy_of(frame));
        REQUIRE(mark.number == next[mark.flow]++);
        REQUIRE(queue_of.emplace(mark.flow, queue).first->second == queue);
    };
    const std::size_t step = fixture.live ? fixture.chunk : frames.size();
    for (std::size_t i = 0; i < frames.size(); i += step) bench.receive(i, step, look);
    CHECK(next.size() == flows);

    // The far side of two queues may mix them, but not what one queue sent.
    next.clear();
    for (std::size_t i = 0; i < frames.size(); i += 64) {
        const unsigned queue = i / 64 % 2;
        std::vector<Bytes> marked;
        for (std::uint32_t k = 0; k < 64; ++k) {
            marked.push_back(fixture.make(60, queue, static_cast<std::uint32_t>(i / 128 * 64) + k));
        }
        bench.send(marked, 0, marked.size(), queue);
        for (const Bytes& frame : fixture.collect(64)) {
            const Mark mark = mark_of(frame);
            REQUIRE(mark.number == next[mark.flow]++);
        }
    }
    CHECK(next[0] + next[1] == frames.size());
}

TEMPLATE_TEST_CASE("a received frame has head- and tailroom that may be written", "[contract]",
                   LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    const std::vector<Bytes> frames = make_flows(fixture, 64, 1);
    Bench bench(fixture, 1, frames);
    // All frames of a burst are written around before any is looked at: no room is shared.
    std::vector<Bytes> got;
    fixture.inject(0, frames.size());
    const auto deadline = Clock::now() + patience;
    while (got.size() < frames.size() && Clock::now() < deadline) {
        Burst burst;
        if (bench.port().rx(0).receive(burst, bench.counters()) == 0) continue;
        for (Frame& frame : burst) {
            CHECK(frame.headroom >= engine::headroom_bytes);
            CHECK(frame.tailroom >= engine::tailroom_bytes);
            std::memset(frame.data - frame.headroom, 0xaa, frame.headroom);
            std::memset(frame.data + frame.len, 0xbb, frame.tailroom);
        }
        for (const Frame& frame : burst) got.push_back(copy_of(frame));
        bench.port().rx(0).release(burst);
    }
    CHECK(got == frames);
}

TEMPLATE_TEST_CASE("claiming has no effect until something is sent", "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    Bench bench(fixture, 1);
    engine::TxQueue& tx = bench.port().tx(0);
    std::array<Frame, engine::burst_max> room;
    for (unsigned i = 0; i < 10'000; ++i) {
        const unsigned want = 1 + i % engine::burst_max;
        const unsigned n = tx.claim({room.data(), want}, 64 + i % 1000);
        REQUIRE(n > 0);
        REQUIRE(n <= want);
        for (unsigned k = 0; k < n; ++k) {
            REQUIRE(room[k].data != nullptr);
            REQUIRE(room[k].len >= 64 + i % 1000);
            std::memset(room[k].data, 0xcc, room[k].len);
        }
        if (i % 16 == 0) tx.flush(bench.counters());
    }
    CHECK(bench.counters().sent.get() == 0);
    CHECK(bench.dropped() == 0);
    CHECK(fixture.collect(0).empty());
    const std::vector<Bytes> frames = make_flows(fixture, 8, 1);
    bench.send(frames, 0, frames.size());
    CHECK(fixture.collect(frames.size()) == frames);
}

TEMPLATE_TEST_CASE("no room is given for a frame that is too long", "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    Bench bench(fixture, 1);
    engine::TxQueue& tx = bench.port().tx(0);
    Frame room;
    CHECK(tx.claim({&room, 1}, tx.max_len() + 1) == 0);
    CHECK(tx.claim({&room, 1}, ~0u) == 0);
    CHECK(tx.claim({&room, 1}, tx.max_len()) == 1);
    CHECK(room.len >= tx.max_len());
}

TEMPLATE_TEST_CASE("a part of the claimed room can be sent, moved forward and in order",
                   "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    Bench bench(fixture, 1);
    engine::TxQueue& tx = bench.port().tx(0);
    const std::vector<Bytes> frames = make_flows(fixture, 64, 1);
    for (const unsigned step : {1u, 2u, 3u, 7u, 63u}) {
        std::array<Frame, engine::burst_max> room;
        REQUIRE(tx.claim(room, 400) == room.size());
        std::vector<Frame> chosen;
        std::vector<Bytes> expected;
        for (unsigned i = step - 1; i < room.size(); i += step) {
            // The bytes may begin later than the room does.
            room[i].data += i % 32;
            room[i].len -= i % 32;
            bench.fill(room[i], frames[i]);
            chosen.push_back(room[i]);
            expected.push_back(frames[i]);
        }
        // Also in two parts, with a flush between them.
        const std::size_t half = chosen.size() / 2;
        tx.send({chosen.data(), half}, bench.counters());
        if (step == 2) tx.flush(bench.counters());
        tx.send({chosen.data() + half, chosen.size() - half}, bench.counters());
        tx.flush(bench.counters());
        CHECK(fixture.collect(expected.size()) == expected);
    }
    CHECK(bench.dropped() == 0);
}

TEMPLATE_TEST_CASE("what several claims sent before one flush comes out whole and in order",
                   "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    Bench bench(fixture, 1);
    engine::TxQueue& tx = bench.port().tx(0);
    const std::vector<Bytes> frames = make_flows(fixture, 100, 1);
    for (std::size_t i = 0; i < frames.size(); i += 10) {
        std::array<Frame, 10> room;
        REQUIRE(tx.claim(room, 400) == room.size());
        for (std::size_t k = 0; k < room.size(); ++k) bench.fill(room[k], frames[i + k]);
        tx.send(room, bench.counters());
    }
    tx.flush(bench.counters());
    CHECK(fixture.collect(frames.size()) == frames);
    CHECK(bench.counters().sent.get() == frames.size());
}

TEMPLATE_TEST_CASE("a queue that nobody empties never blocks and accounts for every frame",
                   "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    Bench bench(fixture, 1);
    engine::TxQueue& tx = bench.port().tx(0);
    const Bytes frame = fixture.make(1000, 0, 0);
    std::uint64_t given = 0;
    const auto begin = Clock::now();
    for (unsigned round = 0; round < 500; ++round) {
        std::array<Frame, engine::burst_max> room;
        const unsigned n = tx.claim(room, 1000);
        for (unsigned i = 0; i < n; ++i) bench.fill(room[i], frame);
        tx.send({room.data(), n}, bench.counters());
        given += n;
        // Several bursts in one round, as from several ports.
        if (round % 4 == 0) tx.flush(bench.counters());
    }
    for (unsigned tries = 0; tries < 1000 && tx.pending(); ++tries) tx.flush(bench.counters());
    tx.flush(bench.counters());
    CHECK(Clock::now() - begin < std::chrono::seconds(5));
    CHECK(given > 0);
    CHECK(bench.counters().sent.get() + bench.dropped() == given);
    CHECK(tx.counters.frames.get() == bench.counters().sent.get());
    CHECK(tx.counters.bytes.get() == bench.counters().sent.get() * 1000);
}

TEMPLATE_TEST_CASE("receive takes no more than the burst has room for", "[contract]",
                   LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    const std::vector<Bytes> frames = make_flows(fixture, 96, 1);
    Bench bench(fixture, 1, frames);
    fixture.inject(0, frames.size());
    std::vector<Bytes> got;
    const auto deadline = Clock::now() + patience;
    for (unsigned used = engine::burst_max; got.size() < frames.size() && Clock::now() < deadline;
         used = used == 0 ? engine::burst_max : used - 1) {
        Burst burst;
        for (unsigned i = 0; i < used; ++i) burst.push(Frame{});  // somebody else's, handed on
        const unsigned n = bench.port().rx(0).receive(burst, bench.counters());
        REQUIRE(n <= engine::burst_max - used);
        REQUIRE(burst.size() == used + n);
        for (unsigned i = used; i < burst.size(); ++i) got.push_back(copy_of(burst[i]));
        if (n != 0) bench.port().rx(0).release(burst);
    }
    CHECK(got == frames);
}

TEMPLATE_TEST_CASE("a hundred thousand frames pass without leak or stall", "[contract]",
                   LANES_FIXTURES) {
    constexpr std::size_t total = 100'000;
    TestType fixture;
    if (skipped(fixture)) return;
    const std::vector<Bytes> frames = make_flows(fixture, total, 1);
    Bench bench(fixture, 1, frames);
    std::size_t next = 0;
    std::size_t wrong = 0;
    const auto look = [&](const Frame& frame, unsigned) {
        const Bytes& expected = frames[next++];
        wrong += frame.len != expected.size() ||
                 std::memcmp(frame.data, expected.data(), frame.len) != 0;
    };
    const std::size_t step = fixture.live ? fixture.chunk : total;
    for (std::size_t i = 0; i < total; i += step) {
        bench.receive(i, std::min(step, total - i), look);
    }
    CHECK(wrong == 0);
    for (std::size_t i = 0; i < total; i += fixture.chunk) {
        const std::size_t count = std::min(fixture.chunk, total - i);
        bench.send(frames, i, count);
        const auto got = fixture.collect(count);
        REQUIRE(got.size() == count);
        for (std::size_t k = 0; k < count; ++k) wrong += got[k] != frames[i + k];
    }
    CHECK(wrong == 0);
    CHECK(bench.counters().sent.get() == total);
    CHECK(bench.dropped() == 0);
    CHECK(bench.port().loss().rx_lost == 0);
}

TEMPLATE_TEST_CASE("wake_fd is readable when there is traffic and not when there is none",
                   "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    const std::vector<Bytes> frames = make_flows(fixture, 24, 1);
    Bench bench(fixture, 1, frames);
    engine::RxQueue& rx = bench.port().rx(0);
    const int fd = rx.wake_fd();
    REQUIRE((fd >= 0) == fixture.pollable);
    if (!fixture.pollable) return;
    for (std::size_t i = 0; fixture.live && i < frames.size(); i += 8) {
        REQUIRE(rx.prepare_sleep());
        CHECK_FALSE(readable(fd, 0));
        bench.receive(
            i, 8, [](const Frame&, unsigned) {}, [&] { CHECK(readable(fd, 1000)); });
    }
    if (!fixture.live) CHECK((!rx.prepare_sleep() || readable(fd, 1000)));
    Burst burst;
    while (rx.receive(burst, bench.counters()) != 0) {
        rx.release(burst);
        burst.clear();
    }
    REQUIRE(rx.prepare_sleep());
    CHECK_FALSE(readable(fd, 20));
}

TEMPLATE_TEST_CASE("traffic resumes after the link was down", "[contract]", LANES_FIXTURES) {
    TestType fixture;
    if (skipped(fixture)) return;
    const std::vector<Bytes> frames = make_flows(fixture, 1024, 1);
    Bench bench(fixture, 1, frames);
    if (!fixture.set_link(true)) return;
    bench.receive(0, 8, [](const Frame&, unsigned) {});
    REQUIRE(fixture.set_link(false));
    for (std::size_t i = 0; i < 64; i += 8) bench.send(frames, i, 8);
    engine::TxQueue& tx = bench.port().tx(0);
    for (unsigned tries = 0; tries < 100 && tx.pending(); ++tries) tx.flush(bench.counters());
    Burst burst;
    CHECK(bench.port().rx(0).receive(burst, bench.counters()) == 0);
    REQUIRE(fixture.set_link(true));

    // The kernel may take a moment until the carrier is back.
    bool received = false;
    bool delivered = false;
    fixture.collect(0);
    for (std::size_t i = 8; i < frames.size() && !(received && delivered); ++i) {
        fixture.inject(i, 1);
        bench.send(frames, i, 1);
        readable(bench.port().rx(0).wake_fd(), 10);
        Burst more;
        if (bench.port().rx(0).receive(more, bench.counters()) != 0) {
            received = true;
            bench.port().rx(0).release(more);
        }
        for (const Bytes& frame : fixture.collect(0)) delivered = delivered || frame == frames[i];
    }
    CHECK(received);
    CHECK(delivered);
}

TEMPLATE_TEST_CASE("a port closes cleanly with frames on their way", "[contract]", LANES_FIXTURES) {
    for (unsigned round = 0; round < 3; ++round) {
        TestType fixture;
        if (skipped(fixture)) return;
        const std::vector<Bytes> frames = make_flows(fixture, 64, 1);
        Bench bench(fixture, 2, frames);
        fixture.inject(0, frames.size());
        engine::TxQueue& tx = bench.port().tx(0);
        std::array<Frame, engine::burst_max> room;
        const unsigned n = tx.claim(room, 400);
        for (unsigned i = 0; i < n; ++i) bench.fill(room[i], frames[i]);
        // Claimed only; sent and not flushed; flushed and not collected.
        if (round >= 1) tx.send({room.data(), n}, bench.counters());
        if (round >= 2) tx.flush(bench.counters());
        bench.close();
    }
}

}  // namespace lanes::test
