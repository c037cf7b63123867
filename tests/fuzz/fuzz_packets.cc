// libFuzzer target: any frames into a node that receives, relays, sends and patches. The input is a
// burst: length (2 bytes), then that many bytes, again and again. The first byte of the input says
// whether IP and UDP checksums are mended and a MAC filled in, so that the fuzzer gets past them.
// Also parses each frame in memory of exactly its size. Corpus: tests/fuzz/corpus/packets.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/checksum.hh"
#include "lanes/carrier.hh"
#include "tests/fuzz/node.hh"

using namespace lanes;

namespace {

constexpr unsigned mend_mac = 1, mend_sums = 2, claim_valid = 4;

void mend(std::vector<std::byte>& frame, unsigned how) {
    if (frame.size() < 34) return;
    constexpr std::uint8_t near[6] = {2, 0x4c, 0x4e, 0, 0, 1};
    if ((how & mend_mac) != 0) std::memcpy(frame.data(), near, 6);
    std::byte* ip = frame.data() + 14;
    if ((how & mend_sums) == 0 || engine::load_be<std::uint16_t>(ip - 2) != 0x0800) return;
    const std::size_t header = (static_cast<std::size_t>(ip[0]) & 0xf) * 4;
    if (header < 20 || header > frame.size() - 14) return;
    ip[10] = ip[11] = std::byte{0};
    const std::uint16_t sum = engine::checksum_finish(engine::checksum_sum(ip, header));
    std::memcpy(ip + 10, &sum, 2);
    // No UDP checksum: none is needed on IPv4.
    if (frame.size() >= 14 + header + 8) ip[header + 6] = ip[header + 7] = std::byte{0};
}

void parse_exactly(const std::vector<std::byte>& frame, unsigned how) {
    const std::unique_ptr<std::byte[]> exact(new std::byte[frame.size()]);
    if (!frame.empty()) std::memcpy(exact.get(), frame.data(), frame.size());
    engine::PortInfo info;
    info.mac.bytes = {2, 0x4c, 0x4e, 0, 0, 1};
    info.addresses = {*engine::parse_prefix("192.0.2.2/24"),
                      *engine::parse_prefix("2001:db8::2/64")};
    const Listener listener(info);
    engine::Frame descriptor;
    descriptor.data = exact.get();
    descriptor.len = static_cast<std::uint32_t>(frame.size());
    if ((how & claim_valid) != 0) descriptor.checksum = engine::Checksum::valid;
    const Arrival arrival = parse_carrier(descriptor, listener);
    if (arrival.packet == nullptr) return;
    LANES_CHECK(arrival.packet >= exact.get());
    LANES_CHECK(arrival.packet + arrival.len <= exact.get() + frame.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::Node node;
    if (size == 0) return 0;
    const unsigned how = data[0];
    for (std::size_t at = 1; at + 2 <= size;) {
        std::size_t len = std::size_t{data[at]} << 8 | data[at + 1];
        at += 2;
        if (len > size - at) len = size - at;
        if (len > 1514) len = 1514;
        std::vector<std::byte> frame(len);
        if (len != 0) std::memcpy(frame.data(), data + at, len);
        at += len;
        mend(frame, how);
        parse_exactly(frame, how);
        node.send((how & 8) != 0 ? fuzz::Node::out : fuzz::Node::wan, frame);
    }
    node.run();
    return 0;
}
