// The pcap driver beyond the contract: pace, repetition, formats, broken files, recording by
// several queues at once, and a file that cannot grow.
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/drivers/fixture_pcap.hh"

namespace lanes::test {
namespace {

using engine::Burst;
using engine::Drop;
using engine::Frame;
using engine::Port;
using engine::PortSpec;
using engine::WorkerCounters;

using Clock = std::chrono::steady_clock;

PortSpec spec_of(const std::string& read, const std::string& write) {
    PortSpec spec;
    spec.name = "tape";
    spec.read = read;
    spec.write = write;
    spec.pace = PortSpec::Pace::fast;
    return spec;
}

std::unique_ptr<Port> open_port(const PortSpec& spec, unsigned queues = 1) {
    auto port = drivers::open_pcap(spec, queues);
    if (!port) FAIL(port.error().message);
    return std::move(*port);
}

std::string refusal_of(const PortSpec& spec) {
    auto port = drivers::open_pcap(spec, 1);
    REQUIRE(!port);
    return port.error().message;
}

bool contains(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

std::vector<Bytes> make_frames(std::size_t count, std::size_t len = 60) {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
        Bytes frame(14, std::byte{2});
        const Bytes packet = make_packet(len - 14, 0, i);
        frame.insert(frame.end(), packet.begin(), packet.end());
        frames.push_back(std::move(frame));
    }
    return frames;
}

/// All that a queue gives without waiting.
std::vector<Bytes> take_all(engine::RxQueue& rx, std::size_t most = ~std::size_t{0}) {
    std::vector<Bytes> got;
    WorkerCounters worker;
    while (got.size() < most) {
        Burst burst;
        if (rx.receive(burst, worker) == 0) break;
        for (const Frame& frame : burst) got.emplace_back(frame.data, frame.data + frame.len);
        rx.release(burst);
    }
    return got;
}

void send_all(engine::TxQueue& tx, const std::vector<Bytes>& frames, WorkerCounters& worker) {
    for (std::size_t i = 0; i < frames.size();) {
        std::array<Frame, engine::burst_max> room;
        const std::size_t want = std::min(room.size(), frames.size() - i);
        const unsigned n = tx.claim({room.data(), want}, 1500);
        for (unsigned k = 0; k < n; ++k, ++i) {
            std::memcpy(room[k].data, frames[i].data(), frames[i].size());
            room[k].len = static_cast<std::uint32_t>(frames[i].size());
        }
        tx.send({room.data(), n}, worker);
        tx.flush(worker);
    }
}

void append_u32(std::string& to, std::initializer_list<std::uint32_t> words) {
    for (const std::uint32_t word : words) {
        to.append(reinterpret_cast<const char*>(&word), sizeof word);
    }
}

}  // namespace

TEST_CASE("a recorded pace is kept, and the worker may sleep between frames") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    const auto frames = make_frames(6);
    write_capture(file, frames, DLT_EN10MB, 20'000);
    PortSpec spec = spec_of(file, "");
    spec.pace = PortSpec::Pace::recorded;
    auto port = open_port(spec);
    engine::RxQueue& rx = port->rx(0);
    const auto begin = Clock::now();
    unsigned wakes = 0;
    std::size_t got = 0;
    while (got < frames.size() && Clock::now() - begin < std::chrono::seconds(5)) {
        const auto more = take_all(rx);
        const auto elapsed = Clock::now() - begin;
        for (std::size_t i = 0; i < more.size(); ++i, ++got) {
            CHECK(more[i] == frames[got]);
            CHECK(elapsed >= std::chrono::milliseconds(20) * got);
        }
        if (!more.empty() || !rx.prepare_sleep()) continue;
        pollfd wait{rx.wake_fd(), POLLIN, 0};
        wakes += ::poll(&wait, 1, 1000) == 1;
    }
    CHECK(got == frames.size());
    CHECK(wakes >= 1);
    CHECK(wakes <= frames.size());
    CHECK(Clock::now() - begin < std::chrono::seconds(2));
    CHECK(rx.prepare_sleep());
    pollfd wait{rx.wake_fd(), POLLIN, 0};
    CHECK(::poll(&wait, 1, 30) == 0);
}

TEST_CASE("times that no clock has ever shown do not keep a worker awake") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    std::string text;
    append_u32(text, {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28});
    // Times in whole seconds (if_tsresol 0).
    append_u32(text, {1, 32, DLT_EN10MB, 65535, 0x0001'0009, 0, 0, 32});
    // The second frame 584 years after the first: nanoseconds that just fit 64 bits.
    for (const std::uint64_t seconds : {std::uint64_t{0}, std::uint64_t{18'446'744'073}}) {
        append_u32(text, {6, 92, 0, static_cast<std::uint32_t>(seconds >> 32),
                          static_cast<std::uint32_t>(seconds), 60, 60});
        text.append(60, '\2');
        append_u32(text, {92});
    }
    std::ofstream(file, std::ios::binary) << text;
    PortSpec spec = spec_of(file, "");
    spec.pace = PortSpec::Pace::recorded;
    spec.repeat = 0;
    auto port = open_port(spec);
    CHECK(take_all(port->rx(0)).size() == 1);
    CHECK(port->rx(0).prepare_sleep());
    CHECK(take_all(port->rx(0)).empty());
}

TEST_CASE("a capture is replayed as many times as asked for") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    const auto frames = make_frames(10);
    write_capture(file, frames);
    PortSpec spec = spec_of(file, "");
    spec.repeat = 3;
    auto thrice = open_port(spec);
    const auto got = take_all(thrice->rx(0));
    REQUIRE(got.size() == 30);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == frames[i % 10]);
    spec.repeat = 0;
    auto for_ever = open_port(spec);
    CHECK(take_all(for_ever->rx(0), 10'000).size() >= 10'000);
    CHECK(contains(for_ever->info().note, "for ever"));
    // At the recorded pace a repetition takes at least the nine microseconds that it took.
    spec.pace = PortSpec::Pace::recorded;
    const auto begin = Clock::now();
    auto slow = open_port(spec);
    std::size_t taken = 0;
    while (taken < 10'000) taken += take_all(slow->rx(0), 10'000).size();
    CHECK(Clock::now() - begin >= std::chrono::microseconds(9) * 999);
}

TEST_CASE("pcapng is replayed like pcap") {
    const TemporaryDirectory directory;
    const Bytes frame = make_frames(1)[0];
    const auto padded = static_cast<std::uint32_t>((frame.size() + 3) / 4 * 4);
    std::string text;
    append_u32(text, {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, ~0u, ~0u, 28});  // section header
    append_u32(text, {1, 20, DLT_EN10MB, 0, 20});                     // interface
    const auto len = static_cast<std::uint32_t>(frame.size());
    append_u32(text, {6, 32 + padded, 0, 0, 1000, len, len});  // enhanced packet
    text.append(reinterpret_cast<const char*>(frame.data()), frame.size());
    text.append(padded - frame.size(), '\0');
    append_u32(text, {32 + padded});
    const std::string file = directory.file("in.pcapng");
    std::ofstream(file, std::ios::binary) << text;
    auto port = open_port(spec_of(file, ""));
    CHECK(take_all(port->rx(0)) == std::vector<Bytes>{frame});
}

TEST_CASE("a file that cannot be replayed is refused by name and reason") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    CHECK(contains(refusal_of(spec_of(directory.file("none"), "")), "No such file"));

    std::ofstream(file) << "this is no capture file, but long enough to be one";
    CHECK(contains(refusal_of(spec_of(file, "")), "port tape: read: "));

    write_capture(file, make_frames(3), DLT_RAW);
    CHECK(contains(refusal_of(spec_of(file, "")), "link type RAW, not EN10MB"));

    write_capture(file, {});
    CHECK(contains(refusal_of(spec_of(file, "")), "no whole frame"));

    write_capture(file, make_frames(3));
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 10);
    CHECK(contains(refusal_of(spec_of(file, "")), "cut or damaged"));

    CHECK(contains(refusal_of(spec_of("", directory.file("none/out.pcap"))), "port tape: write: "));
}

TEST_CASE("a capture that needs more than a gibibyte of memory is refused") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    // A sparse file: 20,000 records of 65,000 zeros each, of which the disk has only the headers.
    write_capture(file, {});
    std::FILE* out = std::fopen(file.c_str(), "r+b");
    REQUIRE(out != nullptr);
    for (long i = 0; i < 20'000; ++i) {
        const std::uint32_t header[] = {1, 0, 65'000, 65'000};
        std::fseek(out, 24 + i * 65'016, SEEK_SET);
        std::fwrite(header, sizeof header, 1, out);
    }
    std::fclose(out);
    std::filesystem::resize_file(file, 24 + 20'000 * 65'016L);
    CHECK(contains(refusal_of(spec_of(file, "")), "needs more than 1024 MiB of memory"));
}

TEST_CASE("frames that were cut when captured are left out and mentioned") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    const auto frames = make_frames(4, 300);
    pcap_t* format = ::pcap_open_dead(DLT_EN10MB, 262144);
    pcap_dumper_t* dump = ::pcap_dump_open(format, file.c_str());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        pcap_pkthdr header{};
        header.len = 300;
        header.caplen = i == 2 ? 96 : 300;
        ::pcap_dump(reinterpret_cast<u_char*>(dump), &header,
                    reinterpret_cast<const u_char*>(frames[i].data()));
    }
    ::pcap_dump_close(dump);
    ::pcap_close(format);
    auto port = open_port(spec_of(file, ""));
    CHECK(take_all(port->rx(0)) == std::vector<Bytes>{frames[0], frames[1], frames[3]});
    CHECK(contains(port->info().note, "left out: 1 "));
}

