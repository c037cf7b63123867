// libFuzzer target: any super-frame with any offload header. Every segment stays within the room
// it was given, the payloads put together are the payload that went in, and completing a checksum
// never touches what lies outside. Input: the ten bytes of the header, then the frame.
// Corpus: tests/fuzz/corpus/segment.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "drivers/af_packet/segment.hh"
#include "engine/check.hh"

using namespace lanes;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    drivers::VnetHeader offload;
    if (size < sizeof offload) return 0;
    std::memcpy(&offload, data, sizeof offload);
    std::vector<std::byte> super(size - sizeof offload);
    if (!super.empty()) std::memcpy(super.data(), data + sizeof offload, super.size());
    if (const auto plan = drivers::plan_segments(super, offload)) {
        LANES_CHECK(plan->ip < plan->transport && plan->transport < plan->payload);
        LANES_CHECK(plan->payload <= super.size());
        std::size_t at = plan->payload;
        for (std::uint32_t i = 0; i < std::min(plan->count, 300u); ++i) {
            std::vector<std::byte> room(plan->payload + std::size_t{plan->size});
            const std::uint32_t len = drivers::write_segment(*plan, super, i, room);
            LANES_CHECK(len > plan->payload && len <= room.size());
            const std::size_t bytes = len - plan->payload;
            LANES_CHECK(at + bytes <= super.size());
            LANES_CHECK(std::memcmp(room.data() + plan->payload, super.data() + at, bytes) == 0);
            at += bytes;
            std::vector<std::byte> narrow(len - 1);
            LANES_CHECK(drivers::write_segment(*plan, super, i, narrow) == 0);
        }
        if (plan->count <= 300) LANES_CHECK(plan->count == 0 || at == super.size());
    }
    drivers::complete_checksum(super, offload);
    return 0;
}
