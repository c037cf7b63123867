// libFuzzer target: any inner packets, bundles among them, in lane packets that are good up to
// there. The input is a list of length (2 bytes), sequence step (1 byte) and inner packet.
// Corpus: tests/fuzz/corpus/inner.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/fuzz/node.hh"

using namespace lanes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static fuzz::Node node;
    static std::uint64_t sequence = 1 << 20;
    for (std::size_t at = 0; at + 3 <= size;) {
        std::size_t len = std::size_t{data[at]} << 8 | data[at + 1];
        const std::int64_t step = static_cast<std::int8_t>(data[at + 2]);
        at += 3;
        if (len > size - at) len = size - at;
        if (len > 1484) len = 1484;
        std::vector<std::byte> frame(14 + wire::header_bytes + len);
        const std::uint8_t near[6] = {2, 0x4c, 0x4e, 0, 0, 1};
        std::memcpy(frame.data(), near, 6);
        engine::store_be(frame.data() + 12, wire::ether_type);
        // Mostly onwards, sometimes back into the window.
        sequence += static_cast<std::uint64_t>(step == 0 ? 1 : step);
        wire::write_header(frame.data() + 14, {static_cast<std::uint8_t>(wire::Type::data), 0, 0,
                                               fuzz::Node::receiving, sequence});
        if (len != 0) std::memcpy(frame.data() + 14 + wire::header_bytes, data + at, len);
        at += len;
        node.send(fuzz::Node::wan, frame);
        sequence += 130;
    }
    node.run();
    return 0;
}