TEST_CASE("a record has a nanosecond timestamp and is in the file after flush") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("out.pcap");
    auto port = open_port(spec_of("", file));
    WorkerCounters worker;
    timespec before;
    timespec after;
    ::clock_gettime(CLOCK_REALTIME, &before);
    send_all(port->tx(0), make_frames(5), worker);
    ::clock_gettime(CLOCK_REALTIME, &after);
    char reason[PCAP_ERRBUF_SIZE];
    pcap_t* capture =
        ::pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO, reason);
    REQUIRE(capture != nullptr);
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    unsigned count = 0;
    const auto ns = [](auto seconds, auto nanoseconds) {
        return seconds * 1'000'000'000 + nanoseconds;
    };
    while (::pcap_next_ex(capture, &header, &bytes) == 1) {
        ++count;
        const auto stamp = ns(header->ts.tv_sec, header->ts.tv_usec);
        CHECK(stamp >= ns(before.tv_sec, before.tv_nsec));
        CHECK(stamp <= ns(after.tv_sec, after.tv_nsec));
    }
    ::pcap_close(capture);
    CHECK(count == 5);
    std::uint32_t magic = 0;
    std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&magic), sizeof magic);
    CHECK(magic == 0xa1b23c4d);
}

TEST_CASE("several queues record into one file without a broken record") {
    constexpr unsigned queues = 4;
    const TemporaryDirectory directory;
    const std::string file = directory.file("out.pcap");
    auto port = open_port(spec_of("", file), queues);
    std::vector<std::thread> threads;
    for (unsigned queue = 0; queue < queues; ++queue) {
        threads.emplace_back([&port, queue] {
            std::vector<Bytes> frames;
            for (std::uint32_t i = 0; i < 5000; ++i) {
                frames.push_back(make_packet(64 + (i * 37) % 1400, queue, i));
            }
            WorkerCounters worker;
            send_all(port->tx(queue), frames, worker);
        });
    }
    for (std::thread& thread : threads) thread.join();
    const auto frames = read_capture(file);
    REQUIRE(frames.size() == queues * 5000);
    std::array<std::uint32_t, queues> next{};
    for (const Bytes& frame : frames) {
        const Mark mark = mark_of(frame);
        REQUIRE(mark.flow < queues);
        REQUIRE(mark.number == next[mark.flow]++);
        REQUIRE(frame == make_packet(frame.size(), mark.flow, mark.number));
    }
}

