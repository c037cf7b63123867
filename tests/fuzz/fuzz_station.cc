// libFuzzer target: any frames at a station. It reads nothing outside of a frame, answers only whom
// it may (the source of the question, or all nodes), never with more than it was asked, and its
// counters come out even. Input: frames, each behind its length in two bytes; a set top bit of the
// length completes IPv4 and ICMP checksums, so that the fuzzer gets behind them.
// Corpus: tests/fuzz/corpus/station.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "drivers/station/station.hh"
#include "engine/bytes.hh"
#include "engine/check.hh"
#include "engine/checksum.hh"
#include "engine/counters.hh"

using namespace lanes;

namespace {

constexpr std::uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

class CheckingTx final : public engine::TxQueue {
  public:
    unsigned claim(std::span<engine::Frame> room, std::uint32_t len) noexcept override {
        room_.assign(len, std::byte{0xee});
        room_.shrink_to_fit();
        room[0] = engine::Frame{};
        room[0].data = room_.data();
        room[0].len = len;
        return 1;
    }
    void send(std::span<const engine::Frame> frames,
              engine::WorkerCounters& worker) noexcept override {
        LANES_CHECK(frames.size() == 1 && frames[0].data == room_.data());
        LANES_CHECK(frames[0].len >= 60 && frames[0].len <= room_.size());
        LANES_CHECK(std::memcmp(frames[0].data + 6, mac, 6) == 0);
        LANES_CHECK(std::memcmp(frames[0].data, mac, 6) != 0);
        bytes += frames[0].len;
        worker.sent.add(1);
    }
    void flush(engine::WorkerCounters&) noexcept override {}
    std::uint32_t max_len() const noexcept override { return 9018; }

    std::size_t bytes = 0;

  private:
    std::vector<std::byte> room_;
};

void store(std::byte* to, std::uint64_t sum) {
    const std::uint16_t checksum = engine::checksum_finish(sum);
    std::memcpy(to, &checksum, 2);
}

/// Right checksums where the frame says that it is IP and long enough for them.
void complete(std::vector<std::byte>& frame) {
    if (frame.size() < 54) return;
    const auto type = engine::load_be<std::uint16_t>(&frame[12]);
    std::byte* ip = &frame[14];
    if (type == 0x0800) {
        const std::size_t header = (std::to_integer<std::size_t>(ip[0]) & 15) * 4;
        const std::size_t total = engine::load_be<std::uint16_t>(ip + 2);
        if (header < 20 || total < header + 8 || 14 + total > frame.size()) return;
        std::memset(ip + 10, 0, 2);
        store(ip + 10, engine::checksum_sum(ip, header));
        std::memset(ip + header + 2, 0, 2);
        store(ip + header + 2, engine::checksum_sum(ip + header, total - header));
    } else if (type == 0x86dd) {
        const std::size_t len = engine::load_be<std::uint16_t>(ip + 4);
        if (len < 8 || 54 + len > frame.size()) return;
        std::memset(ip + 42, 0, 2);
        store(ip + 42, engine::checksum_sum(ip + 8, 32) + engine::checksum_sum(ip + 40, len) +
                           engine::checksum_word(static_cast<std::uint16_t>(len)) +
                           engine::checksum_word(58));
    }
}

engine::PortInfo info() {
    engine::PortInfo info;
    std::copy_n(mac, 6, info.mac.bytes.begin());
    info.addresses = {*engine::parse_prefix("192.0.2.1/24"),
                      *engine::parse_prefix("2001:db8::1/64")};
    return info;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    drivers::Station station(info(), {});
    CheckingTx tx;
    engine::WorkerCounters worker;
    std::array<engine::Frame, engine::burst_max> taken;
    engine::Burst burst;
    LANES_CHECK(station.serve(burst, 0, tx, worker, taken) == 0);
    station.next_hop(*engine::parse_ip("192.0.2.2"), 1'000'000'000);
    station.next_hop(*engine::parse_ip("2001:db8::2"), 1'000'000'000);
    station.serve(burst, 0, tx, worker, taken);
    std::vector<std::vector<std::byte>> frames;
    while (size >= 2 && frames.size() < engine::burst_max) {
        const bool completed = (data[0] & 0x80) != 0;
        const std::size_t wanted = (std::size_t{data[0]} & 0x7f) << 8 | data[1];
        const std::size_t len = std::min(wanted, size - 2);
        frames.emplace_back(len);
        if (len != 0) std::memcpy(frames.back().data(), data + 2, len);
        if (completed) complete(frames.back());
        data += 2 + len;
        size -= 2 + len;
    }
    std::size_t asked = 0;
    for (auto& bytes : frames) {
        engine::Frame frame;
        frame.data = bytes.data();
        frame.len = static_cast<std::uint32_t>(bytes.size());
        burst.push(frame);
        asked += std::max<std::size_t>(bytes.size(), 86);
    }
    tx.bytes = 0;
    const unsigned n = station.serve(burst, 0, tx, worker, taken);
    LANES_CHECK(n + burst.size() == frames.size());
    LANES_CHECK(tx.bytes <= asked);
    LANES_CHECK(worker.received.get() == n && worker.absorbed.get() == n);
    std::uint64_t dropped = 0;
    for (const auto& drop : worker.drops) dropped += drop.get();
    LANES_CHECK(worker.made.get() == worker.sent.get() + dropped);
    for (const char* hop : {"192.0.2.2", "2001:db8::2"}) {
        const auto found = station.next_hop(*engine::parse_ip(hop), 1'000'000'000);
        LANES_CHECK(!found || (!found->multicast() && *found != engine::MacAddress{}));
    }
    return 0;
}