TEST_CASE(
    "when the file cannot grow, frames are counted as refused and what is written stays good") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("out.pcap");
    auto port = open_port(spec_of("", file));
    rlimit before;
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit tight{64 * 1024, before.rlim_max};
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
    WorkerCounters worker;
    const auto frames = make_frames(1000, 1000);
    send_all(port->tx(0), frames, worker);
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
    const std::uint64_t refused = worker.drops[static_cast<std::size_t>(Drop::tx_refused)].get();
    CHECK(worker.sent.get() > 0);
    CHECK(refused > 0);
    CHECK(worker.sent.get() + refused == frames.size());
    // Room again does not help: a record may be cut in the file. Closing adds nothing either.
    send_all(port->tx(0), frames, worker);
    CHECK(worker.drops[static_cast<std::size_t>(Drop::tx_refused)].get() ==
          refused + frames.size());
    port.reset();
    const auto kept = read_capture(file);
    REQUIRE(kept.size() >= worker.sent.get());
    for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i] == frames[i]);
}

TEST_CASE("without a file to write, frames are counted as sent") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    write_capture(file, make_frames(1));
    auto port = open_port(spec_of(file, ""));
    WorkerCounters worker;
    send_all(port->tx(0), make_frames(100), worker);
    CHECK(worker.sent.get() == 100);
    CHECK(port->tx(0).counters.bytes.get() == 6000);
}

TEST_CASE("a flow stays on one queue, and flows spread over all") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("in.pcap");
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < 4000; ++i) {
        Bytes frame(14, std::byte{2});
        frame[12] = std::byte{8};
        frame[13] = std::byte{0};
        const Bytes packet = make_packet(100, i % 40, i / 40);
        frame.insert(frame.end(), packet.begin(), packet.end());
        frames.push_back(std::move(frame));
    }
    write_capture(file, frames);
    auto port = open_port(spec_of(file, ""), 4);
    std::array<std::uint32_t, 40> next{};
    for (unsigned queue = 0; queue < 4; ++queue) {
        const auto got = take_all(port->rx(queue));
        CHECK(got.size() >= 100);
        for (const Bytes& frame : got) {
            const Mark mark = mark_of(frame);
            // A second queue with the same flow would begin anew at a number above zero.
            REQUIRE(mark.number == next[mark.flow]++);
        }
    }
    for (const std::uint32_t count : next) CHECK(count == 100);
}

}  // namespace lanes::test
